// The event log of the cluster: Kafka behind the port of brokers/event-log.ts, with the same contract as the embedded log.
//
//   append ─► publisher.ts (patience) ─► sender.ts (until acknowledged) ─► Kafka ─► group.ts ─► handle
//                                                    └◄── dead letters ◄──────────────┘
//
// Which topics there are, and how they are kept, is made from the catalogue (topic-setup.ts).

import { setTimeout as delay } from 'node:timers/promises';
import type { EventLog, SubscribeOptions, Subscription } from '../../brokers/event-log.ts';
import { LogUnavailable } from '../../brokers/log-storage.ts';
import { isTopic, type TopicName, topics } from '../../brokers/topics.ts';
import type { ClientOptions, KafkaClient, TopicOffset } from './client.ts';
import { letterMessage } from './dead-letters.ts';
import { createKafkaGroup, type Group } from './group.ts';
import { kafkajsClient } from './kafkajs-client.ts';
import { createPublisher } from './publisher.ts';
import { createSender } from './sender.ts';
import { deadLetterTopic, ensureTopics, TopicTooSmall } from './topic-setup.ts';

/** A consumer that fell silent keeps its partitions so long, in milliseconds. */
const SESSION_MS = 6_000;
/** A leader that dies is replaced within this, in milliseconds, and publishers need not know. */
const PATIENCE_MS = 5_000;
const OPEN_MS = 60_000;
const OPEN_AGAIN_MS = 500;

export interface KafkaLogOptions extends Omit<ClientOptions, 'clientId'> {
  /** By which the brokers know this node; default `souk`. */
  readonly clientId?: string;
  readonly alert: (what: string, particulars: object) => void;
  /** How long a consumer that died keeps its partitions, in milliseconds; default 6,000. */
  readonly sessionMs?: number;
  /** How long publishers wait before they are told "unavailable", in milliseconds; default 5,000. */
  readonly patienceMs?: number;
  /** How long the start waits for Kafka, in milliseconds; default 60,000. */
  readonly openMs?: number;
  /** The trace that the present call belongs to, as W3C `traceparent`; events carry it on unless they say another. */
  readonly traceparent?: () => string | undefined;
}

export interface KafkaLog extends EventLog {
  /** Cuts every connection and says goodbye to nobody, as a killed process would. The log is of no use afterwards. */
  cut(): void;
}

/**
 * Opens the log of one node: makes the topics that are missing and reports those that differ from the catalogue.
 * @throws LogUnavailable if no broker answers in time; TopicTooSmall if a topic cannot hold what the catalogue says
 */
export async function openKafkaLog(options: KafkaLogOptions): Promise<KafkaLog> {
  const { alert, openMs = OPEN_MS, clientId = 'souk' } = options;
  const client = kafkajsClient({ ...options, clientId });
  try {
    await setUp(client, alert, openMs);
  } catch (error) {
    client.end();
    throw error;
  }
  return createKafkaLog(client, options);
}

async function setUp(client: KafkaClient, alert: KafkaLogOptions['alert'], openMs: number): Promise<void> {
  for (const deadline = performance.now() + openMs; ; await delay(OPEN_AGAIN_MS)) {
    try {
      await ensureTopics(client, alert);
      return;
    } catch (error) {
      if (error instanceof TopicTooSmall) throw error;
      if (performance.now() > deadline) {
        const said = `Kafka does not answer: ${(error as Error).message}. Start it, or correct the addresses of its brokers.`;
        throw Object.assign(new LogUnavailable(said), { cause: error });
      }
    }
  }
}

function createKafkaLog(client: KafkaClient, options: KafkaLogOptions): KafkaLog {
  const { alert, patienceMs = PATIENCE_MS, sessionMs = SESSION_MS, traceparent = () => undefined } = options;
  const sender = createSender(client, alert);
  const publisher = createPublisher({ sender, alert, patienceMs, traceparent });
  const groups = new Set<Group>();
  let closed = false;

  async function subscribe(subscription: SubscribeOptions): Promise<Subscription> {
    const group = createKafkaGroup({
      client,
      subscription,
      topics: [...new Set(subscription.topics)].map(known),
      sessionMs,
      alert,
      bury: (letter, message) =>
        sender.send({ topic: deadLetterTopic(letter.record.topic), partition: 0 }, [letterMessage(letter, message)]),
    });
    try {
      await group.start();
    } catch (error) {
      throw Object.assign(new LogUnavailable(`${subscription.group} could not join its group`), { cause: error });
    }
    groups.add(group);
    const stop = async () => {
      groups.delete(group);
      await group.stop();
    };
    return { stop };
  }

  async function seek(name: string, place: TopicOffset): Promise<void> {
    for (const group of groups) if (group.name === name && (await group.seek(place))) return;
    if ((await client.members(name)) > 0) {
      throw new Error(
        `${name} is at work on another node, which has partition ${place.partition} of ${place.topic}: ` +
          'seek there, or stop it first.',
      );
    }
    await putGroup(client, name, place, sessionMs);
  }

  return {
    append: (events) => publisher.append(events),
    subscribe,
    partitions: (topic) => topics[known(topic)].partitions,
    async seek(name, topic, partition, offset) {
      const inRange = partition >= 0 && partition < topics[known(topic)].partitions;
      if (!inRange || !Number.isInteger(partition) || !Number.isSafeInteger(offset) || offset < 0) {
        throw new RangeError(`there is no offset ${offset} in partition ${partition} of ${topic}`);
      }
      await seek(name, { topic, partition, offset });
    },
    cut: () => client.end(),
    async close() {
      if (closed) return;
      closed = true;
      await publisher.stop();
      await Promise.all([...groups].map((group) => group.stop()));
      groups.clear();
      await sender.stop();
      client.end();
    },
  };
}

/** Sets a position of a group that nobody is in: by being in it for a moment. */
async function putGroup(client: KafkaClient, group: string, place: TopicOffset, sessionMs: number): Promise<void> {
  const consumer = client.createConsumer({
    group,
    topics: [place.topic],
    sessionMs,
    onAssigned: () => {},
    onUnsettled: () => {},
    onMessages: () => {},
    onTrouble: () => {},
  });
  await consumer.start();
  try {
    await consumer.commit([place]);
  } finally {
    await consumer.stop();
  }
}

function known(topic: string): TopicName {
  if (!isTopic(topic)) throw new RangeError(`the catalogue has no topic ${topic}`);
  return topic;
}
