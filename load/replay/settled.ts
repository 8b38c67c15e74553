// Orders and refunds once nothing of them is under way any more: payments and refunds end a moment after they are asked for.

import { setTimeout as pause } from 'node:timers/promises';
import { refundDifferences } from './differences.ts';
import { historyOf, type Refund, type Shop, type ShopOrder } from './shop.ts';

/** How long what is under way may take to end, and how often it is asked for, in milliseconds. */
export const SETTLED_WITHIN_MS = 60_000;
export const POLL_MS = 100;

/** The order, once it is paid or over. */
export async function settledOrder(shop: Shop, listed: ShopOrder): Promise<ShopOrder> {
  const deadline = Date.now() + SETTLED_WITHIN_MS;
  let order = listed;
  while (order.status.startsWith('AWAITING') && Date.now() < deadline) {
    await pause(POLL_MS);
    order = await readOrder(shop, listed.id);
  }
  return order;
}

async function readOrder({ client, staff }: Shop, id: string): Promise<ShopOrder> {
  return await client.expect([200], `/api/v1/orders/${id}`, { token: await staff.token() });
}

/** The refunds of an order, once the provider has confirmed them, and the order as it was read after that. */
export async function settledRefunds(
  shop: Shop,
  order: ShopOrder,
): Promise<{ readonly refunds: readonly Refund[]; readonly now: ShopOrder }> {
  const deadline = Date.now() + SETTLED_WITHIN_MS;
  let { refunds, pending } = await historyOf(shop, order.id);
  if (pending === 0 && refundDifferences(order, refunds).length === 0) return { refunds, now: order };
  while (pending > 0 && Date.now() < deadline) {
    await pause(POLL_MS);
    ({ refunds, pending } = await historyOf(shop, order.id));
  }
  // An order read while a confirmation came may be from before it.
  return { refunds, now: await readOrder(shop, order.id) };
}
