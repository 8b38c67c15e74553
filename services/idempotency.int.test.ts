// The same request sent again: the same answer, whatever happened meanwhile, and never a second effect. The same key from
// somebody else, or with something else to say, is another matter.

import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Answer, type Json, startTestShop, type TestShop, until } from '../infra/local/shop.fixture.ts';

let shop: TestShop;
beforeAll(async () => {
  shop = await startTestShop();
});
afterAll(() => shop?.stop());

const ordersWith = async (reference: string): Promise<Json[]> =>
  (await shop.expect(200, `GET /api/v1/orders?reference=${reference}`, { token: shop.staff.token })).items;
const said = ({ status, text }: Answer) => ({ status, text });

describe('a repeated order', () => {
  it('gets the same status and body: at once, when it is paid, and when it has ended', async () => {
    const product = await shop.product('2.00', 10);
    const reference = randomUUID();
    const wish = shop.wish([[product, 2]], { key: randomUUID(), more: { reference } });
    const place = () => shop.call('POST /api/v1/orders', wish);
    const first = await place();
    expect(first.status).toBe(201);
    expect(said(await place())).toEqual(said(first));
    await shop.reaches(first.body.id, 'PAID');
    expect(said(await place())).toEqual(said(first));
    await shop.expect(200, `POST /api/v1/orders/${first.body.id}/cancel`, { token: first.body.accessToken });
    await shop.reaches(first.body.id, 'REFUNDED');
    const last = await place();
    expect(said(last)).toEqual(said(first));
    expect(last.headers.get('location')).toBe(first.headers.get('location'));
    expect(await ordersWith(reference)).toHaveLength(1);
    await shop.stockReaches(product.sku, { sold: 2, returned: 2, onHand: 10, reserved: 0 });
  });

  it('gets the same refusal, though stock has come meanwhile; another key gets the order', async () => {
    const product = await shop.product('2.00', 1);
    const wish = shop.wish([[product, 2]], { key: randomUUID() });
    const first = await shop.call('POST /api/v1/orders', wish);
    expect(first).toMatchObject({ status: 409, body: { code: 'insufficient-stock' } });
    await shop.expect(200, `POST /api/v1/stock/${product.sku}/receive`, {
      token: shop.staff.token,
      body: { quantity: 9 },
    });
    const again = await shop.call('POST /api/v1/orders', wish);
    expect(said(again)).toEqual(said(first));
    await shop.place([[product, 2]], { key: randomUUID() });
  });

  it('sent many times at once is one order, and all get the same answer', async () => {
    const product = await shop.product('2.00', 100);
    const reference = randomUUID();
    const wish = shop.wish([[product, 1]], { key: randomUUID(), more: { reference } });
    const answers = await Promise.all(Array.from({ length: 40 }, () => shop.call('POST /api/v1/orders', wish)));
    expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
    expect(answers[0]?.status).toBe(201);
    expect(await ordersWith(reference)).toHaveLength(1);
    await shop.stockReaches(product.sku, { sold: 1, reserved: 0, onHand: 99 });
  });

  it('in another layout is the same; with another body it is refused, and nothing comes of it', async () => {
    const product = await shop.product('2.00', 100);
    const key = randomUUID();
    const { body } = shop.wish([[product, 1]]) as { body: Json };
    const first = await shop.call('POST /api/v1/orders', { key, body });
    const turned = JSON.stringify(Object.fromEntries(Object.entries(body).toReversed()), undefined, 3);
    const again = await shop.call('POST /api/v1/orders', {
      key,
      raw: { type: 'application/json; charset=utf-8', content: turned },
    });
    expect(said(again)).toEqual(said(first));
    const others = [
      { ...body, reference: 'x' },
      { ...body, email: 'other@people.example' },
      { ...body, lines: [{ productId: product.id, quantity: 2 }] },
    ];
    for (const other of others) {
      const refused = await shop.call('POST /api/v1/orders', { key, body: other });
      expect(refused).toMatchObject({ status: 422, body: { code: 'idempotency-key-reused' } });
      expect(refused.text).not.toContain(first.body.accessToken);
    }
    await shop.reaches(first.body.id, 'PAID');
    expect(await shop.stockOf(product.sku)).toMatchObject({ sold: 1, reserved: 0 });
  });

  it('that was invalid, or not allowed, is not kept: mended, it may use the key again', async () => {
    const product = await shop.product('2.00', 100);
    const key = randomUUID();
    const { body } = shop.wish([[product, 1]]) as { body: Json };
    const post = (sent: unknown, token?: string) =>
      shop.call('POST /api/v1/orders', { key, body: sent, ...(token === undefined ? {} : { token }) });
    expect((await post({ ...body, email: 'x' })).status).toBe(422);
    expect((await post({ ...body, lines: [{ productId: 'unknown', quantity: 1 }] })).status).toBe(422);
    expect((await post(body, 'bad')).status).toBe(401);
    expect((await shop.call('POST /api/v1/orders', { key, raw: { type: 'text/plain', content: '{}' } })).status).toBe(
      415,
    );
    expect(
      (await shop.call('POST /api/v1/orders', { key, raw: { type: 'application/json', content: '{' } })).status,
    ).toBe(400);
    expect((await post(body)).status).toBe(201);
  });

  it('is looked up before it is validated: it is answered though its product is gone', async () => {
    const product = await shop.product('2.00', 10);
    const wish = shop.wish([[product, 1]], { key: randomUUID() });
    const first = await shop.call('POST /api/v1/orders', wish);
    await shop.expect(204, `DELETE /api/v1/products/${product.id}`, { token: shop.staff.token });
    expect(said(await shop.call('POST /api/v1/orders', wish))).toEqual(said(first));
    expect((await shop.call('POST /api/v1/orders', { ...wish, key: randomUUID() })).status).toBe(422);
  });

  it('from a cart is the same order, though the cart is empty by then', async () => {
    const product = await shop.product('2.00', 10);
    const { id: cartId, token: cartToken } = await shop.expect(201, 'POST /api/v1/carts');
    await shop.expect(200, `PUT /api/v1/carts/${cartId}/lines/${product.id}`, { cartToken, body: { quantity: 3 } });
    const { body } = shop.wish([]) as { body: Json };
    const { lines: _, ...rest } = body;
    const call = { key: randomUUID(), cartToken, body: { ...rest, cartId } };
    const first = await shop.call('POST /api/v1/orders', call);
    expect(first.status).toBe(201);
    await until('the cart is empty', async () => {
      const cart = await shop.expect(200, `GET /api/v1/carts/${cartId}`, { cartToken });
      return cart.lines.length === 0;
    });
    expect(said(await shop.call('POST /api/v1/orders', call))).toEqual(said(first));
    expect((await shop.call('POST /api/v1/orders', { ...call, key: randomUUID() })).body.code).toBe('empty-cart');
  });
});

describe('one key of two callers', () => {
  it('leads to two orders, and shows neither the other’s', async () => {
    const product = await shop.product('2.00', 10);
    const [ada, eve] = [await shop.account(), await shop.account()];
    const key = randomUUID();
    const email = 'same@people.example';
    const orders: Json[] = [];
    for (const token of [ada.token, eve.token, shop.staff.token])
      orders.push(await shop.place([[product, 1]], { key, email, token }));
    const carts = [await shop.expect(201, 'POST /api/v1/carts'), await shop.expect(201, 'POST /api/v1/carts')];
    for (const { token: cartToken } of carts) {
      orders.push(
        await shop.expect(201, 'POST /api/v1/orders', { ...shop.wish([[product, 1]], { key, email }), cartToken }),
      );
    }
    orders.push(await shop.place([[product, 1]], { key, email }));
    expect(new Set(orders.map(({ id }) => id)).size).toBe(6);
    await shop.stockReaches(product.sku, { sold: 6 });
    // Of guests without anything to know them by, only who says the very same is shown anything.
    const other = await shop.call(
      'POST /api/v1/orders',
      shop.wish([[product, 1]], { key, email: 'other@people.example' }),
    );
    expect(other).toMatchObject({ status: 422, body: { code: 'idempotency-key-reused' } });
  });
});

describe('one key on two routes', () => {
  it('means two different things', async () => {
    const product = await shop.product('2.00', 10);
    const { token } = shop.staff;
    const key = randomUUID();
    const order = await shop.place([[product, 1]], { key, token });
    await shop.reaches(order.id, 'PAID');
    await shop.expect(200, `POST /api/v1/stock/${product.sku}/receive`, { token, key, body: { quantity: 1 } });
    expect(await shop.expect(200, `POST /api/v1/orders/${order.id}/ship`, { token, key })).toMatchObject({
      status: 'SHIPPED',
    });
    expect(await shop.expect(200, `POST /api/v1/orders/${order.id}/deliver`, { token, key })).toMatchObject({
      status: 'DELIVERED',
    });
  });
});

describe('other repeated calls', () => {
  /** Calls twice, with something in between; the answers are equal. */
  async function twice(target: string, call: object, meanwhile: () => Promise<unknown>): Promise<Answer> {
    const keyed = { ...call, key: randomUUID() };
    const first = await shop.call(target, keyed);
    await meanwhile();
    expect(said(await shop.call(target, keyed))).toEqual(said(first));
    const other = await shop.call(target, {
      ...keyed,
      body: { quantity: 77, reason: 'other', lines: [], email: 'other' },
    });
    expect([target, other.status, other.body.code]).toEqual([target, 422, 'idempotency-key-reused']);
    return first;
  }

  it('of staff have one effect and one answer each', async () => {
    const product = await shop.product('2.00', 10);
    const { token } = shop.staff;
    const nothing = async () => undefined;
    const receive = await twice(`POST /api/v1/stock/${product.sku}/receive`, { token, body: { quantity: 5 } }, () =>
      shop.expect(200, `POST /api/v1/stock/${product.sku}/write-off`, {
        token,
        body: { quantity: 1, reason: 'broken' },
      }),
    );
    expect(receive.body).toMatchObject({ received: 15, onHand: 15 });
    await twice(
      `POST /api/v1/stock/${product.sku}/write-off`,
      { token, body: { quantity: 2, reason: 'lost' } },
      nothing,
    );
    expect(await shop.stockOf(product.sku)).toMatchObject({ received: 15, writtenOff: 3, onHand: 12 });

    const order = await shop.place([[product, 3]]);
    await shop.reaches(order.id, 'PAID');
    const refund = { token, body: { lines: [{ productId: product.id, quantity: 1 }] } };
    await twice(`POST /api/v1/orders/${order.id}/refund`, refund, () =>
      until('it is refunded', async () => (await shop.orderOf(order.id)).refunded.amount === '2.00'),
    );
    await twice(`POST /api/v1/orders/${order.id}/cancel`, { token: order.accessToken }, () =>
      shop.reaches(order.id, 'REFUNDED'),
    );
    await shop.stockReaches(product.sku, { sold: 3, returned: 3, onHand: 12 });

    const sku = `sku-${randomUUID()}`;
    const made = await twice(
      'POST /api/v1/products',
      { token, body: { sku, name: 'Cup', price: { amount: '1', currency: 'GBP' }, stock: 7 } },
      () => shop.expect(200, `POST /api/v1/stock/${sku}/write-off`, { token, body: { quantity: 7, reason: 'flood' } }),
    );
    expect(made).toMatchObject({ status: 201, body: { sku, available: 7 } });
    expect(await shop.stockOf(sku)).toMatchObject({ received: 7, onHand: 0 });
  });

  it('of a guest cart make one cart', async () => {
    const key = randomUUID();
    const carts = await Promise.all(Array.from({ length: 5 }, () => shop.call('POST /api/v1/carts', { key })));
    expect(new Set(carts.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
  });

  it('of registering and refreshing have one effect, and give tokens that work', async () => {
    const body = { email: `${randomUUID()}@people.example`, password: 'correct horse', name: 'Ada' };
    const key = randomUUID();
    const first = await shop.expect(201, 'POST /api/v1/auth/register', { key, body });
    const again = await shop.expect(201, 'POST /api/v1/auth/register', { key, body });
    expect(again.user).toEqual(first.user);
    await shop.expect(409, 'POST /api/v1/auth/register', { body });
    for (const { accessToken } of [first, again])
      await shop.expect(200, 'GET /api/v1/customers/me', { token: accessToken });
    const refresh = { key: randomUUID(), body: { refreshToken: first.refreshToken } };
    const renewed = await shop.expect(200, 'POST /api/v1/auth/refresh', refresh);
    const repeated = await shop.expect(200, 'POST /api/v1/auth/refresh', refresh);
    for (const { accessToken, refreshToken } of [renewed, repeated]) {
      await shop.expect(200, 'GET /api/v1/customers/me', { token: accessToken });
      expect(refreshToken).toBe(renewed.refreshToken);
    }
  });

  it('of activity count nothing twice', async () => {
    const event = { user_id: 'u', product_id: randomUUID(), event_type: 'view', timestamp: new Date().toISOString() };
    const key = randomUUID();
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => shop.call('POST /api/v1/events', { key, body: [event] })),
    );
    for (const answer of answers) expect(answer).toMatchObject({ status: 202, body: { accepted: 1, rejected: [] } });
    const body = { until: new Date(Date.now() + 120_000).toISOString() };
    await shop.expect(204, 'POST /api/v1/events/flush', { token: shop.staff.token, body });
    const { items } = await windowsOf(event.product_id);
    expect(items).toMatchObject([{ uniqueUserCount: 1, eventCount: 1 }]);
  });

  const windowsOf = (id: string): Promise<Json> =>
    until('the window is closed', async () => {
      const windows = await shop.expect(200, `GET /api/v1/analytics/products/${id}`);
      return windows.items.length > 0 ? windows : undefined;
    });
});

describe('a key', () => {
  it.each(['', 'with blank', 'ünïcödé', 'x'.repeat(129)])('spelled %j is refused', async (key) => {
    const product = await shop.product('2.00', 10);
    const call = shop.wish([[product, 1]]);
    const { status } = await shop.call('POST /api/v1/orders', { ...call, headers: { 'Idempotency-Key': encode(key) } });
    expect(status).toBe(422);
  });

  it('may be any other 128 characters, and is demanded nowhere', async () => {
    const product = await shop.product('2.00', 10);
    await shop.place([[product, 1]], { key: `!~${'"'.repeat(126)}` });
    await shop.place([[product, 1]]);
  });

  /** Header values are bytes. */
  function encode(text: string): string {
    return Buffer.from(text, 'utf8').toString('latin1');
  }
});
