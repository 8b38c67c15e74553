// Who calls, and whether they may: a bearer token (an access token, or a guest order's), else a guest cart's token.
//
//   Authorization: Bearer … ─┬─ so1.… ─► order        bad or expired ─► 401 (on public calls: a guest)
//                            └─ JWT ───► user
//   X-Cart-Token ─────────────────────► cart          none ─► guest

import type { IncomingHttpHeaders } from 'node:http';
import { Problem } from '../../brokers/problem.ts';
import type { Principal } from '../../mixins/caller.ts';
import { isOrderToken, type Tokens } from '../../mixins/tokens.ts';
import type { Audience, Route } from './route.ts';

const guest: Principal = { kind: 'guest' };

/**
 * The caller of a route, admitted.
 * @throws Problem `unauthenticated`, `token-expired` (401), `forbidden` (403)
 */
export async function admit(
  { who, idempotent }: Route,
  headers: IncomingHttpHeaders,
  tokens: Tokens,
): Promise<Principal> {
  // A public answer is the same for everybody; only the scope of an Idempotency-Key depends on who calls.
  if (who === 'public' && !idempotent) return guest;
  const principal =
    who === 'public' ? await identify(headers, tokens).catch(() => guest) : await identify(headers, tokens);
  const verdict = judge(who, principal);
  if (verdict === 'unauthenticated') throw new Problem('unauthenticated', needed[who]);
  if (verdict === 'forbidden') throw new Problem('forbidden', `this is for callers of another kind: ${needed[who]}`);
  return principal;
}

async function identify(headers: IncomingHttpHeaders, tokens: Tokens): Promise<Principal> {
  const { authorization } = headers;
  if (authorization !== undefined) {
    const token = /^Bearer +([\w.~+/-]+=*)$/i.exec(authorization)?.[1];
    if (token === undefined)
      throw new Problem('unauthenticated', 'the header Authorization must be "Bearer" and a token');
    if (isOrderToken(token)) return { kind: 'order', orderId: tokens.verifyOrderToken(token) };
    const { userId: id, role, sessionId } = await tokens.verifyAccessToken(token);
    return { kind: 'user', id, role, ...(sessionId === undefined ? {} : { sessionId }) };
  }
  const token = headers['x-cart-token'];
  if (typeof token !== 'string') return guest;
  const cartId = tokens.verifyCartToken(token);
  if (cartId === undefined) throw new Problem('unauthenticated', 'the header X-Cart-Token is not the token of a cart');
  const principal = { kind: 'cart', token, cartId } as const;
  return principal;
}

/** Whether a route for this audience admits this caller. */
export function judge(
  who: Audience,
  { kind, ...principal }: Principal & { readonly role?: string },
): 'admitted' | 'unauthenticated' | 'forbidden' {
  if (who === 'public') return 'admitted';
  if (kind === 'user') {
    const { role } = principal;
    if (who === 'admin') return role === 'admin' ? 'admitted' : 'forbidden';
    return who !== 'staff' || role === 'staff' || role === 'admin' ? 'admitted' : 'forbidden';
  }
  if (who === 'anyone') return kind === 'order' ? 'forbidden' : 'admitted';
  if (who === kind) return 'admitted';
  // An order's token says who somebody is, only not enough; without any there is nobody to refuse.
  return kind === 'order' ? 'forbidden' : 'unauthenticated';
}

const needed: Readonly<Record<Audience, string>> = {
  public: 'nothing is needed',
  anyone: 'a login, a cart or nothing at all',
  cart: "log in, or send the cart's token as X-Cart-Token",
  order: "log in, or send the order's accessToken as Authorization: Bearer",
  customer: 'log in and send the accessToken as Authorization: Bearer',
  staff: 'log in as staff',
  admin: 'log in as an admin',
};
