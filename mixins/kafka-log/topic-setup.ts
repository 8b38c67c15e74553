// The topics as the catalogue states them, and a dead-letter topic for each. Missing ones are made; one that differs is
// reported and left as it is: another number of partitions would send keys elsewhere, and the rest is for a person.

import { type TopicName, topics } from '../../brokers/topics.ts';
import type { KafkaClient, TopicSettings } from './client.ts';
import { VALUE_BYTES_MAX } from './cloud-event.ts';

/** Long enough for a person to come back from holidays, in milliseconds. */
const DEAD_LETTER_MS = 30 * 24 * 3_600_000;
const HEADERS_BYTES_MAX = 16_384;
/** A record of the log with all that may be said about it. */
const MESSAGE_BYTES_MAX = VALUE_BYTES_MAX + HEADERS_BYTES_MAX;

/** The topic for what the groups of a topic can never handle. */
export const deadLetterTopic = (topic: string): string => `${topic}.dlq`;

/** A setting of a topic that is not as the catalogue says. */
export interface Drift {
  readonly topic: string;
  /** `partitions`, or Kafka's name of the setting. */
  readonly setting: string;
  readonly is: string;
  readonly shouldBe: string;
}

/** A topic cannot hold what the catalogue says: some keys would have nowhere to go. */
export class TopicTooSmall extends Error {
  override name = 'TopicTooSmall';
}

/** How every topic should be. Replication is the brokers' affair. */
export function wantedTopics(): readonly TopicSettings[] {
  return (Object.keys(topics) as TopicName[]).flatMap((name) => {
    const { partitions, retentionMs, cleanup } = topics[name];
    return [
      settings(name, partitions, retentionMs, cleanup, MESSAGE_BYTES_MAX),
      settings(deadLetterTopic(name), 1, DEAD_LETTER_MS, 'delete', MESSAGE_BYTES_MAX + HEADERS_BYTES_MAX),
    ];
  });
}

function settings(name: string, partitions: number, retentionMs: number, cleanup: string, bytes: number) {
  const config = {
    'cleanup.policy': cleanup,
    'retention.ms': String(retentionMs),
    'max.message.bytes': String(bytes),
    // Records expire by the log's clock, and consumers are told it.
    'message.timestamp.type': 'LogAppendTime',
  };
  return { name, partitions, config };
}

/**
 * Makes the topics that are missing, and says how the others differ.
 * @throws TopicTooSmall when a topic has fewer partitions than the catalogue says
 */
export async function ensureTopics(
  client: KafkaClient,
  alert: (what: string, particulars: object) => void,
): Promise<readonly Drift[]> {
  const wanted = wantedTopics();
  const names = wanted.map(({ name }) => name);
  const settingNames = Object.keys((wanted[0] as TopicSettings).config);
  const found = await client.describeTopics(names, settingNames);
  const missing = wanted.filter(({ name }) => !found.some((topic) => topic.name === name));
  if (missing.length > 0) await client.createTopics(missing);
  const drifts = found.flatMap((is) => differences(wanted.find(({ name }) => name === is.name) as TopicSettings, is));
  for (const drift of drifts) alert('topic differs from the catalogue', drift);
  const short = drifts.find(({ setting, is, shouldBe }) => setting === 'partitions' && Number(is) < Number(shouldBe));
  if (short !== undefined) {
    throw new TopicTooSmall(
      `The topic ${short.topic} has ${short.is} partitions and the catalogue says ${short.shouldBe}: ` +
        'move its records to a new topic, or correct brokers/topics.ts.',
    );
  }
  return drifts;
}

/** What differs between a topic as it should be and as it is. */
export function differences(wanted: TopicSettings, found: TopicSettings): readonly Drift[] {
  const pairs: readonly (readonly [setting: string, is: string, shouldBe: string])[] = [
    ['partitions', String(found.partitions), String(wanted.partitions)],
    ...Object.entries(wanted.config).map(
      ([setting, value]) => [setting, found.config[setting] ?? 'unknown', value] as const,
    ),
  ];
  return pairs
    .filter(([, is, shouldBe]) => is !== shouldBe)
    .map(([setting, is, shouldBe]) => ({ topic: wanted.name, setting, is, shouldBe }));
}
