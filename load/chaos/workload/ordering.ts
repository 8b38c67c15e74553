// Orders, as everybody who may have some places, reads and cancels them.

import type { Answered, Client, Wish } from './client.ts';
import { asked, type Bought, drawn, type Line, type Market, skusOf } from './market.ts';

/** What the provider makes of a payment (infra/local/provider/api.ts), by weight: most go well. */
const payments = [
  [66, 'tok_ok'],
  [12, 'tok_declined'],
  [5, 'tok_timeout_then_ok'],
  [10, 'tok_error_then_ok'],
  [7, 'tok_slow'],
] as const;

/** Who orders, and from what. */
export interface Ordering {
  readonly principal: string;
  /** The access token, now; guests have none, and read their order by the token that it was answered with. */
  readonly token?: () => string;
  readonly email?: string;
  readonly lines: readonly Line[];
  /** From this cart, which holds the lines as far as the client knows. */
  readonly cart?: { readonly id: string; readonly token?: string };
  /** Default: the name of the intent. */
  readonly key?: string;
}

/** Wants an order; @returns it, if it was acknowledged. */
export async function order(client: Client, market: Market, ordering: Ordering): Promise<Bought | undefined> {
  const { principal, token, email, lines, cart } = ordering;
  const intent = client.newIntent();
  const { key = intent } = ordering;
  const body = {
    ...(cart === undefined ? { lines: asked(lines) } : { cartId: cart.id }),
    ...(email === undefined ? {} : { email }),
    // By it a stored order is known to be this wish, also if nobody was told its id.
    reference: intent,
    payment: { method: 'simulated', token: drawn(client.chance, payments) },
  };
  const wish: Wish = {
    kind: 'place-order',
    principal,
    method: 'POST',
    path: '/api/v1/orders',
    key,
    body,
    skus: skusOf(lines),
    ...(token === undefined ? {} : { token: token() }),
    ...(cart?.token === undefined ? {} : { cartToken: cart.token }),
    other: { body: { ...body, reference: `${intent}.other` } },
  };
  const { status, body: answer } = await client.want(wish, intent);
  if (status !== 201 && status !== 202) return undefined;
  const orderToken: string | undefined = answer.accessToken;
  return market.buy(answer, principal, token ?? (() => orderToken));
}

/** Asks for an order, as its owner or with the token of staff. */
export function readOrder(
  client: Client,
  bought: Bought,
  { principal, token }: Pick<Bought, 'principal' | 'token'> = bought,
): Promise<Answered> {
  const { id } = bought;
  return client.want({
    kind: 'read-order',
    principal,
    method: 'GET',
    path: `/api/v1/orders/${id}`,
    ...bearer(token()),
  });
}

/** Cancels an order, as its owner. */
export function cancelOrder(client: Client, { id, principal, token, lines }: Bought): Promise<Answered> {
  const intent = client.newIntent();
  const path = `/api/v1/orders/${id}/cancel`;
  const wish = { kind: 'cancel-order', principal, method: 'POST', path, key: intent, skus: skusOf(lines) } as const;
  return client.want({ ...wish, ...bearer(token()) }, intent);
}

export const bearer = (token: string | undefined) => (token === undefined ? {} : { token });
