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

/** The refunds of an order, once the provider has confirmed them, and the order after that. */
export async function settledRefunds(
  shop: Shop,
  order: ShopOrder,
): Promise<{ readonly refunds: readonly Refund[]; readonly now: ShopOrder }> {
  const deadline = Date.now() + SETTLED_WITHIN_MS;
  for (let now = order; ; now = await readOrder(shop, order.id)) {
    const { refunds, pending } = await historyOf(shop, order.id);
    const isSettled = pending === 0 && refundDifferences(now, refunds).length === 0;
    if (isSettled || Date.now() > deadline) return { refunds, now };
    if (pending > 0) await pause(POLL_MS);
    else if (now !== order) return { refunds, now };
  }
}
