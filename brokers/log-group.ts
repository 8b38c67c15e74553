// One consumer of a group: it holds the lease of its topics, keeps their lanes filled, and moves the group's positions.
//
//   claim (lease) ─► lanes ─► buffer ─► workOff (log-lane.ts) ─► position moves, in memory and a little later in the storage
//                       appends of this node ─┘ ▲
//                                             read (all lanes that are behind, with one query)
//
// Partitions go on beside each other; one of them is never handled twice at a time. A position moves only after its effect
// is durable, so nothing is skipped; after a crash the last records are offered again, and consumers drop repeats.

import type { SubscribeOptions } from './event-log.ts';
import { beginLane, type Handling, type Lane, nameOf, positionOf, workOff } from './log-lane.ts';
import { type Claimed, type LogStorage, LogUnavailable, type Place, type StoredRecord } from './log-storage.ts';
import type { TopicName } from './topics.ts';

/** How long a group's lease lives without being renewed, by the clock of the storage, in milliseconds. */
export const LEASE_MS = 2_000;
/** Records per call of `handle`, unless the subscriber says otherwise. */
const BATCH_MAX = 500;
/** Positions are gathered this long before they are stored, in milliseconds. */
const ADVANCE_MS = 100;

export interface GroupOptions {
  readonly storage: LogStorage;
  readonly subscription: SubscribeOptions;
  readonly topics: readonly TopicName[];
  /** Unique name of this consumer among the holders of leases. */
  readonly holder: string;
  readonly alert: (what: string, particulars: object) => void;
  readonly leaseMs?: number;
}

/** A consumer at work. */
export interface Group {
  readonly name: string;
  readonly topics: readonly TopicName[];
  /** Takes or renews the lease, and takes over positions that were set by a seek. */
  claim(): Promise<void>;
  /** Records that were just appended by this node, in order. */
  offer(records: readonly StoredRecord[]): void;
  /** Where partitions end now. */
  extend(ends: readonly Place[]): void;
  stop(): Promise<void>;
}

/** Makes a consumer. It does nothing before the first `claim`. */
export function createGroup(options: GroupOptions): Group {
  const { storage, subscription, topics, holder, alert, leaseMs = LEASE_MS } = options;
  const { group, batchMax = BATCH_MAX } = subscription;
  const mine: ReadonlySet<string> = new Set(topics);
  const lanes = new Map<string, Lane>();
  /** What is handled now, by partition: a lane that replaces another one waits until that has ended. */
  const working = new Map<string, Promise<void>>();
  let heldUntil = 0;
  let reading = false;
  let stopped = false;
  let renewal: NodeJS.Timeout | undefined;
  let claiming: Promise<void> | undefined;
  let advanceTimer: NodeJS.Timeout | undefined;
  let advancing: Promise<void> | undefined;

  const isHeld = (lane: Lane): boolean => !stopped && performance.now() < heldUntil && lanes.get(nameOf(lane)) === lane;
  const advanceSoon = (): void => {
    advanceTimer ??= setTimeout(() => void advance(), ADVANCE_MS).unref();
  };
  const handling: Handling = {
    group,
    batchMax,
    handle: (records) => subscription.handle(records),
    bury: (letter) => storage.bury(letter),
    alert,
    isHeld,
    onDone() {
      advanceSoon();
      pump(); // the lane may have to read on
    },
  };

  /** An absent database needs no words: the next claim finds it back. */
  function report(what: string, error: unknown): void {
    if (!(error instanceof LogUnavailable)) alert(what, { group, error: String((error as Error).stack ?? error) });
  }

  async function claim(): Promise<void> {
    // A claim that runs already may have read positions from before what the caller waits for.
    if (claiming !== undefined) await claiming;
    claiming ??= claimNow().finally(() => {
      claiming = undefined;
    });
    await claiming;
  }

  async function claimNow(): Promise<void> {
    clearTimeout(renewal);
    if (stopped) return;
    try {
      // The lease is at least as long as it seems from here: it began in the storage after this moment.
      const before = performance.now();
      take(await storage.claim(group, topics, holder, leaseMs));
      heldUntil = before + leaseMs;
    } finally {
      if (!stopped) renewal = setTimeout(renew, leaseMs / 3).unref();
    }
    pump();
  }

  function renew(): void {
    claim().catch((error: unknown) => report('claim failed', error));
  }

  /** Keeps the lanes that go on, begins those that are new or were put elsewhere, lets go of the others. */
  function take(claimed: readonly Claimed[]): void {
    const gone = new Set(lanes.keys());
    for (const place of claimed) {
      const name = nameOf(place);
      const lane = lanes.get(name);
      gone.delete(name);
      // A position beyond ours was reached by another holder, while this one had lost the lease.
      if (lane?.era === place.era && place.offset <= positionOf(lane)) {
        lane.end = Math.max(lane.end, place.end);
        continue;
      }
      lane?.resume?.();
      lanes.set(name, beginLane(place, place.end));
    }
    for (const name of gone) {
      lanes.get(name)?.resume?.();
      lanes.delete(name);
    }
  }

  function offer(records: readonly StoredRecord[]): void {
    for (const record of records) {
      const lane = mine.has(record.topic) ? lanes.get(nameOf(record)) : undefined;
      if (lane === undefined) continue;
      // What does not join on, or does not fit, is read when its turn comes.
      if (record.offset === lane.next && lane.buffer.length < 2 * batchMax) {
        lane.buffer.push(record);
        lane.next += 1;
      }
      lane.end = Math.max(lane.end, record.offset + 1);
    }
    pump();
  }

  function extend(ends: readonly Place[]): void {
    for (const place of ends) {
      const lane = lanes.get(nameOf(place));
      if (lane !== undefined) lane.end = Math.max(lane.end, place.offset);
    }
    pump();
  }

  /** Sets every lane to work that has something to do. */
  function pump(): void {
    for (const [name, lane] of lanes) {
      if (working.has(name) || lane.buffer.length === 0 || !isHeld(lane)) continue;
      const work = workOff(lane, handling).then(() => {
        working.delete(name);
        pump();
      });
      working.set(name, work);
    }
    if (!reading) void readOn();
  }

  /** Fills the buffers of all lanes that are behind, with one query. */
  async function readOn(): Promise<void> {
    const behind = [...lanes.values()].filter(
      (lane) => lane.next < lane.end && lane.buffer.length < batchMax && isHeld(lane),
    );
    if (behind.length === 0) return;
    reading = true;
    try {
      const places = behind.map(({ topic, partition, next }) => ({ topic, partition, offset: next }));
      const ends = behind.map(({ end }) => end);
      fill(behind, ends, await storage.read(places, batchMax));
    } catch (error) {
      report('read failed', error);
      return; // the next claim, or the next look at the ends, tries again
    } finally {
      reading = false;
    }
    pump();
  }

  /** Adds what was read; `ends` are those of before the read. */
  function fill(behind: readonly Lane[], ends: readonly number[], records: readonly StoredRecord[]): void {
    const found = Map.groupBy(records, nameOf);
    behind.forEach((lane, i) => {
      const read = found.get(nameOf(lane)) ?? [];
      // The end may have been seen before the answer to our own append, whose records have joined on meanwhile.
      lane.buffer.push(...read.filter(({ offset }) => offset >= lane.next));
      // Offsets have no gaps, so what was before the end and is not there any more has expired.
      lane.next = Math.max(lane.next, (read.at(-1)?.offset ?? (ends[i] as number) - 1) + 1);
    });
  }

  /** Stores the positions that have moved. Losing this costs a repeat, nothing more. */
  async function advance(): Promise<void> {
    clearTimeout(advanceTimer);
    advanceTimer = undefined;
    if (advancing !== undefined) await advancing;
    const moved = [...lanes.values()].filter((lane) => positionOf(lane) > lane.stored);
    if (moved.length === 0) return;
    const positions = moved.map((lane) => {
      return { topic: lane.topic, partition: lane.partition, era: lane.era, offset: positionOf(lane) };
    });
    advancing = storage.advance(group, positions).then(
      () => {
        moved.forEach((lane, i) => (lane.stored = (positions[i] as Place).offset));
      },
      (error: unknown) => {
        report('advance failed', error);
        if (!stopped) advanceSoon();
      },
    );
    await advancing;
    advancing = undefined;
  }

  return {
    name: group,
    topics,
    claim,
    offer,
    extend,
    async stop() {
      stopped = true;
      clearTimeout(renewal);
      for (const lane of lanes.values()) lane.resume?.();
      await Promise.all(working.values());
      await claiming?.catch(() => undefined);
      await advance();
      // Without an answer the lease runs out by itself.
      await storage.release(group, holder).catch(() => undefined);
    },
  };
}
