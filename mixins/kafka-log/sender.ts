// Sends batches until they are acknowledged, one at a time for each partition.
//
//   send ─► behind the batch before it in this partition ─► producer ─► acknowledged
//                                                              └─ rejected: the outcome is unknown ─► the same batch again
//
// The broker knows a batch by its number within the partition. A batch that was stored while its answer was lost has used
// its number; if another batch came next under that number, the broker would take it for a repeat, acknowledge it and store
// nothing. So nothing else may go to the partition before the same batch was acknowledged.

import { setTimeout as delay } from 'node:timers/promises';
import {
  type KafkaClient,
  type KafkaMessage,
  OutOfStep,
  type Producer,
  Refused,
  type TopicPartition,
} from './client.ts';

const AGAIN_MS = { first: 50, longest: 1_000 };
/** Rejections in a row after which a person is told. */
const ALERT_AFTER = 8;
/** Bytes of one batch, roughly; a single message may have more. Brokers take a megabyte unless a topic says otherwise. */
const BATCH_BYTES = 900_000;
/** What a message costs beside key, value and headers. */
const MESSAGE_BYTES = 32;

export interface Sender {
  /**
   * Resolves when all messages are stored, in order. While brokers are away it goes on trying, without limit.
   * @throws Refused if the brokers will never take them; Error after `stop`
   */
  send(to: TopicPartition, messages: readonly KafkaMessage[]): Promise<void>;
  /** Ends all attempts. What was not acknowledged may have been stored or not. */
  stop(): Promise<void>;
}

export function createSender(client: KafkaClient, alert: (what: string, particulars: object) => void): Sender {
  const lastOf = new Map<string, Promise<void>>();
  const ending = new AbortController();
  let current: Promise<Producer> | undefined;

  async function untilAcknowledged(to: TopicPartition, batch: readonly KafkaMessage[]): Promise<void> {
    let mine = (current ??= client.createProducer());
    for (let attempt = 1; ; attempt++) {
      try {
        const producer = await mine;
        await producer.send(to, batch);
        return;
      } catch (error) {
        if (error instanceof Refused || ending.signal.aborted) throw error;
        if (attempt % ALERT_AFTER === 0) alert('the event log takes nothing', { ...to, attempt, error: String(error) });
        // Only who was told that the producer is of no use leaves it: with another one, what it has stored of an
        // unanswered batch would be stored twice.
        const isUseless = error instanceof OutOfStep || (await isRejected(mine));
        if (isUseless) mine = renew(mine, error);
        await delay(Math.min(AGAIN_MS.first * 2 ** Math.min(attempt - 1, 10), AGAIN_MS.longest), undefined, {
          signal: ending.signal,
        });
      }
    }
  }

  function renew(useless: Promise<Producer>, error: unknown): Promise<Producer> {
    if (current === useless) {
      alert('a new producer takes over', { error: String(error) });
      current = client.createProducer();
    }
    return current as Promise<Producer>;
  }

  return {
    async send(to, messages) {
      const name = `${to.topic}/${to.partition}`;
      const before = lastOf.get(name);
      const sent = (async () => {
        await before?.catch(() => undefined);
        for (const batch of batches(messages)) await untilAcknowledged(to, batch);
      })();
      lastOf.set(name, sent);
      await sent.finally(() => {
        if (lastOf.get(name) === sent) lastOf.delete(name);
      });
    },
    async stop() {
      ending.abort();
      await (await current?.catch(() => undefined))?.close().catch(() => undefined);
    },
  };
}

const isRejected = (promise: Promise<unknown>): Promise<boolean> =>
  promise.then(
    () => false,
    () => true,
  );

function batches(messages: readonly KafkaMessage[]): readonly (readonly KafkaMessage[])[] {
  const all: KafkaMessage[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const message of messages) {
    const size = sizeOf(message);
    if (bytes + size > BATCH_BYTES) {
      all.push([]);
      bytes = 0;
    }
    all.at(-1)?.push(message);
    bytes += size;
  }
  return all;
}

function sizeOf({ key, value, headers }: KafkaMessage): number {
  const told = Object.entries(headers).reduce((sum, [name, text]) => sum + name.length + text.length, 0);
  return MESSAGE_BYTES + (key?.length ?? 0) + (value?.length ?? 0) + told;
}
