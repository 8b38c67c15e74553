// Publishers and consumers for tests that take brokers away from them, and what must be true afterwards.
//
//   startPublishers ─► acknowledged ids ─┐
//   startConsumer   ─► seen records      ├─► expectOnceInOrder: everything that was acknowledged is there once, in order

import { setTimeout as delay } from 'node:timers/promises';
import { expect } from '@jest/globals';
import type { EventLog, LogRecord, NewEvent } from '../../brokers/event-log.ts';

export const TOPIC = 'product.deleted';
const PUBLISHERS = 8;
/** A publisher that was sent away comes back after so many milliseconds. */
const AGAIN_MS = 20;

/** The event with a number among those of one key of a test. */
export const eventOf = (test: string, key: number, n: number): NewEvent => ({
  topic: TOPIC,
  key: `${test}-${key}`,
  id: `${test}-${key}-${n}`,
  source: 'souk/products',
  time: n,
  data: { productId: String(key), sku: 'CUP', version: n + 1 },
});

export interface Publishers {
  readonly acknowledged: readonly string[];
  /** How often one was told to come back. */
  refusals(): number;
  /** The longest time that any append was under way, in milliseconds. */
  longestMs(): number;
  /** Until so many more events were acknowledged. */
  more(events: number): Promise<void>;
  /** Ends when each has got rid of what it has in hand. */
  stop(): Promise<void>;
}

/** Publishers that append one event after another, each repeating what was answered with 503 until it is taken. */
export function startPublishers(log: EventLog, test: string): Publishers {
  const acknowledged: string[] = [];
  const waiting: { readonly count: number; readonly resolve: () => void }[] = [];
  let refusals = 0;
  let longestMs = 0;
  let running = true;

  async function publish(events: readonly NewEvent[]): Promise<boolean> {
    const begun = performance.now();
    try {
      await log.append(events);
      return true;
    } catch (error) {
      expect(error).toMatchObject({ code: 503 });
      refusals += 1;
      await delay(AGAIN_MS);
      return false;
    } finally {
      longestMs = Math.max(longestMs, performance.now() - begun);
    }
  }
  async function publisher(key: number): Promise<void> {
    for (let n = 0; running; n++) {
      const events = [eventOf(test, key, 2 * n), eventOf(test, key, 2 * n + 1)];
      while (!(await publish(events)));
      acknowledged.push(...events.map(({ id }) => id));
      for (const { count, resolve } of waiting) if (acknowledged.length >= count) resolve();
    }
  }
  const all = Promise.all(Array.from({ length: PUBLISHERS }, (_, key) => publisher(key)));
  return {
    acknowledged,
    refusals: () => refusals,
    longestMs: () => longestMs,
    more: (events) => new Promise((resolve) => waiting.push({ count: acknowledged.length + events, resolve })),
    async stop() {
      running = false;
      await all;
    },
  };
}

export interface Consumer {
  readonly seen: readonly LogRecord[];
  /** Until all these were seen. */
  until(ids: ReadonlySet<string>): Promise<void>;
  stop(): Promise<void>;
}

/** Collects a test's records in a group of its own. */
export async function startConsumer(log: EventLog, test: string, group: string): Promise<Consumer> {
  const seen: LogRecord[] = [];
  const ids = new Set<string>();
  const waiting: { readonly wanted: ReadonlySet<string>; readonly resolve: () => void }[] = [];
  const { stop } = await log.subscribe({
    group: `${test}-${group}`,
    topics: [TOPIC],
    async handle(records) {
      for (const record of records.filter(({ key }) => key.startsWith(test))) {
        seen.push(record);
        ids.add(record.id);
      }
      for (const { wanted, resolve } of waiting) if (ids.isSupersetOf(wanted)) resolve();
    },
  });
  return {
    seen,
    stop,
    until: (wanted) =>
      new Promise((resolve) => {
        if (ids.isSupersetOf(wanted)) resolve();
        else waiting.push({ wanted, resolve });
      }),
  };
}

/**
 * Everything that was acknowledged lies in the log once, in the order in which each publisher appended it, and nothing
 * else but what may have been stored although it was refused.
 */
export async function expectOnceInOrder(
  log: EventLog,
  test: string,
  acknowledged: readonly string[],
  refused: ReadonlySet<string> = new Set(),
): Promise<void> {
  const consumer = await startConsumer(log, test, 'audit');
  await consumer.until(new Set(acknowledged));
  await consumer.stop();
  const stored = consumer.seen.filter(({ id }) => !refused.has(id));
  expect(stored.map(({ id }) => id).toSorted()).toEqual(acknowledged.toSorted());
  for (const records of Map.groupBy(stored, ({ key }) => key).values()) {
    const order = records.map(({ time }) => time);
    expect(order).toEqual(order.toSorted((a, b) => a - b));
  }
}
