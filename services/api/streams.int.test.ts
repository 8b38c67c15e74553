// What does not fit into one answer: server-sent events, exports, imports, batches, signed bytes; and how the gateway stops.

import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Context } from 'moleculer';
import { Problem } from '../../brokers/problem.ts';
import type { Caller } from '../../mixins/caller.ts';
import { until as untilTrue } from '../../infra/local/shop.fixture.ts';
import { startStubShop, type StubShop } from './stub-shop.ts';

let shop: StubShop;
/** What the questions about the order o-1 wait for, how many there were, and what becomes of the next one. */
let next = Promise.withResolvers<object>();
let asked = 0;
let refusal: Error | undefined;
let slow = Promise.withResolvers<void>();

/** Answers a question for what is newer than `seen`. */
async function change(seen: number, wait: boolean) {
  if (!wait) return null;
  const data = await next.promise;
  next = Promise.withResolvers();
  return { id: String(seen + 1), event: 'order', data };
}

const services = [
  {
    name: 'orders',
    actions: {
      stream(ctx: Context<{ id: string; seen: number; wait: boolean }>) {
        if (ctx.params.id !== 'o-1') throw new Problem('not-found', 'there is no such order');
        asked += 1;
        const thrown = refusal;
        refusal = undefined;
        if (thrown !== undefined) throw thrown;
        return change(ctx.params.seen, ctx.params.wait);
      },
      export(ctx: Context<{ format: string }, Caller>) {
        ctx.meta.$responseType = 'text/csv; charset=utf-8';
        return ctx.params.format === 'csv' ? Readable.from(['id\n', 'o-1\n']) : failing();
      },
      list: () => slow.promise.then(() => ({ items: [], next: null })),
    },
  },
  {
    name: 'products',
    actions: {
      async import(ctx: Context) {
        const rows = await text(ctx.stream as Readable);
        return { accepted: rows.length, rejected: 0, errors: [] };
      },
    },
  },
  { name: 'activity', actions: { append: (ctx: Context) => ctx.params, answered: () => null } },
  { name: 'payments', actions: { webhook } },
];

let webhooks: { provider: string; rawBody: string; headers: Record<string, string> }[] = [];
function webhook(ctx: Context<(typeof webhooks)[number]>): void {
  webhooks.push(ctx.params);
}

async function* failing() {
  yield 'id\n';
  await Promise.resolve();
  throw new Error('the database went away');
}

beforeAll(async () => {
  shop = await startStubShop(services);
});
afterAll(() => shop.stop());

const staff = async () => ({
  Authorization: `Bearer ${await shop.tokens.signAccessToken({ userId: 'u-1', role: 'staff' })}`,
});

/** The streams that the gateway has open. */
const streamsOpen = () =>
  (shop.broker.getLocalService('api') as unknown as { gateway: { streams: { size: number } } }).gateway.streams.size;

/** Opens the stream of an order; gives what comes, piece by piece. */
async function open(headers: Record<string, string> = {}, id = 'o-1') {
  const going = request(`${shop.url}/api/v1/orders/${id}/stream`, {
    headers: { ...(await staff()), ...headers },
  }).end();
  const [answer] = (await once(going, 'response')) as [IncomingMessage];
  answer.setEncoding('utf8');
  let received = '';
  answer.on('data', (piece: string) => (received += piece)).on('error', () => {});
  const ended = new Promise((resolve) => answer.once('end', resolve));
  const until = async (pattern: RegExp): Promise<string> => {
    while (!pattern.test(received)) await once(answer, 'data');
    return received;
  };
  return { answer, until, ended, close: () => going.destroy() };
}

describe('the stream of an order', () => {
  it('tells each version as it comes', async () => {
    const { answer, until, close } = await open();
    expect([answer.statusCode, answer.headers['content-type']]).toEqual([200, 'text/event-stream; charset=utf-8']);
    next.resolve({ id: 'o-1', status: 'PAID' });
    expect(await until(/\n\n.*\n\n/s)).toBe(
      'retry: 1000\n\nid: 1\nevent: order\ndata: {"id":"o-1","status":"PAID"}\n\n',
    );
    next.resolve({ id: 'o-1', status: 'SHIPPED' });
    await until(/id: 2\n/);
    close();
    next.resolve({});
  });

  it('goes on after the version that was seen last', async () => {
    const { until, close } = await open({ 'Last-Event-ID': '41' });
    next.resolve({});
    await until(/id: 42\n/);
    close();
    next.resolve({});
  });

  it('waits out an outage', async () => {
    const { until, close } = await open();
    refusal = new Problem('unavailable', 'away');
    next.resolve({});
    await until(/id: 1\n/);
    next.resolve({});
    await until(/id: 2\n/);
    close();
    next.resolve({});
  });

  it('ends when the reader may not see the order any more', async () => {
    const { ended, until } = await open();
    refusal = new Problem('not-found', 'there is no such order');
    next.resolve({});
    await until(/id: 1\n/);
    await ended;
  });

  it('asks nothing more when its reader has left', async () => {
    const { until, close } = await open();
    next.resolve({});
    await until(/id: 1\n/);
    close();
    await untilTrue('the gateway has noticed', async () => streamsOpen() === 0);
    next.resolve({});
    const before = asked;
    await shop.call('/health/live');
    expect(asked).toBe(before);
  });

  it('of an unknown order is a problem, not a stream', async () => {
    const { answer, until } = await open({}, 'o-2');
    expect(answer.statusCode).toBe(404);
    await until(/not-found/);
  });
});

describe('an export', () => {
  it('is streamed as text', async () => {
    const answer = await shop.call('/api/v1/orders/export?format=csv', { headers: await staff() });
    expect([answer.status, answer.headers.get('content-type'), answer.text]).toEqual([
      200,
      'text/csv; charset=utf-8',
      'id\no-1\n',
    ]);
  });

  it('that breaks is cut off, so that nobody takes the half for the whole', async () => {
    await expect(shop.call('/api/v1/orders/export?format=jsonl', { headers: await staff() })).rejects.toThrow(
      'terminated',
    );
    expect(shop.faults.at(-1)).toEqual([
      expect.objectContaining({ message: 'the database went away' }),
      expect.anything(),
    ]);
  });
});

describe('an import', () => {
  it('is streamed to the action, however long it is', async () => {
    const rows = 'x'.repeat(3_000_000);
    const answer = await shop.call('/api/v1/products/import', {
      body: rows,
      headers: { ...(await staff()), 'Content-Type': 'text/csv; charset=utf-8' },
    });
    expect(answer.body).toEqual({ accepted: 3_000_000, rejected: 0, errors: [] });
  });
  it('must be CSV', async () => {
    expect((await shop.call('/api/v1/products/import', { body: '{}', headers: await staff() })).status).toBe(415);
  });
});

describe('events', () => {
  const event = { user_id: 'u', product_id: 'p', event_type: 'view', timestamp: '2026-01-01T00:00:00Z' };
  it('come one by one or in batches', async () => {
    expect((await shop.call('/api/v1/events', { body: event })).body).toEqual({ events: [event] });
    const batch = await shop.call('/api/v1/events', { body: [event, { nonsense: 1 }] });
    expect([batch.status, batch.body]).toEqual([202, { events: [event, { nonsense: 1 }] }]);
    expect((await shop.call('/api/v1/events', { body: Array.from({ length: 500 }, () => event) })).status).toBe(202);
  });
  it.each([[[]], [7], ['"x"'], [Array.from({ length: 501 }, () => event)]])('are not %#', async (body) => {
    expect((await shop.call('/api/v1/events', { body })).status).toBe(422);
  });
});

describe('a webhook', () => {
  it('reaches the action byte by byte, without our callers’ credentials', async () => {
    webhooks = [];
    const body = new Uint8Array([0x7b, 0x22, 0xff, 0x7d]);
    const answer = await shop.call('/api/v1/payments/webhooks/simulated', {
      body,
      headers: { 'X-Signature': 't=1,v1=a', Authorization: 'Bearer secret' },
    });
    expect([answer.status, answer.text]).toEqual([204, '']);
    expect(webhooks).toHaveLength(1);
    // In base64, which JSON between nodes leaves alone.
    expect([...Buffer.from(webhooks[0]?.rawBody ?? '', 'base64')]).toEqual([...body]);
    expect(webhooks[0]?.headers).toMatchObject({ 'x-signature': 't=1,v1=a' });
    expect(webhooks[0]?.headers).not.toHaveProperty('authorization');
  });
});

describe('metrics and the document', () => {
  it('are there for everybody', async () => {
    expect((await shop.call('/metrics')).text).toContain(
      'souk_http_requests_total{method="POST",route="/api/v1/events",status="202"}',
    );
    expect((await shop.call('/openapi.json')).body.openapi).toBe('3.1.0');
  });
});

describe('the gateway that stops', () => {
  it('finishes what runs, ends its streams, and takes nothing new', async () => {
    const stopping = await startStubShop(services);
    slow = Promise.withResolvers();
    const headers = {
      Authorization: `Bearer ${await stopping.tokens.signAccessToken({ userId: 'u-1', role: 'staff' })}`,
    };
    const stream = await fetch(`${stopping.url}/api/v1/orders/o-1/stream`, { headers });
    const running = stopping.call('/api/v1/orders', { headers });
    await stopping.call('/health/live');
    const stopped = stopping.broker.destroyService('api');
    await stream.text();
    await expect(stopping.call('/health/live')).rejects.toThrow('fetch failed');
    slow.resolve();
    next.resolve({});
    expect((await running).body).toEqual({ items: [], next: null });
    await stopped;
    await stopping.stop();
  });

  it('says which port is taken when it cannot start', async () => {
    await expect(startStubShop([], { port: shop.port })).rejects.toThrow(`Port ${shop.port} on 127.0.0.1 is taken`);
  });
});
