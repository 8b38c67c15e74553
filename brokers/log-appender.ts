// Appends events: checks them, and lets all that wait share one write (group commit).
//
//   append() ─► check ─► queue ─► one write at a time ─► durable ─► every append of it resolves, consumers wake
//
// While one write is under way the next one gathers, so a quiet log answers at once and a busy one shares its writes.

import type { NewEvent } from './event-log.ts';
import { misfit } from './event-schemas.ts';
import { fnv1a } from './fnv1a.ts';
import { type CheckedEvent, type LogStorage, LogUnavailable, type StoredRecord } from './log-storage.ts';
import { Problem } from './problem.ts';
import { isTopic, topics } from './topics.ts';

/** Events of one write; an append that is larger has a write of its own. */
export const WRITE_EVENTS_MAX = 1_000;
/** Bytes (UTF-16 units, roughly) of one write. */
const WRITE_CHARACTERS_MAX = 4_000_000;
/**
 * Least time between the beginnings of two writes, in milliseconds, unless so many events wait. A write costs much, an
 * event in it little: at 1,500 orders a second this takes the log from 0.41 to 0.13 ms of CPU an order (measured, database
 * included). Only writes that are shared wait.
 */
const SPACING_MS = 10;
const WORTH_A_WRITE = 64;
/** Events that may wait; one more is refused. */
export const WAITING_MAX = 50_000;
/** An order of 2,000 lines with long names fits. */
export const EVENT_CHARACTERS_MAX = 4_000_000;
const TEXT_MAX = 512;
const TRACEPARENT = /^[\da-f]{2}-[\da-f]{32}-[\da-f]{16}-[\da-f]{2}$/;

/** An event that no log may take: unknown topic, wrong payload. A bug of the producer; repeating it is no use. */
export class InvalidEvent extends Error {
  override name = 'InvalidEvent';
  /** Which event of the append. */
  readonly index: number;
  constructor(index: number, reason: string) {
    super(`event ${index}: ${reason}`);
    this.index = index;
  }
}

/** The partition of a key: the same on every node, and as long as the number of partitions stays. */
export function partitionOf(key: string, partitions: number): number {
  return fnv1a(key) % partitions;
}

/** The trace as a part of an event or record; nothing if it is none. */
export const traced = (traceparent: string | undefined): { readonly traceparent?: string } =>
  traceparent !== undefined && TRACEPARENT.test(traceparent) ? { traceparent } : {};

/**
 * Checks an event against the catalogue and its schema, and gives it its partition.
 * @throws InvalidEvent
 */
export function checkEvent(event: NewEvent, index: number): CheckedEvent {
  const { topic, key, id, source, time } = event;
  if (!isTopic(topic)) throw new InvalidEvent(index, `the catalogue has no topic ${topic}`);
  for (const text of [key, id, source]) {
    if (text === '' || text.length > TEXT_MAX || text.includes('\0') || !text.isWellFormed()) {
      throw new InvalidEvent(index, `key, id and source are well-formed text of 1 to ${TEXT_MAX} characters`);
    }
  }
  if (!Number.isSafeInteger(time)) throw new InvalidEvent(index, 'time is in whole milliseconds');
  const { partitions } = topics[topic];
  const partition = event.partition ?? partitionOf(key, partitions);
  if (!Number.isInteger(partition) || partition < 0 || partition >= partitions) {
    throw new InvalidEvent(index, `${topic} has no partition ${partition}`);
  }
  const reason = misfit(topic, event.data);
  if (reason !== undefined) throw new InvalidEvent(index, `${topic}: ${reason}`);
  const value = JSON.stringify(event.data);
  if (value.length > EVENT_CHARACTERS_MAX)
    throw new InvalidEvent(index, `${topic}: ${value.length} characters are too many`);
  return { topic, partition, key, id, source, time, value, ...traced(event.traceparent) };
}

interface Entry {
  readonly events: readonly CheckedEvent[];
  readonly characters: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export interface Appender {
  /** @throws InvalidEvent (nothing of this append is stored), Problem `overloaded` or `unavailable` */
  append(events: readonly NewEvent[]): Promise<void>;
  /** Takes nothing new and waits for the writes under way. */
  stop(): Promise<void>;
}

/**
 * The appender over a storage; `onAppended` gets every write that was stored, in order. `presentTrace` tells which trace
 * the call of `append` belongs to, for events that do not say it themselves.
 */
export function createAppender(
  write: LogStorage['append'],
  onAppended: (records: readonly StoredRecord[]) => void,
  presentTrace: () => string | undefined = () => undefined,
): Appender {
  const queue: Entry[] = [];
  let waiting = 0;
  let running: Promise<void> | undefined;
  let begunAt = 0;
  /** The last write was that of several appends: more will come. A lone appender never waits for others. */
  let isShared = false;
  let hurry = (): void => {};
  let stopped = false;

  async function run(): Promise<void> {
    // One turn of the event loop, so that everything that arrived together shares the first write.
    await new Promise(setImmediate);
    while (queue.length > 0) {
      if (isShared) await gather(begunAt + SPACING_MS - performance.now());
      begunAt = performance.now();
      const entries = take();
      isShared = entries.length > 1;
      await settle(entries);
    }
    running = undefined;
  }

  /** Waits until the time is up or a write is worth its while. */
  async function gather(ms: number): Promise<void> {
    if (ms <= 0 || waiting >= WORTH_A_WRITE) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      hurry = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    hurry = () => {};
  }

  function take(): readonly Entry[] {
    let [events, characters, count] = [0, 0, 0];
    for (const entry of queue) {
      events += entry.events.length;
      characters += entry.characters;
      if (count > 0 && (events > WRITE_EVENTS_MAX || characters > WRITE_CHARACTERS_MAX)) break;
      count += 1;
    }
    return queue.splice(0, count);
  }

  async function settle(entries: readonly Entry[]): Promise<void> {
    let records: readonly StoredRecord[];
    try {
      records = await write(entries.flatMap(({ events }) => events));
    } catch (error) {
      if (error instanceof LogUnavailable) {
        const away = new Problem('unavailable', 'the event log does not answer: try again', undefined, {
          cause: error.message,
        });
        for (const entry of entries) finish(entry, away);
      } else if (entries.length > 1) {
        // One of them spoils the write: each has one of its own, in the same order.
        for (const entry of entries) await settle([entry]);
      } else for (const entry of entries) finish(entry, error as Error);
      return;
    }
    for (const entry of entries) finish(entry);
    onAppended(records);
  }

  function finish(entry: Entry, error?: Error): void {
    waiting -= entry.events.length;
    if (error === undefined) entry.resolve();
    else entry.reject(error);
  }

  return {
    async append(events) {
      if (stopped) throw new Problem('unavailable', 'the event log is closed');
      if (events.length === 0) return;
      const checked = inTrace(events, presentTrace()).map(checkEvent);
      if (waiting + events.length > WAITING_MAX)
        throw new Problem('overloaded', 'too many events are waiting to be stored');
      waiting += events.length;
      const characters = checked.reduce((sum, { value }) => sum + value.length, 0);
      await new Promise<void>((resolve, reject) => {
        queue.push({ events: checked, characters, resolve, reject });
        running ??= run();
        if (waiting >= WORTH_A_WRITE) hurry();
      });
    },
    async stop() {
      stopped = true;
      hurry();
      await running;
    },
  };
}

const inTrace = (events: readonly NewEvent[], traceparent: string | undefined): readonly NewEvent[] =>
  traceparent === undefined ? events : events.map((event) => ({ traceparent, ...event }));
