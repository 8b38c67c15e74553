// Carts as callers of the gateway see them, on a real broker and a real DynamoDB API.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Context } from 'moleculer';
import { cartIdOfUser } from '../../actors/cart.ts';
import type { Problem } from '../../brokers/problem.ts';
import type { Caller, Principal } from '../../mixins/caller.ts';
import type { CartView } from './cart.view.ts';
import { bearer, meta, nobody, openTestCarts, quantities, type TestCarts, tokens, user } from './carts.testing.ts';

let shop: TestCarts;
beforeAll(async () => {
  shop = await openTestCarts();
});
afterAll(() => shop.close());

const gbp = (amount: string) => ({ amount, currency: 'GBP' });

describe('a guest cart', () => {
  it('is an id and a token, the same for a repeat of the request', async () => {
    const caller = meta(nobody, { keyed: true });
    const first = await shop.call<CartView & { token: string }>('create', caller);
    const lines = { id: first.id, productId: shop.product(), quantity: 1 };
    await shop.call('putLine', meta(bearer(first.token)), lines);
    expect(await shop.call('create', caller)).toEqual(first);
    expect(first).toEqual({ id: first.id, token: tokens.cartToken(first.id), lines: [], total: gbp('0.00') });
    expect(await shop.call('answered', caller)).toBeNull();
    expect((await shop.guestCart()).id).not.toBe(first.id);
  });

  it('holds lines at the prices of today', async () => {
    const mug = shop.product(25_500);
    const cart = await shop.guestCart({ productId: mug, quantity: 2 });
    const quote = shop.catalogue.get(mug)!;
    shop.catalogue.set(mug, { ...quote, unitPrice: 30_010 });
    const line = {
      productId: mug,
      sku: quote.sku,
      name: 'Mug',
      quantity: 2,
      unitPrice: gbp('3.001'),
      total: gbp('6.002'),
    };
    expect(await shop.call('get', meta(bearer(cart.token)), cart)).toEqual({
      id: cart.id,
      lines: [line],
      total: gbp('6.00'),
    });
  });

  it('takes new quantities and loses lines', async () => {
    const [mug, pin] = [shop.product(), shop.product()];
    const cart = await shop.guestCart({ productId: mug, quantity: 2 }, { productId: pin, quantity: 1 });
    const caller = bearer(cart.token);
    await shop.call('putLine', meta(caller), { ...cart, productId: mug, quantity: 7 });
    const left = await shop.call('removeLine', meta(caller), { ...cart, productId: pin });
    expect(quantities(left.lines)).toEqual({ [mug]: 7 });
    expect(await shop.call('removeLine', meta(caller), { ...cart, productId: 'never there' })).toEqual(left);
  });

  it('shows a repeated request the cart as it is now', async () => {
    const [mug, cart] = [shop.product(), await shop.guestCart()];
    const first = meta(bearer(cart.token));
    await shop.call('putLine', first, { ...cart, productId: mug, quantity: 2 });
    await shop.call('putLine', meta(bearer(cart.token)), { ...cart, productId: mug, quantity: 5 });
    const again = await shop.call('putLine', first, { ...cart, productId: mug, quantity: 2 });
    expect(quantities(again.lines)).toEqual({ [mug]: 5 });
  });

  it('takes only what is sold', async () => {
    const cart = await shop.guestCart();
    const caller = meta(bearer(cart.token));
    for (const productId of ['nothing', shop.product(1, { deleted: true })]) {
      const problem = await shop
        .call('putLine', caller, { ...cart, productId, quantity: 1 })
        .catch((error: Problem) => error);
      expect(problem).toMatchObject({
        type: 'unknown-product',
        code: 422,
        data: { errors: [{ pointer: '/productId' }] },
      });
    }
    expect((await shop.stored(cart.id)).lines).toEqual([]);
  });

  it('is edited only by who has seen its last version, if they say so', async () => {
    const mug = shop.product();
    const cart = await shop.guestCart({ productId: mug, quantity: 2 });
    const reading = shop.broker.call<CartView, object>('carts.get', cart, { meta: meta(bearer(cart.token)) });
    await reading;
    const { etag = '' } = (reading as unknown as { readonly ctx: Context<object, Caller> }).ctx.meta;
    const edit = (ifMatch: string) =>
      shop.refusal('putLine', meta(bearer(cart.token), { ifMatch }), { ...cart, productId: mug, quantity: 3 });
    expect(await edit('"7.nonsense"')).toBe('precondition-failed');
    expect(await edit(`"${etag}"`)).toBe('no refusal');
    expect(await edit(`"${etag}"`)).toBe('precondition-failed');
    expect(await edit('*')).toBe('no refusal');
  });
});

describe('whose cart it is', () => {
  it('opens to its token and to nobody else', async () => {
    const line = { productId: shop.product(), quantity: 1 };
    const [cart, other] = [await shop.guestCart(line), await shop.guestCart()];
    for (const action of ['get', 'putLine', 'removeLine']) {
      const attempt = (caller: Principal, more: Partial<Caller> = {}) =>
        shop.refusal(action, meta(caller, more), { id: cart.id, ...line });
      expect(await attempt(nobody)).toBe('unauthenticated');
      expect(await attempt(bearer(other.token))).toBe('not-found');
      expect(await attempt(user('admin'))).toBe('not-found');
      expect(await attempt(user(), { cartToken: cart.token })).toBe('no refusal');
      expect(await attempt(bearer(cart.token))).toBe('no refusal');
    }
  });

  it('is one per user, under `mine` and under its id', async () => {
    const [anna, mug] = [user(), shop.product()];
    const put = await shop.call('putMyLine', meta(anna), { productId: mug, quantity: 4 });
    expect(put.id).toBe(cartIdOfUser(anna.id));
    expect(await shop.call('mine', meta(anna))).toEqual(put);
    expect(await shop.call('get', meta(anna), { id: put.id })).toEqual(put);
    expect(await shop.refusal('get', meta(user()), { id: put.id })).toBe('not-found');
    expect(await shop.refusal('mine', meta(nobody))).toBe('unauthenticated');
    expect((await shop.call('removeMyLine', meta(anna), { productId: mug })).lines).toEqual([]);
  });
});

describe('cart.updated', () => {
  it('reaches the log even if the node that committed it could not send it', async () => {
    shop.logIsAway = true;
    const cart = await shop.guestCart({ productId: shop.product(), quantity: 1 });
    await shop.restart();
    const seen = new Promise<object>((resolve) => {
      void shop.log.subscribe({
        group: randomUUID(),
        topics: ['cart.updated'],
        handle: (records) => {
          const mine = records.find(({ key }) => key === cart.id);
          if (mine !== undefined) resolve(mine.data);
          return Promise.resolve();
        },
      });
    });
    expect(await seen).toMatchObject({ cartId: cart.id, lines: [{ quantity: 1 }], version: 1 });
  });
});

it('is ready when its tables answer', async () => {
  expect(await shop.call('ready', meta(nobody))).toEqual({ ready: true });
});
