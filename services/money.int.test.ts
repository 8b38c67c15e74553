// Money over HTTP, held against the provider's own book: what orders cost, what is given back, and that at the end both
// sides agree to the penny.

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Answer, type Json, startTestShop, tally, type TestShop, until } from '../infra/local/shop.fixture.ts';

let shop: TestShop;
beforeAll(async () => {
  shop = await startTestShop();
});
afterAll(() => shop?.stop());

const money = (amount: string, currency = 'GBP') => ({ amount, currency });
const chargesOf = (orderId: string) => shop.ledger().charges.filter((charge) => charge.orderId === orderId);

/** Pence of a decimal string with two decimals. */
const pence = (amount: string): number => Math.round(Number(amount) * 100);

describe('the total of an order', () => {
  it.each([
    // What each line costs is exact; only the sum is rounded, once, half up, to the currency's minor unit.
    ['GBP', [['2.55', 3]], '7.65', '7.65'],
    ['GBP', [['0.005', 1]], '0.005', '0.01'],
    ['GBP', [['0.0149', 1]], '0.0149', '0.01'],
    [
      'GBP',
      [
        ['0.005', 1],
        ['0.005', 1],
        ['0.005', 1],
      ],
      '0.015',
      '0.02',
    ],
    ['GBP', [['0.3333', 3]], '0.9999', '1.00'],
    [
      'GBP',
      [
        ['1.1', 1],
        ['0.9', 1],
      ],
      '2.00',
      '2.00',
    ],
    ['GBP', [['8142.75', 74_215]], '604314191.25', '604314191.25'],
    ['JPY', [['100.5', 1]], '100.50', '101'],
    ['JPY', [['100.4999', 1]], '100.4999', '100'],
    ['KWD', [['1.2345', 1]], '1.2345', '1.235'],
  ] as const)('in %s of %j is exactly %s and rounded %s', async (currency, wanted, exactTotal, total) => {
    const lines: [{ id: string }, number][] = [];
    for (const [price, quantity] of wanted) lines.push([await shop.product(price, quantity, { currency }), quantity]);
    const order = await shop.place(lines);
    expect(order).toMatchObject({
      exactTotal: money(exactTotal, currency),
      total: money(total, currency),
      lines: lines.map(() => ({ unitPrice: { currency }, total: { currency } })),
    });
    await shop.reaches(order.id, 'PAID');
    const [charge, ...more] = chargesOf(order.id);
    expect(more).toEqual([]);
    expect(charge).toMatchObject({ status: 'succeeded', amount: { currency } });
    expect(Number(charge?.amount.amount)).toBe(Number(total));
  });

  it('keeps repeated products as lines of their own, and reserves their sum', async () => {
    const product = await shop.product('1.00', 5);
    const order = await shop.place([
      [product, 2],
      [product, 3],
    ]);
    expect(order.lines.map(({ quantity }: Json) => quantity)).toEqual([2, 3]);
    await shop.reaches(order.id, 'PAID');
    await shop.stockReaches(product.sku, { sold: 5, onHand: 0 });
    const more = await shop.product('1.00', 4);
    const short = await shop.expect(
      409,
      'POST /api/v1/orders',
      shop.wish([
        [more, 2],
        [more, 3],
      ]),
    );
    expect(short.errors).toMatchObject([{ productId: more.id, requested: 5, available: 4 }]);
  });

  it('has one currency', async () => {
    const [pounds, euros] = [await shop.product('1.00', 5), await shop.product('1.00', 5, { currency: 'EUR' })];
    const refused = await shop.expect(
      422,
      'POST /api/v1/orders',
      shop.wish([
        [pounds, 1],
        [euros, 1],
      ]),
    );
    expect(refused.code).toBe('mixed-currencies');
    expect(await shop.stockOf(pounds.sku)).toMatchObject({ reserved: 0, available: 5 });
  });

  it('is never the caller’s to say', async () => {
    const product = await shop.product('9.99', 5);
    const { body } = shop.wish([[product, 1]]) as { body: Json };
    const cheap = money('0.01');
    const attempts = [
      [{ ...body, total: cheap }, '/total'],
      [{ ...body, lines: [{ ...body.lines[0], unitPrice: cheap }] }, '/lines/0/unitPrice'],
      [{ ...body, lines: [{ ...body.lines[0], price: cheap }] }, '/lines/0/price'],
      [{ ...body, currency: 'EUR' }, '/currency'],
      [{ ...body, status: 'PAID' }, '/status'],
      [{ ...body, customerId: shop.staff.id }, '/customerId'],
      [{ ...body, payment: { ...body.payment, amount: cheap } }, '/payment/amount'],
    ] as const;
    for (const [sent, pointer] of attempts) {
      const refused = await shop.expect(422, 'POST /api/v1/orders', { body: sent });
      expect(refused.errors).toMatchObject([{ pointer, code: 'unknown-field' }]);
    }
    expect(await shop.stockOf(product.sku)).toMatchObject({ reserved: 0, available: 5 });
  });

  it('is today’s price, and stays what it was when the price changes', async () => {
    const product = await shop.product('9.99', 5);
    const before = await shop.place([[product, 1]]);
    const { token } = shop.staff;
    await shop.expect(200, `PATCH /api/v1/products/${product.id}`, { token, body: { price: money('5.00') } });
    expect((await shop.place([[product, 1]])).total).toEqual(money('5.00'));
    expect((await shop.orderOf(before.id)).total).toEqual(money('9.99'));
  });

  it('has a limit far beyond anything real', async () => {
    const product = await shop.product('900000000000', 1_000_000);
    const refused = await shop.expect(422, 'POST /api/v1/orders', shop.wish([[product, 1_000_000]]));
    expect(refused.code).toBe('total-too-large');
    expect(await shop.stockOf(product.sku)).toMatchObject({ reserved: 0 });
  });
});

describe('an order that costs nothing', () => {
  it.each(['0.00', '0.0049'])('at %s is paid without a charge, and given back without one', async (price) => {
    const product = await shop.product(price, 5);
    const order = await shop.place([[product, 1]], { pay: 'tok_declined' });
    expect(order).toMatchObject({ status: 'AWAITING_PAYMENT', total: money('0.00') });
    await shop.reaches(order.id, 'PAID');
    await shop.stockReaches(product.sku, { sold: 1, onHand: 4 });
    await shop.expect(200, `POST /api/v1/orders/${order.id}/refund`, { token: shop.staff.token });
    expect((await shop.reaches(order.id, 'REFUNDED')).refunded).toEqual(money('0.00'));
    await shop.stockReaches(product.sku, { sold: 1, returned: 1, onHand: 5 });
    expect(chargesOf(order.id)).toEqual([]);
  });
});

describe('a refund', () => {
  const refund = (id: string, body?: object) =>
    shop.call(`POST /api/v1/orders/${id}/refund`, { token: shop.staff.token, ...(body === undefined ? {} : { body }) });
  const refundedIs = (id: string, amount: string) =>
    until(`${amount} are refunded of ${id}`, async () => {
      const order = await shop.orderOf(id);
      return order.refunded.amount === amount ? order : undefined;
    });

  it('gives back the total less the rounded exact total of what remains, piece by piece', async () => {
    const product = await shop.product('0.333', 3);
    const order = await shop.place([[product, 3]]);
    expect(order).toMatchObject({ exactTotal: money('0.999'), total: money('1.00') });
    await shop.reaches(order.id, 'PAID');
    // What remains is worth 0.666, rounded 0.67; then 0.333, rounded 0.33; then nothing.
    for (const [refunded, status] of [
      ['0.33', 'PAID'],
      ['0.67', 'PAID'],
      ['1.00', 'REFUNDED'],
    ] as const) {
      const lines = [{ productId: product.id, quantity: 1 }];
      expect((await refund(order.id, { lines })).status).toBe(200);
      expect((await refundedIs(order.id, refunded)).status).toBe(status);
    }
    const [charge] = chargesOf(order.id);
    const given = shop.ledger().refunds.filter(({ paymentId }) => paymentId === charge?.paymentId);
    expect(given.map(({ amount }) => amount.amount)).toEqual(['0.33', '0.34', '0.33']);
    await shop.stockReaches(product.sku, { received: 3, sold: 3, returned: 3, onHand: 3, available: 3 });
    expect(await refund(order.id)).toMatchObject({ status: 409 });
  });

  it('takes pieces back into stock, unless told that they are not fit for it', async () => {
    const [bag, cup] = [await shop.product('5.00', 10), await shop.product('3.00', 10)];
    const order = await shop.place([
      [bag, 4],
      [cup, 2],
    ]);
    await shop.reaches(order.id, 'PAID');
    await refund(order.id, { lines: [{ productId: bag.id, quantity: 1 }], restock: false });
    await refundedIs(order.id, '5.00');
    await refund(order.id, { lines: [{ productId: bag.id, quantity: 2 }], restock: true });
    await refundedIs(order.id, '15.00');
    await shop.stockReaches(bag.sku, { onHand: 8, sold: 4, returned: 2 });
    expect((await refund(order.id, { restock: false })).status).toBe(200);
    const done = await shop.reaches(order.id, 'REFUNDED');
    expect(done).toMatchObject({ refunded: money('26.00'), total: money('26.00') });
    expect(await shop.stockOf(bag.sku)).toMatchObject({ onHand: 8, sold: 4, returned: 2 });
    expect(await shop.stockOf(cup.sku)).toMatchObject({ onHand: 8, sold: 2, returned: 0 });
  });

  it('of more pieces than are left is refused with what is left, and changes nothing', async () => {
    const product = await shop.product('5.00', 10);
    const order = await shop.place([
      [product, 2],
      [product, 2],
    ]);
    await shop.reaches(order.id, 'PAID');
    const lines = [{ productId: product.id, quantity: 5 }];
    expect(await refund(order.id, { lines })).toMatchObject({
      status: 409,
      body: {
        code: 'too-many-pieces',
        errors: [{ pointer: '/lines/0/quantity', productId: product.id, requested: 5, available: 4 }],
      },
    });
    const stranger = await shop.product();
    expect(await refund(order.id, { lines: [{ productId: stranger.id, quantity: 1 }] })).toMatchObject({
      status: 422,
      body: { errors: [{ pointer: '/lines/0/productId' }] },
    });
    expect(await shop.orderOf(order.id)).toMatchObject({ status: 'PAID', refunded: money('0.00') });
    await refund(order.id, { lines: [{ productId: product.id, quantity: 3 }] });
    await refundedIs(order.id, '15.00');
  });

  it('of a shipped or delivered order leaves its status, until nothing of it remains', async () => {
    const product = await shop.product('5.00', 10);
    const order = await shop.place([[product, 2]]);
    await shop.reaches(order.id, 'PAID');
    const { token } = shop.staff;
    await shop.expect(200, `POST /api/v1/orders/${order.id}/ship`, { token });
    await refund(order.id, { lines: [{ productId: product.id, quantity: 1 }] });
    expect((await refundedIs(order.id, '5.00')).status).toBe('SHIPPED');
    await shop.expect(200, `POST /api/v1/orders/${order.id}/deliver`, { token });
    await refund(order.id);
    await shop.reaches(order.id, 'REFUNDED');
  });

  it('asked for ten times at once under one key is made once; of all pieces by several askers, too', async () => {
    const product = await shop.product('5.00', 10);
    const order = await shop.place([[product, 4]]);
    await shop.reaches(order.id, 'PAID');
    const call = { token: shop.staff.token, key: 'one', body: { lines: [{ productId: product.id, quantity: 1 }] } };
    const target = `POST /api/v1/orders/${order.id}/refund`;
    const same = await Promise.all(Array.from({ length: 10 }, () => shop.call(target, call)));
    expect(new Set(same.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
    expect(same[0]?.status).toBe(200);
    await refundedIs(order.id, '5.00');
    const all = await Promise.all(Array.from({ length: 8 }, () => refund(order.id)));
    expect(tally(all)).toEqual({ 200: 1, 409: 7 });
    expect((await shop.reaches(order.id, 'REFUNDED')).refunded).toEqual(money('20.00'));
    await shop.stockReaches(product.sku, { sold: 4, returned: 4, onHand: 10 });
  });

  it('while the provider stands still is shown only once it has confirmed', async () => {
    const product = await shop.product('5.00', 10);
    const order = await shop.place([[product, 1]]);
    await shop.reaches(order.id, 'PAID');
    const resume = shop.pauseProvider();
    try {
      expect(await refund(order.id)).toMatchObject({ status: 200, body: { status: 'PAID', refunded: money('0.00') } });
      await shop.expect(409, `POST /api/v1/orders/${order.id}/ship`, { token: shop.staff.token });
    } finally {
      resume();
    }
    expect((await shop.reaches(order.id, 'REFUNDED')).refunded).toEqual(money('5.00'));
  });
});

describe('wishes that contradict each other', () => {
  it('to cancel and to ship: one of them is granted', async () => {
    const product = await shop.product('3.00', 100);
    const { token } = shop.staff;
    for (let i = 0; i < 8; i++) {
      const order = await shop.place([[product, 1]]);
      await shop.reaches(order.id, 'PAID');
      const wish = (name: string) => shop.call(`POST /api/v1/orders/${order.id}/${name}`, { token });
      const [cancel, ship] = await Promise.all(
        i % 2 === 0 ? [wish('cancel'), wish('ship')] : [wish('ship'), wish('cancel')].toReversed(),
      );
      expect(tally([cancel as Answer, ship as Answer])).toEqual({ 200: 1, 409: 1 });
      await shop.reaches(order.id, cancel?.status === 200 ? 'REFUNDED' : 'SHIPPED');
    }
  });

  it('to pay and to cancel: whichever comes first, no money is kept and no piece is lost', async () => {
    const product = await shop.product('3.00', 100);
    const orders = await Promise.all(
      Array.from({ length: 24 }, async (_, i) => {
        const order = await shop.place([[product, 1]], { pay: i % 4 === 0 ? 'tok_declined' : 'tok_ok' });
        // Some are cancelled at once, some a few requests later.
        for (let n = 0; n < i % 6; n++) await shop.orderOf(order.id);
        return {
          id: order.id,
          ...(await shop.call(`POST /api/v1/orders/${order.id}/cancel`, { token: order.accessToken })),
        };
      }),
    );
    for (const { id, status } of orders) {
      const ended = await until('it has ended', async () => {
        const order = await shop.orderOf(id);
        return ['CANCELLED', 'REFUNDED', 'PAYMENT_FAILED'].includes(order.status) && order.status;
      });
      expect([status, ended]).toEqual(ended === 'PAYMENT_FAILED' ? [409, ended] : [200, ended]);
      await until('no money is kept', () => {
        const { charges, refunds } = shop.ledger();
        const captured = charges.filter((charge) => charge.orderId === id && charge.status === 'succeeded');
        return captured.every(
          ({ paymentId }) => refunds.filter((refund) => refund.paymentId === paymentId).length === 1,
        );
      });
    }
    await shop.stockReaches(product.sku, { onHand: 100, reserved: 0, available: 100 });
  });
});

describe('at the end', () => {
  it('shop and provider agree: one capture per order, and per currency the same money', async () => {
    const { text } = await shop.call('GET /api/v1/orders/export?format=jsonl', { token: shop.staff.token });
    const orders: Json[] = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    const { charges, refunds } = shop.ledger();
    const captured = charges.filter(({ status }) => status === 'succeeded');
    expect(new Set(captured.map(({ orderId }) => orderId)).size).toBe(captured.length);
    for (const { orderId, amount } of captured) {
      const { total } = orders.find(({ id }) => id === orderId);
      expect([Number(amount.amount), amount.currency]).toEqual([Number(total.amount), total.currency]);
    }
    const pounds = captured.filter(({ amount }) => amount.currency === 'GBP');
    const back = refunds.filter(({ amount }) => amount.currency === 'GBP');
    const atProvider = sum(pounds.map(({ amount }) => amount.amount)) - sum(back.map(({ amount }) => amount.amount));
    const paid = orders.filter(
      ({ status, total }) => ['PAID', 'SHIPPED', 'DELIVERED'].includes(status) && total.currency === 'GBP',
    );
    expect(atProvider).toBe(
      sum(paid.map(({ total }) => total.amount)) - sum(paid.map(({ refunded }) => refunded.amount)),
    );
    expect(captured.length).toBeGreaterThan(15);
  });
});

function sum(amounts: readonly string[]): number {
  return amounts.reduce((total, amount) => total + pence(amount), 0);
}
