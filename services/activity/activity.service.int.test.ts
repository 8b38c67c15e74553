import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ServiceBroker } from 'moleculer';
import type { LogRecord } from '../../brokers/event-log.ts';
import { LogUnavailable } from '../../brokers/log-storage.ts';
import { createMemoryLog, memoryStorage } from '../../brokers/memory-log.ts';
import type { StoredLog } from '../../brokers/stored-log.ts';
import type { Platform } from '../../mixins/platform.ts';
import { testDatabase, type TestDatabase } from '../../mixins/postgres/testing.ts';
import { RequestRow } from './activity.entities.ts';
import { activityService } from './activity.service.ts';
import { Migration0001Activity } from './migrations/0001-activity.ts';

const TOPIC = 'ecom-raw-events';
const view = { user_id: 'u', product_id: 'p', event_type: 'view', timestamp: '2026-01-31T12:00:00.000Z' };

let database: TestDatabase;
let log: StoredLog;
let logIsAway: boolean;
let broker: ServiceBroker;
let seen: LogRecord[];
let waiting: { readonly count: number; readonly resolve: () => void }[];

beforeEach(async () => {
  database = await testDatabase({ migrations: [Migration0001Activity], entities: [RequestRow] });
  logIsAway = false;
  [seen, waiting] = [[], []];
  const storage = memoryStorage();
  log = createMemoryLog({
    storage: {
      ...storage,
      append: (events) => (logIsAway ? Promise.reject(new LogUnavailable('gone')) : storage.append(events)),
    },
  });
  await log.subscribe({
    group: 'test',
    topics: [TOPIC],
    async handle(records) {
      seen.push(...records);
      for (const { count, resolve } of waiting) if (seen.length >= count) resolve();
    },
  });
  await start(0);
});
afterEach(async () => {
  await broker.stop();
  await log.close();
  await database.close();
});

async function start(activityHeartbeatMs: number): Promise<void> {
  const platform = {
    settings: { activityHeartbeatMs },
    log: async () => log,
    database: () => database.again(),
    alert: () => {},
  } as unknown as Platform;
  broker = new ServiceBroker({ logger: false, nodeID: randomUUID() });
  broker.createService(activityService(platform));
  await broker.start();
}

const records = (count: number) =>
  new Promise<void>((resolve) => {
    if (seen.length >= count) resolve();
    else waiting.push({ count, resolve });
  });
const append = (events: unknown[], meta: object = {}) =>
  broker.call<object, object>(
    'activity.append',
    { events },
    { meta: { commandId: randomUUID(), fingerprint: 'f', keyed: false, ...meta } },
  );
const keyed = (fingerprint = 'f') => ({ commandId: randomUUID(), fingerprint, keyed: true });

describe('events', () => {
  it('are in the log when they are answered, in the partition of their product', async () => {
    const [a, b] = [
      { ...view, event_id: 'a' },
      { ...view, event_id: 'b', metadata: { price: 2.5 } },
    ];
    expect(await append([a, b])).toEqual({ accepted: 2, rejected: [] });
    await records(2);
    expect(seen).toMatchObject(
      [a, b].map((data) => ({
        topic: TOPIC,
        key: 'p',
        id: data.event_id,
        source: 'souk/activity',
        time: Date.parse(view.timestamp),
        data,
      })),
    );
  });

  it('tell which trace their request belonged to', async () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    await append([view], { traceparent });
    await append([view]);
    await records(2);
    expect(seen.map((record) => record.traceparent)).toEqual([traceparent, undefined]);
  });

  it('are judged one by one', async () => {
    expect(await append([view, 7, { ...view, user_id: '' }, view])).toEqual({
      accepted: 2,
      rejected: [
        { index: 1, code: 'wrong-type', detail: 'an event is a JSON object' },
        { index: 2, code: 'wrong-length', detail: 'user_id must not be empty' },
      ],
    });
  });

  it('none of which can be taken are a problem that names each fault', async () => {
    await expect(append([7, { ...view, 'a/b': 1 }])).rejects.toMatchObject({
      code: 422,
      type: 'invalid-request',
      data: {
        errors: [
          { pointer: '/0', code: 'wrong-type' },
          { pointer: '/1/a~1b', code: 'unknown-field' },
        ],
      },
    });
  });

  it('are answered 503 while the log is away', async () => {
    logIsAway = true;
    await expect(append([view])).rejects.toMatchObject({ code: 503, type: 'unavailable' });
  });
});

describe('a keyed request', () => {
  it('that is repeated gets the same answer, and its events are in the log once', async () => {
    const key = keyed();
    const first = await append([view, 7], key);
    expect(await append([view, 7], key)).toEqual(first);
    expect(await broker.call('activity.answered', { commandId: key.commandId })).toEqual({
      fingerprint: 'f',
      status: 202,
      body: first,
    });
    await append([view]);
    await records(2);
    expect(seen).toHaveLength(2);
  });

  it('with another body under the same key is refused', async () => {
    const key = keyed();
    await append([view], key);
    await expect(append([view, view], { ...key, fingerprint: 'g' })).rejects.toMatchObject({
      type: 'idempotency-key-reused',
    });
  });

  it('that failed half way appends the same events when it is repeated', async () => {
    const key = keyed();
    logIsAway = true;
    await expect(append([view], key)).rejects.toMatchObject({ code: 503 });
    expect(await broker.call('activity.answered', { commandId: key.commandId })).toBeNull();
    await expect(append([view], { ...key, fingerprint: 'g' })).rejects.toMatchObject({
      type: 'idempotency-key-reused',
    });
    logIsAway = false;
    expect(await append([view], key)).toEqual({ accepted: 1, rejected: [] });
    // As if the answer had been lost after the append: the repeat brings the same ids again, and windows count ids.
    await database.orm.em.execute('update requests set answer = null');
    expect(await append([view], key)).toEqual({ accepted: 1, rejected: [] });
    await records(2);
    expect(new Set(seen.map(({ id }) => id)).size).toBe(1);
  });

  it('that was refused may be sent again, mended', async () => {
    const key = keyed();
    await expect(append([7], key)).rejects.toMatchObject({ code: 422 });
    expect(await append([view], { ...key, fingerprint: 'g' })).toMatchObject({ accepted: 1 });
  });
});

describe('time', () => {
  it('passes by a flush in every partition', async () => {
    const caller = { meta: { commandId: 'c' } };
    await broker.call('activity.flush', { until: '2026-01-31T12:00:00+01:00' }, caller);
    await records(log.partitions(TOPIC));
    expect(seen.map(({ partition }) => partition).toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: log.partitions(TOPIC) }, (_, n) => n),
    );
    expect(seen.map(({ data }) => data)).toEqual(
      seen.map(() => ({ type: 'flush', until: '2026-01-31T11:00:00.000Z' })),
    );
    await expect(broker.call('activity.flush', { until: 'soon' }, caller)).rejects.toMatchObject({ code: 422 });
  });

  it('passes by heartbeats where they are wanted', async () => {
    await broker.stop();
    await start(20);
    await records(2 * log.partitions(TOPIC));
    expect(new Set(seen.map(({ partition }) => partition)).size).toBe(log.partitions(TOPIC));
    expect(seen.every(({ data }) => 'type' in data && data.type === 'heartbeat')).toBe(true);
    expect(await broker.call('activity.ready')).toEqual({ ready: true, heartbeatSeconds: 0.02, watermark: null });
  });
});
