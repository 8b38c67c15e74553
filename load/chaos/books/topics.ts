// The topics of Kafka, by its own protocol and not by the shop's client: everything in them from an offset on, read by a
// group that is thrown away.
//
//   ends ─► partitions with something between ─► one consumer, put to the offsets ─► until all ends are reached ─► group gone

import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import kafkajs, { type Admin, type Consumer, type KafkaMessage } from 'kafkajs';
import { consumerGroups } from '../../../brokers/consumers.ts';
import { restQueues } from '../../../mixins/kafka-log/kafkajs-client.ts';
import { deadLetterTopic } from '../../../mixins/kafka-log/topic-setup.ts';
import type { Books, TopicRecord } from './books.ts';
import { type LogBook, parsed, placeOf, topicNames } from './log-book.ts';
import type { Offsets } from './mark.ts';

const CONNECT_MS = 2_000;
const REQUEST_MS = 10_000;
/** A broker may have come back a moment ago. */
const RETRY = { initialRetryTime: 100, maxRetryTime: 1_000, retries: 10 };
const SESSION_MS = 10_000;
const FETCH_WAIT_MS = 100;
const PARTITION_BYTES = 4_194_304;
const FETCH_BYTES = 33_554_432;
/** Hundreds of thousands of records take no longer. */
const READ_MS = 120_000;
const POLL_MS = 100;
const POSITIONS_MS = 5_000;

/** The log of a cluster; connects when it is first asked. */
export function kafkaBook(brokers: readonly string[]): LogBook {
  restQueues();
  const kafka = new kafkajs.Kafka({
    clientId: 'souk-books',
    brokers: [...brokers],
    connectionTimeout: CONNECT_MS,
    requestTimeout: REQUEST_MS,
    retry: RETRY,
    logLevel: kafkajs.logLevel.NOTHING,
  });
  let connecting: Promise<Admin> | undefined;

  async function administrator(): Promise<Admin> {
    connecting ??= (async () => {
      const admin = kafka.admin();
      await admin.connect();
      return admin;
    })();
    try {
      return await connecting;
    } catch (error) {
      connecting = undefined;
      throw error;
    }
  }

  async function ends(wanted: readonly string[] = everyTopic): Promise<Offsets> {
    const admin = await administrator();
    const there = new Set(await admin.listTopics());
    const found: [string, number][] = [];
    for (const topic of wanted) {
      if (!there.has(topic)) continue;
      for (const { partition, high } of await admin.fetchTopicOffsets(topic)) {
        found.push([placeOf(topic, partition), Number(high)]);
      }
    }
    return Object.fromEntries(found);
  }

  async function read(from: Offsets): Promise<Pick<Books, 'topics' | 'deadLetters'>> {
    const until = await ends();
    const left = new Map(
      Object.entries(until).flatMap(([place, end]) => {
        const next = from[place] ?? 0;
        return next < end ? [[place, { next, end }] as const] : [];
      }),
    );
    const found = new Map<string, TopicRecord[]>([...left.keys()].map((place) => [place, []]));
    if (left.size > 0)
      await fetchAll(until, left, (topic, partition, message) => take(found, topic, partition, message));
    const isDead = (place: string) => place.slice(0, place.lastIndexOf('/')).endsWith(DEAD);
    const all = (dead: boolean) => [...found].filter(([place]) => isDead(place) === dead).flatMap(([, list]) => list);
    return { topics: all(false), deadLetters: all(true) };
  }

  async function fetchAll(
    until: Offsets,
    left: Map<string, { next: number; readonly end: number }>,
    onMessage: (topic: string, partition: number, message: KafkaMessage) => void,
  ): Promise<void> {
    const groupId = `souk-books-${randomUUID()}`;
    const consumer = kafka.consumer({
      groupId,
      sessionTimeout: SESSION_MS,
      maxWaitTimeInMs: FETCH_WAIT_MS,
      maxBytesPerPartition: PARTITION_BYTES,
      maxBytes: FETCH_BYTES,
      allowAutoTopicCreation: false,
    });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    // Whoever waits hears of it below; until then nobody does.
    promise.catch(() => {});
    const late = setTimeout(() => {
      const places = [...left].map(([place, { next, end }]) => `${place} at ${next} of ${end}`).join(', ');
      reject(new Error(`the topics were not read within ${READ_MS / 1_000} s; left: ${places}`));
    }, READ_MS);
    try {
      await consumer.connect();
      await consumer.subscribe({ topics: [...new Set([...left.keys()].map(topicOf))], fromBeginning: true });
      consumer.on('consumer.crash', ({ payload }) => {
        if (!payload.restart) reject(payload.error);
      });
      // What is fetched before the seek took effect is older than what is wanted, and left out.
      consumer.on('consumer.group_join', () => seekAll(consumer, until, left));
      await consumer.run({
        autoCommit: false,
        eachBatch: async ({ batch }) => {
          const { topic, partition, messages } = batch;
          const place = left.get(placeOf(topic, partition));
          if (place === undefined) return;
          for (const message of messages) {
            const offset = Number(message.offset);
            if (offset < place.next || offset >= place.end) continue;
            place.next = offset + 1;
            onMessage(topic, partition, message);
          }
          if (Number(batch.lastOffset()) + 1 >= place.end) left.delete(placeOf(topic, partition));
          if (left.size === 0) resolve();
        },
      });
      await promise;
    } finally {
      clearTimeout(late);
      await consumer.disconnect().catch(() => {});
      await (await administrator()).deleteGroups([groupId]).catch(() => {}); // it expires by itself
    }
  }

  async function positionsNow(until: Offsets): Promise<Books['positions']> {
    const admin = await administrator();
    const found: Books['positions'][number][] = [];
    for (const [group, { topics }] of Object.entries(consumerGroups)) {
      const offsets = await admin.fetchOffsets({ groupId: group, topics: [...topics] });
      for (const { topic, partitions } of offsets) {
        for (const { partition, offset } of partitions) {
          // A group without a position starts at the first record.
          found.push({
            group,
            topic,
            partition,
            next: Math.max(0, Number(offset)),
            end: until[placeOf(topic, partition)] ?? 0,
          });
        }
      }
    }
    return found;
  }

  return {
    ends: () => ends(),
    read,
    async positions(withinMs = POSITIONS_MS) {
      const consumed = new Set(Object.values(consumerGroups).flatMap(({ topics }) => topics));
      const until = await ends([...consumed]);
      for (const giveUpAt = performance.now() + withinMs; ; await pause(POLL_MS)) {
        const positions = await positionsNow(until);
        if (performance.now() >= giveUpAt || positions.every(({ next, end }) => next >= end)) return positions;
      }
    },
    hasHistory: async () => true,
    async close() {
      await (await connecting?.catch(() => undefined))?.disconnect();
    },
  };
}

const everyTopic: readonly string[] = topicNames.flatMap((name) => [name, deadLetterTopic(name)]);
const DEAD = deadLetterTopic('');
const topicOf = (place: string): string => place.slice(0, place.lastIndexOf('/'));

/** Partitions of which nothing is wanted are put to their ends. */
function seekAll(consumer: Consumer, until: Offsets, left: ReadonlyMap<string, { readonly next: number }>): void {
  const wanted = new Set([...left.keys()].map(topicOf));
  for (const [place, end] of Object.entries(until)) {
    const topic = topicOf(place);
    if (!wanted.has(topic)) continue;
    const partition = Number(place.slice(topic.length + 1));
    consumer.seek({ topic, partition, offset: String(left.get(place)?.next ?? end) });
  }
}

function take(found: Map<string, TopicRecord[]>, topic: string, partition: number, message: KafkaMessage): void {
  const header = (name: string): string | undefined => {
    const value = message.headers?.[name];
    return (Array.isArray(value) ? value.at(-1) : value)?.toString();
  };
  // The mark of a letter that was given back.
  if (header('dlq_redriven') !== undefined) return;
  const reason = header('dlq_reason');
  found.get(placeOf(topic, partition))?.push({
    topic: header('dlq_topic') ?? topic,
    partition: Number(header('dlq_partition') ?? partition),
    offset: Number(header('dlq_offset') ?? message.offset),
    key: message.key?.toString() ?? '',
    id: header('ce_id') ?? '',
    time: Date.parse(header('ce_time') ?? ''),
    appendedAt: Number(message.timestamp),
    ...parsed(message.value?.toString()),
    ...(reason === undefined ? {} : { reason }),
  });
}
