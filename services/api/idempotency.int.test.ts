// Repeats of a request: they join the attempt that runs, get the answer that was kept, and never two effects.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Context } from 'moleculer';
import { Problem } from '../../brokers/problem.ts';
import type { Caller } from '../../mixins/caller.ts';
import type { KeptAnswer } from './exchange.ts';
import { startStubShop, type StubShop } from './stub-shop.ts';

interface Effect {
  readonly params: unknown;
  readonly meta: Caller;
}

let shop: StubShop;
const effects: Effect[] = [];
const kept = new Map<string, KeptAnswer>();
let gate = Promise.resolve();
let shortage = false;
let soldOut = false;
let lookups = 0;

/** What a keyed request has led to. @throws Problem `idempotency-key-reused` */
function known({ commandId, fingerprint }: Caller): KeptAnswer | undefined {
  const answer = kept.get(commandId);
  if (answer !== undefined && answer.fingerprint !== fingerprint) throw new Problem('idempotency-key-reused', 'reused');
  return answer;
}

/** Services that keep their answers, as the real ones do: an order is named by the command, a product is not. */
const services = [
  {
    name: 'orders',
    actions: {
      async place(ctx: Context<object, Caller>) {
        const { commandId, fingerprint, keyed } = ctx.meta;
        if (soldOut) throw new Problem('unknown-product', 'is no longer sold');
        const earlier = known(ctx.meta);
        if (earlier === undefined) effects.push({ params: ctx.params, meta: ctx.meta });
        await gate;
        // A kept refusal is what its problem was made of: it may be read on another node.
        const [code, detail, more] = ['insufficient-stock', 'stock does not suffice', { orderId: commandId }] as const;
        const refusal = { code, detail, errors: [], ...more };
        const now = { fingerprint, status: shortage ? 409 : 201, body: shortage ? refusal : { id: commandId } };
        const answer = earlier ?? now;
        if (keyed) kept.set(commandId, answer);
        if (answer.status === 409) throw new Problem(code, detail, [], more);
        ctx.meta.$statusCode = 201;
        ctx.meta.$location = `/api/v1/orders/${commandId}`;
        return answer.body;
      },
      answered(ctx: Context<{ commandId: string }>) {
        lookups += 1;
        return kept.get(ctx.params.commandId) ?? null;
      },
      ship(ctx: Context<object, Caller>) {
        effects.push({ params: ctx.params, meta: ctx.meta });
        return { id: 'o-1' };
      },
      get(ctx: Context<object, Caller>) {
        ctx.meta.etag = '7';
        return { id: 'o-1' };
      },
    },
  },
  {
    name: 'products',
    actions: {
      create(ctx: Context<{ sku: string }, Caller>) {
        const { commandId, fingerprint } = ctx.meta;
        effects.push({ params: ctx.params, meta: ctx.meta });
        const body = { id: ctx.params.sku };
        kept.set(commandId, { fingerprint, status: 201, body });
        return body;
      },
      answered: (ctx: Context<{ commandId: string }>) => kept.get(ctx.params.commandId) ?? null,
    },
  },
  { name: 'carts', actions: { putMyLine: (ctx: Context) => ctx.meta } },
];

beforeAll(async () => {
  shop = await startStubShop(services);
});
afterAll(() => shop.stop());
beforeEach(() => {
  effects.length = 0;
  shortage = false;
  soldOut = false;
  lookups = 0;
  gate = Promise.resolve();
});

const order = {
  lines: [{ productId: 'p-1', quantity: 1 }],
  email: 'ada@example.com',
  payment: { method: 'simulated', token: 'tok_ok' },
};
const other = { ...order, email: 'bob@example.com' };
const place = (key: string | undefined, body: unknown = order, headers = {}) =>
  shop.call('/api/v1/orders', {
    body,
    headers: { ...(key === undefined ? {} : { 'Idempotency-Key': key }), ...headers },
  });
const signedIn = async (userId: string, role: 'customer' | 'staff' = 'customer') => ({
  Authorization: `Bearer ${await shop.tokens.signAccessToken({ userId, role })}`,
});

describe('requests under one key', () => {
  it('that come together run once, and all get the one answer', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    gate = promise;
    const together = [1, 2, 3, 4].map(() => place('together'));
    while (effects.length === 0) await new Promise(setImmediate);
    const different = await place('together', other);
    expect([different.status, different.body.code]).toEqual([409, 'request-in-progress']);
    resolve();
    const answers = await Promise.all(together);
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 201]);
    expect(effects).toHaveLength(1);
  });

  it('get the same answer afterwards, however the JSON is laid out', async () => {
    const first = await place('later');
    const again = await place(
      'later',
      `{ "payment": {"token":"tok_ok","method":"simulated"},\n "email":"ada@example.com", "lines":[{"quantity":1,"productId":"p-1"}] }`,
    );
    expect([again.status, again.text]).toEqual([first.status, first.text]);
    expect(effects).toHaveLength(1);
  });

  it('with another body are refused, also when that body is wrong', async () => {
    await place('taken');
    for (const body of [other, { nonsense: true }]) {
      const answer = await place('taken', body);
      expect([answer.status, answer.body.code]).toEqual([422, 'idempotency-key-reused']);
    }
    expect(effects).toHaveLength(1);
  });

  it('get the same refusal, to the letter', async () => {
    shortage = true;
    const first = await place('short');
    shortage = false;
    const again = await place('short');
    expect(first.status).toBe(409);
    expect([again.status, again.text]).toEqual([first.status, first.text]);
    expect(again.body).toMatchObject({
      code: 'insufficient-stock',
      orderId: expect.any(String),
      requestId: again.headers.get('x-request-id'),
    });
  });

  it('get the same answer when by now it would be refused', async () => {
    const first = await place('gone');
    soldOut = true;
    const again = await place('gone');
    expect([again.status, again.text]).toEqual([first.status, first.text]);
    expect(again.headers.get('location')).toBe(first.headers.get('location'));
    expect((await place('never-seen')).body.code).toBe('unknown-product');
  });

  it('cost no lookup when all is well', async () => {
    await place('cheap');
    await place('cheap');
    expect([lookups, effects.length]).toEqual([0, 1]);
  });

  it('name one product only, though another SKU would be another product', async () => {
    const create = async (sku: string) =>
      shop.call('/api/v1/products', {
        body: { sku, name: 'Teapot', price: { amount: '2.55', currency: 'GBP' }, stock: 1 },
        headers: { ...(await signedIn('u-1', 'staff')), 'Idempotency-Key': 'teapot' },
      });
    expect((await create('A')).status).toBe(201);
    expect((await create('A')).body).toEqual({ id: 'A' });
    expect((await create('B')).body.code).toBe('idempotency-key-reused');
    expect(effects).toHaveLength(1);
  });

  it('may be tried again with what was wrong put right', async () => {
    expect((await place('mended', { ...order, lines: [] })).status).toBe(422);
    expect((await place('mended')).status).toBe(201);
  });

  it('of different callers are different requests', async () => {
    const callers = [
      {},
      await signedIn('u-1'),
      await signedIn('u-2'),
      { 'X-Cart-Token': shop.tokens.cartToken('c-1') },
    ];
    const answers = await Promise.all(
      callers.map((headers, i) => place('shared', { ...order, reference: String(i) }, headers)),
    );
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 201]);
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(4);
  });

  it('are the same request after a new login of the same account', async () => {
    const first = await place('login', order, await signedIn('u-1'));
    expect((await place('login', order, await signedIn('u-1', 'staff'))).body).toEqual(first.body);
  });
});

describe('requests without a key', () => {
  it('are done each', async () => {
    const answers = await Promise.all([place(undefined), place(undefined)]);
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(2);
    expect(effects.map(({ meta }) => meta.keyed)).toEqual([false, false]);
  });
});

describe('what an action is told', () => {
  it('is who calls, under which names, and the request flattened', async () => {
    const trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const answer = await shop.call('/api/v1/orders/o-1/ship', {
      method: 'POST',
      headers: {
        ...(await signedIn('u-1', 'staff')),
        'Idempotency-Key': 'k',
        'X-Request-Id': 'r-1',
        'If-Match': '"7"',
        traceparent: trace,
      },
    });
    expect(answer.headers.get('x-request-id')).toBe('r-1');
    expect(effects).toEqual([
      {
        params: { id: 'o-1' },
        meta: {
          principal: { kind: 'user', id: 'u-1', role: 'staff' },
          requestId: 'r-1',
          commandId: expect.stringMatching(/^[\da-f]{8}-[\da-f]{4}-8[\da-f]{3}-a[\da-f]{3}-[\da-f]{12}$/),
          fingerprint: expect.stringMatching(/^[\w-]{43}$/),
          keyed: true,
          ifMatch: '7',
          traceparent: trace,
        },
      },
    ]);
  });

  it('holds the cart token as it was sent, also of a signed-in caller', async () => {
    const answer = await shop.call('/api/v1/carts/me/lines/p-1', {
      method: 'PUT',
      body: { quantity: 1 },
      headers: { ...(await signedIn('u-1')), 'X-Cart-Token': 'raw' },
    });
    expect(answer.body).toMatchObject({ cartToken: 'raw', principal: { kind: 'user' } });
  });
});

describe('an ETag', () => {
  it('spares an answer that is known already', async () => {
    const get = async (headers: object) =>
      shop.call('/api/v1/orders/o-1', { headers: { ...(await signedIn('u-1')), ...headers } });
    expect((await get({})).headers.get('etag')).toBe('"7"');
    const spared = await get({ 'If-None-Match': '"3", W/"7"' });
    expect([spared.status, spared.text]).toEqual([304, '']);
    expect((await get({ 'If-None-Match': '"8"' })).status).toBe(200);
  });
});
