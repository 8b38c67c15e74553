// Counts events in one-minute windows, exactly once: how far the topic was taken and what that led to change in one
// statement, so an event that the log offers again changes nothing.
//
//   handle (any partition) ─► queue ─► sort ─► take { progress, who was counted, tallies, totals } ─► close { tallies ─► windows }
//
// All that waits is taken together. Closing depends on nothing but what is stored, so after a crash it goes on.

import type { LogRecord } from '../../brokers/event-log.ts';
import { int8Array, textArray } from '../../mixins/postgres/arrays.ts';
import type { Lane } from '../../mixins/postgres/lane.ts';
import { type Placed, type Progress, sortRecords, type Sorted, watermarkOf, WINDOW_MS } from './event-time.ts';
import * as statements from './statements.ts';

/** Records of one statement. */
const RECORDS_MAX = 4_000;
/** Rows that one statement closes or forgets: well within its time limit. */
const CHUNK = 5_000;
/** Times a batch is sorted anew because another node was faster. */
const RACES_MAX = 5;

interface Entry {
  readonly records: readonly LogRecord[];
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export interface Windows {
  /** Resolves when the records have taken effect, and what they closed is closed. */
  take(records: readonly LogRecord[]): Promise<void>;
}

/** Opens the counting over so many partitions, and closes what was left to be closed. */
export async function openWindows(lane: Lane, partitions: number): Promise<Windows> {
  const queue: Entry[] = [];
  let running: Promise<void> | undefined;
  /** As it is stored; undefined when that is not known. */
  let progress: readonly Progress[] | undefined;
  let closedUntil: number | undefined;

  async function run(): Promise<void> {
    // One turn of the event loop, so that all partitions that came with one read share a statement.
    await new Promise(setImmediate);
    while (queue.length > 0) {
      const entries = next();
      try {
        await takeAll(entries.flatMap(({ records }) => records));
        for (const { resolve } of entries) resolve();
      } catch (error) {
        progress = undefined;
        for (const { reject } of entries) reject(error as Error);
      }
    }
    running = undefined;
  }

  function next(): Entry[] {
    let [records, count] = [0, 0];
    for (const entry of queue) {
      records += entry.records.length;
      if (count > 0 && records > RECORDS_MAX) break;
      count += 1;
    }
    return queue.splice(0, count);
  }

  async function takeAll(records: readonly LogRecord[]): Promise<void> {
    for (let race = 1; ; race++) {
      const before: readonly Progress[] = (progress ??= await read());
      const sorted = sortRecords(before, records);
      if (await store(before, sorted)) {
        progress = sorted.progress;
        return await close();
      }
      progress = undefined;
      if (race === RACES_MAX) throw new Error('other nodes take the same partitions');
    }
  }

  async function read(): Promise<Progress[]> {
    const rows = await lane.run(statements.readProgress, []);
    return rows.map(([offset, time]) => ({
      next: Number(offset),
      time: typeof time === 'string' ? Number(time) : undefined,
    }));
  }

  async function store(before: readonly Progress[], sorted: Sorted): Promise<boolean> {
    const { progress: after, accepted, late, malformed } = sorted;
    const placed = firstOfEach(sorted.placed);
    if (after.every(({ next: offset }, i) => offset === before[i]?.next)) return true;
    const [row] = await lane.run(statements.take, [
      int8Array(before.map(({ next: offset }) => offset)),
      int8Array(after.map(({ next: offset }) => offset)),
      textArray(after.map(({ time }) => (time === undefined ? null : String(time)))),
      int8Array(placed.map(({ windowStart }) => windowStart)),
      textArray(placed.map(({ productId }) => productId)),
      textArray(placed.map(({ eventId }) => eventId)),
      textArray(placed.map(({ userId }) => userId)),
      accepted,
      late,
      malformed,
    ]);
    return row?.[0] === '1';
  }

  /** Closes every window whose end the watermark has reached. */
  async function close(): Promise<void> {
    const watermark = watermarkOf(progress ?? []);
    if (watermark === undefined) return;
    const lastStart = Math.floor(watermark / WINDOW_MS) * WINDOW_MS - WINDOW_MS;
    if (closedUntil !== undefined && lastStart <= closedUntil) return;
    // Shown first, then forgotten. If the second is cut short, the next close makes up for it.
    for (const statement of [statements.close, statements.forgetEvents, statements.forgetUsers]) {
      for (let done = CHUNK; done === CHUNK; ) done = Number((await lane.run(statement, [lastStart, CHUNK]))[0]?.[0]);
    }
    closedUntil = lastStart;
  }

  await lane.run(statements.begin, [partitions]);
  progress = await read();
  await close();
  return {
    take: (records) =>
      new Promise((resolve, reject) => {
        queue.push({ records, resolve, reject });
        running ??= run();
      }),
  };
}

/** The first event of each id in its window: what repeats it counts for nothing, nor does its user. */
function firstOfEach(placed: readonly Placed[]): Placed[] {
  const known = new Set<string>();
  return placed.filter(({ windowStart, productId, eventId }) => {
    // With its length before it, no product's name can run into an event's.
    const name = `${windowStart} ${productId.length} ${productId}${eventId}`;
    return !known.has(name) && known.add(name);
  });
}
