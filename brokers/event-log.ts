// The event log: durable, partitioned, replayable; what travels between contexts and clouds.
// A port with two implementations (embedded in PostgreSQL here, Kafka in the cluster) and one contract suite.

/** An event to append. `id` names the event itself: a repeat carries the same id and consumers drop it. */
export interface NewEvent {
  readonly topic: string;
  /** Aggregate id; events with one key keep their order and share a partition. */
  readonly key: string;
  readonly id: string;
  /** CloudEvents source, for instance `souk/orders`. */
  readonly source: string;
  /** Milliseconds since 1970 UTC. */
  readonly time: number;
  readonly data: object;
  /** Overrides the partition that the key would choose (marks that go to every partition). */
  readonly partition?: number;
  /** The trace that it belongs to (W3C Trace Context); what is none is left out, for no event is lost by its trace. */
  readonly traceparent?: string;
}

/** An event as a consumer sees it. */
export interface LogRecord {
  readonly topic: string;
  readonly partition: number;
  /** Grows by one per record within its partition. */
  readonly offset: number;
  readonly key: string;
  readonly id: string;
  readonly source: string;
  /** Milliseconds since 1970 UTC, given by the producer. */
  readonly time: number;
  /** Milliseconds since 1970 UTC, given by the log at the append. */
  readonly appendedAt: number;
  readonly data: object;
  /** The trace that it belongs to, for what a consumer causes by it; missing if there is none. */
  readonly traceparent?: string;
}

export interface Subscription {
  /** Stops taking records, waits for the effect under way, leaves the group. */
  stop(): Promise<void>;
}

export interface SubscribeOptions {
  /** Consumers of one group share the partitions and one position. */
  readonly group: string;
  readonly topics: readonly string[];
  /** Most records per call of `handle`; default 500. */
  readonly batchMax?: number;
  /**
   * Takes records of one partition, in order. When it resolves, the effect is durable, and the group's position moves
   * past them. When it rejects with `PermanentFailure`, the named record is dead-lettered and the rest is offered
   * again; any other error is an outage: the partition pauses and the batch is offered again, without limit.
   */
  handle(records: readonly LogRecord[]): Promise<void>;
}

export interface EventLog {
  /** Resolves when the events are durable, in the given order per partition. */
  append(events: readonly NewEvent[]): Promise<void>;
  subscribe(options: SubscribeOptions): Promise<Subscription>;
  /** Partitions of a topic. */
  partitions(topic: string): number;
  /** Puts a group back (or on) to an offset: the next record it gets. For rebuilding and for tests. */
  seek(group: string, topic: string, partition: number, offset: number): Promise<void>;
  close(): Promise<void>;
}

/** This record can never be handled (schema, unknown version …): dead-letter it with the reason. */
export class PermanentFailure extends Error {
  override name = 'PermanentFailure';
  readonly offset: number;
  constructor(offset: number, reason: string) {
    super(reason);
    this.offset = offset;
  }
}
