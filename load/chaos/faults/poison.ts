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
import { lifting } from './witness.ts';

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

/** It has to be buried by this group. */
type Expected = Sent & { readonly group: string };
type Buried = DeadLetter & Pick<Sent, 'form'>;

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
        // All harm is done once they are sent.
        const { isLifted, healedAt } = lifting();
        isLifted();
        let buried: readonly Buried[] = [];
        let missing: readonly Expected[] = [];
        return {
          async heal() {
            ({ buried, missing } = await untilBuried(world, consumed, expected));
          },
          healedAt,
          violations: async () => poisonViolations(buried, missing),
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

/**
 * The dead letters of these messages, once there is one of each for each group, and what is missing when time is up.
 * @throws Error if the dead letters could not be read at all
 */
async function untilBuried(
  world: World,
  names: readonly TopicName[],
  expected: readonly Expected[],
): Promise<{ readonly buried: readonly Buried[]; readonly missing: readonly Expected[] }> {
  const letters = openDeadLetters({ brokers: world.cluster.kafkaBrokers, alert: () => {} });
  let said: ReturnType<typeof matched> | undefined;
  let trouble: unknown;
  try {
    await until(
      'all that was poisoned lies among the dead letters',
      async () => {
        try {
          said = matched(expected, await letters.list(names));
        } catch (error) {
          trouble = error; // brokers may be away
        }
        return said?.missing.length === 0;
      },
      BURIED_WITHIN_MS,
    );
  } catch (error) {
    if (said === undefined) throw new Error(`${(error as Error).message}: ${String(trouble)}`, { cause: error });
  } finally {
    await letters.close();
  }
  return said ?? { buried: [], missing: expected };
}

function matched(expected: readonly Expected[], found: readonly DeadLetter[]) {
  const buried: Buried[] = [];
  const missing: Expected[] = [];
  for (const wanted of expected) {
    const letter = found.find(({ group, headers }) => group === wanted.group && headers['ce_id'] === wanted.id);
    if (letter === undefined) missing.push(wanted);
    else buried.push({ ...letter, form: wanted.form });
  }
  return { buried, missing };
}

/** What must not become of poison, as sentences: no dead letter, or one with a reason that is not its own. */
export const poisonViolations = (
  buried: readonly Pick<Buried, 'id' | 'form' | 'reason'>[],
  missing: readonly Expected[],
): readonly string[] => [
  ...missing.map(
    ({ id, topic, form, group }) =>
      `${id} (${form} in ${topic}) lay not among the dead letters of ${group} within ${BURIED_WITHIN_MS / 1_000} s`,
  ),
  ...buried
    .filter(({ form, reason }) => !reasons[form].test(reason))
    .map(
      ({ id, form, reason }) =>
        `the dead letter ${id} (${form}) has the reason "${reason}", which should match ${String(reasons[form])}`,
    ),
];
