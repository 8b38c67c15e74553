// One consumer of a group: it holds the lease of its topics, hands their records over in order, and moves the position.
//
//   claim (lease) ─► buffer per partition ─► handle ─► position moves, in memory and a little later in the storage
//                      ▲            ▲            ├─ PermanentFailure ─► dead letter, the rest is offered again
//         appends of this node    read           └─ any other error ─► the partition pauses, the batch is offered again
//
// Partitions go on beside each other, a partition is handled by one `handle` at a time. A position moves only after its
// effect is durable, so nothing is skipped; after a crash the last records are offered again, and consumers drop repeats.

import { type LogRecord, PermanentFailure, type SubscribeOptions } from './event-log.ts';
import { type Claimed, type LogStorage, LogUnavailable, type Place, type StoredRecord } from './log-storage.ts';
import type { TopicName } from './topics.ts';

/** How long a group's lease lives without being renewed, by the clock of the storage, in milliseconds. */
export const LEASE_MS = 2_000;
/** Records per call of `handle`, unless the subscriber says otherwise. */
const BATCH_MAX = 500;
/** Positions are gathered this long before they are stored, in milliseconds. */
const ADVANCE_MS = 100;
/** Pause of a partition after a failure, in milliseconds; doubled each time up to the longest. */
const RETRY_MS = { first: 25, longest: 2_000 };
/** Failures in a row after which a person is told. */
const ALERT_AFTER = 8;

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

/** A partition in this consumer's hands. */
interface Lane {
  readonly topic: TopicName;
  readonly partition: number;
  readonly era: number;
  /** Records read and not yet handled. */
  buffer: StoredRecord[];
  /** Offset of the next record to be read, and of the partition's end as far as is known. */
  next: number;
  end: number;
  /** Position in the storage. */
  stored: number;
  /** A read of this lane is under way: what is appended meanwhile has to wait for it. */
  reading: boolean;
  failures: number;
  /** Ends a pause early. */
  resume?: () => void;
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
      if (!stopped)
        renewal = setTimeout(
          () => void claim().catch((error: unknown) => report('claim failed', error)),
          leaseMs / 3,
        ).unref();
    }
    pump();
  }

  /** An absent database needs no words: the next claim finds it back. */
  function report(what: string, error: unknown): void {
    if (!(error instanceof LogUnavailable)) alert(what, { group, error: String((error as Error).stack ?? error) });
  }

  /** Keeps the lanes that go on, begins those that are new or were put elsewhere, lets go of the others. */
  function take(claimed: readonly Claimed[]): void {
    const gone = new Set(lanes.keys());
    for (const { topic, partition, offset, era, end } of claimed) {
      const name = nameOf({ topic, partition });
      gone.delete(name);
      const lane = lanes.get(name);
      // A position beyond ours was reached by another holder, while this one had lost the lease.
      if (lane?.era === era && offset <= positionOf(lane)) {
        lane.end = Math.max(lane.end, end);
        continue;
      }
      lane?.resume?.();
      lanes.set(name, {
        topic,
        partition,
        era,
        buffer: [],
        next: offset,
        end,
        stored: offset,
        reading: false,
        failures: 0,
      });
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
      if (record.offset === lane.next && lane.buffer.length < 2 * batchMax && !lane.reading) {
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

  function pump(): void {
    for (const [name, lane] of lanes) {
      if (working.has(name) || lane.buffer.length === 0 || !isHeld(lane)) continue;
      const work = run(lane).then(() => {
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
    for (const lane of behind) lane.reading = true;
    try {
      const records = await storage.read(
        behind.map(({ topic, partition, next }) => ({ topic, partition, offset: next })),
        batchMax,
      );
      fill(behind, records);
    } catch (error) {
      report('read failed', error);
      return; // the next claim, or the next look at the ends, tries again
    } finally {
      for (const lane of behind) lane.reading = false;
      reading = false;
    }
    pump();
  }

  function fill(behind: readonly Lane[], records: readonly StoredRecord[]): void {
    const found = Map.groupBy(records, nameOf);
    for (const lane of behind) {
      const read = found.get(nameOf(lane));
      if (read !== undefined) lane.buffer.push(...read);
      // Offsets have no gaps, so what is not there any more has expired.
      lane.next = read === undefined ? lane.end : (read.at(-1) as StoredRecord).offset + 1;
    }
  }

  async function run(lane: Lane): Promise<void> {
    while (lane.buffer.length > 0 && isHeld(lane)) {
      const batch = lane.buffer.slice(0, batchMax);
      try {
        const handled = await offerBatch(lane, batch);
        lane.buffer.splice(0, handled);
        lane.failures = 0;
      } catch (error) {
        await pause(lane, batch, error as Error);
      }
      if (lanes.get(nameOf(lane)) === lane) advanceTimer ??= setTimeout(() => void advance(), ADVANCE_MS).unref();
      pump(); // others may have to read on
    }
  }

  /** Offers the records up to the first one that cannot be read. Returns how many of the buffer are done with. */
  async function offerBatch(lane: Lane, batch: readonly StoredRecord[]): Promise<number> {
    const records: LogRecord[] = [];
    for (const stored of batch) {
      const record = parse(stored);
      if (record === undefined) break;
      records.push(record);
    }
    const [first] = batch;
    if (records.length === 0 && first !== undefined) {
      await bury(first, 'the value is no JSON object');
      return 1;
    }
    try {
      await subscription.handle(records);
      return records.length;
    } catch (error) {
      const bad = error instanceof PermanentFailure ? batch.findIndex(({ offset }) => offset === error.offset) : -1;
      if (bad < 0 || bad >= records.length) throw error;
      await bury(batch[bad] as StoredRecord, (error as Error).message);
      lane.buffer.splice(bad, 1);
      return 0;
    }
  }

  async function bury(record: StoredRecord, reason: string): Promise<void> {
    await storage.bury({ group, record, reason });
    const { topic, partition, offset, id } = record;
    alert('event dead-lettered', { group, topic, partition, offset, id, reason });
  }

  async function pause(lane: Lane, [first]: readonly StoredRecord[], error: Error): Promise<void> {
    lane.failures += 1;
    if (lane.failures % ALERT_AFTER === 0) {
      const { topic, partition, failures } = lane;
      alert('consumer keeps failing', {
        group,
        topic,
        partition,
        offset: first?.offset,
        failures,
        error: String(error.stack ?? error),
      });
    }
    const pauseMs = Math.min(RETRY_MS.first * 2 ** (lane.failures - 1), RETRY_MS.longest);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, pauseMs);
      lane.resume = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    delete lane.resume;
  }

  /** Stores the positions that have moved. Losing this costs a repeat, nothing more. */
  async function advance(): Promise<void> {
    clearTimeout(advanceTimer);
    advanceTimer = undefined;
    if (advancing !== undefined) await advancing;
    const moved = [...lanes.values()].filter((lane) => positionOf(lane) > lane.stored);
    if (moved.length === 0) return;
    const positions = moved.map((lane) => ({
      topic: lane.topic,
      partition: lane.partition,
      era: lane.era,
      offset: positionOf(lane),
    }));
    advancing = storage.advance(group, positions).then(
      () => moved.forEach((lane, i) => (lane.stored = (positions[i] as Place).offset)),
      (error: unknown) => {
        report('advance failed', error);
        if (!stopped) advanceTimer ??= setTimeout(() => void advance(), ADVANCE_MS).unref();
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

const nameOf = ({ topic, partition }: { readonly topic: string; readonly partition: number }): string =>
  `${topic}/${partition}`;

const positionOf = (lane: Lane): number => lane.buffer[0]?.offset ?? lane.next;

function parse({ value, ...record }: StoredRecord): LogRecord | undefined {
  try {
    const data: unknown = JSON.parse(value);
    return typeof data === 'object' && data !== null ? { ...record, data } : undefined;
  } catch {
    return undefined;
  }
}
