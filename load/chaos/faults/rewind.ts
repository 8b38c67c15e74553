// A consumer group is set back by a thousand records, as an operator does by mistake or after a restore: it sees again what
// it has had. Whatever it has done for them already must not happen a second time.
//
//   its nodes held down ─► positions set back ─► released ─► the same records again ─► positions where they were, or beyond
//
// Kafka takes no positions for a group that has members, so its nodes are away for a moment.

import { consumerGroups } from '../../../brokers/consumers.ts';
import { until } from '../../../infra/local/cluster/cluster.fixture.ts';
import type { KafkaClient, TopicOffset } from '../../../mixins/kafka-log/client.ts';
import { kafkajsClient } from '../../../mixins/kafka-log/kafkajs-client.ts';
import type { World } from '../world.ts';
import type { Fault, FaultSource } from './fault.ts';
import { isBack, lifting, nodesOf } from './witness.ts';

/** Records of each partition, or as many as there are. */
export const REWOUND_RECORDS = 1_000;
/** As long as its nodes' own. */
const SESSION_MS = 6_000;
const LEFT_WITHIN_MS = 30_000;
const CAUGHT_UP_WITHIN_MS = 120_000;

/** Every group of the shop whose nodes are known by their names. */
export const rewinds: FaultSource = (world) =>
  Object.entries(consumerGroups).flatMap(([group, { service }]) => {
    const nodes = nodesOf(world).filter((node) => node.replace(/-\d+$/, '') === service);
    return nodes.length === 0 ? [] : [rewind(group, nodes)];
  });

/** Where a group goes back to: so many records, but not before the first that is kept. */
export const setBack = (
  positions: readonly TopicOffset[],
  firsts: readonly TopicOffset[],
  by = REWOUND_RECORDS,
): readonly TopicOffset[] =>
  positions.map((place) => {
    const first = firsts.find(({ topic, partition }) => topic === place.topic && partition === place.partition);
    return { ...place, offset: Math.min(place.offset, Math.max(first?.offset ?? 0, place.offset - by)) };
  });

function rewind(group: string, nodes: readonly string[]): Fault {
  return {
    kind: 'rewind',
    target: `the group ${group}`,
    lastsMs: 0,
    async inject(world) {
      const { supervisor, kafkaBrokers } = world.cluster;
      const client = kafkajsClient({ brokers: kafkaBrokers, clientId: 'rewinder' });
      const before = nodes.map((node) => ({ node, pid: world.cluster.pidOf(node) }));
      world.say(`set ${group} back by ${REWOUND_RECORDS} records`);
      const { isLifted, healedAt } = lifting();
      let was: readonly TopicOffset[];
      let is: readonly TopicOffset[];
      try {
        await Promise.all(nodes.map((node) => supervisor.hold(node)));
        await until(`${group} has no members`, async () => (await client.members(group)) === 0, LEFT_WITHIN_MS);
        was = await client.positions(group);
        const firsts = (
          await Promise.all([...new Set(was.map(({ topic }) => topic))].map((name) => firstsOf(client, name)))
        ).flat();
        is = setBack(was, firsts);
        await put(
          client,
          group,
          is.filter(({ offset }, i) => offset < (was[i] as TopicOffset).offset),
        );
      } finally {
        for (const node of nodes) supervisor.release(node);
        isLifted();
        client.end();
      }
      const again = was.reduce((sum, { offset }, i) => sum + offset - (is[i] as TopicOffset).offset, 0);
      let isCaughtUp = false;
      return {
        async heal() {
          await Promise.all(before.map(({ node, pid }) => isBack(world, node, pid)));
          await caughtUp(world, group, was);
          isCaughtUp = true;
        },
        healedAt,
        async evidence() {
          if (!isCaughtUp || again === 0) return [];
          const moved = was.flatMap(({ topic, partition, offset }, i) => {
            const to = (is[i] as TopicOffset).offset;
            return to < offset ? [`${topic}/${partition} from ${offset} to ${to}`] : [];
          });
          return [
            `${group} took ${again} records again: it was set back in ${moved.length} partitions (${moved.join(', ')}) and is beyond all of them again`,
          ];
        },
      };
    },
  };
}

const firstsOf = async (client: KafkaClient, topic: string): Promise<readonly TopicOffset[]> =>
  (await client.ends(topic)).map(({ partition, first }) => ({ topic, partition, offset: first }));

/** Sets all positions at once, by being in the group for a moment: a member may, while nobody else is one. */
async function put(client: KafkaClient, group: string, places: readonly TopicOffset[]): Promise<void> {
  if (places.length === 0) return;
  const consumer = client.createConsumer({
    group,
    topics: [...new Set(places.map(({ topic }) => topic))],
    sessionMs: SESSION_MS,
    onAssigned: () => {},
    onUnsettled: () => {},
    onMessages: () => {},
    onTrouble: () => {},
  });
  await consumer.start();
  try {
    await consumer.commit(places);
  } finally {
    await consumer.stop();
  }
}

/** Resolves when the group is again where it was. */
async function caughtUp({ cluster }: World, group: string, was: readonly TopicOffset[]): Promise<void> {
  const client = kafkajsClient({ brokers: cluster.kafkaBrokers, clientId: 'rewinder' });
  try {
    await until(
      `${group} is where it was`,
      async () => {
        const now = await client.positions(group).catch(() => []);
        return was.every((place) =>
          now.some((at) => at.topic === place.topic && at.partition === place.partition && at.offset >= place.offset),
        );
      },
      CAUGHT_UP_WITHIN_MS,
    );
  } finally {
    client.end();
  }
}
