// What the log needs of a Kafka client, in words of its own. `kafkajs-client.ts` is the one file that knows the package;
// another client is another file like it (docs/adr/0022).

import type { Socket } from 'node:net';

/** A message as it travels. */
export interface KafkaMessage {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, string>>;
}

/** A message as it lies in a partition. */
export interface FetchedMessage extends KafkaMessage {
  readonly offset: number;
  /** Milliseconds since 1970 UTC, given by the broker at the append. */
  readonly timestamp: number;
}

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

export interface TopicOffset extends TopicPartition {
  readonly offset: number;
}

/** Messages for one partition. */
export interface Batch {
  readonly to: TopicPartition;
  readonly messages: readonly KafkaMessage[];
}

/** An idempotent producer: the broker recognises a batch that is sent again, as long as nothing else was sent between. */
export interface Producer {
  /**
   * Resolves when every in-sync replica has the batch.
   * @throws Refused if it will never be taken, OutOfStep if this producer is of no use any more; anything else means
   *   that the outcome is unknown, and that exactly this batch must be sent again before another of this partition
   */
  send(to: TopicPartition, batch: readonly KafkaMessage[]): Promise<void>;
  /** The broker that leads the partition, by its number, as far as is known; it is after a `send` to it. */
  leaderOf(place: TopicPartition): number | undefined;
  /**
   * Makes one attempt to store a batch in each of several partitions of one leader, by one request.
   * @throws Error: the outcome of each is unknown, and exactly this batch must be sent again before another of its partition
   */
  sendTogether(batches: readonly Batch[]): Promise<void>;
  close(): Promise<void>;
}

export interface ConsumerOptions {
  readonly group: string;
  readonly topics: readonly string[];
  /** How long a consumer that fell silent keeps its partitions, in milliseconds. */
  readonly sessionMs: number;
  /** The partitions that this consumer has from now on. `kept` says that those it had before were its own all the time. */
  readonly onAssigned: (partitions: readonly TopicPartition[], kept: boolean) => void;
  /** The group is being shared out anew: until the next assignment nothing is certain. */
  readonly onUnsettled: () => void;
  /** Messages of one partition, in order. Must not wait: `pause` holds back more of them. */
  readonly onMessages: (from: TopicPartition, messages: readonly FetchedMessage[]) => void;
  readonly onTrouble: (error: Error) => void;
}

/** A member of a consumer group. */
export interface Consumer {
  /** Joins; resolves when the first partitions are assigned. A group without a position starts at the oldest record. */
  start(): Promise<void>;
  pause(partition: TopicPartition): void;
  resume(partition: TopicPartition): void;
  /** The next messages of the partition come from this offset on. The group's position stays. */
  seek(place: TopicOffset): void;
  /** Sets positions of the group. */
  commit(places: readonly TopicOffset[]): Promise<void>;
  /** Leaves the group and disconnects. */
  stop(): Promise<void>;
}

/** A topic as it should be, or as it is. */
export interface TopicSettings {
  readonly name: string;
  readonly partitions: number;
  readonly config: Readonly<Record<string, string>>;
}

export interface KafkaClient {
  /** Waits until a broker answers. */
  createProducer(): Promise<Producer>;
  createConsumer(options: ConsumerOptions): Consumer;
  /** Makes topics with the replication that the brokers have as their default. Those that exist stay as they are. */
  createTopics(topics: readonly TopicSettings[]): Promise<void>;
  /** Those of the topics that exist, with the values of the settings that are named. */
  describeTopics(names: readonly string[], settings: readonly string[]): Promise<readonly TopicSettings[]>;
  /** The offset after the last record of each partition, and that of the first. */
  ends(topic: string): Promise<readonly (TopicOffset & { readonly first: number })[]>;
  /** How many consumers are in a group. */
  members(group: string): Promise<number>;
  /** Groups that have consumers now, and the topics that these follow. */
  groups(): Promise<readonly { readonly group: string; readonly topics: readonly string[] }[]>;
  /** The positions of a group: the next offset of each partition; a partition without one is left out. */
  positions(group: string): Promise<readonly TopicOffset[]>;
  /** Forgets a group and its positions. */
  deleteGroup(group: string): Promise<void>;
  /** Cuts every connection, says goodbye to nobody and ends every attempt to reach a broker. */
  end(): void;
}

export interface ClientOptions {
  /** "127.0.0.1:9092", several for a cluster. */
  readonly brokers: readonly string[];
  /** Known to the brokers by this name. */
  readonly clientId: string;
  /** Opens a connection; for tests that stand between client and broker. */
  readonly connect?: (port: number, host: string) => Socket;
}

/** The brokers will never take this batch; nothing of it was stored. */
export class Refused extends Error {
  override name = 'Refused';
}

/** Brokers and producer disagree about what was sent: a new producer has to send the batch. */
export class OutOfStep extends Error {
  override name = 'OutOfStep';
}
