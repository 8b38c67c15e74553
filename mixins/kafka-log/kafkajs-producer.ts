// An idempotent producer by kafkajs; a part of kafkajs-client.ts, and like it replaced as a whole.
//
// What goes to one broker may share a request, which kafkajs calls a batch. But it repeats a batch by leaders, not by
// partitions: when leaders have changed it may forget a partition, or send it to two brokers. So a request for several
// partitions is made once and to one broker (`once`), and what comes of it in doubt is sent again partition by partition.

import type { Kafka, PartitionerArgs } from 'kafkajs';
import { OutOfStep, type Producer, Refused, type TopicPartition } from './client.ts';

/** Answers that say that the batch was stored by an earlier attempt. */
const STORED = new Set(['DUPLICATE_SEQUENCE_NUMBER']);
const REFUSED = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE', 'INVALID_RECORD', 'INVALID_TIMESTAMP']);
const OUT_OF_STEP = new Set(['OUT_OF_ORDER_SEQUENCE_NUMBER', 'UNKNOWN_PRODUCER_ID', 'INVALID_PRODUCER_EPOCH']);

export interface ProducerSurroundings {
  readonly retry: { readonly initialRetryTime: number; readonly maxRetryTime: number; readonly retries: number };
  readonly metadataAgeMs: number;
  readonly requestMs: number;
}

/** Sees each message of a request before it leaves, with the leader of its partition. @throws Error to keep it from leaving */
type Watch = (message: object, leader: number | undefined) => void;

/** Starts one; waits until a broker answers. */
export async function kafkajsProducer(
  kafka: Kafka,
  { retry, metadataAgeMs, requestMs }: ProducerSurroundings,
): Promise<Producer> {
  const leaders = new Map<string, number | undefined>();
  const choose = ({ topic, partitionMetadata, message }: PartitionerArgs): number => {
    const { partition } = message as { readonly partition: number };
    const leader = partitionMetadata.find(({ partitionId }) => partitionId === partition)?.leader;
    leaders.set(nameOf({ topic, partition }), leader);
    (message as { readonly watch?: Watch }).watch?.(message, leader);
    return partition;
  };
  const producer = kafka.producer({
    idempotent: true,
    maxInFlightRequests: 1,
    allowAutoTopicCreation: false,
    metadataMaxAge: metadataAgeMs,
    retry,
    createPartitioner: () => choose,
  });
  await producer.connect();
  return {
    leaderOf: (place) => leaders.get(nameOf(place)),
    async send({ topic, partition }, batch) {
      const messages = batch.map((message) => ({ ...message, partition }));
      try {
        await producer.send({ topic, acks: -1, timeout: requestMs, messages });
      } catch (error) {
        const type = protocolError(error);
        if (STORED.has(type)) return;
        if (REFUSED.has(type)) throw new Refused((error as Error).message, { cause: error });
        if (OUT_OF_STEP.has(type)) throw new OutOfStep((error as Error).message, { cause: error });
        throw error;
      }
    },
    async sendTogether(batches) {
      const watch = once();
      const topicMessages = batches.map(({ to: { topic, partition }, messages }) => ({
        topic,
        messages: messages.map((message) => ({ ...message, partition, watch })),
      }));
      await producer.sendBatch({ acks: -1, timeout: requestMs, topicMessages });
    },
    close: () => producer.disconnect(),
  };
}

const nameOf = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`;

/** Lets each message pass once, and all of them to one leader only. */
function once(): Watch {
  const seen = new Set<object>();
  let first: number | undefined;
  return (message, leader) => {
    if (seen.has(message)) throw new Error('what is in doubt is sent again by itself');
    if (seen.size === 0) first = leader;
    else if (leader !== first) throw new Error('the partitions have several leaders by now');
    seen.add(message);
  };
}

/** Kafka's name of the error, wherever kafkajs has wrapped it; empty if it is not one of the protocol. */
export function protocolError(error: unknown): string {
  for (let at = error; at instanceof Error; at = at.cause) {
    const { type } = at as { readonly type?: unknown };
    if (typeof type === 'string') return type;
  }
  return '';
}
