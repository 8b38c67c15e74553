// Whatever is sent: a problem that names the place, the right status, nothing half done, nothing of the inside.

import { request } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Answer, type Call, type Json, startTestShop, type TestShop } from '../infra/local/shop.fixture.ts';

let shop: TestShop;
let product: { readonly id: string; readonly sku: string };
let order: Json;
let customer: { readonly token: string };
beforeAll(async () => {
  shop = await startTestShop();
  product = await shop.product('2.00', 1_000_000);
  order = await shop.place([[product, 1]]);
  customer = await shop.account();
});
afterAll(() => shop?.stop());

const payment = { method: 'simulated', token: 'tok_ok' };
const email = 'guest@people.example';
const json = (content: string | Uint8Array<ArrayBuffer>): Call => ({ raw: { type: 'application/json', content } });
const post = (body: unknown) => shop.call('POST /api/v1/orders', { body });

describe('an order', () => {
  const line = (change: object): object => ({
    email,
    payment,
    lines: [{ productId: product.id, quantity: 1, ...change }],
  });
  const whole = (change: object): object => ({ ...line({}), ...change });

  const wrong: readonly (readonly [what: string, body: () => unknown, pointer: string, code: string])[] = [
    ['a negative quantity', () => line({ quantity: -1 }), '/lines/0/quantity', 'out-of-range'],
    ['a quantity of zero', () => line({ quantity: 0 }), '/lines/0/quantity', 'out-of-range'],
    ['a fractional quantity', () => line({ quantity: 1.5 }), '/lines/0/quantity', 'wrong-type'],
    ['a quantity of 10⁹', () => line({ quantity: 1_000_000_000 }), '/lines/0/quantity', 'out-of-range'],
    ['a quantity just over the limit', () => line({ quantity: 1_000_001 }), '/lines/0/quantity', 'out-of-range'],
    ['a quantity as text', () => line({ quantity: '1' }), '/lines/0/quantity', 'wrong-type'],
    ['no quantity', () => line({ quantity: undefined }), '/lines/0/quantity', 'required'],
    ['null for a quantity', () => line({ quantity: null }), '/lines/0/quantity', 'wrong-type'],
    ['a product id that is a number', () => line({ productId: 7 }), '/lines/0/productId', 'wrong-type'],
    ['no product id', () => line({ productId: undefined }), '/lines/0/productId', 'required'],
    ['a field nobody knows', () => whole({ discount: 100 }), '/discount', 'unknown-field'],
    ['a field nobody knows in a line', () => line({ price: '0.01' }), '/lines/0/price', 'unknown-field'],
    ['lines that are no list', () => whole({ lines: {} }), '/lines', 'wrong-type'],
    ['no line', () => whole({ lines: [] }), '/lines', 'wrong-length'],
    [
      '2,001 lines',
      () => whole({ lines: Array.from({ length: 2_001 }, () => ({ productId: product.id, quantity: 1 })) }),
      '/lines',
      'wrong-length',
    ],
    ['no payment', () => whole({ payment: undefined }), '/payment', 'required'],
    [
      'another payment method',
      () => whole({ payment: { method: 'gold', token: 'x' } }),
      '/payment/method',
      'not-one-of',
    ],
    ['no payment token', () => whole({ payment: { method: 'simulated' } }), '/payment/token', 'required'],
    ['a guest without e-mail', () => whole({ email: undefined }), '/email', 'required'],
    ['an e-mail that is none', () => whole({ email: 'nobody' }), '/email', 'wrong-format'],
    [
      'an e-mail with a line break',
      () => whole({ email: 'a@b.example\r\nBcc: c@d.example' }),
      '/email',
      'wrong-format',
    ],
    ['a reference of 65 characters', () => whole({ reference: 'x'.repeat(65) }), '/reference', 'wrong-length'],
    ['U+0000 in a reference', () => whole({ reference: 'a\u0000b' }), '/reference', 'null-character'],
    ['half a surrogate pair', () => whole({ reference: '\ud800' }), '/reference', 'lone-surrogate'],
    [
      'an address without a city',
      () => whole({ shippingAddress: { name: 'A', line1: 'B', postcode: 'C', country: 'GB' } }),
      '/shippingAddress/city',
      'required',
    ],
    [
      'a country that is none',
      () => whole({ shippingAddress: { name: 'A', line1: 'B', city: 'D', postcode: 'C', country: 'Britain' } }),
      '/shippingAddress/country',
      'wrong-format',
    ],
    [
      'U+0000 in a name',
      () => whole({ shippingAddress: { name: 'A\u0000', line1: 'B', city: 'D', postcode: 'C', country: 'GB' } }),
      '/shippingAddress/name',
      'null-character',
    ],
    ['an unknown product', () => line({ productId: 'no-such-product' }), '/lines/0/productId', 'unknown-product'],
    [
      'a hostile product id',
      () => line({ productId: "'; drop table actors; --" }),
      '/lines/0/productId',
      'unknown-product',
    ],
    ['the name of a prototype', () => line({ productId: '__proto__' }), '/lines/0/productId', 'unknown-product'],
  ];
  it.each(wrong)('with %s is refused and names the place', async (_, body, pointer, code) => {
    const before = await shop.stockOf(product.sku);
    const { status, body: problem } = await post(body());
    expect([status, problem.errors[0]?.pointer, problem.errors[0]?.code]).toEqual([422, pointer, code]);
    const { reserved, received } = await shop.stockOf(product.sku);
    expect([reserved <= before.reserved, received]).toEqual([true, before.received]);
  });

  it('with both a cart and lines, or neither, is refused', async () => {
    expect((await post({ email, payment })).status).toBe(422);
    expect((await post({ email, payment, cartId: 'x', lines: [{ productId: product.id, quantity: 1 }] })).status).toBe(
      422,
    );
    expect((await post(null)).status).toBe(422);
    expect((await post([])).status).toBe(422);
    expect((await post('order')).status).toBe(422);
  });

  it('names every place that is wrong at once', async () => {
    const { body } = await post({
      payment,
      lines: [{ productId: product.id, quantity: 0 }, { quantity: 1 }],
      email: 'x',
    });
    expect(body.errors.map(({ pointer }: Json) => pointer).toSorted()).toEqual([
      '/email',
      '/lines/0/quantity',
      '/lines/1/productId',
    ]);
  });

  it('of a deleted product is refused, and a cart forgets it', async () => {
    const gone = await shop.product('1.00', 5);
    const stays = await shop.product('1.00', 5);
    const { id, token: cartToken } = await shop.expect(201, 'POST /api/v1/carts');
    for (const { id: productId } of [gone, stays]) {
      await shop.expect(200, `PUT /api/v1/carts/${id}/lines/${productId}`, { cartToken, body: { quantity: 1 } });
    }
    await shop.expect(204, `DELETE /api/v1/products/${gone.id}`, { token: shop.staff.token });
    await shop.expect(404, `GET /api/v1/products/${gone.id}`);
    const refused = await post({
      email,
      payment,
      lines: [
        { productId: stays.id, quantity: 1 },
        { productId: gone.id, quantity: 1 },
      ],
    });
    expect(refused).toMatchObject({
      status: 422,
      body: { code: 'unknown-product', errors: [{ pointer: '/lines/1/productId' }] },
    });
    expect(await shop.stockOf(stays.sku)).toMatchObject({ reserved: 0 });
    const cart = await shop.expect(200, `GET /api/v1/carts/${id}`, { cartToken });
    expect(cart.lines.map(({ productId }: Json) => productId)).toEqual([stays.id]);
    const put = await shop.call(`PUT /api/v1/carts/${id}/lines/${gone.id}`, { cartToken, body: { quantity: 1 } });
    expect(put).toMatchObject({ status: 422, body: { code: 'unknown-product' } });
  });

  it('of 1,114 lines works, and so does one of 2,000', async () => {
    for (const length of [1_114, 2_000]) {
      const lines = Array.from({ length }, () => ({ productId: product.id, quantity: 1 }));
      const placed = await shop.expect(201, 'POST /api/v1/orders', { body: { email, payment, lines } });
      expect(placed.lines).toHaveLength(length);
      expect(placed.total.amount).toBe(`${length * 2}.00`);
      await shop.reaches(placed.id, 'PAID');
    }
  });

  it('of 1,114 different products works', async () => {
    const skus = Array.from({ length: 1_114 }, (_, i) => `many-${i}`);
    const content = `sku,name,description,category,price,stock\n${skus.map((sku) => `${sku},Thing,,,0.01,3`).join('\n')}\n`;
    const report = await shop.expect(200, 'POST /api/v1/products/import', {
      token: shop.staff.token,
      raw: { type: 'text/csv', content },
    });
    expect(report).toMatchObject({ accepted: 1_114, rejected: 0 });
    const ids: string[] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page: Json = await shop.expect(
        200,
        `GET /api/v1/products?q=Thing&limit=100${cursor && `&cursor=${encodeURIComponent(cursor)}`}`,
      );
      ids.push(...page.items.map(({ id }: Json) => id));
      cursor = page.next;
    }
    expect(ids).toHaveLength(1_114);
    const placed = await shop.expect(201, 'POST /api/v1/orders', {
      body: { email, payment, lines: ids.map((productId) => ({ productId, quantity: 3 })) },
    });
    expect(placed.total.amount).toBe('33.42');
    await shop.reaches(placed.id, 'PAID');
    await shop.stockReaches('many-1113', { sold: 3, onHand: 0, reserved: 0 });
    const again = await shop.expect(409, 'POST /api/v1/orders', {
      body: { email, payment, lines: ids.map((productId) => ({ productId, quantity: 1 })) },
    });
    expect(again.errors).toHaveLength(1_114);
  });
});

describe('a body', () => {
  it.each([
    ['that is cut off', '{"email":'],
    ['with a trailing comma', '{"email":"a@b.example",}'],
    ['in single quotes', "{'email':1}"],
    ['that is empty', ' '],
    ['of two documents', '{} {}'],
    ['with NaN', '{"lines":NaN}'],
  ])('%s is malformed JSON', async (_, content) => {
    expect(await shop.call('POST /api/v1/orders', json(content))).toMatchObject({
      status: 400,
      body: { code: 'malformed-json' },
    });
  });

  it('that is missing is malformed', async () => {
    expect((await shop.call('POST /api/v1/orders')).status).toBe(400);
  });

  it('that is not UTF-8 is malformed', async () => {
    const content = new Uint8Array([0x7b, 0x22, 0x61, 0x22, 0x3a, 0x22, 0xff, 0xfe, 0x22, 0x7d]);
    expect(await shop.call('POST /api/v1/orders', json(content))).toMatchObject({
      status: 400,
      body: { code: 'malformed-utf8' },
    });
  });

  it('of more than a mebibyte is too large, whether its length is told or not', async () => {
    const content = JSON.stringify({ email: 'x'.repeat(1_100_000) });
    expect((await shop.call('POST /api/v1/orders', json(content))).status).toBe(413);
    expect(await chunked('/api/v1/orders', content)).toBe(413);
  });

  it('nested too deep is refused', async () => {
    const deep = `${'{"a":'.repeat(30)}1${'}'.repeat(30)}`;
    expect((await shop.call('POST /api/v1/orders', json(deep))).status).toBe(422);
    const veryDeep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    expect([400, 422]).toContain((await shop.call('POST /api/v1/orders', json(veryDeep))).status);
  });

  it('of another media type is refused', async () => {
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'application/xml',
      'application/json; charset=latin1',
      undefined,
    ]) {
      const raw = { content: new TextEncoder().encode('{}'), ...(type === undefined ? {} : { type }) };
      expect((await shop.call('POST /api/v1/orders', { raw })).status).toBe(415);
    }
    const csv = await shop.call('POST /api/v1/products/import', { token: shop.staff.token, ...json('{}') });
    expect(csv.status).toBe(415);
  });

  it('may hold any text that is one', async () => {
    for (const reference of [
      'Ünïcödé 日本語 🛍',
      "Robert'); DROP TABLE orders;--",
      '<script>alert(1)</script>',
      '${7*7}',
      '../../etc/passwd',
    ]) {
      const placed = await shop.place([[product, 1]], { more: { reference } });
      expect(placed.reference).toBe(reference);
      const found = await shop.expect(200, `GET /api/v1/orders?reference=${encodeURIComponent(reference)}`, {
        token: shop.staff.token,
      });
      expect(found.items.map(({ id }: Json) => id)).toEqual([placed.id]);
    }
  });

  function chunked(path: string, content: string): Promise<number> {
    return new Promise((resolve, reject) => {
      const headers = { 'Content-Type': 'application/json', 'Transfer-Encoding': 'chunked' };
      const call = request(shop.url + path, { method: 'POST', headers, agent: false }, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      });
      call.on('error', reject);
      call.end(content);
    });
  }
});

describe('a query', () => {
  it.each(['limit=0', 'limit=101', 'limit=-1', 'limit=1.5', 'limit=ten', 'limit=', 'limit=1e1', 'limit=1&limit=2'])(
    '%s is refused on every list',
    async (query) => {
      const { token } = shop.staff;
      for (const path of ['/api/v1/products', '/api/v1/orders', '/api/v1/customers']) {
        const { status, body } = await shop.call(`GET ${path}?${query}`, { token });
        expect([path, status, body.errors[0]?.pointer]).toEqual([path, 422, '?limit']);
      }
    },
  );

  it('with a cursor that nobody gave, or of another list, is refused', async () => {
    const { token } = shop.staff;
    await shop.account();
    const { next } = await shop.expect(200, 'GET /api/v1/customers?limit=1', { token });
    for (const cursor of ['x', 'AAAA', 'eyJhIjoxfQ', '%F0%9F%98%80', next]) {
      for (const path of ['/api/v1/products', '/api/v1/orders']) {
        const { status, body } = await shop.call(`GET ${path}?cursor=${cursor}`, { token });
        expect([path, cursor, status]).toEqual([path, cursor, 422]);
        expect(body.errors[0]?.pointer).toMatch(/cursor/);
      }
    }
  });

  it('with an unknown parameter, status, time or sort is refused; in bad UTF-8 it is malformed', async () => {
    const { token } = shop.staff;
    for (const query of [
      'page=2',
      'status=paid',
      'status=NEW',
      'from=yesterday',
      'to=2010-13-45T00:00:00Z',
      'reference=',
    ]) {
      expect([query, (await shop.call(`GET /api/v1/orders?${query}`, { token })).status]).toEqual([query, 422]);
    }
    expect((await shop.call('GET /api/v1/products?sort=stock')).status).toBe(422);
    expect((await shop.call('GET /api/v1/products?q=%00')).status).toBe(422);
    expect((await shop.call('GET /api/v1/products?q=%ff')).status).toBe(400);
    expect((await shop.call('GET /api/v1/products/%ff')).status).toBe(400);
    expect((await shop.call('GET /api/v1/products/%00')).status).toBeGreaterThanOrEqual(404);
  });
});

describe('an address', () => {
  it.each(['/', '/api', '/api/v1', '/api/v1/nothing', '/orders', '/api/v1/~node/info', '/api/v1/orders.place'])(
    '%s leads nowhere',
    async (path) => {
      expect((await shop.call(`GET ${path}`, { token: shop.staff.token })).status).toBe(404);
      expect((await shop.call(`POST ${path}`, { token: shop.staff.token, body: {} })).status).toBe(404);
    },
  );

  it('knows its methods', async () => {
    const answer = await shop.call('DELETE /api/v1/orders', { token: shop.staff.token });
    expect(answer.status).toBe(405);
    expect(answer.headers.get('allow')).toBe('GET, POST');
  });

  it('of an id that is none is not found, whatever it is', async () => {
    const ids = [
      'x',
      "'",
      '%27%20or%201=1',
      'constructor',
      '__proto__',
      '..%2f..%2fetc',
      'a'.repeat(64),
      '%F0%9F%98%80',
    ];
    for (const id of ids) {
      for (const path of [
        `/api/v1/products/${id}`,
        `/api/v1/orders/${id}`,
        `/api/v1/customers/${id}`,
        `/api/v1/stock/${id}`,
      ]) {
        expect([path, (await shop.call(`GET ${path}`, { token: shop.staff.token })).status]).toEqual([path, 404]);
      }
    }
    expect(
      (await shop.call(`GET /api/v1/orders/${'a'.repeat(129)}`, { token: shop.staff.token })).status,
    ).toBeGreaterThanOrEqual(404);
  });
});

describe('credentials', () => {
  it('that are bad are 401 everywhere, also where none are needed but some may be given', async () => {
    const [header, payload, signature] = customer.token.split('.') as [string, string, string];
    const other = Buffer.from(payload, 'base64url').toString().replace('customer', 'admin');
    const none = Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url');
    const forged = [
      'x',
      'a.b.c',
      `${header}.${Buffer.from(other).toString('base64url')}.${signature}`,
      `${none}.${payload}.`,
      `${header}.${payload}.`,
      `so1.${order.id}.9999999999.${'A'.repeat(43)}`,
    ];
    for (const token of forged) {
      for (const target of [
        'GET /api/v1/customers/me',
        'GET /api/v1/orders',
        'POST /api/v1/orders',
        `GET /api/v1/orders/${order.id}`,
        'GET /api/v1/customers',
      ]) {
        const call = { token, ...(target.startsWith('POST') ? { body: {} } : {}) };
        expect([target, (await shop.call(target, call)).status]).toEqual([target, 401]);
      }
    }
    for (const authorization of ['Basic YTpi', 'Bearer', 'Bearer  ', `Bearer ${customer.token} x`, customer.token]) {
      const { status } = await shop.call('GET /api/v1/customers/me', { headers: { authorization } });
      expect([authorization.slice(0, 20), status]).toEqual([authorization.slice(0, 20), 401]);
    }
    expect((await shop.call('POST /api/v1/orders', { cartToken: 'sc1.x.y', body: {} })).status).toBe(401);
  });
});

describe('a connection', () => {
  it('that speaks no HTTP, or half of it, is answered or cut off, and the shop goes on', async () => {
    const { port } = new URL(shop.url);
    const said = [
      'HELLO\r\n\r\n',
      'GET /api/v1/products HTTP/1.1\r\n\r\n',
      `GET / HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(100_000)}\r\n\r\n`,
      'POST /api/v1/orders HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      'POST /api/v1/orders HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: -1\r\n\r\n',
    ];
    for (const text of said) {
      const answer = await raw(Number(port), text);
      expect(answer).toMatch(/^HTTP\/1\.1 (400|431) /);
      expect(answer).not.toMatch(/\.ts:\d+|node_modules/);
    }
    expect((await shop.call('GET /health/live')).status).toBe(200);
  });

  function raw(port: number, text: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1', () => socket.end(text));
      let answer = '';
      socket.on('data', (chunk: Buffer) => {
        answer += chunk.toString();
      });
      socket.on('error', (error: NodeJS.ErrnoException) =>
        error.code === 'ECONNRESET' || error.code === 'EPIPE' ? resolve(answer) : reject(error),
      );
      socket.on('close', () => resolve(answer));
    });
  }
});

describe('what others may write', () => {
  const refusals: readonly (readonly [target: () => string, body: unknown, pointer: string])[] = [
    [() => 'POST /api/v1/products', { sku: '', name: 'x', price: { amount: '1', currency: 'GBP' }, stock: 1 }, '/sku'],
    [
      () => 'POST /api/v1/products',
      { sku: 'a', name: 'x', price: { amount: '1.00001', currency: 'GBP' }, stock: 1 },
      '/price/amount',
    ],
    [
      () => 'POST /api/v1/products',
      { sku: 'a', name: 'x', price: { amount: '-1', currency: 'GBP' }, stock: 1 },
      '/price/amount',
    ],
    [
      () => 'POST /api/v1/products',
      { sku: 'a', name: 'x', price: { amount: 1, currency: 'GBP' }, stock: 1 },
      '/price/amount',
    ],
    [
      () => 'POST /api/v1/products',
      { sku: 'a', name: 'x', price: { amount: '1', currency: 'QQQ' }, stock: 1 },
      '/price/currency',
    ],
    [
      () => 'POST /api/v1/products',
      { sku: 'a', name: 'x', price: { amount: '1', currency: 'GBP' }, stock: -1 },
      '/stock',
    ],
    [
      () => 'POST /api/v1/products',
      { sku: 'a', name: 'x', price: { amount: '1', currency: 'GBP' }, stock: 0.5 },
      '/stock',
    ],
    [
      () => 'POST /api/v1/products',
      { sku: 'a', name: 'x', price: { amount: '1', currency: 'GBP' }, stock: 1, id: 'mine' },
      '/id',
    ],
    [
      () => 'POST /api/v1/products',
      { sku: 'a\u0000', name: 'x', price: { amount: '1', currency: 'GBP' }, stock: 1 },
      '/sku',
    ],
    [() => `PATCH /api/v1/products/${product.id}`, { sku: 'new' }, '/sku'],
    [() => `PATCH /api/v1/products/${product.id}`, { name: '' }, '/name'],
    [() => `POST /api/v1/stock/${product.sku}/receive`, { quantity: 0 }, '/quantity'],
    [() => `POST /api/v1/stock/${product.sku}/receive`, { quantity: -5 }, '/quantity'],
    [() => `POST /api/v1/stock/${product.sku}/receive`, { quantity: 1.5 }, '/quantity'],
    [() => `POST /api/v1/stock/${product.sku}/write-off`, { quantity: 1 }, '/reason'],
    [() => `POST /api/v1/orders/${order.id}/refund`, { lines: [] }, '/lines'],
    [
      () => `POST /api/v1/orders/${order.id}/refund`,
      { lines: [{ productId: 'x', quantity: -1 }] },
      '/lines/0/quantity',
    ],
    [() => `POST /api/v1/orders/${order.id}/refund`, { amount: '1.00' }, '/amount'],
    [() => `POST /api/v1/orders/${order.id}/ship`, { carrier: 'x' }, '/carrier'],
    [() => 'POST /api/v1/events/flush', { until: 'soon' }, '/until'],
    [() => 'PATCH /api/v1/customers/me', { role: 'admin' }, '/role'],
    [() => 'PATCH /api/v1/customers/me', { email: 'a@b.example' }, '/email'],
    [() => `PATCH /api/v1/customers/${shop.staff.id}`, { role: 'king' }, '/role'],
    [() => 'POST /api/v1/auth/register', { email: 'a@b.example', password: 'short', name: 'x' }, '/password'],
    [
      () => 'POST /api/v1/auth/register',
      { email: 'a@b.example', password: 'long enough', name: 'x', role: 'admin' },
      '/role',
    ],
    [() => 'POST /api/v1/auth/register', { email: 'a@b.example', password: 'long enough', name: 'a\u0000b' }, '/name'],
  ];
  it.each(refusals.map((refusal) => [String(refusal[0]).slice(6), JSON.stringify(refusal[1]), refusal] as const))(
    '%s %s is refused and names the place',
    async (_target, _body, [target, body, pointer]) => {
      const { status, body: problem }: Answer = await shop.call(target(), { token: shop.staff.token, body });
      expect([status, problem.errors[0]?.pointer]).toEqual([422, pointer]);
    },
  );
});
