// What operators and watchers ask: health, the description of the API, metrics; and what users do, counted by the minute.

import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Json, startTestShop, type TestShop, until } from '../infra/local/shop.fixture.ts';

let shop: TestShop;
beforeAll(async () => {
  shop = await startTestShop({ catalogue: true });
});
afterAll(() => shop?.stop());

const MINUTE_MS = 60_000;
const iso = (ms: number) => new Date(ms).toISOString();

describe('health', () => {
  it('is live and ready, and says how event time moves', async () => {
    await shop.expect(200, 'GET /health/live');
    const ready = await shop.expect(200, 'GET /health/ready');
    expect(ready).toMatchObject({ ready: true, activity: { heartbeatSeconds: 0 } });
    expect(ready.activity).toHaveProperty('watermark');
    for (const name of ['users', 'products', 'inventory', 'carts', 'orders', 'payments'])
      expect(ready.checks[name].ready).toBe(true);
  });
});

describe('the description of the API', () => {
  it('names every call of the contract', async () => {
    const document = await shop.expect(200, 'GET /openapi.json');
    expect(document.openapi).toBe('3.1.0');
    const described = Object.entries(document.paths as Record<string, object>).flatMap(([path, item]) =>
      Object.keys(item).map((method) => `${method.toUpperCase()} ${path.replaceAll(/\{\w+\}/g, '{}')}`),
    );
    expect(described).toEqual(expect.arrayContaining(contract));
    expect(contract.length).toBe(new Set(contract).size);
  });
});

/** Section 6 of the contract, every call of it but `/docs`, which comes later. */
const contract = [
  ...['register', 'login', 'refresh', 'logout', 'password'].map((name) => `POST /api/v1/auth/${name}`),
  ...['GET', 'PATCH'].flatMap((method) => ['me', '{}'].map((who) => `${method} /api/v1/customers/${who}`)),
  ...['customers', 'products', 'orders', 'categories'].map((list) => `GET /api/v1/${list}`),
  ...['customers', 'products', 'orders'].map((list) => `GET /api/v1/${list}/export`),
  ...['GET', 'PATCH', 'DELETE'].map((method) => `${method} /api/v1/products/{}`),
  'POST /api/v1/products',
  'POST /api/v1/products/import',
  'POST /api/v1/stock/{}/receive',
  'POST /api/v1/stock/{}/write-off',
  'GET /api/v1/stock/{}',
  'POST /api/v1/carts',
  'GET /api/v1/carts/me',
  'GET /api/v1/carts/{}',
  ...['PUT', 'DELETE'].flatMap((method) => ['me', '{}'].map((cart) => `${method} /api/v1/carts/${cart}/lines/{}`)),
  'POST /api/v1/orders',
  'GET /api/v1/orders/{}',
  'GET /api/v1/orders/{}/timeline',
  'GET /api/v1/orders/{}/stream',
  ...['cancel', 'ship', 'deliver', 'refund'].map((step) => `POST /api/v1/orders/{}/${step}`),
  'POST /api/v1/payments/webhooks/{}',
  'POST /api/v1/events',
  'POST /api/v1/events/flush',
  'GET /api/v1/analytics/products/{}',
  'GET /health/live',
  'GET /health/ready',
  'GET /openapi.json',
  'GET /metrics',
];

describe('metrics', () => {
  it('are Prometheus text and count what was asked', async () => {
    const before = await shop.call('GET /metrics');
    expect(before.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    await shop.call('GET /api/v1/products');
    const { text } = await shop.call('GET /metrics');
    expect(text).not.toBe(before.text);
    for (const line of text.trimEnd().split('\n')) {
      expect(line).toMatch(/^(# (HELP|TYPE) \w+ .+|\w+(\{[^}]*\})? -?[\d.e+-]+|\w+(\{[^}]*\})? \+Inf)$/);
    }
  });
});

describe('a request', () => {
  it('keeps the id it came with', async () => {
    const { headers } = await shop.call('GET /api/v1/products', { headers: { 'X-Request-Id': 'mine-7' } });
    expect(headers.get('x-request-id')).toBe('mine-7');
    const refused = await shop.expect(404, 'GET /api/v1/products/none', { headers: { 'X-Request-Id': 'mine-8' } });
    expect(refused.requestId).toBe('mine-8');
    const odd = await shop.call('GET /api/v1/products', { headers: { 'X-Request-Id': 'with blank' } });
    expect(odd.headers.get('x-request-id')).not.toBe('with blank');
  });

  it('may ask for the head of an answer only', async () => {
    const head = await shop.call('HEAD /api/v1/products');
    expect([head.status, head.text]).toEqual([200, '']);
  });
});

describe('the sample catalogue', () => {
  it('is there with its first start, a thousand pieces of each', async () => {
    const { text } = await shop.call('GET /api/v1/products/export?format=csv', { token: shop.staff.token });
    expect(text.trimEnd().split('\n')).toHaveLength(1 + 3_619);
    const { items } = await shop.expect(200, 'GET /api/v1/products?sku=85123A');
    expect(items).toMatchObject([{ sku: '85123A', available: 1_000 }]);
    const order = await shop.place([[items[0], 6]]);
    await shop.reaches(order.id, 'PAID');
  });
});

describe('activity', () => {
  const view = (product_id: string, user_id: string, timestamp: string, more: object = {}) => ({
    user_id,
    product_id,
    event_type: 'view',
    timestamp,
    ...more,
  });
  const flush = (to: string) =>
    shop.expect(204, 'POST /api/v1/events/flush', { token: shop.staff.token, body: { until: to } });
  const windows = (id: string, count: number, query = ''): Promise<Json[]> =>
    until(`${count} windows of ${id}`, async () => {
      const { items } = await shop.expect(200, `GET /api/v1/analytics/products/${id}${query}`);
      return items.length === count ? items : undefined;
    });

  it('is counted by product and minute: users once, events all, equal ones too, but not one id twice', async () => {
    const product = randomUUID();
    const start = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS - 5 * MINUTE_MS;
    const at = (seconds: number) => iso(start + seconds * 1_000);
    expect((await shop.expect(200, `GET /api/v1/analytics/products/${product}`)).items).toEqual([]);
    const same = view(product, 'ada', at(1));
    const one = await shop.expect(202, 'POST /api/v1/events', { body: same });
    expect(one).toStrictEqual({ accepted: 1, rejected: [] });
    const more = [
      same,
      view(product, 'eve', at(59.999)),
      view(product, 'ada', at(60)),
      view(product, 'bob', at(61), { event_id: 'x', metadata: { page: { from: 'search' } } }),
      view(product, 'bob', at(61), { event_id: 'x' }),
    ];
    expect(await shop.expect(202, 'POST /api/v1/events', { body: more })).toMatchObject({ accepted: 5, rejected: [] });
    await flush(iso(start + 3 * MINUTE_MS));
    expect(await windows(product, 2)).toStrictEqual([
      { productId: product, windowStart: at(60), windowEnd: at(120), uniqueUserCount: 2, eventCount: 2 },
      { productId: product, windowStart: at(0), windowEnd: at(60), uniqueUserCount: 2, eventCount: 3 },
    ]);
    expect(await windows(product, 1, '?limit=1')).toMatchObject([{ windowStart: at(60) }]);
    // What comes after its window was closed is taken, and is late.
    await shop.expect(202, 'POST /api/v1/events', { body: view(product, 'zoe', at(2)) });
    await flush(iso(start + 4 * MINUTE_MS));
    const later = view(product, 'zoe', iso(start + 4 * MINUTE_MS + 1_000));
    await shop.expect(202, 'POST /api/v1/events', { body: later });
    await flush(iso(Date.now() + MINUTE_MS));
    expect((await windows(product, 3)).map(({ eventCount }) => eventCount)).toEqual([1, 2, 3]);
    await until('the watermark is there', async () => {
      const { activity } = await shop.expect(200, 'GET /health/ready');
      return Date.parse(activity.watermark) >= start + 4 * MINUTE_MS;
    });
  });

  it('is judged event by event: the bad ones are named, the good ones taken; none good is 422', async () => {
    const product = randomUUID();
    const now = iso(Date.now());
    const good = view(product, 'ada', now);
    const bad: readonly unknown[] = [
      7,
      null,
      [],
      {},
      { ...good, user_id: '' },
      { ...good, user_id: 'x'.repeat(129) },
      { ...good, user_id: 5 },
      { ...good, colour: 'red' },
      { ...good, timestamp: 'now' },
      { ...good, timestamp: iso(Date.now() + 2 * MINUTE_MS) },
      { ...good, product_id: 'a\u0000b' },
      { ...good, metadata: 'text' },
      { ...good, event_type: undefined },
    ];
    const report = await shop.expect(202, 'POST /api/v1/events', { body: [good, ...bad, good] });
    expect(report.accepted).toBe(2);
    expect(report.rejected.map(({ index }: Json) => index)).toEqual(bad.map((_, i) => i + 1));
    for (const rejected of report.rejected) {
      expect(rejected).toStrictEqual({
        index: expect.any(Number),
        code: expect.any(String),
        detail: expect.any(String),
      });
    }
    const refused = await shop.expect(422, 'POST /api/v1/events', { body: bad });
    expect(refused.errors).toHaveLength(bad.length);
    await shop.expect(422, 'POST /api/v1/events', { body: [] });
    await shop.expect(422, 'POST /api/v1/events', { body: Array.from({ length: 501 }, () => good) });
    expect(
      await shop.expect(202, 'POST /api/v1/events', { body: Array.from({ length: 500 }, () => good) }),
    ).toMatchObject({ accepted: 500 });
    await shop.expect(202, 'POST /api/v1/events', {
      body: { ...good, event_type: 'ünïcödé 🛍', timestamp: '2010-12-01T08:26:00+01:00' },
    });
  });
});
