// Who may use a cart: the user whose own it is, and whoever bears a guest cart's token. To everybody else it is not there.

import { cartIdOfUser } from '../../actors/cart.ts';
import { Problem } from '../../brokers/problem.ts';
import type { Caller } from '../../mixins/caller.ts';
import type { Tokens } from '../../mixins/tokens.ts';

/**
 * Lets pass whoever may use the cart.
 * @throws Problem `unauthenticated` without credentials or with bad ones, `not-found` for everybody else.
 */
export function mayUse({ principal, cartToken }: Caller, id: string, tokens: Tokens): void {
  if (principal.kind === 'user' && id === cartIdOfUser(principal.id)) return;
  const token = cartToken ?? (principal.kind === 'cart' ? principal.token : undefined);
  const opened = token === undefined ? undefined : tokens.verifyCartToken(token);
  if (opened === id) return;
  if (opened === undefined && principal.kind !== 'user') {
    throw new Problem('unauthenticated', 'a cart needs a login, or the token it was answered with as X-Cart-Token');
  }
  throw unknownCart(id);
}

/** The answer to whoever asks for a cart that is not there, or not theirs. */
export function unknownCart(id: string): Problem {
  return new Problem('not-found', `there is no cart ${id}`);
}

/**
 * The id of the signed-in caller's own cart.
 * @throws Problem `unauthenticated`
 */
export function ownCart({ principal }: Caller): string {
  if (principal.kind === 'user') return cartIdOfUser(principal.id);
  throw new Problem('unauthenticated', 'the own cart is for signed-in callers: log in, or open a guest cart');
}
