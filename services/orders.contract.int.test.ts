// Orders over HTTP, by the contract: placed by guests and customers, from lines and from carts, read by those who may,
// carried through their life by staff, listed and exported.

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Answer, type Json, startTestShop, type TestShop, until } from '../infra/local/shop.fixture.ts';
import { openStream } from '../infra/local/sse.fixture.ts';

let shop: TestShop;
beforeAll(async () => {
  shop = await startTestShop();
});
afterAll(() => shop?.stop());

const gbp = (amount: string) => ({ amount, currency: 'GBP' });
const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
const unknownId = '00000000-0000-4000-8000-000000000000';
const address = { name: 'Ada Lovelace', line1: '12 St James Square', city: 'London', postcode: 'SW1Y', country: 'GB' };
const types = ({ items }: Json) => items.map(({ type }: Json) => type);

describe('an order of a guest', () => {
  it('is answered with exactly the fields of the contract, its prices taken from the catalogue', async () => {
    const [bag, card] = [await shop.product('2.55', 10), await shop.product('0.3325', 10)];
    const more = { reference: 'basket-7', shippingAddress: address };
    const answer = await shop.call(
      'POST /api/v1/orders',
      shop.wish(
        [
          [bag, 2],
          [card, 3],
        ],
        { more },
      ),
    );
    expect(answer.status).toBe(201);
    const { id, accessToken } = answer.body;
    expect(answer.headers.get('location')).toBe(`/api/v1/orders/${id}`);
    expect(answer.body).toStrictEqual({
      id: expect.any(String),
      status: 'AWAITING_PAYMENT',
      email: 'guest@people.example',
      reference: 'basket-7',
      lines: [
        { productId: bag.id, sku: bag.sku, name: bag.name, quantity: 2, unitPrice: gbp('2.55'), total: gbp('5.10') },
        {
          productId: card.id,
          sku: card.sku,
          name: card.name,
          quantity: 3,
          unitPrice: gbp('0.3325'),
          total: gbp('0.9975'),
        },
      ],
      total: gbp('6.10'),
      exactTotal: gbp('6.0975'),
      refunded: gbp('0.00'),
      shippingAddress: address,
      createdAt: time,
      updatedAt: time,
      accessToken: expect.any(String),
    });
    const { accessToken: _, ...rest } = answer.body;
    const paid = await shop.reaches(id, 'PAID');
    expect(paid).toStrictEqual({ ...rest, status: 'PAID', updatedAt: time });
    expect(await shop.expect(200, `GET /api/v1/orders/${id}`, { token: accessToken })).toStrictEqual(paid);
  });

  it('is read, followed and cancelled with its own token only, and never by one in the URL', async () => {
    const product = await shop.product();
    const [mine, other] = [await shop.place([[product, 1]]), await shop.place([[product, 1]])];
    const customer = await shop.account();
    for (const call of ['GET', 'GET /timeline', 'GET /stream', 'POST /cancel']) {
      const [method, path = ''] = call.split(' ');
      const target = `${method} /api/v1/orders/${mine.id}${path}`;
      await shop.expect(401, target);
      await shop.expect(404, target, { token: other.accessToken });
      await shop.expect(404, target, { token: customer.token });
      await shop.expect(401, target, { token: `${mine.accessToken}x` });
      const inUrl = await shop.call(`${target}?accessToken=${encodeURIComponent(mine.accessToken)}`);
      expect(inUrl.status).toBe(401);
    }
    await shop.expect(401, `GET /api/v1/orders/${unknownId}`);
    await shop.expect(404, `GET /api/v1/orders/${unknownId}`, { token: customer.token });
    expect((await shop.expect(200, `GET /api/v1/orders/${mine.id}`, { token: mine.accessToken })).id).toBe(mine.id);
    // The token opens one order: it is no login.
    await shop.expect(403, 'GET /api/v1/orders', { token: mine.accessToken });
  });

  it('needs an e-mail address, which an order of a customer does not', async () => {
    const product = await shop.product();
    const body = { lines: [{ productId: product.id, quantity: 1 }], payment: { method: 'simulated', token: 'tok_ok' } };
    const refused = await shop.expect(422, 'POST /api/v1/orders', { body });
    expect(refused.errors).toMatchObject([{ pointer: '/email' }]);
    const { token, id, email } = await shop.account();
    const placed = await shop.expect(201, 'POST /api/v1/orders', { body, token });
    expect(placed).toMatchObject({ customerId: id, email });
    expect(placed).not.toHaveProperty('accessToken');
    expect((await shop.expect(200, `GET /api/v1/orders/${placed.id}`, { token })).id).toBe(placed.id);
  });
});

describe('an order from a cart', () => {
  it('holds what the guest cart holds, needs its token, and empties it once it is paid', async () => {
    const [bag, card] = [await shop.product('1.10', 20), await shop.product('0.05', 20)];
    const cart = await shop.expect(201, 'POST /api/v1/carts');
    expect(cart).toStrictEqual({ id: expect.any(String), token: expect.any(String), lines: [], total: gbp('0.00') });
    const { id: cartId, token: cartToken } = cart;
    await shop.expect(200, `PUT /api/v1/carts/${cartId}/lines/${bag.id}`, { cartToken, body: { quantity: 4 } });
    const filled = await shop.expect(200, `PUT /api/v1/carts/${cartId}/lines/${card.id}`, {
      cartToken,
      body: { quantity: 1 },
    });
    const lines = [
      { productId: bag.id, sku: bag.sku, name: bag.name, quantity: 4, unitPrice: gbp('1.10'), total: gbp('4.40') },
      { productId: card.id, sku: card.sku, name: card.name, quantity: 1, unitPrice: gbp('0.05'), total: gbp('0.05') },
    ];
    expect(filled).toStrictEqual({ id: cartId, lines, total: gbp('4.45') });

    const body = { cartId, email: 'guest@people.example', payment: { method: 'simulated', token: 'tok_ok' } };
    await shop.expect(401, 'POST /api/v1/orders', { body });
    const stranger = await shop.expect(201, 'POST /api/v1/carts');
    await shop.expect(404, 'POST /api/v1/orders', { body, cartToken: stranger.token });
    const resume = shop.pauseProvider();
    const order = await shop.expect(201, 'POST /api/v1/orders', { body, cartToken });
    expect(order).toMatchObject({ lines, total: gbp('4.45') });
    // More comes into the cart while the payment is on its way: it stays there.
    await shop.expect(200, `PUT /api/v1/carts/${cartId}/lines/${bag.id}`, { cartToken, body: { quantity: 6 } });
    resume();
    await shop.reaches(order.id, 'PAID');
    const left = await until('what was ordered has left the cart', async () => {
      const now = await shop.expect(200, `GET /api/v1/carts/${cartId}`, { cartToken });
      return now.lines.length === 1 ? now.lines : undefined;
    });
    expect(left).toMatchObject([{ productId: bag.id, quantity: 2 }]);
  });

  it('of a customer takes the own cart, and nobody else’s', async () => {
    const product = await shop.product('3.00', 9);
    const [ada, eve] = [await shop.account(), await shop.account()];
    const cart = await shop.expect(200, `PUT /api/v1/carts/me/lines/${product.id}`, {
      token: ada.token,
      body: { quantity: 2 },
    });
    const body = { cartId: cart.id, payment: { method: 'simulated', token: 'tok_ok' } };
    await shop.expect(404, 'POST /api/v1/orders', { body, token: eve.token });
    const order = await shop.expect(201, 'POST /api/v1/orders', { body, token: ada.token });
    expect(order).toMatchObject({ customerId: ada.id, email: ada.email, total: gbp('6.00') });
    await until('the cart is empty', async () => {
      const now = await shop.expect(200, 'GET /api/v1/carts/me', { token: ada.token });
      return now.lines.length === 0;
    });
  });

  it('is refused if the cart is empty', async () => {
    const cart = await shop.expect(201, 'POST /api/v1/carts');
    const body = { cartId: cart.id, email: 'guest@people.example', payment: { method: 'simulated', token: 'tok_ok' } };
    const refused = await shop.expect(422, 'POST /api/v1/orders', { body, cartToken: cart.token });
    expect(refused.code).toBe('empty-cart');
  });
});

describe('the life of an order', () => {
  it('goes from paid over shipped to delivered, by staff only, each step once and in order', async () => {
    const product = await shop.product('4.00', 5);
    const customer = await shop.account();
    const order = await shop.place([[product, 2]], { token: customer.token });
    const step = (name: string, token = shop.staff.token) =>
      shop.call(`POST /api/v1/orders/${order.id}/${name}`, { token });
    for (const name of ['ship', 'deliver', 'refund']) {
      expect((await step(name, customer.token)).status).toBe(403);
      expect((await shop.call(`POST /api/v1/orders/${order.id}/${name}`)).status).toBe(401);
      expect((await shop.call(`POST /api/v1/orders/${unknownId}/${name}`, { token: shop.staff.token })).status).toBe(
        404,
      );
    }
    await shop.reaches(order.id, 'PAID');
    expect(await step('deliver')).toMatchObject({ status: 409, body: { code: 'wrong-state' } });
    expect(await step('ship')).toMatchObject({ status: 200, body: { id: order.id, status: 'SHIPPED' } });
    expect(await step('ship')).toMatchObject({ status: 200, body: { status: 'SHIPPED' } });
    expect(await step('cancel')).toMatchObject({ status: 409, body: { code: 'wrong-state' } });
    expect(await step('deliver')).toMatchObject({ status: 200, body: { status: 'DELIVERED' } });
    expect(await step('ship')).toMatchObject({ status: 409 });
    expect(await step('cancel', customer.token)).toMatchObject({ status: 409 });

    const timeline = await shop.expect(200, `GET /api/v1/orders/${order.id}/timeline`, { token: customer.token });
    expect(timeline.items).toStrictEqual(
      ['Placed', 'StockReserved', 'Paid', 'Shipped', 'Delivered'].map((type) => ({
        at: time,
        type,
        data: expect.any(Object),
      })),
    );
    expect(timeline.items.map(({ at }: Json) => at)).toStrictEqual(timeline.items.map(({ at }: Json) => at).toSorted());
  });

  it('ends CANCELLED when it is cancelled before it is paid: the pieces are back, nothing is charged', async () => {
    const product = await shop.product('4.00', 5);
    const order = await shop.place([[product, 2]], { pay: 'tok_slow' });
    expect(await shop.stockOf(product.sku)).toMatchObject({ onHand: 5, reserved: 2, available: 3 });
    const cancel = () => shop.expect(200, `POST /api/v1/orders/${order.id}/cancel`, { token: order.accessToken });
    expect((await cancel()).status).toBe('CANCELLED');
    expect((await cancel()).status).toBe('CANCELLED');
    await shop.stockReaches(product.sku, { onHand: 5, reserved: 0, available: 5, sold: 0, returned: 0 });
    await shop.expect(409, `POST /api/v1/orders/${order.id}/ship`, { token: shop.staff.token });
    await shop.expect(409, `POST /api/v1/orders/${order.id}/refund`, { token: shop.staff.token });
  });

  it('ends REFUNDED when it is cancelled after it was paid: the pieces are returned, the money goes back', async () => {
    const product = await shop.product('4.00', 5);
    const order = await shop.place([[product, 2]]);
    await shop.reaches(order.id, 'PAID');
    await shop.stockReaches(product.sku, { onHand: 3, sold: 2, reserved: 0 });
    const cancel = () => shop.expect(200, `POST /api/v1/orders/${order.id}/cancel`, { token: order.accessToken });
    await cancel();
    const refunded = await shop.reaches(order.id, 'REFUNDED');
    expect(refunded.refunded).toEqual(gbp('8.00'));
    expect((await cancel()).status).toBe('REFUNDED');
    await shop.stockReaches(product.sku, { received: 5, onHand: 5, available: 5, sold: 2, returned: 2 });
    const timeline = await shop.expect(200, `GET /api/v1/orders/${order.id}/timeline`, { token: order.accessToken });
    expect(types(timeline)).toEqual(['Placed', 'StockReserved', 'Paid', 'RefundRequested', 'Refunded']);
  });
});

describe('an order that stock keeps waiting', () => {
  it('is answered 202 after two seconds, is there, and goes on; a repeat gets the final answer', async () => {
    const [product, scarce] = [await shop.product('4.00', 5), await shop.product('4.00', 1)];
    const wishes = [
      shop.wish([[product, 1]], { key: 'waits' }),
      shop.wish([[scarce, 2]], { key: 'in-vain' }),
      shop.wish([[product, 1]], { key: 'cancelled' }),
    ];
    const place = () => Promise.all(wishes.map((wish) => shop.call('POST /api/v1/orders', wish)));
    const release = shop.holdStock();
    let first: Answer[];
    try {
      first = await place();
      for (const { status, body, headers } of first) {
        expect(status).toBe(202);
        expect(body).toStrictEqual({
          id: expect.any(String),
          status: 'AWAITING_STOCK',
          accessToken: expect.any(String),
        });
        expect(headers.get('location')).toBe(`/api/v1/orders/${body.id}`);
        const order = await shop.expect(200, `GET /api/v1/orders/${body.id}`, { token: body.accessToken });
        expect(order).toMatchObject({ status: 'AWAITING_STOCK', total: expect.any(Object) });
      }
      const { id, accessToken: token } = first[2]!.body;
      expect(await shop.expect(200, `POST /api/v1/orders/${id}/cancel`, { token })).toMatchObject({
        status: 'CANCELLED',
      });
    } finally {
      release();
    }
    const [taken, short, cancelled] = first.map(({ body }) => body);
    await shop.reaches(taken.id, 'PAID');
    await shop.reaches(short.id, 'CANCELLED');
    const [again, refused, gone] = await place();
    expect(again).toMatchObject({
      status: 201,
      body: { id: taken.id, status: 'AWAITING_PAYMENT', accessToken: taken.accessToken },
    });
    expect(refused).toMatchObject({ status: 409, body: { code: 'insufficient-stock', orderId: short.id } });
    expect(gone).toMatchObject({ status: 409, body: { code: 'wrong-state', orderId: cancelled.id } });
    await shop.stockReaches(product.sku, { sold: 1, reserved: 0, onHand: 4 });
    await shop.stockReaches(scarce.sku, { reserved: 0, onHand: 1 });
  });
});

describe('the stream of an order', () => {
  it('tells every change as the event `order` with the version as its id, and resumes after the last one seen', async () => {
    const product = await shop.product('4.00', 5);
    const order = await shop.place([[product, 1]]);
    const path = `/api/v1/orders/${order.id}/stream`;
    const stream = await openStream(shop.url + path, { Authorization: `Bearer ${order.accessToken}` });
    try {
      expect(stream.type).toMatch(/^text\/event-stream/);
      const paid = await until('PAID is told', () => stream.events.find(({ data }) => data.status === 'PAID'));
      expect(paid).toStrictEqual({ event: 'order', id: expect.stringMatching(/^\d+$/), data: expect.any(Object) });
      expect(await shop.orderOf(order.id)).toStrictEqual(paid.data);
      await shop.expect(200, `POST /api/v1/orders/${order.id}/ship`, { token: shop.staff.token });
      const shipped = await until('SHIPPED is told', () => stream.events.find(({ data }) => data.status === 'SHIPPED'));
      expect(Number(shipped.id)).toBeGreaterThan(Number(paid.id));

      const seenAll = await openStream(shop.url + path, {
        Authorization: `Bearer ${order.accessToken}`,
        'Last-Event-ID': shipped.id,
      });
      await shop.expect(200, `POST /api/v1/orders/${order.id}/deliver`, { token: shop.staff.token });
      await until('DELIVERED is told', () => seenAll.events.find(({ data }) => data.status === 'DELIVERED'));
      expect(seenAll.events.map(({ data }) => data.status)).toEqual(['DELIVERED']);
      seenAll.close();

      const late = await openStream(shop.url + path, {
        Authorization: `Bearer ${order.accessToken}`,
        'Last-Event-ID': '1',
      });
      expect((await until('it is told', () => late.events[0])).data.status).toBe('DELIVERED');
      late.close();
    } finally {
      stream.close();
    }
  });
});

describe('lists of orders', () => {
  it('show the own orders, newest first, page by page, without a gap or a repeat', async () => {
    const product = await shop.product('1.00', 50);
    const [ada, eve] = [await shop.account(), await shop.account()];
    await shop.place([[product, 1]], { token: eve.token });
    const placed: string[] = [];
    for (let i = 0; i < 5; i++) placed.unshift((await shop.place([[product, 1]], { token: ada.token })).id);
    expect(await pagesOf(ada.token, 2)).toMatchObject([{ length: 2 }, { length: 2 }, { length: 1 }]);
    expect((await pagesOf(ada.token, 2)).flat()).toEqual(placed);
    // Once it is paid nothing changes it between the two reads.
    const paid = await shop.reaches(placed[0] as string, 'PAID');
    expect((await shop.expect(200, 'GET /api/v1/orders?limit=1', { token: ada.token })).items).toStrictEqual([paid]);
    await shop.expect(401, 'GET /api/v1/orders');
    // Orders of one moment stand in some order too, and a page may end between them.
    const together = await Promise.all(
      Array.from({ length: 20 }, () => shop.place([[product, 1]], { token: eve.token })),
    );
    const seen = (await pagesOf(eve.token, 3)).flat();
    expect(seen).toHaveLength(21);
    expect(new Set(seen.slice(0, 20))).toEqual(new Set(together.map(({ id }) => id)));
    const whole = await shop.expect(200, 'GET /api/v1/orders', { token: eve.token });
    expect(whole.items.map(({ id }: Json) => id)).toEqual(seen.slice(0, 20));
  });

  async function pagesOf(token: string, limit: number): Promise<string[][]> {
    const pages: string[][] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const query: string = `limit=${limit}${cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`}`;
      const page = await shop.expect(200, `GET /api/v1/orders?${query}`, { token });
      pages.push(page.items.map(({ id }: Json) => id));
      cursor = page.next;
    }
    return pages;
  }

  it('are filtered by reference, status, customer and time; of others’ orders only staff see any', async () => {
    const product = await shop.product('1.00', 50);
    const [ada, eve] = [await shop.account(), await shop.account()];
    const reference = `r-${ada.id.slice(0, 20)}`;
    const mine = await shop.place([[product, 1]], { token: ada.token, more: { reference } });
    const hers = await shop.place([[product, 1]], { token: eve.token, more: { reference } });
    const ids = async (query: string, token: string): Promise<string[]> =>
      (await shop.expect(200, `GET /api/v1/orders?${query}`, { token })).items.map(({ id }: Json) => id);
    await shop.reaches(mine.id, 'PAID');
    await shop.reaches(hers.id, 'PAID');
    const staff = shop.staff.token;
    expect(await ids(`reference=${reference}`, ada.token)).toEqual([mine.id]);
    expect(await ids(`reference=${reference}`, staff)).toEqual([hers.id, mine.id]);
    expect(await ids(`reference=${reference}&status=PAID`, staff)).toEqual([hers.id, mine.id]);
    expect(await ids(`reference=${reference}&status=SHIPPED`, staff)).toEqual([]);
    expect(await ids(`customerId=${eve.id}`, staff)).toEqual([hers.id]);
    const at = encodeURIComponent(hers.createdAt);
    expect(await ids(`reference=${reference}&from=${at}`, staff)).toEqual([hers.id]);
    expect(await ids(`reference=${reference}&to=${at}`, staff)).toEqual([mine.id]);
    const other = (await ids(`customerId=${eve.id}`, ada.token)) as readonly string[];
    expect(other).not.toContain(hers.id);
  });
});

describe('versions', () => {
  it('are told as ETag, save a repeated read, and guard an edit by If-Match', async () => {
    const product = await shop.product('1.00', 50);
    const order = await shop.place([[product, 1]]);
    await shop.reaches(order.id, 'PAID');
    const target = `/api/v1/orders/${order.id}`;
    const { token } = shop.staff;
    const seen = await shop.call(`GET ${target}`, { token });
    const etag = seen.headers.get('etag') ?? '';
    expect(etag).toMatch(/^"[^"]+"$/);
    expect((await shop.call(`GET ${target}`, { token, headers: { 'If-None-Match': etag } })).status).toBe(304);
    expect((await shop.call(`POST ${target}/ship`, { token, headers: { 'If-Match': '"0"' } })).status).toBe(412);
    await shop.expect(200, `POST ${target}/ship`, { token, headers: { 'If-Match': etag } });
    const stale = await shop.call(`POST ${target}/deliver`, { token, headers: { 'If-Match': etag } });
    expect(stale).toMatchObject({ status: 412, body: { code: 'precondition-failed' } });
    expect((await shop.orderOf(order.id)).status).toBe('SHIPPED');
  });
});

describe('the export of orders', () => {
  it('is a line per order in JSON, a line per order line in CSV, and staff’s', async () => {
    const [bag, card] = [await shop.product('2.00', 5, { name: 'Bag, "red"' }), await shop.product('1.50', 5)];
    const order = await shop.place([
      [bag, 2],
      [card, 1],
    ]);
    await shop.reaches(order.id, 'PAID');
    const { token } = shop.staff;
    const jsonl = await shop.call('GET /api/v1/orders/export?format=jsonl', { token });
    const orders = jsonl.text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(orders.find(({ id }) => id === order.id)).toStrictEqual(await shop.orderOf(order.id));
    expect(orders.length).toBe(new Set(orders.map(({ id }) => id)).size);
    const csv = await shop.call('GET /api/v1/orders/export?format=csv', { token });
    expect(csv.headers.get('content-type')).toMatch(/^text\/csv/);
    const lines = csv.text.split('\n').filter((line) => line.startsWith(`${order.id},`));
    expect(lines).toHaveLength(2);
    expect(lines[0]).toContain('"Bag, ""red""",2,2.00');
    await shop.expect(401, 'GET /api/v1/orders/export');
    await shop.expect(403, 'GET /api/v1/orders/export', { token: (await shop.account()).token });
    await shop.expect(422, 'GET /api/v1/orders/export?format=xml', { token });
  });
});
