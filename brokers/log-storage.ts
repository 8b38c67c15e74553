// The port under the logs that we keep ourselves: where records, positions and leases lie. `stored-log.ts` is the log
// over it; PostgreSQL (`mixins/embedded-log`) and memory (`memory-log.ts`) implement it.

import type { TopicName } from './topics.ts';

/** An event that was checked and given a partition, ready to be stored. */
export interface CheckedEvent {
  readonly topic: TopicName;
  readonly partition: number;
  readonly key: string;
  readonly id: string;
  readonly source: string;
  /** Milliseconds since 1970 UTC. */
  readonly time: number;
  /** JSON text. */
  readonly value: string;
  /** W3C Trace Context. */
  readonly traceparent?: string;
}

/** A record as it lies in the log. */
export interface StoredRecord extends CheckedEvent {
  readonly offset: number;
  /** Milliseconds since 1970 UTC. */
  readonly appendedAt: number;
}

/** A place in the log. */
export interface Place {
  readonly topic: TopicName;
  readonly partition: number;
  readonly offset: number;
}

/** A group's position: the offset of the next record that it gets. */
export interface Position extends Place {
  /** Changes with every seek: positions of an earlier era are void. */
  readonly era: number;
}

/** A partition that a consumer holds, and the offset at which it ends at present. */
export interface Claimed extends Position {
  readonly end: number;
}

export interface DeadLetter {
  readonly group: string;
  readonly record: StoredRecord;
  readonly reason: string;
}

export interface LogStorage {
  /**
   * Stores the events, all or none, with offsets that leave no gap and become readable in their order.
   * @throws LogUnavailable if the outcome is unknown or the database away; any other error means that nothing was stored.
   */
  append(events: readonly CheckedEvent[]): Promise<readonly StoredRecord[]>;
  /** Records from each place on, in order per partition, up to `limit` for each partition. */
  read(from: readonly Place[], limit: number): Promise<readonly StoredRecord[]>;
  /** The place of the next record of every partition; all records before it can be read. */
  ends(): Promise<readonly Place[]>;

  /**
   * Takes or renews the lease of the group's topics, by the clock of the storage. A group that is new starts at the
   * oldest record. Returns the partitions of those topics that this holder has now.
   */
  claim(group: string, topics: readonly TopicName[], holder: string, leaseMs: number): Promise<readonly Claimed[]>;
  /** Gives the leases back at once. */
  release(group: string, holder: string): Promise<void>;
  /** Moves positions forward, never back, and only within their era. */
  advance(group: string, positions: readonly Position[]): Promise<void>;
  /** Sets a position and starts a new era. */
  seek(group: string, place: Place): Promise<void>;
  /** Keeps a record that cannot be handled, once, with the reason. */
  bury(letter: DeadLetter): Promise<void>;
  deadLetters(): Promise<readonly DeadLetter[]>;
  /** Removes records that were appended before `retentionMs` ago, by the clock of the storage. */
  expire(topic: TopicName, retentionMs: number): Promise<void>;
  close(): Promise<void>;
}

/** The database is away, or an answer was lost: what was asked for may have happened or not. */
export class LogUnavailable extends Error {
  override name = 'LogUnavailable';
}
