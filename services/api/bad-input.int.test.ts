// What reaches the gateway by mistake or in bad faith: a problem+json that names the place, the right status, and no
// service is troubled.

import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Errors } from 'moleculer';
import { type Answer, startStubShop, type StubShop } from './stub-shop.ts';

let shop: StubShop;
let placed = 0;

beforeAll(async () => {
  shop = await startStubShop([
    {
      name: 'orders',
      actions: {
        place: () => {
          placed += 1;
          return { id: 'o-1' };
        },
        get: () => {
          throw new TypeError('password=hunter2 at /srv/souk/orders.ts:7');
        },
        list: () => {
          throw new Errors.MoleculerError('select * from secrets', 404, 'SQL', { rows: ['secret'] });
        },
        answered: () => null,
      },
    },
    { name: 'products', actions: { list: (ctx) => ctx.params, get: (ctx) => ctx.params } },
  ]);
});
afterAll(() => shop.stop());

const order = {
  lines: [{ productId: 'p-1', quantity: 1 }],
  email: 'ada@example.com',
  payment: { method: 'simulated', token: 'tok_ok' },
};
const place = (body: unknown, headers = {}): Promise<Answer> => shop.call('/api/v1/orders', { body, headers });
const staff = async () => ({
  Authorization: `Bearer ${await shop.tokens.signAccessToken({ userId: 'u-1', role: 'staff' })}`,
});

/** Sends bytes as they are, and reads until the server closes. */
function raw(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(shop.port, '127.0.0.1', () => socket.write(text));
    socket.on('data', (data: Buffer) => (answer += data.toString()));
    socket.on('close', () => resolve(answer));
    socket.on('error', reject);
  });
}

function expectProblem(answer: Answer, status: number, code: string): void {
  expect([answer.status, answer.body.code]).toEqual([status, code]);
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
  expect(answer.body).toEqual({
    type: `urn:souk:problem:${code}`,
    title: expect.any(String),
    status,
    code,
    detail: expect.any(String),
    requestId: answer.headers.get('x-request-id'),
    errors: expect.any(Array),
  });
}

describe('an order that is wrong', () => {
  afterAll(() => expect(placed).toBe(0));

  it.each<[string, unknown, Record<string, string>, number, string]>([
    ['malformed JSON', '{"lines":[', {}, 400, 'malformed-json'],
    ['nothing', '', {}, 400, 'malformed-json'],
    ['bad UTF-8', new Uint8Array([0x22, 0xff, 0x22]), {}, 400, 'malformed-utf8'],
    [
      'another media type',
      'lines=1',
      { 'Content-Type': 'application/x-www-form-urlencoded' },
      415,
      'unsupported-media-type',
    ],
    ['a compressed body', '{}', { 'Content-Encoding': 'gzip' }, 415, 'unsupported-media-type'],
    ['2 MB', `{"email":"${'x'.repeat(2e6)}"}`, {}, 413, 'body-too-large'],
    ['a bad key', order, { 'Idempotency-Key': 'k'.repeat(129) }, 422, 'invalid-request'],
    ['a forged token', order, { Authorization: 'Bearer a.b.c' }, 401, 'unauthenticated'],
    ['a forged cart token', order, { 'X-Cart-Token': 'sc1.c-1.x' }, 401, 'unauthenticated'],
  ])('%s', async (_, body, headers, status, code) => expectProblem(await place(body, headers), status, code));

  it.each<[unknown, string, string]>([
    [{ ...order, lines: [{ productId: 'p-1', quantity: 0 }] }, '/lines/0/quantity', 'out-of-range'],
    [{ ...order, lines: [{ productId: 'p-1', quantity: 1e9 }] }, '/lines/0/quantity', 'out-of-range'],
    [{ ...order, total: '0.01' }, '/total', 'unknown-field'],
    ['{"email":"a\\u0000@b.cc"}', '/email', 'null-character'],
    ['{"__proto__":{"admin":true}}', '/__proto__', 'unknown-field'],
    ['[]', '', 'wrong-type'],
  ])('%j names its place', async (body, pointer, code) => {
    const answer = await place(body);
    expectProblem(answer, 422, 'invalid-request');
    expect(answer.body.errors).toContainEqual(expect.objectContaining({ pointer, code }));
  });

  it('is refused in the middle when it turns out too large, and the connection goes on', async () => {
    const chunk = `${(65_536).toString(16)}\r\n${'x'.repeat(65_536)}\r\n`;
    const post =
      'POST /api/v1/orders HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n';
    const answer = await raw(
      `${post}${chunk.repeat(20)}0\r\n\r\nGET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
    );
    expect(answer).toMatch(/^HTTP\/1.1 413 [^]*body-too-large[^]*HTTP\/1.1 200 /);
  });
});

describe('a list', () => {
  it('has the defaults of its query', async () => {
    expect((await shop.call('/api/v1/products')).body).toEqual({ limit: 20 });
  });
  it.each([
    ['limit=0', '?limit'],
    ['limit=1000', '?limit'],
    ['limit=ten', '?limit'],
    ['sort=colour', '?sort'],
    ['cursor=', '?cursor'],
    ['page=2', '?page'],
    ['q=%00', '?q'],
  ])('with %s is refused', async (query, pointer) => {
    const answer = await shop.call(`/api/v1/products?${query}`);
    expectProblem(answer, 422, 'invalid-request');
    expect(answer.body.errors[0].pointer).toBe(pointer);
  });
});

describe('an address', () => {
  it.each([
    '/',
    '/nope',
    '/api/v1',
    '/api/v1/Orders',
    '/api/v1/orders.place',
    '/orders/receive',
    '/~node/list',
    '/api/v1/products/a/b',
    '//api/v1/products',
  ])('%s is nowhere', async (path) => expectProblem(await shop.call(path), 404, 'not-found'));
  it('may hold anything percent-encoded', async () => {
    expect((await shop.call('/api/v1/products/85123A%402.55%20%2F%3F')).body).toEqual({ id: '85123A@2.55 /?' });
    expectProblem(await shop.call('/api/v1/products/%ff'), 400, 'malformed-utf8');
    expectProblem(await shop.call('/api/v1/products/%00'), 422, 'invalid-request');
  });
  it.each(['DELETE', 'PUT', 'OPTIONS'])('knows only its methods, not %s', async (method) => {
    const answer = await shop.call('/api/v1/orders', { method, headers: { 'Access-Control-Request-Method': 'POST' } });
    expectProblem(answer, 405, 'method-not-allowed');
    expect(answer.headers.get('allow')).toBe('GET, POST');
    expect(placed).toBe(0);
  });
  it('answers HEAD as GET, without the body', async () => {
    const answer = await shop.call('/api/v1/products', { method: 'HEAD' });
    const { text } = await shop.call('/api/v1/products');
    expect([answer.status, answer.text, answer.headers.get('content-length')]).toEqual([200, '', String(text.length)]);
  });
});

describe('a fault of ours', () => {
  it.each(['/api/v1/orders/o-1', '/api/v1/orders'])('behind %s stays with us', async (path) => {
    const answer = await shop.call(path, { headers: await staff() });
    expectProblem(answer, 500, 'internal-error');
    expect(answer.text).not.toMatch(/hunter2|secret|srv|TypeError|at /);
    expect(shop.faults.at(-1)).toEqual([
      expect.any(Error),
      { requestId: answer.body.requestId, method: 'GET', path: expect.any(String) },
    ]);
  });

  it('that a service is away is said, with when to come back', async () => {
    const answer = await shop.call('/api/v1/stock/A', { headers: await staff() });
    expectProblem(answer, 503, 'unavailable');
    expect(answer.headers.get('retry-after')).toBe('1');
  });

  it('makes us not ready', async () => {
    const { status, body } = await shop.call('/health/ready');
    expect([status, body.ready, body.checks.inventory]).toEqual([
      503,
      false,
      { ready: false, reason: 'is not running' },
    ]);
    expect((await shop.call('/health/live')).status).toBe(200);
  });
});

describe('what is not HTTP', () => {
  it.each([
    ['GARBAGE\r\n\r\n', 400],
    ['GET / HTTP/1.1\r\nHost: x\r\nContent-Length: a\r\n\r\n', 400],
    [`GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
    [
      'POST /api/v1/orders HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      400,
    ],
  ])('%j is told so', async (text, status) => {
    expect(await raw(text)).toMatch(
      new RegExp(`^HTTP/1.1 ${status} [^]*application/problem\\+json[^]*"status":${status}`),
    );
  });
});

describe('the id of a request', () => {
  it('is the caller’s if it is sane, else ours', async () => {
    const of = async (id: string) =>
      (await shop.call('/nope', { headers: { 'X-Request-Id': id } })).body.requestId as string;
    expect(await of('abc-1')).toBe('abc-1');
    for (const id of ['x'.repeat(129), 'a b', 'é']) expect(await of(id)).toMatch(/^[\da-f-]{36}$/);
  });
});

it('answers carry the headers that keep data from being taken for something else', async () => {
  const { headers } = await shop.call('/api/v1/products');
  expect(headers.get('cache-control')).toBe('no-store');
  expect(headers.get('x-content-type-options')).toBe('nosniff');
  expect(headers.get('x-powered-by')).toBeNull();
});
