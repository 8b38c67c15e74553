// A shop whose database stands still, and one that is stopped in the middle of its work and started again: nothing that was
// answered is lost, nothing is done twice, and what was under way goes on.

import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { type Answer, type Json, startTestShop, tally, type TestShop, until } from '../infra/local/shop.fixture.ts';

const settings = { paymentDeadlineMs: 10_000 };
/** Orders of the first test. */
const ASKED_TWICE = 20;

let shop: TestShop;
beforeAll(async () => {
  shop = await startTestShop({ settings });
});
afterAll(() => shop?.stop());

it('a shop whose database stands still says so, and does what was asked when it is asked again, once', async () => {
  const product = await shop.product('2.00', 100);
  const wishes = Array.from({ length: ASKED_TWICE }, () => shop.wish([[product, 1]], { key: randomUUID() }));
  const place = () => Promise.all(wishes.map((wish) => shop.call('POST /api/v1/orders', wish)));
  const resume = shop.pauseDatabase();
  let away: readonly Answer[];
  try {
    away = await place();
    await shop.expect(503, 'GET /health/ready');
    await shop.expect(200, 'GET /health/live');
  } finally {
    resume();
  }
  expect(tally(away)).toEqual({ 503: ASKED_TWICE });
  for (const { headers } of away) expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
  const orders = await until('all are taken', async () => {
    const answers = await place();
    return answers.every(({ status }) => status === 201) && answers;
  });
  for (const { body } of orders) await shop.reaches(body.id, 'PAID');
  await shop.stockReaches(product.sku, { sold: ASKED_TWICE, reserved: 0 });
});

it('a shop that is stopped in the middle of its work goes on where it was, on the same data', async () => {
  const before = shop;
  const product = await before.product('2.00', 100);
  const customer = await before.account();
  const cart = await before.expect(201, 'POST /api/v1/carts');
  const target = `/api/v1/carts/${cart.id}`;
  await before.expect(200, `PUT ${target}/lines/${product.id}`, { cartToken: cart.token, body: { quantity: 3 } });
  const paid = await before.place([[product, 1]], { token: customer.token });
  await before.reaches(paid.id, 'PAID');
  const key = randomUUID();
  const pays = ['tok_ok', 'tok_slow', 'tok_error_then_ok', 'tok_timeout_then_ok', 'tok_declined'];
  const placing = pays.map((pay) =>
    before.call('POST /api/v1/orders', before.wish([[product, 1]], { pay, key: `${key}-${pay}` })),
  );
  // It is stopped while orders come in: each is answered, or its connection is refused.
  const late = Array.from({ length: 20 }, (_, i) =>
    before.call('POST /api/v1/orders', before.wish([[product, 1]], { key: `${key}-${i}` })),
  );
  const first = await Promise.all(placing);
  await before.stop('keep');
  const answered = (await Promise.allSettled(late)).flatMap((call) =>
    call.status === 'fulfilled' ? [call.value] : [],
  );
  for (const { status } of first) expect(status).toBe(201);

  const after = (shop = await startTestShop({ dataDir: before.dataDir, settings }));
  for (const [i, pay] of pays.entries()) {
    const again = await after.call('POST /api/v1/orders', after.wish([[product, 1]], { pay, key: `${key}-${pay}` }));
    expect([again.status, again.text]).toEqual([first[i]?.status, first[i]?.text]);
    const { id, accessToken } = again.body;
    await after.reaches(id, pay === 'tok_declined' ? 'PAYMENT_FAILED' : 'PAID');
    expect((await after.expect(200, `GET /api/v1/orders/${id}`, { token: accessToken })).id).toBe(id);
  }
  for (const { status, body } of answered) {
    expect(status).toBe(201);
    await after.reaches(body.id, 'PAID');
  }
  expect(await after.expect(200, `GET /api/v1/orders/${paid.id}`, { token: customer.token })).toMatchObject({
    status: 'PAID',
  });
  await after.logIn(customer.email, customer.password);
  await after.expect(200, 'POST /api/v1/auth/refresh', { body: { refreshToken: customer.refreshToken } });
  expect((await after.expect(200, `GET ${target}`, { cartToken: cart.token })).lines).toMatchObject([{ quantity: 3 }]);

  const { text } = await after.call('GET /api/v1/orders/export?format=jsonl', { token: after.staff.token });
  const all: Json[] = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  const orders = all.filter(({ lines }) => lines[0].productId === product.id);
  for (const { id } of orders)
    await until(`${id} is settled`, async () => !(await after.orderOf(id)).status.startsWith('AWAITING'));
  const sold = (await Promise.all(orders.map(({ id }) => after.orderOf(id)))).filter(
    ({ status }) => status === 'PAID',
  ).length;
  await after.stockReaches(product.sku, { sold, reserved: 0, onHand: 100 - sold });
  const captured = after.ledger().charges.filter(({ status }) => status === 'succeeded');
  expect(captured).toHaveLength(sold + ASKED_TWICE);
  expect(new Set(captured.map(({ orderId }) => orderId)).size).toBe(captured.length);
  expect(sold).toBeGreaterThanOrEqual(5);
});
