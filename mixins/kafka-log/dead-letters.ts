// The records that some group could never handle: listed, shown, and given back once the reason is mended.
//
//   group.ts ─► <topic>.dlq: the message as it was, and headers that say why ─► list, show ─► redrive ─► <topic>
//
// A letter that was given back stays where it is, as everything in a log; a mark after it says so. Every group of the topic
// sees the record again; all but the one that could not handle it know its id and drop it.

import { randomUUID } from 'node:crypto';
import type { DeadLetter as Buried } from '../../brokers/log-storage.ts';
import { type TopicName, topics } from '../../brokers/topics.ts';
import type { ClientOptions, FetchedMessage, KafkaClient, KafkaMessage } from './client.ts';
import { kafkajsClient } from './kafkajs-client.ts';
import { createSender, type Sender } from './sender.ts';
import { deadLetterTopic } from './topic-setup.ts';

const READ_SESSION_MS = 6_000;
const READ_MS = 30_000;
/** Of one topic: the newest of them. Who has more has another trouble than a list can show. */
const LETTERS_MAX = 10_000;
/** The header of a mark: the letter with this offset was given back. */
const REDRIVEN = 'dlq_redriven';

/** A record that was put aside. */
export interface DeadLetter {
  /** `product.deleted:17`: its topic and its number among the dead letters of that topic. */
  readonly id: string;
  readonly group: string;
  /** Where the record lies in the log. */
  readonly topic: TopicName;
  readonly partition: number;
  readonly offset: number;
  readonly reason: string;
  /** When it was put aside: RFC 3339, UTC. */
  readonly at: string;
  /** As it came; empty if it came without. */
  readonly key: string;
  /** As it came, readable or not. */
  readonly value: string;
  /** What came with it. */
  readonly headers: Readonly<Record<string, string>>;
  /** Whether it was given back already. */
  readonly isRedriven: boolean;
}

export interface DeadLetters {
  /** Those that wait, oldest first within a topic; of all topics unless some are named. A repeat is shown once. */
  list(names?: readonly TopicName[]): Promise<readonly DeadLetter[]>;
  /** One letter, waiting or given back. @throws RangeError if there is none by that id */
  show(id: string): Promise<DeadLetter>;
  /** Appends the record to its topic again, as it was. @throws RangeError if there is none, or it was given back */
  redrive(id: string): Promise<DeadLetter>;
  /** The same for all that wait in a topic and are wanted, oldest first; tells which. */
  redriveAll(topic: TopicName, isWanted?: (letter: DeadLetter) => boolean): Promise<readonly DeadLetter[]>;
}

interface Found {
  readonly letter: DeadLetter;
  readonly message: FetchedMessage;
}

/** What lies in the dead-letter topic for a record. */
export function letterMessage({ group, record, reason }: Buried, message: FetchedMessage): KafkaMessage {
  return {
    key: message.key,
    value: message.value,
    headers: {
      ...message.headers,
      dlq_reason: reason,
      dlq_topic: record.topic,
      dlq_partition: String(record.partition),
      dlq_offset: String(record.offset),
      dlq_group: group,
      dlq_at: new Date().toISOString(),
    },
  };
}

/** Opens the dead letters of these brokers; connects when it is asked something, and until `close`. */
export function openDeadLetters(
  options: Omit<ClientOptions, 'clientId'> & { readonly alert: (what: string, particulars: object) => void },
): DeadLetters & { close(): Promise<void> } {
  const client = kafkajsClient({ ...options, clientId: 'souk-dead-letters' });
  const sender = createSender(client, options.alert);
  async function close(): Promise<void> {
    await sender.stop();
    client.end();
  }
  return { ...createDeadLetters(client, sender), close };
}

/** The dead letters of the brokers that the client talks to. */
function createDeadLetters(client: KafkaClient, sender: Sender): DeadLetters {
  /** All letters of a topic with the messages that they were made of. */
  async function read(topic: TopicName): Promise<readonly Found[]> {
    const messages = await readAll(client, deadLetterTopic(topic));
    const redriven = new Set(messages.flatMap(({ headers }) => headers[REDRIVEN] ?? []));
    const places = new Map<string, string>();
    return messages.flatMap((message) => {
      if (message.headers[REDRIVEN] !== undefined) return [];
      const letter = letterOf(topic, message, redriven.has(String(message.offset)));
      // A crash between the letter and the position leaves the same letter twice.
      const place = `${letter.group}/${letter.partition}/${letter.offset}`;
      if (places.has(place)) return [];
      places.set(place, letter.id);
      return [{ letter, message }];
    });
  }

  async function find(id: string): Promise<Found> {
    const topic = id.slice(0, id.lastIndexOf(':'));
    const found = isTopicName(topic) ? (await read(topic)).find(({ letter }) => letter.id === id) : undefined;
    if (found === undefined) throw new RangeError(`there is no dead letter ${id}: the list shows what there is`);
    return found;
  }

  /** A crash before the mark leaves a letter that was given back and says nothing of it: at least once, under one id. */
  async function giveBack({ letter, message }: Found): Promise<DeadLetter> {
    const { topic, partition, headers } = letter;
    await sender.send({ topic, partition }, [{ key: message.key, value: message.value, headers }]);
    const mark = { key: message.key, value: null, headers: { [REDRIVEN]: String(message.offset) } };
    await sender.send({ topic: deadLetterTopic(topic), partition: 0 }, [mark]);
    return { ...letter, isRedriven: true };
  }

  return {
    async list(names = Object.keys(topics) as TopicName[]) {
      // A cluster that has not started yet has no topics.
      const made = await client.describeTopics(names.map(deadLetterTopic), ['cleanup.policy']);
      const letters = [];
      for (const name of names) {
        if (!made.some((topic) => topic.name === deadLetterTopic(name))) continue;
        letters.push(...(await read(name)).map(({ letter }) => letter));
      }
      return letters.filter(({ isRedriven }) => !isRedriven);
    },
    show: async (id) => (await find(id)).letter,
    async redrive(id) {
      const found = await find(id);
      if (found.letter.isRedriven) throw new RangeError(`the dead letter ${id} was given back already`);
      return await giveBack(found);
    },
    async redriveAll(topic, isWanted = () => true) {
      const wanted = (await read(topic)).filter(({ letter }) => !letter.isRedriven && isWanted(letter));
      const given = [];
      for (const found of wanted) given.push(await giveBack(found));
      return given;
    },
  };
}

function letterOf(topic: TopicName, { key, value, headers, offset }: FetchedMessage, isRedriven: boolean): DeadLetter {
  const told = (name: string): string => headers[`dlq_${name}`] ?? '';
  return {
    id: `${topic}:${offset}`,
    group: told('group'),
    topic,
    partition: Number(told('partition')),
    offset: Number(told('offset')),
    reason: told('reason'),
    at: told('at'),
    key: key?.toString() ?? '',
    value: value?.toString() ?? '',
    headers: Object.fromEntries(Object.entries(headers).filter(([name]) => !name.startsWith('dlq_'))),
    isRedriven,
  };
}

const isTopicName = (name: string): name is TopicName => Object.hasOwn(topics, name);

/** What lies in a topic now, as far as it is kept in mind; oldest first within a partition. */
async function readAll(client: KafkaClient, topic: string): Promise<readonly FetchedMessage[]> {
  const ends = (await client.ends(topic)).filter(({ offset, first }) => offset > first);
  if (ends.length === 0) return [];
  const left = new Map(ends.map(({ partition, offset }) => [partition, offset]));
  const read: FetchedMessage[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const group = `souk-dead-letters-${randomUUID()}`;
  const consumer = client.createConsumer({
    group,
    topics: [topic],
    sessionMs: READ_SESSION_MS,
    onAssigned: () => {},
    onUnsettled: () => {},
    onMessages({ partition }, messages) {
      const end = left.get(partition) ?? 0;
      read.push(...messages.filter(({ offset }) => offset < end));
      if (read.length > LETTERS_MAX) read.splice(0, read.length - LETTERS_MAX);
      if ((messages.at(-1)?.offset ?? -1) + 1 >= end) left.delete(partition);
      if (left.size === 0) resolve();
    },
    onTrouble: reject,
  });
  const late = setTimeout(() => reject(new Error(`${topic} was not read within ${READ_MS} ms`)), READ_MS);
  try {
    await consumer.start();
    await promise;
    return read;
  } finally {
    clearTimeout(late);
    await consumer.stop();
    await client.deleteGroup(group).catch(() => undefined); // it expires by itself
  }
}
