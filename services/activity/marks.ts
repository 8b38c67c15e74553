// Marks on the topic of raw events, one for each partition: by them event time moves where no events come.

import type { EventLog, NewEvent } from '../../brokers/event-log.ts';

export const TOPIC = 'ecom-raw-events';
export const SOURCE = 'souk/activity';
const MINUTE_MS = 60_000;

export type Mark =
  /** Event time is at least `until` (ISO 8601). */
  | { readonly type: 'flush'; readonly until: string }
  /** It is `at` now; events may still come as much later as they usually do. */
  | { readonly type: 'heartbeat'; readonly at: string };

/** Appends a mark to every partition; what was appended before stands before it. */
export function appendMark(log: EventLog, mark: Mark, id: string, now: number): Promise<void> {
  const events = Array.from({ length: log.partitions(TOPIC) }, (_, partition): NewEvent => {
    return { topic: TOPIC, key: mark.type, id: `${id}/${partition}`, source: SOURCE, time: now, data: mark, partition };
  });
  return log.append(events);
}

/**
 * Until when a flush lets time pass. Everything received so far is in a window that ends by the end of this minute, so
 * there is nothing to close beyond it; and going further would make the events to come late.
 */
export function flushUntil(until: number, now: number): number {
  return Math.min(until, (Math.floor(now / MINUTE_MS) + 1) * MINUTE_MS);
}
