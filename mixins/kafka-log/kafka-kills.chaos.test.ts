// A broker that is killed with -9 while it is written to, and one that is away: nothing that was acknowledged is lost,
// nothing is doubled, publishers are told in time, and consumers go on by themselves.
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from '@jest/globals';
import type { LogRecord, NewEvent } from '../../brokers/event-log.ts';
import { type KafkaCluster, missingKafka, planKafka, startKafkaNode } from '../../infra/local/servers/kafka.ts';
import type { KafkaNode } from '../../infra/local/servers/kafka-settings.ts';
import { markOf } from '../../infra/local/servers/orphans.ts';
import { itWhere } from '../../infra/toolchain/it-where.ts';
import { type KafkaLog, type KafkaLogOptions, openKafkaLog } from './kafka-log.ts';

const missing = missingKafka();
const withKafka = itWhere(missing === undefined, missing ?? '', 'fetched');
const TOPIC = 'product.deleted';
const PUBLISHERS = 8;
/** Appends that must succeed before the kill, and after the return. */
const APPENDS = 150;

let folder: string;
let cluster: KafkaCluster;
let broker: Awaited<ReturnType<typeof startKafkaNode>> | undefined;
let test: string;
let logs: KafkaLog[];

const startBroker = () => startKafkaNode(cluster, cluster.nodes[0] as KafkaNode, { mark: markOf(folder) });
beforeAll(async () => {
  if (missing !== undefined) return;
  folder = mkdtempSync(join(tmpdir(), 'souk-kafka-'));
  cluster = await planKafka(folder, 1);
  broker = await startBroker();
});
afterAll(async () => {
  if (broker === undefined) return;
  await broker.stop();
  rmSync(folder, { recursive: true });
});
beforeEach(() => {
  test = randomUUID();
  logs = [];
});
afterEach(async () => {
  for (const log of logs) await log.close();
});

async function newLog(more: Partial<KafkaLogOptions> = {}): Promise<KafkaLog> {
  const log = await openKafkaLog({ brokers: [cluster.bootstrapServers], alert: () => {}, sessionMs: 2_000, ...more });
  logs.push(log);
  return log;
}

async function killBroker(): Promise<void> {
  process.kill(broker!.pid, 'SIGKILL');
  await broker!.exited;
}

const event = (key: number, n: number): NewEvent => ({
  topic: TOPIC,
  key: `${test}-${key}`,
  id: `${test}-${key}-${n}`,
  source: 'souk/products',
  time: n,
  data: { productId: String(key), sku: 'CUP', version: n + 1 },
});

/** Publishers that append one event after another, each repeating what was answered with 503 until it is taken. */
function startPublishers(log: KafkaLog) {
  const acknowledged: string[] = [];
  let refusals = 0;
  let running = true;
  const waiting: { readonly count: number; readonly resolve: () => void }[] = [];
  const publisher = async (key: number): Promise<void> => {
    for (let n = 0; running; n++) {
      const events = [event(key, 2 * n), event(key, 2 * n + 1)];
      for (let isTaken = false; !isTaken; ) {
        try {
          await log.append(events);
          isTaken = true;
        } catch (error) {
          expect(error).toMatchObject({ code: 503 });
          refusals += 1;
          await delay(20); // as publishers do
        }
      }
      acknowledged.push(...events.map(({ id }) => id));
      for (const { count, resolve } of waiting) if (acknowledged.length >= count) resolve();
    }
  };
  const all = Promise.all(Array.from({ length: PUBLISHERS }, (_, key) => publisher(key)));
  return {
    acknowledged,
    refusals: () => refusals,
    /** Until so many more events were acknowledged. */
    more: (events: number) =>
      new Promise<void>((resolve) => waiting.push({ count: acknowledged.length + events, resolve })),
    async stop() {
      running = false;
      await all;
    },
  };
}

/** Collects this test's records. */
async function startConsumer(log: KafkaLog, group: string) {
  const seen: LogRecord[] = [];
  const waiting: { readonly ids: ReadonlySet<string>; readonly resolve: () => void }[] = [];
  const hasAll = (ids: ReadonlySet<string>) => new Set(seen.map(({ id }) => id)).isSupersetOf(ids);
  const { stop } = await log.subscribe({
    group: `${test}-${group}`,
    topics: [TOPIC],
    async handle(records) {
      seen.push(...records.filter(({ key }) => key.startsWith(test)));
      for (const { ids, resolve } of waiting) if (hasAll(ids)) resolve();
    },
  });
  const until = (ids: ReadonlySet<string>) =>
    new Promise<void>((resolve) => {
      if (hasAll(ids)) resolve();
      else waiting.push({ ids, resolve });
    });
  return { seen, until, stop };
}

/** Everything is there once, and in the order in which each publisher appended it. */
async function expectOnceInOrder(acknowledged: readonly string[]): Promise<void> {
  const consumer = await startConsumer(await newLog(), 'audit');
  await consumer.until(new Set(acknowledged));
  const ids = consumer.seen.map(({ id }) => id);
  expect(ids.toSorted()).toEqual(acknowledged.toSorted());
  for (const records of Map.groupBy(consumer.seen, ({ key }) => key).values()) {
    const order = records.map(({ time }) => time);
    expect(order).toEqual(order.toSorted((a, b) => a - b));
  }
}

withKafka('loses and doubles nothing when the broker is killed in mid-send and publishers wait', async () => {
  const log = await newLog({ patienceMs: 60_000 });
  const publishers = startPublishers(log);
  for (let kill = 0; kill < 2; kill++) {
    await publishers.more(APPENDS);
    await killBroker();
    broker = await startBroker();
  }
  await publishers.more(APPENDS);
  await publishers.stop();
  expect(publishers.refusals()).toBe(0);
  await expectOnceInOrder(publishers.acknowledged);
});

withKafka('loses and doubles nothing when the broker is killed in mid-send and publishers are sent away', async () => {
  const publishers = startPublishers(await newLog({ patienceMs: 500 }));
  const consumer = await startConsumer(await newLog(), 'beside');
  await publishers.more(APPENDS);
  await killBroker();
  broker = await startBroker();
  await publishers.more(APPENDS);
  await publishers.stop();
  expect(publishers.refusals()).toBeGreaterThan(0);
  await expectOnceInOrder(publishers.acknowledged);
  // The consumer that was there all the time comes back by itself; what it was given again, it is used to.
  await consumer.until(new Set(publishers.acknowledged));
});

withKafka('tells publishers at once that Kafka is away, and lets a consumer finish what it has', async () => {
  const log = await newLog({ patienceMs: 300 });
  const consumer = await startConsumer(log, 'away');
  await log.append([event(0, 0)]);
  await consumer.until(new Set([event(0, 0).id]));
  await killBroker();
  await expect(log.append([event(0, 1)])).rejects.toMatchObject({ code: 503, type: 'unavailable' });
  const asked = performance.now();
  await expect(log.append([event(0, 2)])).rejects.toMatchObject({ code: 503, type: 'unavailable' });
  expect(performance.now() - asked).toBeLessThan(200);
  await expect(openKafkaLog({ brokers: [cluster.bootstrapServers], alert: () => {}, openMs: 0 })).rejects.toThrow(
    'Kafka does not answer',
  );
  broker = await startBroker();
  // It was in the sender's hands, which never let go.
  await consumer.until(new Set([event(0, 1).id]));
  expect(consumer.seen.map(({ id }) => id)).not.toContain(event(0, 2).id);
});
