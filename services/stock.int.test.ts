// Stock over HTTP: every piece is somewhere, none is promised twice, and whoever comes too late is told what there is.

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Json, startTestShop, tally, type TestShop, until } from '../infra/local/shop.fixture.ts';

let shop: TestShop;
beforeAll(async () => {
  shop = await startTestShop();
});
afterAll(() => shop?.stop());

describe('a SKU', () => {
  it('has exactly the balances of the contract, and keeps them through its life', async () => {
    const { token } = shop.staff;
    const product = await shop.product('1.00', 10);
    const is = async (balances: object) =>
      expect(await shop.stockOf(product.sku)).toStrictEqual({ sku: product.sku, ...balances });
    await is({ received: 10, onHand: 10, reserved: 0, available: 10, sold: 0, returned: 0, writtenOff: 0 });
    const received = await shop.expect(200, `POST /api/v1/stock/${product.sku}/receive`, {
      token,
      body: { quantity: 5 },
    });
    expect(received).toStrictEqual({
      sku: product.sku,
      received: 15,
      onHand: 15,
      reserved: 0,
      available: 15,
      sold: 0,
      returned: 0,
      writtenOff: 0,
    });
    const writtenOff = await shop.expect(200, `POST /api/v1/stock/${product.sku}/write-off`, {
      token,
      body: { quantity: 2, reason: 'broken' },
    });
    expect(writtenOff).toMatchObject({ received: 15, onHand: 13, writtenOff: 2, available: 13 });
    const resume = shop.pauseProvider();
    const order = await shop.place([[product, 4]]);
    await is({ received: 15, onHand: 13, reserved: 4, available: 9, sold: 0, returned: 0, writtenOff: 2 });
    const seen = await shop.call(`GET /api/v1/stock/${product.sku}`, { token });
    const headers = { 'If-None-Match': seen.headers.get('etag') ?? '' };
    expect((await shop.call(`GET /api/v1/stock/${product.sku}`, { token, headers })).status).toBe(304);
    // Reserved pieces are promised: they cannot be written off.
    const refused = await shop.call(`POST /api/v1/stock/${product.sku}/write-off`, {
      token,
      body: { quantity: 10, reason: 'x' },
    });
    expect(refused).toMatchObject({ status: 409, body: { code: 'insufficient-stock' } });
    resume();
    await shop.reaches(order.id, 'PAID');
    await shop.stockReaches(product.sku, {
      received: 15,
      onHand: 9,
      reserved: 0,
      available: 9,
      sold: 4,
      returned: 0,
      writtenOff: 2,
    });
    // Pieces are sold a moment after the order is paid: stock is told by the order.
    expect((await shop.call(`GET /api/v1/stock/${product.sku}`, { token, headers })).status).toBe(200);
  });

  it('with blanks, an @ and a slash is percent-encoded in paths; upper and lower case are two', async () => {
    const { token } = shop.staff;
    const price = { amount: '1.00', currency: 'GBP' };
    const create = (sku: string, stock: number) =>
      shop.call('POST /api/v1/products', { token, body: { sku, name: 'Odd', price, stock } });
    expect((await create('85123A @ 2.55/x%', 3)).status).toBe(201);
    expect((await create('85123a @ 2.55/x%', 4)).status).toBe(201);
    expect(await create('85123A @ 2.55/x%', 5)).toMatchObject({ status: 409, body: { code: 'sku-exists' } });
    expect(await shop.stockOf('85123A @ 2.55/x%')).toMatchObject({ sku: '85123A @ 2.55/x%', onHand: 3 });
    expect(await shop.stockOf('85123a @ 2.55/x%')).toMatchObject({ onHand: 4 });
    const path = `/api/v1/stock/${encodeURIComponent('85123A @ 2.55/x%')}`;
    expect(await shop.expect(200, `POST ${path}/receive`, { token, body: { quantity: 1 } })).toMatchObject({
      onHand: 4,
    });
    const found = `GET /api/v1/products?sku=${encodeURIComponent('85123A @ 2.55/x%')}`;
    expect((await shop.expect(200, found)).items).toMatchObject([{ sku: '85123A @ 2.55/x%' }]);
  });

  it('is staff’s to see and to change, and unknown if there is none', async () => {
    const { token } = await shop.account();
    const product = await shop.product();
    const path = `/api/v1/stock/${product.sku}`;
    for (const [target, body] of [
      [`GET ${path}`],
      [`POST ${path}/receive`, { quantity: 1 }],
      [`POST ${path}/write-off`, { quantity: 1, reason: 'x' }],
    ] as const) {
      const sent = body === undefined ? {} : { body };
      await shop.expect(401, target, sent);
      await shop.expect(403, target, { ...sent, token });
      await shop.expect(404, target.replace(product.sku, 'no-such-sku'), { ...sent, token: shop.staff.token });
    }
  });

  it('shows what is available with the product, at most a quarter of a second old', async () => {
    const product = await shop.product('1.00', 10);
    const resume = shop.pauseProvider();
    await shop.place([[product, 4]]);
    resume();
    const { available } = await shop.stockOf(product.sku);
    expect(available).toBe(6);
    const shown = async () => (await shop.expect(200, `GET /api/v1/products/${product.id}`)).available === 6;
    await until('the product shows it', shown, 1_000);
  });
});

describe('an order that stock cannot serve', () => {
  it('is refused with the lines that failed and what there is, takes nothing, and is listed as cancelled', async () => {
    const [many, few, none] = [
      await shop.product('1.00', 100),
      await shop.product('1.00', 3),
      await shop.product('1.00', 0),
    ];
    const customer = await shop.account();
    const answer = await shop.call(
      'POST /api/v1/orders',
      shop.wish(
        [
          [many, 5],
          [few, 4],
          [none, 1],
        ],
        { token: customer.token },
      ),
    );
    expect(answer.status).toBe(409);
    const { code, orderId, errors } = answer.body;
    expect(code).toBe('insufficient-stock');
    expect(errors).toStrictEqual([
      {
        pointer: '/lines/1/quantity',
        code: 'insufficient-stock',
        detail: expect.any(String),
        productId: few.id,
        requested: 4,
        available: 3,
      },
      {
        pointer: '/lines/2/quantity',
        code: 'insufficient-stock',
        detail: expect.any(String),
        productId: none.id,
        requested: 1,
        available: 0,
      },
    ]);
    for (const { sku } of [many, few, none]) expect(await shop.stockOf(sku)).toMatchObject({ reserved: 0, sold: 0 });
    const order = await shop.expect(200, `GET /api/v1/orders/${orderId}`, { token: customer.token });
    expect(order).toMatchObject({ id: orderId, status: 'CANCELLED', refunded: { amount: '0.00' } });
    const { items } = await shop.expect(200, 'GET /api/v1/orders?status=CANCELLED', { token: customer.token });
    expect(items).toStrictEqual([order]);
    const timeline = await shop.expect(200, `GET /api/v1/orders/${orderId}/timeline`, { token: customer.token });
    expect(timeline.items.map(({ type }: Json) => type)).toEqual(['Placed', 'StockRejected']);
    expect((await shop.expect(200, `POST /api/v1/orders/${orderId}/cancel`, { token: customer.token })).status).toBe(
      'CANCELLED',
    );
  });

  it('of 74,215 pieces is refused when they are not there, and taken when they are', async () => {
    const product = await shop.product('1.04', 74_214);
    const refused = await shop.expect(409, 'POST /api/v1/orders', shop.wish([[product, 74_215]]));
    expect(refused.errors).toMatchObject([{ requested: 74_215, available: 74_214 }]);
    await shop.expect(200, `POST /api/v1/stock/${product.sku}/receive`, {
      token: shop.staff.token,
      body: { quantity: 1 },
    });
    const order = await shop.place([[product, 74_215]]);
    expect(order.total.amount).toBe('77183.60');
    await shop.reaches(order.id, 'PAID');
    await shop.stockReaches(product.sku, { onHand: 0, sold: 74_215 });
  });
});

describe('the last pieces', () => {
  it('wanted by 64 buyers go to exactly as many as there are', async () => {
    const product = await shop.product('1.00', 50);
    const answers = await Promise.all(
      Array.from({ length: 64 }, () => shop.call('POST /api/v1/orders', shop.wish([[product, 1]]))),
    );
    const placed = answers.filter(({ status }) => status === 201);
    const refused = answers.filter(({ status }) => status === 409);
    expect(tally(answers)).toEqual({ 201: 50, 409: 14 });
    for (const { body } of refused)
      expect(body.errors).toMatchObject([{ productId: product.id, requested: 1, available: 0 }]);
    for (const { body } of placed) await shop.reaches(body.id, 'PAID');
    await shop.stockReaches(product.sku, { received: 50, onHand: 0, reserved: 0, available: 0, sold: 50 });
  });

  it('wanted in different numbers by baskets that overlap are never promised twice', async () => {
    const products = await Promise.all(Array.from({ length: 4 }, () => shop.product('1.00', 40)));
    const baskets = Array.from({ length: 120 }, (_, i) => {
      const [first, second] = [products[i % 4], products[(i * 7 + 1) % 4]];
      return [
        [first as { id: string }, (i % 3) + 1],
        [second as { id: string }, ((i * 5) % 2) + 1],
      ] as const;
    });
    const answers = await Promise.all(baskets.map((basket) => shop.call('POST /api/v1/orders', shop.wish(basket))));
    const wanted = new Map<string, number>();
    for (const { status, body } of answers) {
      if (status !== 201) {
        expect(status).toBe(409);
        continue;
      }
      for (const { productId, quantity } of body.lines) wanted.set(productId, (wanted.get(productId) ?? 0) + quantity);
      await shop.reaches(body.id, 'PAID');
    }
    for (const { id, sku } of products) {
      const sold = wanted.get(id) ?? 0;
      expect(sold).toBeLessThanOrEqual(40);
      await shop.stockReaches(sku, { sold, onHand: 40 - sold, reserved: 0 });
    }
    expect(answers.some(({ status }) => status === 409)).toBe(true);
  });

  it('of a declined order can be bought by the next one', async () => {
    const product = await shop.product('1.00', 1);
    const declined = await shop.place([[product, 1]], { pay: 'tok_declined' });
    await shop.reaches(declined.id, 'PAYMENT_FAILED');
    await shop.stockReaches(product.sku, { available: 1 });
    await shop.reaches((await shop.place([[product, 1]])).id, 'PAID');
    await shop.stockReaches(product.sku, { sold: 1, onHand: 0 });
  });
});
