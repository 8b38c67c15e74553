// Which window an event belongs to, and whether it comes too late. Pure: records in, rows out.
//
//   time of a partition = the largest effective time seen in it − 10 s, or what a mark says      (never backwards)
//   watermark           = the smallest time of all partitions; one that has seen nothing holds it back
//   late                = the window's end ≤ the watermark when the event's turn comes
//
// A device may be ahead of us, so an event counts at the earlier of its own time and the time of its receipt.

import type { LogRecord } from '../../brokers/event-log.ts';

export const WINDOW_MS = 60_000;
/** How much older than its partition's newest an event may be without ever being late, in milliseconds. */
export const DISORDER_MS = 10_000;
const TEXT_MAX = 256;

/** How far a partition was taken. */
export interface Progress {
  /** Offset of the next record. */
  readonly next: number;
  /** The partition's time in milliseconds since 1970; undefined: it has seen nothing. */
  readonly time: number | undefined;
}

/** An event in its window. */
export interface Placed {
  readonly windowStart: number;
  readonly productId: string;
  readonly eventId: string;
  readonly userId: string;
}

/** What a batch comes to. */
export interface Sorted {
  /** Progress of all partitions after the batch. */
  readonly progress: readonly Progress[];
  readonly placed: readonly Placed[];
  /** Events, whatever became of them; marks are none. */
  readonly accepted: number;
  readonly late: number;
  readonly malformed: number;
}

/** The smallest time of all partitions; undefined as long as one has seen nothing. */
export function watermarkOf(progress: readonly Progress[]): number | undefined {
  let least = Number.POSITIVE_INFINITY;
  for (const { time } of progress) {
    if (time === undefined) return undefined;
    least = Math.min(least, time);
  }
  return Number.isFinite(least) ? least : undefined;
}

/** Sorts records, in the order in which they are given; those that were taken before are left out. */
export function sortRecords(before: readonly Progress[], records: readonly LogRecord[]): Sorted {
  const progress = [...before];
  const placed: Placed[] = [];
  let [accepted, late, malformed] = [0, 0, 0];
  let watermark = watermarkOf(progress);
  for (const { partition, offset, appendedAt, data } of records) {
    const { next, time } = progress[partition] as Progress;
    if (offset < next) continue;

    let reached: number;
    if ('type' in data) reached = timeOfMark(data);
    else {
      const event = readEvent(data, appendedAt);
      accepted += 1;
      reached = event.time - DISORDER_MS;
      if (Number.isNaN(event.time)) malformed += 1;
      else if (watermark !== undefined && event.windowStart + WINDOW_MS <= watermark) late += 1;
      else placed.push(event);
    }
    const advanced = Number.isNaN(reached) || (time !== undefined && time >= reached) ? time : reached;
    progress[partition] = { next: offset + 1, time: advanced };
    if (advanced !== time) watermark = watermarkOf(progress);
  }
  return { progress, placed, accepted, late, malformed };
}

/** The event in its window; its time is NaN if it is none. */
function readEvent(data: object, receivedAt: number): Placed & { readonly time: number } {
  const { product_id: productId, user_id: userId, event_id: eventId, timestamp } = data as Record<string, unknown>;
  const isWhole = isText(productId) && isText(userId) && isText(eventId) && isText(timestamp);
  const time = isWhole ? Math.min(Date.parse(timestamp), receivedAt) : Number.NaN;
  const windowStart = Math.floor(time / WINDOW_MS) * WINDOW_MS;
  return { windowStart, productId, eventId, userId, time } as Placed & { readonly time: number };
}

/** PostgreSQL holds no NUL, and its index no long text: such an event counts as malformed instead of stopping the others. */
function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= TEXT_MAX && !value.includes('\0');
}

/** The time that a mark moves its partition to; NaN for a mark that is unknown here. */
function timeOfMark(data: object): number {
  const { type, until, at } = data as { readonly type: string; readonly until?: string; readonly at?: string };
  if (type === 'flush') return Date.parse(String(until));
  if (type === 'heartbeat') return Date.parse(String(at)) - DISORDER_MS;
  return Number.NaN;
}
