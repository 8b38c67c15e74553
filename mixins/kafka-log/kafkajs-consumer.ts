// A member of a consumer group by kafkajs; the second half of kafkajs-client.ts, and like it replaced as a whole.
//
// Messages are handed on at once and never awaited, so that heartbeats, which kafkajs sends between its fetches, do not
// depend on how long an effect takes, and one slow partition holds up no other.

import type { Consumer as KafkaJsConsumer, IHeaders, Kafka, KafkaMessage as KafkaJsMessage } from 'kafkajs';
import type { Consumer, ConsumerOptions, FetchedMessage, TopicPartition } from './client.ts';

/** Longest silence between two heartbeats of an idle member, in milliseconds. */
const HEARTBEAT_MS = 500;
const REBALANCE_MS = 10_000;
const PARTITION_BYTES = 1_048_576;
const FETCH_BYTES = 10_485_760;
/** A consumer that ended by itself is begun again after so many milliseconds. */
const AGAIN_MS = 500;

/** Ends in a row after which a person is told: one is what a coordinator that has just been elected causes. */
const ALERT_AFTER = 3;

export interface ConsumerSurroundings {
  readonly retry: { readonly initialRetryTime: number; readonly maxRetryTime: number; readonly retries: number };
  readonly metadataAgeMs: number;
  /** Whether the client it belongs to has ended: there is nothing to come back to. */
  readonly isEnded: () => boolean;
}

/** A consumer that has not joined yet. */
export function kafkajsConsumer(
  kafka: Kafka,
  options: ConsumerOptions,
  { retry, metadataAgeMs, isEnded }: ConsumerSurroundings,
): Consumer {
  const waitMs = Math.min(HEARTBEAT_MS, options.sessionMs / 4);
  const joined = Promise.withResolvers<void>();
  let stopped = false;
  const isOver = (): boolean => stopped || isEnded();
  let crashes = 0;
  let again: NodeJS.Timeout | undefined;
  let member = '';
  const consumer = kafka.consumer({
    groupId: options.group,
    sessionTimeout: options.sessionMs,
    rebalanceTimeout: REBALANCE_MS,
    heartbeatInterval: waitMs / 2,
    maxWaitTimeInMs: waitMs,
    minBytes: 1,
    maxBytesPerPartition: PARTITION_BYTES,
    maxBytes: FETCH_BYTES,
    metadataMaxAge: metadataAgeMs,
    allowAutoTopicCreation: false,
    retry: { ...retry, restartOnFailure: async () => !isOver() },
  });

  consumer.on('consumer.group_join', ({ payload }) => {
    const partitions = Object.entries(payload.memberAssignment).flatMap(([topic, numbers]) =>
      numbers.map((partition) => ({ topic, partition })),
    );
    // A member that had been put out of the group comes back under another name; others had its partitions meanwhile.
    const kept = payload.memberId === member;
    member = payload.memberId;
    crashes = 0;
    options.onAssigned(partitions, kept);
    joined.resolve();
  });
  consumer.on('consumer.rebalancing', () => options.onUnsettled());
  consumer.on('consumer.crash', ({ payload }) => {
    options.onUnsettled();
    if (isOver()) return;
    crashes += 1;
    if (crashes % ALERT_AFTER === 0) options.onTrouble(payload.error);
    if (!payload.restart) again = setTimeout(() => void run().catch(options.onTrouble), AGAIN_MS).unref();
  });

  const run = (): Promise<void> =>
    consumer.run({
      autoCommit: false,
      eachBatch: async ({ batch, isStale }) => {
        if (stopped || isStale()) return;
        options.onMessages(batch, batch.messages.map(fetched));
      },
    });

  return {
    async start() {
      try {
        await consumer.connect();
        await consumer.subscribe({ topics: [...options.topics], fromBeginning: true });
        await run();
        await joined.promise;
      } catch (error) {
        await consumer.disconnect().catch(() => undefined);
        throw error;
      }
    },
    pause: (partition) => whileRunning(() => consumer.pause([selected(partition)])),
    resume: (partition) => whileRunning(() => consumer.resume([selected(partition)])),
    seek: ({ topic, partition, offset }) => consumer.seek({ topic, partition, offset: String(offset) }),
    commit: (places) => commit(consumer, places),
    async stop() {
      stopped = true;
      clearTimeout(again);
      joined.resolve();
      await consumer.disconnect();
    },
  };
}

const selected = ({ topic, partition }: TopicPartition) => ({ topic, partitions: [partition] });

/** Between a crash and its restart there is nothing that could be paused, and the restart begins with nothing paused. */
function whileRunning(act: () => void): void {
  try {
    act();
  } catch {
    // Not running.
  }
}

function commit(consumer: KafkaJsConsumer, places: readonly (TopicPartition & { offset: number })[]): Promise<void> {
  return consumer.commitOffsets(
    places.map(({ topic, partition, offset }) => ({ topic, partition, offset: String(offset) })),
  );
}

const fetched = ({ key, value, headers, offset, timestamp }: KafkaJsMessage): FetchedMessage => ({
  key,
  value,
  headers: textOf(headers ?? {}),
  offset: Number(offset),
  timestamp: Number(timestamp),
});

function textOf(headers: IHeaders): Record<string, string> {
  const texts: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    const last = Array.isArray(value) ? value.at(-1) : value;
    if (last !== undefined) texts[name] = String(last);
  }
  return texts;
}
