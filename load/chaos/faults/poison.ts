// Messages that nobody can handle, in every topic that somebody consumes: no JSON, another schema, too large, without a key,
// of an unknown version. Each must lie among the dead letters with its reason, once for each group, and no group may stall.
//
//   groups and their topics, as the brokers tell ─► a message of each form ─► dead letters ─► positions move past them

import { randomUUID } from 'node:crypto';
import type { Chance } from '../../../actors/scheduler.simulation.ts';
import { isTopic, type TopicName, topics } from '../../../brokers/topics.ts';
import { until } from '../../../infra/local/cluster/cluster.fixture.ts';
import { type KafkaClient, type KafkaMessage, Refused } from '../../../mixins/kafka-log/client.ts';
import { VALUE_BYTES_MAX } from '../../../mixins/kafka-log/cloud-event.ts';
import { type DeadLetter, openDeadLetters } from '../../../mixins/kafka-log/dead-letters.ts';
import { kafkajsClient } from '../../../mixins/kafka-log/kafkajs-client.ts';
import type { World } from '../world.ts';
import type { Fault, FaultSource } from './fault.ts';

/** The source of poisoned messages, by which a reader of the topics knows them. */
export const POISON_SOURCE = 'souk/poison';
/** Consumers may be away themselves while others faults last. */
const BURIED_WITHIN_MS = 90_000;
/** Groups of readers from outside, which nobody relies on. */
const readers = /^souk-/;
const MANY = 1_000_000;

/** Why a message is one that nobody can handle. */
export const poisons = ['no JSON', 'wrong schema', 'unknown version', 'no key', 'too large'] as const;
export type Poison = (typeof poisons)[number];

/** What the reason of a dead letter must say. */
export const reasons: Readonly<Record<Poison, RegExp>> = {
  'no JSON': /no JSON/,
  'wrong schema': /^the data must /,
  'unknown version': /version is unknown/,
  'no key': /no key/,
  'too large': /bytes/,
};

/** One fault: all forms in all topics. The large one goes to one topic, which is drawn: it weighs twelve megabytes. */
export const poisoning: FaultSource = (_world, chance) => [poison(chance)];

/** A poisoned message of a topic. It looks as if it came from the shop, but for what is wrong with it. */
export function poisoned(topic: TopicName, form: Poison, id: string): KafkaMessage {
  const schema = `urn:souk:${topic}.v${topics[topic].version}`;
  const headers = {
    ce_specversion: '1.0',
    ce_id: id,
    ce_type: topic,
    ce_source: POISON_SOURCE,
    ce_time: new Date().toISOString(),
    ce_dataschema: form === 'unknown version' ? `urn:souk:${topic}.v999` : schema,
    'content-type': 'application/json',
  };
  const values: Readonly<Record<Poison, () => Buffer>> = {
    'no JSON': () => Buffer.from(`{ "poison": "${id}" `),
    'wrong schema': () => Buffer.from(JSON.stringify({ poison: id })),
    'unknown version': () => Buffer.from(JSON.stringify({ poison: id })),
    'no key': () => Buffer.from(JSON.stringify({ poison: id })),
    'too large': () => Buffer.alloc(VALUE_BYTES_MAX + 1, ' '),
  };
  return { key: form === 'no key' ? null : Buffer.from(id), value: values[form](), headers };
}

interface Sent {
  readonly id: string;
  readonly topic: TopicName;
  readonly form: Poison;
}

function poison(chance: Chance): Fault {
  const drawn = chance.below(MANY);
  return {
    kind: 'poison',
    target: 'every topic that is consumed',
    lastsMs: 0,
    async inject(world) {
      const client = kafkajsClient({ brokers: world.cluster.kafkaBrokers, clientId: 'poisoner' });
      try {
        const groups = (await client.groups()).filter(({ group }) => !readers.test(group));
        const consumed = [...new Set(groups.flatMap((group) => group.topics))].filter(isTopic).toSorted();
        if (consumed.length === 0) throw new Error('nobody consumes any topic');
        world.say(`poison into ${consumed.join(', ')}`);
        const { sent, refused } = await send(client, consumed, drawn);
        const expected = groups.flatMap(({ group, topics: followed }) =>
          sent.filter(({ topic }) => followed.includes(topic)).map((each) => ({ ...each, group })),
        );
        let buried: readonly (DeadLetter & Pick<Sent, 'form'>)[] = [];
        return {
          async heal() {
            buried = await untilBuried(world, consumed, expected);
          },
          evidence: async () =>
            buried.length === 0
              ? []
              : [
                  `${sent.length} poisoned messages in ${consumed.length} topics; ${refused.length} more were refused by the brokers (${refused.join(', ') || 'none'})`,
                  `${buried.length} dead letters of ${groups.length} groups: ${buried.map(({ id, form }) => `${id} (${form})`).join(', ')}`,
                ],
        };
      } finally {
        client.end();
      }
    },
  };
}

/** Sends one of each form to each topic, to partitions that differ. A compacted topic takes nothing without a key. */
async function send(client: KafkaClient, names: readonly TopicName[], drawn: number) {
  const producer = await client.createProducer();
  const sent: Sent[] = [];
  const refused: string[] = [];
  try {
    for (const [n, topic] of names.entries()) {
      for (const [m, form] of poisons.entries()) {
        if (form === 'too large' && n !== drawn % names.length) continue;
        const id = `poison-${randomUUID()}`;
        const partition = (drawn + n + m) % topics[topic].partitions;
        try {
          await producer.send({ topic, partition }, [poisoned(topic, form, id)]);
          sent.push({ id, topic, form });
        } catch (error) {
          if (!(error instanceof Refused)) throw error;
          refused.push(`${form} in ${topic}`);
        }
      }
    }
  } finally {
    await producer.close();
  }
  return { sent, refused };
}

/** The dead letters of these messages, once there is one of each for each group, with a reason that fits. */
async function untilBuried(
  world: World,
  names: readonly TopicName[],
  expected: readonly (Sent & { readonly group: string })[],
): Promise<readonly (DeadLetter & Pick<Sent, 'form'>)[]> {
  const letters = openDeadLetters({ brokers: world.cluster.kafkaBrokers, alert: () => {} });
  let missing = '';
  try {
    return await until(
      'all that was poisoned lies among the dead letters',
      async () => {
        const found = await letters.list(names).catch(() => []);
        const matched = expected.map((wanted) => {
          const letter = found.find(({ group, headers }) => group === wanted.group && headers['ce_id'] === wanted.id);
          return letter === undefined ? wanted : { ...letter, form: wanted.form };
        });
        const lost = matched.filter((each) => !('reason' in each)) as (Sent & { readonly group: string })[];
        missing = lost.map(({ topic, form, group }) => `${form} in ${topic} for ${group}`).join(', ');
        return lost.length === 0 ? (matched as (DeadLetter & Pick<Sent, 'form'>)[]).map(demandReason) : undefined;
      },
      BURIED_WITHIN_MS,
    );
  } catch (error) {
    throw new Error(`${(error as Error).message}${missing === '' ? '' : `; missing: ${missing}`}`, { cause: error });
  } finally {
    await letters.close();
  }
}

function demandReason<T extends DeadLetter & Pick<Sent, 'form'>>(letter: T): T {
  if (reasons[letter.form].test(letter.reason)) return letter;
  throw new Error(`the dead letter ${letter.id} (${letter.form}) has the reason "${letter.reason}"`);
}
