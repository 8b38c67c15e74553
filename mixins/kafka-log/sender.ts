// Sends batches until they are acknowledged, one at a time for each partition.
//
//   send ─► behind the batch before it in this partition ─► with those for the same broker, in one request ─► acknowledged
//                                                              │ in doubt
//                                                              └─► by itself ─► acknowledged
//                                                                    └─ rejected: the outcome is unknown ─► the same again
//
// A request costs broker and node far more than a message in it, and a broker answers one request of a producer at a time:
// one for each partition of each topic took seconds on a busy machine.
//
// The broker knows a batch by its number within the partition. A batch that was stored while its answer was lost has used
// its number; if another batch came next under that number, the broker would take it for a repeat, acknowledge it and store
// nothing. So nothing else may go to the partition before the same batch was acknowledged.

import { setTimeout as delay } from 'node:timers/promises';
import {
  type Batch,
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
  let gathered: Gathered[] = [];

  /** Sends a batch with the others of this turn. Resolves with whether it was stored; if not, `by` has to send it again. */
  function together(batch: Batch): Promise<Attempt> {
    const by = (current ??= client.createProducer());
    return new Promise((resolve) => {
      if (gathered.length === 0) setImmediate(() => void sendGathered());
      gathered.push({ ...batch, by, resolve });
    });
  }

  async function sendGathered(): Promise<void> {
    const all = gathered;
    gathered = [];
    for (const [by, parts] of Map.groupBy(all, (part) => part.by)) {
      const producer = await by.catch(() => undefined);
      const byLeader = Map.groupBy(parts, ({ to }) => producer?.leaderOf(to));
      for (const [leader, led] of byLeader)
        if (producer === undefined || leader === undefined)
          for (const { resolve } of led) resolve({ stored: false, by });
        else for (const request of inBatches(led, sizeOfAll)) void sendOnce(producer, request);
    }
  }

  async function untilAcknowledged({ to, messages: batch }: Batch, by: Promise<Producer>): Promise<void> {
    let mine = by;
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
        for (const part of inBatches(messages, sizeOf)) {
          const batch = { to, messages: part };
          const { stored, by } = await together(batch);
          if (!stored) await untilAcknowledged(batch, by);
        }
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

interface Attempt {
  readonly stored: boolean;
  /** Whose numbers the brokers know the batch by. */
  readonly by: Promise<Producer>;
}

interface Gathered extends Batch {
  readonly by: Promise<Producer>;
  readonly resolve: (attempt: Attempt) => void;
}

/** One attempt at all of them. A batch that is alone is left to its sender, who knows what to make of an error. */
async function sendOnce(producer: Producer, parts: readonly Gathered[]): Promise<void> {
  const stored =
    parts.length > 1 &&
    (await producer.sendTogether(parts).then(
      () => true,
      () => false,
    ));
  for (const { by, resolve } of parts) resolve({ stored, by });
}

const isRejected = (promise: Promise<unknown>): Promise<boolean> =>
  promise.then(
    () => false,
    () => true,
  );

/** In their order, so many at a time as together are no larger than a batch may be; a larger one is alone. */
function inBatches<T>(all: readonly T[], bytesOf: (one: T) => number): readonly (readonly T[])[] {
  const groups: T[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const one of all) {
    const size = bytesOf(one);
    if (bytes + size > BATCH_BYTES) {
      groups.push([]);
      bytes = 0;
    }
    groups.at(-1)?.push(one);
    bytes += size;
  }
  return groups;
}

const sizeOfAll = ({ messages }: Batch): number => messages.reduce((sum, message) => sum + sizeOf(message), 0);

function sizeOf({ key, value, headers }: KafkaMessage): number {
  const told = Object.entries(headers).reduce((sum, [name, text]) => sum + name.length + text.length, 0);
  return MESSAGE_BYTES + (key?.length ?? 0) + (value?.length ?? 0) + told;
}
