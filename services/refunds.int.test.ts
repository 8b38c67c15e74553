// Refunds that get in each other's way, or in the provider's: whoever wins, no piece is given back twice, no more is given
// back than was captured, and what the order says is what the provider's book says.

import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  type Answer,
  type Json,
  type Line,
  startTestShop,
  tally,
  type TestShop,
  until,
} from '../infra/local/shop.fixture.ts';

let shop: TestShop;
/** Orders that a test has paid for. Each is held against the provider's book afterwards. */
let orders: string[] = [];

beforeAll(async () => {
  shop = await startTestShop();
});
afterAll(() => shop?.stop());
afterEach(async () => {
  for (const id of orders) await balanced(id);
  orders = [];
});

const money = (amount: string) => ({ amount, currency: 'GBP' });
const pence = (amount: string): number => Math.round(Number(amount) * 100);

async function paid(...lines: Line[]): Promise<Json> {
  const order = await shop.place(lines);
  await shop.reaches(order.id, 'PAID');
  orders.push(order.id);
  return order;
}

const refund = (id: string, body?: object, key?: string): Promise<Answer> =>
  shop.call(`POST /api/v1/orders/${id}/refund`, {
    token: shop.staff.token,
    ...(body === undefined ? {} : { body }),
    ...(key === undefined ? {} : { key }),
  });
const pieces = (...lines: Line[]) => ({ lines: lines.map(([{ id }, quantity]) => ({ productId: id, quantity })) });
const change = (id: string, what: 'cancel' | 'ship' | 'deliver'): Promise<Answer> =>
  shop.call(`POST /api/v1/orders/${id}/${what}`, { token: shop.staff.token });
const refundedIs = (id: string, amount: string, withinMs?: number): Promise<Json> =>
  until(
    `${amount} are refunded of ${id}`,
    async () => {
      const order = await shop.orderOf(id);
      return order.refunded.amount === amount ? order : undefined;
    },
    withinMs,
  );

/** What the provider gave back of an order, in its order. */
function givenBack(orderId: string): readonly string[] {
  const { charges, refunds } = shop.ledger();
  const ids = new Set(charges.filter((charge) => charge.orderId === orderId).map(({ paymentId }) => paymentId));
  return refunds.filter(({ paymentId }) => ids.has(paymentId)).map(({ amount }) => amount.amount);
}

/** All that was asked for is confirmed; the order and the provider's book say the same, and never more than was captured. */
async function balanced(orderId: string): Promise<void> {
  const { items } = await shop.expect(200, `GET /api/v1/orders/${orderId}/timeline`, { token: shop.staff.token });
  const asked = items.filter(({ type }: Json) => type === 'RefundRequested').length;
  await until(`the ${asked} refunds of ${orderId} are confirmed`, async () => {
    const timeline = await shop.expect(200, `GET /api/v1/orders/${orderId}/timeline`, { token: shop.staff.token });
    return timeline.items.filter(({ type }: Json) => type === 'Refunded').length === asked;
  });
  const order = await shop.orderOf(orderId);
  const atProvider = givenBack(orderId).reduce((sum, amount) => sum + pence(amount), 0);
  expect(atProvider).toBe(pence(order.refunded.amount));
  expect(atProvider).toBeLessThanOrEqual(pence(order.total.amount));
}

describe('refunds that race', () => {
  it('for the same pieces: as many are granted as there are pieces for, the others are told what is left', async () => {
    const product = await shop.product('2.50', 10);
    const { id } = await paid([product, 5]);
    const answers = await Promise.all(Array.from({ length: 6 }, () => refund(id, pieces([product, 2]))));
    expect(tally(answers)).toEqual({ 200: 2, 409: 4 });
    for (const { body } of answers.filter(({ status }) => status === 409)) {
      expect(body).toMatchObject({ code: 'too-many-pieces', errors: [{ requested: 2, available: 1 }] });
    }
    expect((await refundedIs(id, '10.00')).status).toBe('PAID');
    await shop.stockReaches(product.sku, { sold: 5, returned: 4, onHand: 9, available: 9 });
  });

  it('for one piece of the same product on two lines take each line’s pieces once', async () => {
    const product = await shop.product('1.25', 10);
    const { id } = await paid([product, 2], [product, 3]);
    const answers = await Promise.all(Array.from({ length: 8 }, () => refund(id, pieces([product, 1]))));
    expect(tally(answers)).toEqual({ 200: 5, 409: 3 });
    expect((await shop.reaches(id, 'REFUNDED')).refunded).toEqual(money('6.25'));
    await shop.stockReaches(product.sku, { sold: 5, returned: 5, onHand: 10 });
  });

  it('with a cancellation: together they give back all, once', async () => {
    const product = await shop.product('3.00', 100);
    for (let i = 0; i < 6; i++) {
      const { id } = await paid([product, 3]);
      const wishes = [() => refund(id, pieces([product, 1])), () => change(id, 'cancel')];
      const answers = await Promise.all((i % 2 === 0 ? wishes : wishes.toReversed()).map((wish) => wish()));
      const [refunded, cancelled] = i % 2 === 0 ? answers : answers.toReversed();
      // Cancelled first, nothing was left for the refund: either all is on its way back, or back already.
      expect(refunded?.status === 200 || refunded?.status === 409).toBe(true);
      expect(cancelled?.status).toBe(200);
      expect((await shop.reaches(id, 'REFUNDED')).refunded).toEqual(money('9.00'));
      expect(givenBack(id)).toHaveLength(refunded?.status === 200 ? 2 : 1);
    }
    await shop.stockReaches(product.sku, { sold: 18, returned: 18, onHand: 100 });
  });

  it('with shipping: the parcel leaves only if something of the order is left', async () => {
    const product = await shop.product('3.00', 100);
    for (let i = 0; i < 6; i++) {
      const { id } = await paid([product, 2]);
      const wishes = [() => refund(id), () => change(id, 'ship')];
      const answers = await Promise.all((i % 2 === 0 ? wishes : wishes.toReversed()).map((wish) => wish()));
      const [refunded, shipped] = i % 2 === 0 ? answers : answers.toReversed();
      expect(refunded?.status).toBe(200);
      expect([200, 409]).toContain(shipped?.status);
      await shop.reaches(id, 'REFUNDED');
      const { items } = await shop.expect(200, `GET /api/v1/orders/${id}/timeline`, { token: shop.staff.token });
      const types = items.map(({ type }: Json) => type);
      expect(types.includes('Shipped')).toBe(shipped?.status === 200);
      if (shipped?.status === 200) expect(types.indexOf('Shipped')).toBeLessThan(types.indexOf('RefundRequested'));
    }
  });
});

describe('the sum of refunds', () => {
  it('of parts of two lines is the total less the rounded exact total of what remains', async () => {
    const [a, b] = [await shop.product('0.335', 10), await shop.product('0.0049', 100)];
    const order = await paid([a, 3], [b, 7]);
    expect(order).toMatchObject({ exactTotal: money('1.0393'), total: money('1.04') });
    // What remains after each: 0.6945, which is 0.69 as money; 0.67; 0.335, which is 0.34; nothing.
    const steps: Line[][] = [
      [
        [a, 1],
        [b, 2],
      ],
      [[b, 5]],
      [[a, 1]],
      [[a, 1]],
    ];
    const sums = ['0.35', '0.37', '0.70', '1.04'];
    for (const [i, step] of steps.entries()) {
      expect((await refund(order.id, pieces(...step))).status).toBe(200);
      await refundedIs(order.id, sums[i] as string);
    }
    expect(givenBack(order.id)).toEqual(['0.35', '0.02', '0.33', '0.34']);
    expect((await shop.orderOf(order.id)).status).toBe('REFUNDED');
    await shop.stockReaches(a.sku, { returned: 3, onHand: 10 });
    await shop.stockReaches(b.sku, { returned: 7, onHand: 100 });
  });

  it('counts pieces that are worth nothing by themselves, without asking the provider', async () => {
    const [free, dear] = [await shop.product('0', 10), await shop.product('4.00', 10)];
    const { id } = await paid([free, 2], [dear, 1]);
    expect((await refund(id, pieces([free, 2]))).body).toMatchObject({ status: 'PAID', refunded: money('0.00') });
    await shop.stockReaches(free.sku, { sold: 2, returned: 2, onHand: 10 });
    expect(await refund(id, pieces([free, 1]))).toMatchObject({ status: 409, body: { code: 'too-many-pieces' } });
    await refund(id);
    await shop.reaches(id, 'REFUNDED');
    expect(givenBack(id)).toEqual(['4.00']);
  });

  it('of an order that cost nothing is nothing, piece by piece', async () => {
    const product = await shop.product('0.0010', 10);
    const order = await paid([product, 4]);
    expect(order).toMatchObject({ exactTotal: money('0.004'), total: money('0.00') });
    expect((await refund(order.id, { ...pieces([product, 1]), restock: false })).body.status).toBe('PAID');
    expect((await refund(order.id, pieces([product, 3]))).body).toMatchObject({
      status: 'REFUNDED',
      refunded: money('0.00'),
    });
    await shop.stockReaches(product.sku, { sold: 4, returned: 3, onHand: 9 });
    expect((await refund(order.id)).status).toBe(409);
  });
});

describe('a return', () => {
  it('after the delivery brings back what is fit for the shelf, and nothing else', async () => {
    const [fit, broken] = [await shop.product('10.00', 5), await shop.product('7.00', 5)];
    const { id } = await paid([fit, 2], [broken, 2]);
    expect((await change(id, 'ship')).status).toBe(200);
    expect((await change(id, 'deliver')).status).toBe(200);
    await refund(id, { ...pieces([broken, 2]), restock: false });
    expect((await refundedIs(id, '14.00')).status).toBe('DELIVERED');
    await refund(id, pieces([fit, 1]));
    expect((await refundedIs(id, '24.00')).status).toBe('DELIVERED');
    await shop.stockReaches(fit.sku, { onHand: 4, sold: 2, returned: 1 });
    expect(await shop.stockOf(broken.sku)).toMatchObject({ onHand: 3, sold: 2, returned: 0, writtenOff: 0 });
    // It is too late to cancel, but not to send the rest back.
    expect((await change(id, 'cancel')).status).toBe(409);
    await refund(id);
    expect((await shop.reaches(id, 'REFUNDED')).refunded).toEqual(money('34.00'));
    await shop.stockReaches(fit.sku, { onHand: 5, sold: 2, returned: 2 });
  });

  it('of pieces can be sold again at once', async () => {
    const product = await shop.product('10.00', 2);
    const { id } = await paid([product, 2]);
    await refund(id, pieces([product, 1]));
    await shop.stockReaches(product.sku, { available: 1 });
    await paid([product, 1]);
    await shop.stockReaches(product.sku, { sold: 3, returned: 1, onHand: 0 });
  });

  it('cancelling what is left of a partly refunded order gives back the rest', async () => {
    const product = await shop.product('10.00', 3);
    const { id } = await paid([product, 3]);
    await refund(id, { ...pieces([product, 1]), restock: false });
    await refundedIs(id, '10.00');
    expect((await change(id, 'cancel')).status).toBe(200);
    expect((await shop.reaches(id, 'REFUNDED')).refunded).toEqual(money('30.00'));
    expect(givenBack(id)).toEqual(['10.00', '20.00']);
    await shop.stockReaches(product.sku, { sold: 3, returned: 2, onHand: 2 });
    expect((await change(id, 'cancel')).status).toBe(200);
  });
});

describe('a refund is refused', () => {
  it('unless the order is paid, in every other status', async () => {
    const product = await shop.product('3.00', 100);
    const declined = await shop.place([[product, 1]], { pay: 'tok_declined' });
    await shop.reaches(declined.id, 'PAYMENT_FAILED');
    const cancelled = await shop.place([[product, 1]], { pay: 'tok_slow' });
    expect((await refund(cancelled.id)).body).toMatchObject({ status: 409, code: 'wrong-state' });
    expect((await change(cancelled.id, 'cancel')).status).toBe(200);
    for (const { id } of [declined, cancelled]) {
      expect((await refund(id)).body).toMatchObject({ status: 409, code: 'wrong-state' });
    }
  });

  it('to anybody but staff, the one who ordered included', async () => {
    const product = await shop.product('3.00', 100);
    const [owner, stranger] = [await shop.account(), await shop.account()];
    const order = await shop.place([[product, 1]], { token: owner.token });
    await shop.reaches(order.id, 'PAID');
    const target = `POST /api/v1/orders/${order.id}/refund`;
    expect((await shop.call(target, { token: owner.token })).status).toBe(403);
    expect((await shop.call(target, { token: stranger.token })).status).toBe(403);
    expect((await shop.call(target)).status).toBe(401);
    expect((await shop.orderOf(order.id)).refunded).toEqual(money('0.00'));
  });

  it('with nothing in it, or too much, by the place of the fault', async () => {
    const [product, other] = [await shop.product('3.00', 100), await shop.product('3.00', 100)];
    const { id } = await paid([product, 2], [other, 1]);
    for (const [body, status, pointer] of [
      [{ lines: [] }, 422, '/lines'],
      [pieces([product, 0]), 422, '/lines/0/quantity'],
      [pieces([product, -1]), 422, '/lines/0/quantity'],
      [pieces([product, 1.5]), 422, '/lines/0/quantity'],
      [{ ...pieces([product, 1]), restock: 'no' }, 422, '/restock'],
      [{ ...pieces([product, 1]), amount: money('1.00') }, 422, '/amount'],
      // One wish too large spoils the others; what it names twice is summed.
      [pieces([product, 2], [other, 2]), 409, '/lines/1/quantity'],
      [pieces([product, 1], [product, 2]), 409, '/lines/1/quantity'],
    ] as const) {
      const { body: problem } = await refund(id, body);
      expect([status, pointer]).toEqual([problem.status, problem.errors[0].pointer]);
    }
    expect((await shop.call('POST /api/v1/orders/nowhere/refund', { token: shop.staff.token })).status).toBe(404);
    expect(await shop.orderOf(id)).toMatchObject({ status: 'PAID', refunded: money('0.00') });
    expect(givenBack(id)).toEqual([]);
  });
});

describe('a key', () => {
  it('stands for one refund, whatever became of the order; for another one it is refused', async () => {
    const product = await shop.product('3.00', 100);
    const { id } = await paid([product, 3]);
    const first = await refund(id, pieces([product, 1]), 'r-1');
    expect(first.status).toBe(200);
    await refund(id);
    await shop.reaches(id, 'REFUNDED');
    const again = await refund(id, pieces([product, 1]), 'r-1');
    expect([again.status, again.text]).toEqual([first.status, first.text]);
    expect((await refund(id, pieces([product, 2]), 'r-1')).body).toMatchObject({
      status: 422,
      code: 'idempotency-key-reused',
    });
    expect(givenBack(id)).toEqual(['3.00', '6.00']);
  });
});

describe('while the provider', () => {
  it('dies in the middle of many refunds, each is made once', async () => {
    const product = await shop.product('1.01', 100);
    const placed = await Promise.all(Array.from({ length: 8 }, () => paid([product, 3])));
    const wishes = placed.flatMap(({ id }) => [refund(id, pieces([product, 1])), refund(id, pieces([product, 1]))]);
    await shop.killProvider();
    expect(tally(await Promise.all(wishes))).toEqual({ 200: 16 });
    for (const { id } of placed) await refundedIs(id, '2.02', 30_000);
    for (const { id } of placed) expect(givenBack(id)).toEqual(['1.01', '1.01']);
    await shop.stockReaches(product.sku, { sold: 24, returned: 16 });
  });

  it('stands still past its time limit, its late answers and the repeats count once', async () => {
    const product = await shop.product('1.01', 100);
    const { id } = await paid([product, 3]);
    const resume = shop.pauseProvider();
    let asked: Answer[];
    try {
      // Each is answered after two seconds of waiting for the provider, whose answer to the first attempt is lost by then.
      asked = await Promise.all([
        refund(id, pieces([product, 1])),
        refund(id, pieces([product, 1])),
        refund(id, pieces([product, 2])),
      ]);
      expect(tally(asked)).toEqual({ 200: 2, 409: 1 });
      for (const { status, body } of asked) if (status === 200) expect(body.refunded).toEqual(money('0.00'));
      // Promised pieces are gone, though nothing is confirmed: the rest can be cancelled, and no more.
      expect((await refund(id, pieces([product, 3]))).status).toBe(409);
      expect((await change(id, 'cancel')).body).toMatchObject({ status: 'PAID', refunded: money('0.00') });
      expect((await change(id, 'ship')).status).toBe(409);
      expect(await shop.stockOf(product.sku)).toMatchObject({ returned: 0, onHand: 97 });
    } finally {
      resume();
    }
    expect((await shop.reaches(id, 'REFUNDED', 30_000)).refunded).toEqual(money('3.03'));
    await shop.stockReaches(product.sku, { sold: 3, returned: 3, onHand: 100 });
  });
});

it('nothing broke on the way', () => {
  expect(shop.broken).toEqual([]);
});
