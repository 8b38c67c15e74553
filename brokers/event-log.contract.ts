// What every event log has to do, whatever it lies in. Memory, PostgreSQL and Kafka run this one suite.
//
// Nothing here sleeps: tests wait for what consumers get. Topics are shared, so each test has keys and groups of its own.

import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type EventLog, type LogRecord, type NewEvent, PermanentFailure, type SubscribeOptions } from './event-log.ts';
import { type LogStorage, LogUnavailable } from './log-storage.ts';
import { createStoredLog } from './stored-log.ts';

/** A node of the log under test. */
export interface LogNode {
  readonly log: EventLog;
  /** The node is gone: nothing that it does from now on reaches the log, and it says goodbye to nobody. */
  kill(): void;
  isDead(): boolean;
}

export interface LogUnderTest {
  /** Another node over the same records. */
  open(): Promise<LogNode>;
  deadLetters(): Promise<readonly { readonly group: string; readonly key: string; readonly reason: string }[]>;
}

const TOPIC = 'product.deleted';
/** Short, so that a test need not wait long for the partitions of a node that died. */
const LEASE_MS = 300;

/** A node of a stored log, over a storage that it may share with others. */
export function nodeOver(storage: LogStorage): LogNode {
  let dead = false;
  const mortal = new Proxy(storage, {
    get(target, property: keyof LogStorage) {
      const call = target[property] as (...given: unknown[]) => Promise<unknown>;
      return async (...given: unknown[]) => {
        if (dead) throw new LogUnavailable('the node is dead');
        return await call.apply(target, given);
      };
    },
  });
  const log = createStoredLog({ storage: mortal, alert: () => {}, leaseMs: LEASE_MS });
  return {
    log,
    kill() {
      dead = true;
    },
    isDead: () => dead,
  };
}

/** Collects what a consumer gets of this test's keys, and lets the test wait for it. */
function collector(test: string) {
  const seen: LogRecord[] = [];
  const waiting: { readonly isThere: () => boolean; readonly resolve: () => void }[] = [];
  const when = (isThere: () => boolean) =>
    new Promise<void>((resolve) => {
      if (isThere()) resolve();
      else waiting.push({ isThere, resolve });
    });
  return {
    seen,
    take(records: readonly LogRecord[]): void {
      seen.push(...records.filter(({ key }) => key.startsWith(test)));
      for (const { isThere, resolve } of waiting) if (isThere()) resolve();
    },
    until: (count: number) => when(() => seen.length >= count),
    untilId: (wanted: string) => when(() => seen.some(({ id }) => id === wanted)),
    ids: () => seen.map(({ id }) => id),
  };
}

function gate() {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, opened };
}

/** Runs the suite; `make` gives a log without records of earlier suites, or with: it makes no difference. */
export function eventLogContract(name: string, make: () => Promise<LogUnderTest>): void {
  describe(`${name}: an event log`, () => {
    let under: LogUnderTest;
    let nodes: LogNode[];
    let log: EventLog;
    let test: string;

    beforeEach(async () => {
      under = await make();
      nodes = [];
      test = randomUUID();
      log = (await node()).log;
    });
    afterEach(async () => {
      for (const each of nodes) if (!each.isDead()) await each.log.close();
    });

    async function node(): Promise<LogNode> {
      const opened = await under.open();
      nodes.push(opened);
      return opened;
    }
    const key = (n: number): string => `${test}-key-${n}`;
    const event = (keyNumber: number, n: number, more: Partial<NewEvent> = {}): NewEvent => ({
      topic: TOPIC,
      key: key(keyNumber),
      id: `${key(keyNumber)}-${n}`,
      source: 'souk/test',
      time: 1_700_000_000_000 + n,
      data: { productId: key(keyNumber), sku: 'CUP', version: n + 1 },
      ...more,
    });
    /** So many events of so many keys, mixed. */
    const events = (count: number, keys: number): NewEvent[] =>
      Array.from({ length: count }, (_, i) => event(i % keys, Math.floor(i / keys)));
    const subscribe = (on: EventLog, handle: SubscribeOptions['handle'], more: Partial<SubscribeOptions> = {}) =>
      on.subscribe({ group: `${test}-group`, topics: [TOPIC], handle, ...more });
    const idsOfKey = (ids: readonly string[], n: number): string[] => ids.filter((id) => id.startsWith(`${key(n)}-`));

    it('gives back what was appended, in the order of each key', async () => {
      const got = collector(test);
      await subscribe(log, async (records) => got.take(records));
      await log.append(events(50, 5));
      await log.append([event(0, 10, { data: { productId: 'p"ö\\', sku: '🫖 \u0001', version: 1 } })]);
      await got.until(51);

      expect([...got.ids()].toSorted()).toEqual([...events(50, 5), event(0, 10)].map(({ id }) => id).toSorted());
      for (let n = 0; n < 5; n++) {
        const versions = got.seen.filter((record) => record.key === key(n)).map((record) => record.time);
        expect(versions).toEqual(versions.toSorted((a, b) => a - b));
      }
      const last = got.seen.find(({ id }) => id === `${key(0)}-10`) as LogRecord;
      expect(last).toMatchObject({ topic: TOPIC, key: key(0), source: 'souk/test', time: 1_700_000_000_010 });
      expect(last.data).toEqual({ productId: 'p"ö\\', sku: '🫖 \u0001', version: 1 });
      expect(Math.abs(last.appendedAt - Date.now())).toBeLessThan(60_000);
    });

    it('tells a consumer which trace an event belongs to, and what it causes may carry that on', async () => {
      const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
      const [got, late] = [collector(test), collector(test)];
      await subscribe(log, async (records) => {
        for (const record of records.filter(({ id }) => id === `${key(0)}-0`)) {
          const caused = record.traceparent === undefined ? {} : { traceparent: record.traceparent };
          await log.append([event(1, 0, caused)]);
        }
        got.take(records);
      });
      await log.append([event(0, 0, { traceparent }), event(0, 1), event(0, 2, { traceparent: 'no trace' })]);
      await got.until(4);
      const traces = (seen: readonly LogRecord[]) =>
        Object.fromEntries(seen.map(({ id, traceparent: trace }) => [id, trace ?? 'none']));
      const told = {
        [`${key(0)}-0`]: traceparent,
        [`${key(0)}-1`]: 'none',
        [`${key(0)}-2`]: 'none',
        [`${key(1)}-0`]: traceparent,
      };
      expect(traces(got.seen)).toEqual(told);
      // And as it lies in the log.
      await subscribe(log, async (records) => late.take(records), { group: `${test}-late` });
      await late.until(4);
      expect(traces(late.seen)).toEqual(told);
    });

    it('sends a key to one partition, and a mark to the partition that it names', async () => {
      const got = collector(test);
      await subscribe(log, async (records) => got.take(records));
      const partitions = log.partitions(TOPIC);
      await log.append([event(1, 0), event(1, 1)]);
      await log.append(Array.from({ length: partitions }, (_, partition) => event(2, partition, { partition })));
      await got.until(2 + partitions);

      const of = (n: number) => got.seen.filter((record) => record.key === key(n)).map(({ partition }) => partition);
      expect(new Set(of(1)).size).toBe(1);
      expect(of(2).toSorted((a, b) => a - b)).toEqual(Array.from({ length: partitions }, (_, partition) => partition));
    });

    it('leaves no gap and loses nothing when two nodes append at once', async () => {
      const other = await node();
      const got = collector(test);
      const all: LogRecord[] = [];
      await subscribe(log, async (records) => {
        all.push(...records);
        got.take(records);
      });
      const appends = Array.from({ length: 60 }, (_, i) =>
        (i % 2 === 0 ? log : other.log).append([event(i, 0), event(i + 1_000, 0), event(i, 1)]),
      );
      await Promise.all(appends);
      await got.until(180);

      expect(new Set(got.ids()).size).toBe(180);
      for (const records of Map.groupBy(all, ({ partition }) => partition).values()) {
        const [first] = records;
        expect(records.map(({ offset }) => offset)).toEqual(records.map((_, i) => (first as LogRecord).offset + i));
      }
    });

    it('keeps the order of a key to which two nodes append in turn', async () => {
      const other = await node();
      const got = collector(test);
      await subscribe(log, async (records) => got.take(records));
      for (let n = 0; n < 10; n++) await (n % 2 === 0 ? other.log : log).append([event(0, n)]);
      await got.until(10);
      expect(got.ids()).toEqual(events(10, 1).map(({ id }) => id));
    });

    it('refuses an event that does not fit its schema, and stores nothing of that append', async () => {
      const got = collector(test);
      await subscribe(log, async (records) => got.take(records));
      const misfits = [
        { data: { productId: 'p' } },
        { data: { productId: 'p', sku: 'CUP', version: 1, token: 'secret' } },
        { topic: 'no.such.topic' },
        { partition: 1_000 },
        { key: '' },
      ];
      for (const misfit of misfits) {
        await expect(log.append([event(1, 1), event(1, 2, misfit)])).rejects.toThrow('event 1');
      }
      await log.append([event(1, 3)]);
      await got.until(1);
      expect(got.ids()).toEqual([`${key(1)}-3`]);
    });

    it('gives every group everything', async () => {
      const [one, two] = [collector(test), collector(test)];
      await subscribe(log, async (records) => one.take(records), { group: `${test}-one` });
      await log.append(events(20, 4));
      await one.until(20);
      await subscribe(log, async (records) => two.take(records), { group: `${test}-two` });
      await two.until(20);
      expect(two.ids().toSorted()).toEqual(one.ids().toSorted());
    });

    it('gives each record to one of two nodes of a group, and all to the other when one leaves', async () => {
      const other = await node();
      const [all, late] = [collector(test), collector(test)];
      const subscription = await subscribe(log, async (records) => all.take(records));
      await subscribe(other.log, async (records) => {
        all.take(records);
        late.take(records);
      });
      await log.append(events(30, 6));
      await all.until(30);
      expect(new Set(all.ids()).size).toBe(30);
      expect(all.seen).toHaveLength(30);

      await subscription.stop();
      const leftAt = late.seen.length;
      await log.append([event(1, 100), event(2, 100)]);
      await late.until(leftAt + 2);
      expect(late.ids().slice(leftAt).toSorted()).toEqual([`${key(1)}-100`, `${key(2)}-100`]);
    });

    it('takes no more records at a time than the consumer wants', async () => {
      const got = collector(test);
      const sizes: number[] = [];
      await log.append(events(40, 1));
      await subscribe(
        log,
        async (records) => {
          sizes.push(records.length);
          got.take(records);
        },
        { batchMax: 7 },
      );
      await got.until(40);
      expect(Math.max(...sizes)).toBe(7);
    });

    it('rewinds a group, and puts it on', async () => {
      const got = collector(test);
      await subscribe(log, async (records) => got.take(records));
      await log.append(events(10, 1));
      await got.until(10);
      const { partition, offset } = got.seen[4] as LogRecord;
      await log.seek(`${test}-group`, TOPIC, partition, offset);
      await got.until(16);
      expect(got.ids().slice(10)).toEqual(got.ids().slice(4, 10));

      // For a group that nobody is in, it is where its next consumer starts.
      const [later, last] = [collector(test), got.seen[9] as LogRecord];
      await log.seek(`${test}-later`, TOPIC, partition, last.offset);
      await subscribe(log, async (records) => later.take(records), { group: `${test}-later` });
      await later.until(1);
      expect(later.ids()).toEqual([last.id]);
      await expect(log.seek(`${test}-group`, TOPIC, 1_000, 0)).rejects.toThrow('no offset');
    });

    it('goes on after a stop where the group was', async () => {
      const [one, two] = [collector(test), collector(test)];
      const subscription = await subscribe(log, async (records) => one.take(records));
      await log.append(events(10, 3));
      await one.until(10);
      await subscription.stop();
      const other = await node();
      await log.append([event(1, 100)]);
      await subscribe(other.log, async (records) => two.take(records));
      await two.until(1);
      expect(two.ids()).toEqual([`${key(1)}-100`]);
    });

    it('leaves to the next consumer what was not handled', async () => {
      const [failed, got] = [gate(), collector(test)];
      await log.append(events(9, 1));
      const subscription = await subscribe(
        log,
        async (records) => {
          if (!records.some(({ id }) => id === `${key(0)}-4`)) return;
          failed.open();
          throw new Error('the database is away');
        },
        { batchMax: 3 },
      );
      await failed.opened;
      await subscription.stop();
      await subscribe(log, async (records) => got.take(records));
      await got.untilId(`${key(0)}-8`);
      expect(got.ids()).toEqual(idsOfKey(got.ids(), 0));
      // The batch that failed begins at 2, 3 or 4: older records of the topic may stand before them.
      expect(got.ids().length).toBeGreaterThanOrEqual(5);
      expect(got.ids().length).toBeLessThanOrEqual(7);
    });

    it('waits at a stop for the effect under way', async () => {
      const [begun, effect] = [gate(), gate()];
      let done = false;
      const subscription = await subscribe(log, async (records) => {
        if (!records.some((record) => record.key === key(1))) return;
        begun.open();
        await effect.opened;
        for (let turn = 0; turn < 100; turn++) await new Promise(setImmediate);
        done = true;
      });
      await log.append([event(1, 0)]);
      await begun.opened;
      const stopped = subscription.stop();
      expect(done).toBe(false);
      effect.open();
      await stopped;
      expect(done).toBe(true);
    });

    it('offers the batch again when a node dies in the middle of it', async () => {
      const dying = await node();
      const second = gate();
      const [before, after] = [collector(test), collector(test)];
      await log.append(events(10, 1));
      await subscribe(
        dying.log,
        async (records) => {
          before.take(records);
          if (!records.some(({ id }) => id === `${key(0)}-5`)) return;
          second.open();
          await new Promise(() => {});
        },
        { batchMax: 3 },
      );
      await second.opened;
      dying.kill();
      await subscribe(log, async (records) => after.take(records), { batchMax: 3 });
      await after.untilId(`${key(0)}-9`);

      const first = after.ids()[0] as string;
      const all = events(10, 1).map(({ id }) => id);
      expect(after.ids()).toEqual(all.slice(all.indexOf(first)));
      expect(all.indexOf(first)).toBeLessThanOrEqual(3);
    });

    it('puts a record aside that can never be handled, and goes on with the rest', async () => {
      const got = collector(test);
      await log.append(events(6, 1));
      await subscribe(log, async (records) => {
        const bad = records.find(({ id }) => id === `${key(0)}-2` || id === `${key(0)}-5`);
        if (bad !== undefined) throw new PermanentFailure(bad.offset, 'it is broken');
        got.take(records);
      });
      await log.append([event(0, 6)]);
      await got.until(5);
      expect(got.ids()).toEqual([0, 1, 3, 4, 6].map((n) => `${key(0)}-${n}`));
      const letters = (await under.deadLetters()).filter(({ group }) => group === `${test}-group`);
      expect(letters).toEqual(
        Array.from({ length: 2 }, () => ({ group: `${test}-group`, key: key(0), reason: 'it is broken' })),
      );
    });

    it('pauses at an outage and loses nothing; other partitions go on', async () => {
      const got = collector(test);
      let failures = 5;
      await subscribe(log, async (records) => {
        if (records.some((record) => record.key === key(0)) && failures-- > 0) throw new Error('the database is away');
        got.take(records);
      });
      const all = events(80, 8);
      await log.append(all);
      await got.until(80);
      expect(failures).toBeLessThan(0);
      for (let n = 0; n < 8; n++) {
        expect(idsOfKey(got.ids(), n)).toEqual(all.map(({ id }) => id).filter((id) => id.startsWith(`${key(n)}-`)));
      }
      const firstOf0 = got.ids().findIndex((id) => id.startsWith(`${key(0)}-`));
      expect(firstOf0).toBeGreaterThan(0);
    });

    it('takes nothing after it was closed', async () => {
      const other = await node();
      await other.log.close();
      await expect(other.log.append([event(1, 0)])).rejects.toThrow('closed');
    });
  });
}
