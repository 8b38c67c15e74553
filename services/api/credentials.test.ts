import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import type { Principal } from '../../mixins/caller.ts';
import { createTokens } from '../../mixins/tokens.ts';
import { admit, judge } from './credentials.ts';
import { type Audience, audiences, route } from './route.ts';

const tokens = createTokens({ secret: (name) => createHash('sha256').update(name).digest() });
const callers = {
  guest: { kind: 'guest' },
  cart: { kind: 'cart', token: 'sc1.c-1.x' },
  order: { kind: 'order', orderId: 'o-1' },
  customer: { kind: 'user', id: 'u-1', role: 'customer' },
  staff: { kind: 'user', id: 'u-2', role: 'staff' },
  admin: { kind: 'user', id: 'u-3', role: 'admin' },
} as const satisfies Record<string, Principal>;

/** Yes, 401 or 403, for guest, cart, order, customer, staff, admin. */
const matrix: Record<Audience, string> = {
  public: 'yes yes yes yes yes yes',
  anyone: 'yes yes 403 yes yes yes',
  cart: '401 yes 403 yes yes yes',
  order: '401 401 yes yes yes yes',
  customer: '401 401 403 yes yes yes',
  staff: '401 401 403 403 yes yes',
  admin: '401 401 403 403 403 yes',
};
const words = { admitted: 'yes', unauthenticated: '401', forbidden: '403' } as const;

describe('who may call', () => {
  it.each(audiences)('%s', (who) => {
    expect(
      Object.values(callers)
        .map((caller) => words[judge(who, caller)])
        .join(' '),
    ).toBe(matrix[who]);
  });
});

describe('credentials', () => {
  const open = route('GET /x', { action: 'x.x', summary: '', who: 'public' });
  const keyed = { ...open, idempotent: true };
  const anyone = { ...open, who: 'anyone' as const };
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
  const staff = () => tokens.signAccessToken({ userId: 'u-1', role: 'staff' });

  it('are an access token', async () => {
    expect(await admit(anyone, bearer(await staff()), tokens)).toEqual({ kind: 'user', id: 'u-1', role: 'staff' });
  });
  it("are a guest order's token", async () => {
    const order = { ...open, who: 'order' as const };
    expect(await admit(order, bearer(tokens.orderToken('o-1', Date.now())), tokens)).toEqual({
      kind: 'order',
      orderId: 'o-1',
    });
  });
  it("are a guest cart's token, unless somebody is signed in", async () => {
    const cart = { 'x-cart-token': tokens.cartToken('c-1') };
    expect(await admit(anyone, cart, tokens)).toEqual({ kind: 'cart', token: cart['x-cart-token'], cartId: 'c-1' });
    expect(await admit(anyone, { ...cart, ...bearer(await staff()) }, tokens)).toMatchObject({ kind: 'user' });
  });
  it('are not needed by everybody', async () => {
    expect(await admit(anyone, {}, tokens)).toEqual({ kind: 'guest' });
  });

  it.each([
    [{ authorization: 'Basic YTpi' }],
    [{ authorization: 'Bearer' }],
    [bearer('a.b.c')],
    [bearer('so1.o-1.9999999999.AAAA')],
    [{ 'x-cart-token': 'sc1.c-1.AAAA' }],
  ])('%j are bad, where they count', async (headers) => {
    await expect(admit(anyone, headers, tokens)).rejects.toMatchObject({ type: 'unauthenticated' });
    expect(await admit(open, headers, tokens)).toEqual({ kind: 'guest' });
    expect(await admit(keyed, headers, tokens)).toEqual({ kind: 'guest' });
  });

  it('scope the keys of public calls', async () => {
    expect(await admit(keyed, bearer(await staff()), tokens)).toMatchObject({ kind: 'user' });
  });
});
