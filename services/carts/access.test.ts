// Whose cart it is.
import { describe, expect, it } from '@jest/globals';
import type { Problem } from '../../brokers/problem.ts';
import type { Caller, Principal } from '../../mixins/caller.ts';
import { createTokens } from '../../mixins/tokens.ts';
import { mayUse, ownCart } from './access.ts';

const tokens = createTokens({ secret: (name) => Buffer.alloc(32, name) });
const anna = { kind: 'user', id: 'anna', role: 'customer' } as const;
const guest = { kind: 'guest' } as const;
const bearing = (cartId: string): Principal => ({ kind: 'cart', token: tokens.cartToken(cartId) });
const caller = (principal: Principal, cartToken?: string) =>
  ({ principal, ...(cartToken === undefined ? {} : { cartToken }) }) as Caller;

function verdict(id: string, principal: Principal, cartToken?: string): string {
  try {
    mayUse(caller(principal, cartToken), id, tokens);
    return 'may';
  } catch (error) {
    return (error as Problem).type;
  }
}

describe('a guest cart', () => {
  it('opens to the bearer of its token, signed in or not', () => {
    expect(verdict('c1', bearing('c1'))).toBe('may');
    expect(verdict('c1', anna, tokens.cartToken('c1'))).toBe('may');
  });

  it.each<[string, string, Principal]>([
    ['another cart', 'not-found', bearing('c2')],
    ['a user', 'not-found', anna],
    ['an admin', 'not-found', { ...anna, role: 'admin' }],
    ['nobody', 'unauthenticated', guest],
    ['a forged token', 'unauthenticated', { kind: 'cart', token: 'sc1.c1.forged' }],
    ['the token of an order', 'unauthenticated', { kind: 'order', orderId: 'c1' }],
  ])('is closed to %s: %s', (_who, slug, principal) => {
    expect(verdict('c1', principal)).toBe(slug);
  });

  it('is closed to a user with a forged token', () => {
    expect(verdict('c1', anna, 'sc1.c1.forged')).toBe('not-found');
  });
});

describe("a user's own cart", () => {
  it('opens to that user', () => {
    expect(verdict('user-anna', anna)).toBe('may');
    expect(verdict('user-anna', { ...anna, id: 'bert' })).toBe('not-found');
    expect(verdict('user-anna', guest)).toBe('unauthenticated');
    expect(ownCart(caller(anna))).toBe('user-anna');
  });

  it('is for signed-in callers', () => {
    expect(() => ownCart(caller(guest))).toThrow('log in');
  });
});
