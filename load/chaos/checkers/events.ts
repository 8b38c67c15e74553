// Activity events: those that clients sent, and those that lie in the log; and which window each of the latter belongs to,
// counted anew from the rules of event time.
//
//   record ─► the earlier of its own time and that of its receipt ─► window
//   its partition's time has not reached the window's end ─► it is counted for sure      else it may be late
//
// A window closes by the slowest partition, so what its own partition's time says is on the safe side.

import type { Books, TopicRecord } from '../books/books.ts';
import { type Json, type Operation, outcomeOf } from '../history/operation.ts';
import { isPoison } from './poison.ts';

export const RAW_EVENTS = 'ecom-raw-events';
export const WINDOW_MS = 60_000;
/** How much older than its partition's newest an event may be without ever being late, in milliseconds. */
const DISORDER_MS = 10_000;
const UNAVAILABLE = 503;

/** An event as a client sent it. */
export interface SentEvent {
  /** Attempts at the same event share it. */
  readonly name: string;
  /** What it says: who did what with which product, and when. */
  readonly content: string;
  readonly productId: string;
}

export interface Sent {
  /** Answered with 202, each once. */
  readonly accepted: ReadonlyMap<string, SentEvent>;
  /** In requests that were answered with 503, or not at all: they may count or not. */
  readonly uncertain: number;
}

/** What clients sent, and what became of it as far as they know. */
export function sentEvents(history: readonly Operation[]): Sent {
  const accepted = new Map<string, SentEvent>();
  let uncertain = 0;
  for (const operation of history) {
    if (operation.kind !== 'send-event') continue;
    const { body, ending } = operation;
    const events: readonly Json[] = Array.isArray(body) ? body : [body];
    const { status } = ending ?? {};
    if (status === UNAVAILABLE || outcomeOf(operation) === 'unknown') uncertain += events.length;
    if (status !== 202) continue;
    const rejected = new Set((ending?.answer?.rejected ?? []).map(({ index }: Json) => index));
    events.forEach((event, index) => {
      if (rejected.has(index)) return;
      const sent = toSent(event, `${operation.key ?? `#${operation.id}`}/${index}`);
      accepted.set(sent.name, sent);
    });
  }
  return { accepted, uncertain };
}

function toSent(event: Json, place: string): SentEvent {
  const { event_id: id, product_id: productId } = event;
  return { name: `${productId} ${id ?? place}`, content: contentOf(event), productId };
}

/** The same text for the same deed, whatever it is called. */
export function contentOf({ user_id, product_id, event_type, timestamp }: Json): string {
  return JSON.stringify([user_id, product_id, event_type, Date.parse(timestamp)]);
}

/** A window as the log says that it must be: at least what is counted for sure, at most what may be. */
export interface WantedWindow {
  readonly productId: string;
  readonly from: number;
  readonly events: { sure: number; all: number };
  readonly users: { readonly sure: Set<string>; readonly all: Set<string> };
}

/** The windows of all events in the log, by `windowName`. */
export function wantedWindows({ topics, eventTimes = {} }: Pick<Books, 'topics' | 'eventTimes'>) {
  const windows = new Map<string, WantedWindow>();
  const times = new Map(Object.entries(eventTimes).map(([partition, time]) => [Number(partition), time]));
  /** Events by window and id: whether they were counted for sure. */
  const seen = new Map<string, boolean>();
  for (const record of topics) {
    if (record.topic !== RAW_EVENTS || isPoison(record)) continue;
    const { partition, data } = record;
    // What is no event at all reaches nobody: it lies among the dead letters.
    if (typeof data !== 'object' || data === null) continue;
    const before = times.get(partition) ?? Number.NEGATIVE_INFINITY;
    const reached = 'type' in data ? timeOfMark(data) : take(record, before);
    if (reached > before) times.set(partition, reached);
  }

  /** The partition's time by this event. */
  function take({ data, appendedAt }: TopicRecord, before: number): number {
    const time = Math.min(Date.parse(data.timestamp), appendedAt);
    const from = Math.floor(time / WINDOW_MS) * WINDOW_MS;
    const { product_id: productId, event_id: id, user_id: user } = data;
    const isSure = from + WINDOW_MS > before;
    const name = windowName(productId, from);
    const event = `${name} ${id}`;
    const known = seen.get(event);
    seen.set(event, known === true || isSure);
    const window = windows.get(name) ?? emptyWindow(productId, from);
    windows.set(name, window);
    if (known === undefined) window.events.all += 1;
    window.users.all.add(user);
    if (isSure && known !== true) {
      window.events.sure += 1;
      window.users.sure.add(user);
    }
    return time - DISORDER_MS;
  }
  return windows;
}

export const windowName = (productId: string, from: number): string => `${from} ${productId}`;

const emptyWindow = (productId: string, from: number): WantedWindow => ({
  productId,
  from,
  events: { sure: 0, all: 0 },
  users: { sure: new Set(), all: new Set() },
});

/** NaN, which nothing reaches, for a mark that is unknown. */
function timeOfMark({ type, until, at }: Json): number {
  if (type === 'flush') return Date.parse(until);
  return type === 'heartbeat' ? Date.parse(at) - DISORDER_MS : Number.NaN;
}
