// Staff: what becomes of orders after they are paid, and of the stock.

import type { Answered, Client } from './client.ts';
import { type Handled, drawn, type Line, type Market, type Product, skusOf } from './market.ts';
import { readOrder } from './ordering.ts';

/** Pieces that come at once, and that are written off at once: more than there are, now and then. */
const RECEIVED_MAX = 8;
const WRITTEN_OFF_MAX = 4;
/** Percent of refunds whose pieces go back on the shelf. */
const RESTOCKED = 70;

type Verb = 'ship' | 'deliver' | 'refund-some' | 'refund-all' | 'leave';

/** What staff do with an order that they find in a state, by weight. */
const habits: Readonly<Record<string, readonly (readonly [number, Verb])[]>> = {
  PAID: [
    [50, 'ship'],
    [20, 'refund-some'],
    [10, 'refund-all'],
    [20, 'leave'],
  ],
  SHIPPED: [
    [70, 'deliver'],
    [15, 'refund-some'],
    [15, 'leave'],
  ],
  DELIVERED: [
    [15, 'refund-some'],
    [10, 'refund-all'],
    [75, 'leave'],
  ],
};
/** States in which an order is looked at again. */
const goesOn: ReadonlySet<string> = new Set(['AWAITING_STOCK', 'AWAITING_PAYMENT', 'PAID', 'SHIPPED', 'DELIVERED']);

/** Looks at an order that waits for it, and does what has to be done. */
export async function handleOrder(client: Client, market: Market): Promise<void> {
  const handled = market.handle();
  if (handled === undefined) {
    await readStock(client, market, client.chance.pick(market.hot));
    return;
  }
  const { staffToken: token } = market;
  const { status, body } = await readOrder(client, handled.order, { principal: 'staff', token });
  if (status !== 200) return market.putBack(handled);
  const verb = drawn(client.chance, habits[body.status] ?? [[1, 'leave']]);
  if (verb === 'ship' || verb === 'deliver') await tell(client, market, handled, verb);
  else if (verb === 'refund-some' || verb === 'refund-all') await refund(client, market, handled, verb);
  if (goesOn.has(body.status)) market.putBack(handled);
}

function tell(client: Client, { staffToken }: Market, { order }: Handled, verb: 'ship' | 'deliver'): Promise<Answered> {
  const intent = client.newIntent();
  const path = `/api/v1/orders/${order.id}/${verb}`;
  const wish = { kind: `${verb}-order`, principal: 'staff', method: 'POST', path, key: intent } as const;
  return client.want({ ...wish, token: staffToken() }, intent);
}

/** Refunds one piece of a line, or all that staff have not refunded. */
async function refund(client: Client, { staffToken }: Market, handled: Handled, verb: Verb): Promise<void> {
  const { order, refunded } = handled;
  const intent = client.newIntent();
  const restock = client.chance.percent(RESTOCKED);
  const product = client.chance.pick(order.lines).product;
  const lines = verb === 'refund-all' ? leftOf(handled) : [{ product, quantity: 1 }];
  const named = verb === 'refund-all' ? {} : { lines: [{ productId: product.id, quantity: 1 }] };
  const path = `/api/v1/orders/${order.id}/refund`;
  const wish = { kind: 'refund-order', principal: 'staff', method: 'POST', path, key: intent } as const;
  const back = (restocked: boolean) => ({
    body: { ...named, restock: restocked },
    skus: restocked ? skusOf(lines) : [],
  });
  const { outcome } = await client.want(
    { ...wish, token: staffToken(), ...back(restock), other: back(!restock) },
    intent,
  );
  if (outcome === 'fail') return;
  for (const line of lines) refunded.set(line.product.id, line.quantity + (refunded.get(line.product.id) ?? 0));
}

/** Pieces that staff have not asked to be refunded. */
function leftOf({ order, refunded }: Handled): readonly Line[] {
  const left = new Map(refunded);
  return order.lines.flatMap(({ product, quantity }) => {
    const gone = Math.min(quantity, left.get(product.id) ?? 0);
    left.set(product.id, (left.get(product.id) ?? 0) - gone);
    return quantity > gone ? [{ product, quantity: quantity - gone }] : [];
  });
}

export function readStock(client: Client, { staffToken }: Market, { sku }: Product): Promise<Answered> {
  const path = `/api/v1/stock/${encodeURIComponent(sku)}`;
  return client.want({ kind: 'read-stock', principal: 'staff', method: 'GET', path, token: staffToken() });
}

/** Pieces of a hot product come, or are found to be spoilt. */
export function moveStock(client: Client, market: Market, verb: 'receive' | 'write-off'): Promise<Answered> {
  const { chance } = client;
  const intent = client.newIntent();
  const { sku } = chance.pick(market.hot);
  const quantity = 1 + chance.below(verb === 'receive' ? RECEIVED_MAX : WRITTEN_OFF_MAX);
  const moved = (pieces: number) => ({
    body: { quantity: pieces, ...(verb === 'receive' ? {} : { reason: 'spoilt' }) },
    skus: [{ sku, quantity: pieces }],
  });
  const path = `/api/v1/stock/${encodeURIComponent(sku)}/${verb}`;
  const wish = { kind: `${verb}-stock`, principal: 'staff', method: 'POST', path, key: intent } as const;
  return client.want({ ...wish, token: market.staffToken(), ...moved(quantity), other: moved(quantity + 1) }, intent);
}

/** The newest orders of everybody. */
export function listAsStaff(client: Client, { staffToken }: Market): Promise<Answered> {
  const path = '/api/v1/orders?limit=10';
  return client.want({ kind: 'list-orders', principal: 'staff', method: 'GET', path, token: staffToken() });
}
