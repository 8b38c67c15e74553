// What counts as an activity event: judged one by one, so that a bad one does not spoil the rest of its request. Pure.

import { derivedId } from '../../mixins/ids.ts';

/** Characters of each text of an event. */
export const TEXT_MAX = 128;
/** How far a sender's clock may be ahead of ours, in milliseconds. */
export const AHEAD_MAX_MS = 60_000;
/** Of the metadata: characters of its JSON, and nesting. */
export const METADATA_MAX = { characters: 8_192, depth: 8 };

/** An event as it travels on `ecom-raw-events`. */
export interface ActivityEvent {
  readonly event_id: string;
  readonly user_id: string;
  readonly product_id: string;
  readonly event_type: string;
  /** ISO 8601, UTC, with milliseconds. */
  readonly timestamp: string;
  readonly metadata?: object;
}

/** Why an event was not taken. */
export interface Rejected {
  readonly index: number;
  /** The field that is wrong; absent if it is the event as a whole. */
  readonly field?: string;
  readonly code: string;
  readonly detail: string;
}

export interface Sifted {
  readonly taken: readonly ActivityEvent[];
  readonly rejected: readonly Rejected[];
}

type Fault = Omit<Rejected, 'index'>;
type Fields = Readonly<Record<string, unknown>>;

const texts = ['user_id', 'product_id', 'event_type', 'event_id'] as const;
const required: readonly string[] = ['user_id', 'product_id', 'event_type', 'timestamp'];
const known: ReadonlySet<string> = new Set([...texts, 'timestamp', 'metadata']);

/**
 * Tells the events of one request that can be taken from those that cannot. An event without an id of its own gets one
 * from the command and its place, so that a repeat of the request counts nothing twice.
 */
export function siftEvents(events: readonly unknown[], commandId: string, now: number): Sifted {
  const taken: ActivityEvent[] = [];
  const rejected: Rejected[] = [];
  events.forEach((event, index) => {
    const fault = faultOf(event, now);
    if (fault === undefined) taken.push(normalise(event as Fields, commandId, index));
    else rejected.push({ index, ...fault });
  });
  return { taken, rejected };
}

function normalise(event: Fields, commandId: string, index: number): ActivityEvent {
  const { event_id: id = derivedId('event', commandId, String(index)), timestamp, metadata, ...rest } = event;
  return {
    event_id: id as string,
    ...(rest as Pick<ActivityEvent, 'user_id' | 'product_id' | 'event_type'>),
    timestamp: new Date(timestamp as string).toISOString(),
    ...(metadata === undefined ? {} : { metadata: metadata as object }),
  };
}

function faultOf(event: unknown, now: number): Fault | undefined {
  if (!isObject(event)) return { code: 'wrong-type', detail: 'an event is a JSON object' };
  for (const field of Object.keys(event)) {
    if (!known.has(field)) return wrong(field, 'unknown-field', 'is not a field of an event');
  }
  for (const field of required) if (event[field] === undefined) return wrong(field, 'required', 'is needed');
  for (const field of texts) {
    const fault = event[field] === undefined ? undefined : textFault(field, event[field]);
    if (fault !== undefined) return fault;
  }
  return timeFault(event['timestamp'], now) ?? metadataFault(event['metadata']);
}

function textFault(field: string, value: unknown): Fault | undefined {
  if (typeof value !== 'string') return wrong(field, 'wrong-type', 'must be a string');
  if (value === '') return wrong(field, 'wrong-length', 'must not be empty');
  // Characters, not UTF-16 units: an emoji is one.
  if (value.length > TEXT_MAX && Array.from(value).length > TEXT_MAX) {
    return wrong(field, 'wrong-length', `must have at most ${TEXT_MAX} characters`);
  }
  return unfitFault(field, value);
}

/** Texts that no database and no UTF-8 can hold. */
function unfitFault(field: string, value: string): Fault | undefined {
  if (value.includes('\0')) return wrong(field, 'null-character', 'must not hold the character U+0000');
  if (!value.isWellFormed()) return wrong(field, 'lone-surrogate', 'must not hold half of a surrogate pair');
  return undefined;
}

const ISO = /^(\d{4}-\d\d-(\d\d))T\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/;

function timeFault(value: unknown, now: number): Fault | undefined {
  if (typeof value !== 'string') return wrong('timestamp', 'wrong-type', 'must be a string');
  const [, day, ofMonth] = ISO.exec(value) ?? [];
  const time = Date.parse(value);
  // `Date.parse` takes the 31st of February for the third of March.
  const exists = day !== undefined && new Date(day).getUTCDate() === Number(ofMonth);
  if (!exists || Number.isNaN(time)) {
    return wrong('timestamp', 'wrong-format', 'must be a time with its zone, like 2026-01-31T12:00:00Z');
  }
  if (time < 0) return wrong('timestamp', 'out-of-range', 'must not be before 1970');
  if (time > now + AHEAD_MAX_MS) {
    return wrong('timestamp', 'out-of-range', `must not be more than ${AHEAD_MAX_MS / 1_000} seconds ahead`);
  }
  return undefined;
}

function metadataFault(value: unknown): Fault | undefined {
  if (value === undefined) return undefined;
  if (!isObject(value)) return wrong('metadata', 'wrong-type', 'must be a JSON object');
  const { characters, depth } = METADATA_MAX;
  if (depthOf(value, depth) > depth) return wrong('metadata', 'too-deep', `must not be nested deeper than ${depth}`);
  if (JSON.stringify(value).length > characters) {
    return wrong('metadata', 'wrong-length', `must have at most ${characters} characters as JSON`);
  }
  return textsWithin(value)
    .map((text) => unfitFault('metadata', text))
    .find((fault) => fault !== undefined);
}

/** Nesting of a value, looked at no further than one beyond `enough`. */
function depthOf(value: unknown, enough: number): number {
  if (typeof value !== 'object' || value === null) return 0;
  if (enough === 0) return 1;
  return 1 + Math.max(0, ...Object.values(value).map((inner) => depthOf(inner, enough - 1)));
}

function textsWithin(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => [name, ...textsWithin(inner)]);
}

function wrong(field: string, code: string, what: string): Fault {
  return { field, code, detail: `${field} ${what}` };
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
