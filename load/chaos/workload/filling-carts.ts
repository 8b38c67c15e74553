// Carts: a guest's, opened by its token, and a customer's own, `me`.

import { cartIdOfUser } from '../../../actors/cart.ts';
import type { Answered, Client, Wish } from './client.ts';
import { type Account, drawLines, type Line, type Market, type Product } from './market.ts';

/** A cart in somebody's hands. */
export interface Cart {
  readonly id: string;
  readonly principal: string;
  readonly path: string;
  readonly credentials: Pick<Wish, 'token' | 'cartToken'>;
}

/** Percent of changes that take a product out again. */
const TAKES_OUT = 15;

/** The own cart of a customer, with the token of now. */
export const ownCart = ({ id, token }: Account): Cart => ({
  id: cartIdOfUser(id),
  principal: id,
  path: '/api/v1/carts/me',
  credentials: { token },
});

/** Opens a guest cart; undefined: the shop gave none. */
export async function openCart(client: Client): Promise<Cart | undefined> {
  const intent = client.newIntent();
  const path = '/api/v1/carts';
  const { status, body } = await client.want(
    { kind: 'create-cart', principal: 'guest', method: 'POST', path, key: intent },
    intent,
  );
  if (status !== 201) return undefined;
  const { id, token } = body as { readonly id: string; readonly token: string };
  return { id, principal: `cart:${id}`, path: `${path}/${id}`, credentials: { cartToken: token } };
}

/** Puts lines into a cart, and now and then takes one out again. @returns what it holds as far as the shop has said */
export async function fill(client: Client, market: Market, cart: Cart): Promise<readonly Line[]> {
  let held: readonly Line[] = [];
  for (const { product, quantity } of drawLines(market, client.chance)) {
    const answered = await put(client, cart, product, quantity);
    held = linesOf(market, answered) ?? held;
    if (client.chance.percent(TAKES_OUT)) held = linesOf(market, await takeOut(client, cart, product)) ?? held;
  }
  return held;
}

export function readCart(client: Client, { principal, path, credentials }: Cart): Promise<Answered> {
  return client.want({ kind: 'read-cart', principal, method: 'GET', path, ...credentials });
}

/** The lines of a cart in an answer; undefined: it shows none. */
export function linesOf(market: Market, { status, body }: Answered): readonly Line[] | undefined {
  if (status !== 200) return undefined;
  return (body.lines as readonly { readonly productId: string; readonly quantity: number }[]).flatMap((line) => {
    const product = market.productOf(line.productId);
    return product === undefined ? [] : [{ product, quantity: line.quantity }];
  });
}

function put(client: Client, { principal, path, credentials }: Cart, { id }: Product, quantity: number) {
  const wish = { kind: 'change-cart', principal, method: 'PUT', path: `${path}/lines/${id}` } as const;
  return client.want({ ...wish, body: { quantity }, ...credentials });
}

function takeOut(client: Client, { principal, path, credentials }: Cart, { id }: Product) {
  const wish = { kind: 'change-cart', principal, method: 'DELETE', path: `${path}/lines/${id}` } as const;
  return client.want({ ...wish, ...credentials });
}
