// Payments over HTTP, with a provider that is slow, silent, killed or paused, and with reports that somebody forged. Held
// against the provider's own book: at most one capture per order, and no money kept for an order that ended.

import { createHmac, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Json, startTestShop, tally, type TestShop, until } from '../infra/local/shop.fixture.ts';
import type { Database } from '../mixins/postgres/database.ts';
import { simulatedProvider } from '../mixins/provider-simulated.ts';

let shop: TestShop;
beforeAll(async () => {
  // As in a shop that runs: the provider reports by webhook only what it could not answer.
  shop = await startTestShop({ webhooks: 'unanswered' });
});
afterAll(() => shop?.stop());

const types = ({ items }: Json) => items.map(({ type }: Json) => type);
const chargesOf = (orderId: string) => shop.ledger().charges.filter((charge) => charge.orderId === orderId);

/** Every one of the orders ends PAID, with one capture of its total. */
async function paidOnce(orders: readonly Json[], withinMs?: number): Promise<void> {
  for (const { id } of orders) await shop.reaches(id, 'PAID', withinMs);
  for (const { id, total } of orders) {
    expect(chargesOf(id)).toMatchObject([{ status: 'succeeded', amount: total }]);
  }
}

/** The provider, as somebody else who may use it. */
function elsewhere() {
  const apiKey = readFileSync(join(shop.dataDir, 'keys', 'provider-api-key'), 'utf8').trim();
  return simulatedProvider({ url: shop.providerUrl, apiKey, webhookSecrets: [] });
}

/** What waits for a person in a context. */
async function parkedFor(service: string, id: string): Promise<readonly Json[]> {
  const { database } = shop.broker.getLocalService(service) as unknown as { database: Database };
  return await database.kysely.selectFrom('parked').selectAll().where('actor_id', '=', id).execute();
}

describe('a payment', () => {
  it('that succeeds, late, at the second try or with its answer lost, is captured exactly once', async () => {
    const product = await shop.product('2.00', 100);
    const tokens = ['tok_ok', 'tok_timeout_then_ok', 'tok_error_then_ok', 'tok_slow'];
    const orders = await Promise.all(tokens.map((pay) => shop.place([[product, 1]], { pay })));
    await paidOnce(orders);
    await shop.stockReaches(product.sku, { sold: 4, reserved: 0, onHand: 96 });
  });

  it.each([
    ['tok_declined', 'card-declined'],
    ['tok_nobody_knows', 'unknown-token'],
  ])('with %s ends PAYMENT_FAILED, and the pieces are back', async (pay, reason) => {
    const product = await shop.product('2.00', 3);
    const order = await shop.place([[product, 3]], { pay });
    expect(order.status).toBe('AWAITING_PAYMENT');
    await shop.reaches(order.id, 'PAYMENT_FAILED');
    await shop.stockReaches(product.sku, { onHand: 3, reserved: 0, available: 3, sold: 0, returned: 0 });
    expect(chargesOf(order.id).filter(({ status }) => status === 'succeeded')).toEqual([]);
    const timeline = await shop.expect(200, `GET /api/v1/orders/${order.id}/timeline`, { token: order.accessToken });
    expect(types(timeline)).toEqual(['Placed', 'StockReserved', 'PaymentFailed']);
    expect(timeline.items[2].data).toEqual({ reason });
    for (const step of ['cancel', 'ship', 'refund']) {
      await shop.expect(409, `POST /api/v1/orders/${order.id}/${step}`, { token: shop.staff.token });
    }
  });

  it('that arrives after the order was cancelled goes back, and the order stays cancelled', async () => {
    const product = await shop.product('2.00', 3);
    const order = await shop.place([[product, 1]], { pay: 'tok_slow' });
    await until('the provider has captured', () => chargesOf(order.id).length === 1);
    const cancelled = await shop.expect(200, `POST /api/v1/orders/${order.id}/cancel`, { token: order.accessToken });
    expect(cancelled.status).toBe('CANCELLED');
    const [charge] = chargesOf(order.id);
    const back = await until('the money is back', () => {
      const refunds = shop.ledger().refunds.filter(({ paymentId }) => paymentId === charge?.paymentId);
      return refunds.length > 0 && refunds;
    });
    expect(back).toMatchObject([{ amount: order.total }]);
    expect((await shop.orderOf(order.id)).status).toBe('CANCELLED');
    await shop.stockReaches(product.sku, { onHand: 3, available: 3, sold: 0, returned: 0 });
  });

  it('whose refunds the provider refuses keeps each of them for a person', async () => {
    const product = await shop.product('1.00', 10);
    const order = await shop.place([[product, 2]]);
    await shop.reaches(order.id, 'PAID');
    // The money went back behind the shop's back.
    const [charge] = chargesOf(order.id);
    const paymentId = charge?.paymentId ?? '';
    await elsewhere().refund({ refundId: randomUUID(), paymentId, amount: order.total });
    const { token } = shop.staff;
    for (const _ of [1, 2]) {
      const body = { lines: [{ productId: product.id, quantity: 1 }] };
      await shop.expect(200, `POST /api/v1/orders/${order.id}/refund`, { token, body });
    }
    await until('both refunds are put aside', async () => (await parkedFor('payments', paymentId)).length === 2);
    expect((await shop.orderOf(order.id)).refunded.amount).toBe('0.00');
  });

  it('leaves no trace of its token', async () => {
    const product = await shop.product('2.00', 3);
    const canary = `tok_canary-${randomUUID()}`;
    const order = await shop.place([[product, 1]], { pay: canary });
    await shop.reaches(order.id, 'PAYMENT_FAILED');
    const { token } = shop.staff;
    const seen = await Promise.all([
      shop.call(`GET /api/v1/orders/${order.id}`, { token }),
      shop.call(`GET /api/v1/orders/${order.id}/timeline`, { token }),
      shop.call('GET /api/v1/orders/export?format=jsonl', { token }),
      shop.call('GET /metrics'),
    ]);
    for (const { text } of seen) expect(text).not.toContain(canary);
    expect(readFileSync(join(shop.dataDir, 'souk.log'), 'utf8')).not.toContain(canary);
  });
});

describe('a provider', () => {
  it('that is killed in the middle of payments comes back, and every order is paid exactly once', async () => {
    const product = await shop.product('2.00', 100);
    const tokens = ['tok_ok', 'tok_ok', 'tok_ok', 'tok_slow', 'tok_error_then_ok'];
    const orders: Json[] = [];
    for (let round = 0; round < 3; round++) {
      const placing = tokens.map((pay) => shop.place([[product, 1]], { pay }));
      orders.push(await placing[0]);
      await shop.killProvider();
      orders.push(...(await Promise.all(placing.slice(1))));
    }
    await paidOnce(orders, 30_000);
    await shop.stockReaches(product.sku, { sold: 15, reserved: 0 });
    expect(shop.broken).toEqual([]);
  });

  it('that stands still delays payments, takes no order away, and every order is paid exactly once', async () => {
    const product = await shop.product('2.00', 100);
    const resume = shop.pauseProvider();
    let orders: Json[];
    try {
      orders = await Promise.all(Array.from({ length: 10 }, () => shop.place([[product, 1]])));
      for (const { id } of orders) expect((await shop.orderOf(id)).status).toBe('AWAITING_PAYMENT');
      expect(await shop.stockOf(product.sku)).toMatchObject({ reserved: 10, sold: 0 });
    } finally {
      resume();
    }
    await paidOnce(orders, 30_000);
  });
});

describe('a report of the provider', () => {
  const path = '/api/v1/payments/webhooks/simulated';
  const secret = () => readFileSync(join(shop.dataDir, 'keys', 'provider-webhooks'), 'utf8').trim();
  const sign = (content: string, seconds = Math.floor(Date.now() / 1_000), key = secret()) =>
    `t=${seconds},v1=${createHmac('sha256', key).update(`${seconds}.${content}`).digest('hex')}`;
  const report = (content: string, signature?: string, target = path) =>
    shop.call(`POST ${target}`, {
      raw: { type: 'application/json', content },
      headers: signature === undefined ? {} : { 'Souk-Signature': signature },
    });

  /** What the provider would report of an order's payment. */
  async function reportOf(order: Json): Promise<string> {
    const [charge] = await until(
      'the provider has captured',
      () => chargesOf(order.id).length > 0 && chargesOf(order.id),
    );
    const { id: reference, paymentId, amount } = charge as { id: string; paymentId: string; amount: object };
    const at = new Date().toISOString();
    return JSON.stringify({ id: `evt_${reference}`, type: 'charge.succeeded', paymentId, reference, amount, at });
  }

  it('is believed only with a fresh signature over this very body', async () => {
    const product = await shop.product('2.00', 100);
    const order = await shop.place([[product, 1]], { pay: 'tok_slow' });
    const content = await reportOf(order);
    const now = Math.floor(Date.now() / 1_000);
    const forged = [
      [content, undefined],
      [content, ''],
      [content, `t=${now}`],
      [content, `t=${now},v1=${'0'.repeat(64)}`],
      [content, sign(content, now, 'not-the-secret')],
      [content, sign(content, now - 310)],
      [content, sign(content, now + 310)],
      [content, sign(content, now).replace(`t=${now}`, `t=${now + 1}`)],
      [`${content} `, sign(content)],
      [content.replace('succeeded', 'declined'), sign(content)],
    ] as const;
    for (const [sent, signature] of forged) {
      const answer = await report(sent, signature);
      expect(answer).toMatchObject({ status: 400, body: { code: 'bad-signature' } });
    }
    expect((await shop.orderOf(order.id)).status).toBe('AWAITING_PAYMENT');
    // Signed, but nonsense.
    expect((await report('{', sign('{'))).status).toBe(400);
    expect((await report('[]', sign('[]'))).status).toBe(400);
    expect((await report(content, sign(content), '/api/v1/payments/webhooks/nobody')).status).toBe(404);
    expect((await report(content, sign(content))).status).toBe(204);
    await shop.reaches(order.id, 'PAID', 1_000);
    await paidOnce([order]);
  });

  it('repeated ten times has one effect, also when the answer comes as well', async () => {
    const product = await shop.product('2.00', 100);
    const order = await shop.place([[product, 1]], { pay: 'tok_slow' });
    const content = await reportOf(order);
    const answers = await Promise.all(Array.from({ length: 10 }, () => report(content, sign(content))));
    expect(tally(answers)).toEqual({ 204: 10 });
    await shop.reaches(order.id, 'PAID');
    expect((await report(content, sign(content))).status).toBe(204);
    const timeline = await shop.expect(200, `GET /api/v1/orders/${order.id}/timeline`, { token: order.accessToken });
    expect(types(timeline)).toEqual(['Placed', 'StockReserved', 'Paid']);
    await shop.stockReaches(product.sku, { sold: 1, onHand: 99 });
    await paidOnce([order]);
  });

  it('about a payment that nobody asked for moves nothing', async () => {
    const content = JSON.stringify({
      id: `evt_${randomUUID()}`,
      type: 'charge.succeeded',
      paymentId: `pay_${randomUUID()}`,
      reference: 'ch_0',
      amount: { amount: '1.00', currency: 'GBP' },
      at: new Date().toISOString(),
    });
    const before = shop.ledger();
    expect((await report(content, sign(content))).status).toBe(204);
    expect(shop.ledger().charges).toEqual(before.charges);
  });
});
