// Servers go away: NATS, Kafka (one broker, or one of three), PostgreSQL, DynamoDB are killed and stay down for a while, as
// the machine under them would.
//
//   SIGKILL ─► held down: their ports refuse ─► released ─► another process serves at the same address

import type { Chance } from '../../../actors/scheduler.simulation.ts';
import type { Fault, FaultKind, FaultSource } from './fault.ts';
import { harmDone, isBack, isGone, lifting, portsOf, refuses, serversOf } from './witness.ts';

/** Seconds that a server may be away; the shorter the more often, for most of what is long is only waiting. */
const SECONDS = [1, 2, 3, 5, 8, 12, 20, 40, 60];

/** NATS. */
export const natsOutages: FaultSource = (world, chance) => outages(serversOf(world, /^nats$/), 'nats', chance);

/** Each broker of Kafka. */
export const kafkaOutages: FaultSource = (world, chance) => outages(serversOf(world, /^kafka/), 'kafka', chance);

/** PostgreSQL, by its postmaster. One that somebody else runs is not ours to kill. */
export const postgresOutages: FaultSource = (world, chance) =>
  outages(serversOf(world, /^postgres$/), 'postgres', chance).map((fault) =>
    world.cluster.supervisor.states().some(({ name, state, pid }) => name === 'postgres' && state === 'ready' && !pid)
      ? { ...fault, impossible: 'PostgreSQL is run by somebody else (DB_HOST), who would have to kill it.' }
      : fault,
  );

/** DynamoDB. */
export const dynamoOutages: FaultSource = (world, chance) =>
  outages(serversOf(world, /^dynamodb$/), 'dynamodb', chance);

const outages = (names: readonly string[], kind: FaultKind, chance: Chance): readonly Fault[] =>
  names.map((name) => outage(name, kind, chance.pick(SECONDS) * 1_000));

function outage(name: string, kind: FaultKind, lastsMs: number): Fault {
  return {
    kind,
    target: name,
    lastsMs,
    async inject(world) {
      const { cluster } = world;
      const before = cluster.pidOf(name);
      const ports = portsOf(before);
      const from = performance.now();
      world.say(`kill -9 ${name}, and keep it away`);
      const { isLifted, healedAt } = lifting();
      const letBack = () => {
        cluster.supervisor.release(name);
        isLifted();
      };
      cluster.signal(name, 'SIGKILL');
      try {
        await cluster.supervisor.hold(name);
        await isGone(before);
      } catch (error) {
        letBack();
        throw error;
      }
      let after: number | undefined;
      let refused: readonly number[] = [];
      let awayMs = 0;
      return {
        async heal() {
          try {
            const answers = await Promise.all(ports.map(async (port) => ({ port, isRefused: await refuses(port) })));
            refused = answers.filter(({ isRefused }) => isRefused).map(({ port }) => port);
          } finally {
            letBack();
          }
          after = await isBack(world, name, before);
          awayMs = performance.now() - from;
        },
        healedAt,
        async evidence(history) {
          if (after === undefined || refused.length === 0) return [];
          const harm = harmDone(history);
          return [
            `${name} was process ${before} and is process ${after}, after ${(awayMs / 1_000).toFixed(1)} s`,
            `nobody listened on ${refused.length === 1 ? 'its port' : 'its ports'} ${refused.join(', ')} just before its return`,
            ...(harm === undefined ? [] : [harm]),
          ];
        },
      };
    },
  };
}
