// Goal: what a replay compares is read after everything of it ended, however reads and confirmations interleave.
// Method: a shop of one order that answers from a script: the provider confirms between two chosen reads.

import { expect, it } from '@jest/globals';
import type { Client } from '../client.ts';
import { settledRefunds } from './settled.ts';
import type { Shop, ShopOrder } from './shop.ts';

const LINE = { productId: 'p1', sku: 'MUG', quantity: 2 };
const order = (refunded: string, status: string): ShopOrder => ({
  id: 'o1',
  status,
  email: 'a@customers.example',
  lines: [{ ...LINE, unitPrice: { amount: '2.55' } }],
  total: { amount: '5.10' },
  exactTotal: { amount: '5.1000' },
  refunded: { amount: refunded },
});
const REQUESTED = { type: 'RefundRequested', data: { refundId: 'r1', requestId: 'q1', restock: true, lines: [LINE] } };
const CONFIRMED = { type: 'Refunded', data: { refundId: 'r1' } };

/** A shop whose refund is confirmed after so many reads. `loses`: its order never says so. */
function shopThatConfirms(after: number, { loses = false } = {}): Shop {
  let reads = 0;
  const client = {
    expect: async (_: unknown, path: string) => {
      const isConfirmed = reads++ >= after;
      if (path.endsWith('/timeline')) return { items: [REQUESTED, ...(isConfirmed ? [CONFIRMED] : [])] };
      return isConfirmed && !loses ? order('5.10', 'REFUNDED') : order('0.00', 'PAID');
    },
  } as unknown as Client;
  return { client, staff: { token: async () => 'token', accountId: 'staff', password: '' } };
}

it.each([0, 1, 2, 3, 4])('the order is read after its refunds are confirmed, here after %i reads', async (reads) => {
  const { now, refunds } = await settledRefunds(shopThatConfirms(reads), order('0.00', 'PAID'));
  expect(now.refunded.amount).toBe('5.10');
  expect(refunds).toHaveLength(1);
});

it('an order that never gives back what was confirmed is not waited for', async () => {
  const { now } = await settledRefunds(shopThatConfirms(1, { loses: true }), order('0.00', 'PAID'));
  expect(now.refunded.amount).toBe('0.00');
});
