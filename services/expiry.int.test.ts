// The deadline of a payment, one second here: what is not paid by then expires, its pieces are back, and money that comes
// later goes back. Nothing of that touches an order that was paid in time.

import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Json, startTestShop, type TestShop, until } from '../infra/local/shop.fixture.ts';

let shop: TestShop;
beforeAll(async () => {
  shop = await startTestShop({ webhooks: 'unanswered', settings: { paymentDeadlineMs: 1_000 } });
});
afterAll(() => shop?.stop());

const types = ({ items }: Json) => items.map(({ type }: Json) => type);
/** What the provider keeps of an order, in pence. */
function kept(orderId: string): number {
  const { charges, refunds } = shop.ledger();
  const captured = charges.filter((charge) => charge.orderId === orderId && charge.status === 'succeeded');
  const ids = new Set(captured.map(({ paymentId }) => paymentId));
  const pence = (things: readonly { readonly amount: { readonly amount: string } }[]) =>
    things.reduce((sum, { amount: { amount } }) => sum + Math.round(Number(amount) * 100), 0);
  return pence(captured) - pence(refunds.filter(({ paymentId }) => ids.has(paymentId)));
}

describe('an order that is not paid in time', () => {
  it('expires while the provider stands still, its pieces are back, and no money is kept when it goes on', async () => {
    const product = await shop.product('2.00', 10);
    const key = randomUUID();
    const inTime = await shop.place([[product, 1]]);
    await shop.reaches(inTime.id, 'PAID');
    const resume = shop.pauseProvider();
    const late: Json[] = [];
    try {
      late.push(await shop.place([[product, 3]], { key }));
      for (let i = 0; i < 4; i++) late.push(await shop.place([[product, 1]]));
      expect(await shop.stockOf(product.sku)).toMatchObject({ reserved: 7, available: 2 });
      for (const { id } of late) await shop.reaches(id, 'EXPIRED', 5_000);
      await shop.stockReaches(product.sku, { onHand: 9, reserved: 0, available: 9, sold: 1, returned: 0 });
      const [{ id, accessToken, ...rest }] = late as [Json];
      // What was answered once is answered again.
      expect(await shop.place([[product, 3]], { key })).toStrictEqual({ id, accessToken, ...rest });
      await shop.expect(409, `POST /api/v1/orders/${id}/cancel`, { token: accessToken });
    } finally {
      resume();
    }
    // Either the charge that hung was captured, then it is given back; or it never will be.
    for (const { id } of late) {
      await until('the payment is settled', () => {
        const { charges, voids } = shop.ledger();
        const known =
          charges.some(({ orderId }) => orderId === id) || voids.some(({ paymentId }) => paymentId.includes(id));
        return known && kept(id) === 0;
      });
      expect((await shop.orderOf(id)).status).toBe('EXPIRED');
    }
    expect(await shop.orderOf(inTime.id)).toMatchObject({ status: 'PAID', refunded: { amount: '0.00' } });
    expect(kept(inTime.id)).toBe(200);
    expect(await shop.stockOf(product.sku)).toMatchObject({ onHand: 9, sold: 1, returned: 0 });
  });

  it('expires when the provider answers too late, and the money goes back', async () => {
    const product = await shop.product('2.00', 10);
    const order = await shop.place([[product, 2]], { pay: 'tok_slow' });
    await shop.reaches(order.id, 'EXPIRED', 3_000);
    await shop.stockReaches(product.sku, { onHand: 10, reserved: 0, sold: 0 });
    await until(
      'the money is back',
      () => shop.ledger().charges.some(({ orderId }) => orderId === order.id) && kept(order.id) === 0,
    );
    const timeline = await shop.expect(200, `GET /api/v1/orders/${order.id}/timeline`, { token: order.accessToken });
    expect(types(timeline).slice(0, 3)).toEqual(['Placed', 'StockReserved', 'Expired']);
    expect(await shop.orderOf(order.id)).toMatchObject({ status: 'EXPIRED', refunded: { amount: '0.00' } });
    for (const step of ['ship', 'refund']) {
      await shop.expect(409, `POST /api/v1/orders/${order.id}/${step}`, { token: shop.staff.token });
    }
  });
});
