// Keeps the history in step with the orders.
//
//   order.updated ─► group order-history ─► the newest of each order ─► table (if newer) ─► its row of `unprojected` goes
//                                                                          ▲                    └─► the group moves on
//   every 5 s: what has been waiting for 10 s ─► as PostgreSQL has it ─────┘
//
// The second way is for what never comes by the log: orders from before there was a history, or that no event may hold; a
// version without an event of its own; an event that was put aside; a table that was lost.

import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { OrderUpdated } from '../../../actors/public-events.ts';
import type { EventLog, LogRecord, Subscription } from '../../../brokers/event-log.ts';
import { inParallel } from '../../../mixins/dynamodb/client.ts';
import { type HistoryTable, isMissing } from './history-table.ts';
import { type HistoryItem, itemOfEvent } from './item.ts';
import type { Unprojected } from './unprojected.ts';

export const GROUP = 'order-history';
export const TOPIC = 'order.updated';

/** Records of one batch: few, so that a list that waits for them finds them soon. */
const BATCH_MAX = 200;
/** How long a batch that is not full waits first, in milliseconds: of what happens to an order at once only the last is put. */
const GATHER_MS = 500;
/** Puts under way at a time, of one batch. */
const IN_PARALLEL = 16;
/** How often left-overs are looked for, and how long they have been waiting then, in milliseconds. */
const SWEEP_MS = 5_000;
const LEFT_OVER_AFTER_MS = 10_000;
const SWEEP_ORDERS = 100;
/** Orders that one statement remembers; it reads their rows, and statements are limited to two seconds. */
const REMEMBER_ORDERS = 1_000;
/** First and longest pause before a start that failed is tried again, in milliseconds; a person is told after so many. */
const AGAIN_MS = { first: 100, longest: 2_000 };
const ALERT_AFTER = 10;
/** How long a stop waits for a start that is under way, in milliseconds: it may itself wait for a log that is away. */
const GOODBYE_MS = 1_000;

export interface ProjectionOptions {
  readonly table: HistoryTable;
  readonly unprojected: Unprojected;
  readonly log: () => Promise<EventLog>;
  readonly alert: (what: string, particulars: object) => void;
  readonly gatherMs?: number;
  readonly sweepMs?: number;
  readonly leftOverAfterMs?: number;
}

export interface Projection {
  /** Resolves when the table is there and the group is joined; an outage delays it without limit. */
  readonly ready: Promise<void>;
  /** Remembers the next orders by id (`Unprojected.remember`), to be written anew. */
  remember(after: string): Promise<string | undefined>;
  /** Makes the table if it is missing; all orders must have been remembered before. */
  make(): Promise<void>;
  /** Reads the log from its beginning, as far as this node is the one that reads it. @returns partitions put back */
  rewind(): Promise<number>;
  /** Writes what has been waiting for so long (ms; default: all), from PostgreSQL. */
  sweep(waitedMs?: number): Promise<void>;
  stop(): Promise<void>;
}

/** Starts in the background: an orders node takes orders whether or not there is a DynamoDB or a log. */
export function startProjection(options: ProjectionOptions): Projection {
  const { table, unprojected, alert, gatherMs = GATHER_MS } = options;
  const { sweepMs = SWEEP_MS, leftOverAfterMs = LEFT_OVER_AFTER_MS } = options;
  const stopping = new AbortController();
  const isStopped = (): boolean => stopping.signal.aborted;
  let subscription: Subscription | undefined;
  let healing: Promise<void> | undefined;

  async function handle(records: readonly LogRecord[]): Promise<void> {
    const newest = new Map<string, HistoryItem>();
    for (const { data } of records) {
      const item = itemOfEvent(data as OrderUpdated & { readonly version: number });
      const known = newest.get(item.order.id);
      if (known === undefined || known.version < item.version) newest.set(item.order.id, item);
    }
    if (records.length < BATCH_MAX) await pause(gatherMs);
    const waiting = await unprojected.versions([...newest.keys()]);
    await project([...newest.values()].filter((item) => isWanted(item, waiting)));
  }

  /** Of an order without a row the table has everything; where the row says more, a newer event is on its way here. */
  function isWanted({ order, version }: HistoryItem, waiting: ReadonlyMap<string, number>): boolean {
    const newest = waiting.get(order.id);
    return newest !== undefined && newest <= version;
  }

  /** The items are in the table before their rows go: a list that finds no row finds the item. */
  async function project(items: readonly HistoryItem[]): Promise<void> {
    let stored: readonly boolean[];
    try {
      stored = await inParallel(items, IN_PARALLEL, putUnlessAway());
    } catch (error) {
      if (isMissing(error)) await (healing ??= heal().finally(() => (healing = undefined)));
      throw error;
    }
    const known = items.filter((_, i) => stored[i]).map(({ order: { id }, version }) => ({ id, version }));
    if (known.length > 0) await unprojected.forget(known);
  }

  /** Puts of one batch; after one that failed no other is begun: each would wait as long for the same answer. */
  function putUnlessAway(): (item: HistoryItem) => Promise<boolean> {
    let failed: Error | undefined;
    return async (item) => {
      if (failed !== undefined) throw failed;
      try {
        return await table.put(item);
      } catch (error) {
        failed = error as Error;
        throw error;
      }
    };
  }

  /** A table that is missing, or was lost, knows no order at all: that is said before there is one. */
  async function heal(): Promise<void> {
    if (await table.exists()) return;
    let after: string | undefined = '';
    while (after !== undefined && !isStopped()) after = await unprojected.remember(after, REMEMBER_ORDERS);
    if (!isStopped()) await table.make();
  }

  /** All of them once, from a random order on, so that several nodes begin at different ends. */
  async function sweep(waitedMs = 0): Promise<void> {
    const start = randomUUID();
    for (const [first, last] of [
      [start, undefined],
      ['', start],
    ] as const) {
      for (let after: string = first; !isStopped(); ) {
        const items = await unprojected.leftOver(after, waitedMs, SWEEP_ORDERS);
        await project(items);
        const end = items.at(-1)?.order.id;
        if (end === undefined || items.length < SWEEP_ORDERS || (last !== undefined && end > last)) break;
        after = end;
      }
    }
  }

  async function keepSweeping(): Promise<void> {
    while (!isStopped()) {
      await pause(sweepMs);
      // While DynamoDB or PostgreSQL is away there is nothing to say that others do not say.
      if (!isStopped()) await sweep(leftOverAfterMs).catch(() => undefined);
    }
  }

  const pause = (ms: number): Promise<void> => delay(ms, undefined, stopping).catch(() => undefined);

  async function open(): Promise<void> {
    for (let failures = 0; !isStopped(); ) {
      try {
        await heal();
        const log = await options.log();
        subscription = await log.subscribe({ group: GROUP, topics: [TOPIC], batchMax: BATCH_MAX, handle });
        if (isStopped()) await subscription.stop();
        return;
      } catch (error) {
        failures += 1;
        if (failures === ALERT_AFTER) alert('order history cannot start', { error: String(error) });
      }
      await pause(Math.min(AGAIN_MS.first * 2 ** failures, AGAIN_MS.longest));
    }
  }

  const ready = open();
  const sweeping = ready.then(keepSweeping);
  return {
    ready,
    remember: (after) => unprojected.remember(after, REMEMBER_ORDERS),
    make: table.make,
    async rewind() {
      const log = await options.log();
      let count = 0;
      for (let partition = 0; partition < log.partitions(TOPIC); partition++) {
        // A partition that another node reads is put back there.
        const isMine = await log.seek(GROUP, TOPIC, partition, 0).then(
          () => true,
          () => false,
        );
        count += Number(isMine);
      }
      return count;
    },
    sweep,
    async stop() {
      stopping.abort();
      await Promise.race([ready, delay(GOODBYE_MS, undefined, { ref: false })]);
      await subscription?.stop();
      if (subscription !== undefined) await sweeping;
    },
  };
}
