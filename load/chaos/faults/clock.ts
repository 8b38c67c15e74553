// A node's clock is wrong: it jumps by seconds or minutes while the node works, forwards or backwards, and later back. The
// database's clock stays, and so do those of all other nodes.
//
//   file and signal ─► the node's Date is shifted (skewed-clock.ts) ─► its journal is dated by it ─► shifted back
//                                                                  └─► it answers a ping with its time
//
// What skewed-clock.ts writes is the node's own word, and is told as such beside what others see: the ping and the journal.
// A skew that nobody else has seen does not count.
// Nodes must have been started by skewed-node.ts; others have no clock that anybody could shift.

import { fileURLToPath } from 'node:url';
import type { Chance } from '../../../actors/scheduler.simulation.ts';
import { until } from '../../../infra/local/cluster/cluster.fixture.ts';
import { joinAsGuest } from '../../../infra/local/cluster/guest.fixture.ts';
import type { World } from '../world.ts';
import type { Fault, FaultSource } from './fault.ts';
import { CLOCK_SIGNAL, type ToldClock, toldClock, wishSkew } from './skewed-clock.ts';
import { askPostgres, lifting, nodesOf, pidNow } from './witness.ts';

/** The program of nodes whose clock can be wrong, for `programOf` of startCluster. */
export const SKEWED_NODE = fileURLToPath(new URL('./skewed-node.ts', import.meta.url));

/** How far a clock is off, in seconds: what a bad time server, a resumed machine and a lost battery do. */
const SKEWS_S = [-600, -90, -20, -3, 3, 20, 90, 600];
const SECONDS = [3, 5, 8, 15];
const TOLD_WITHIN_MS = 60_000;
/** For joining the nodes' network, and for the answer to a ping. */
const JOIN_MS = 10_000;
const PING_MS = 3_000;
/** What a journal entry and its inbox row may lie apart besides: the time from a command's arrival to its commit. */
const APART_MS = 2_000;
/** Contexts that keep a journal, dated by the node's clock, beside an inbox, dated by the database's. */
const JOURNALS = ['orders', 'inventory', 'payments', 'products', 'users', 'notifications'];

/** Every node, each with a skew that is drawn. */
export const clockSkews: FaultSource = (world, chance) => nodesOf(world).map((node) => skew(world, node, chance));

function skew({ cluster }: World, node: string, chance: Chance): Fault {
  const skewMs = chance.pick(SKEWS_S) * 1_000;
  const lastsMs = chance.pick(SECONDS) * 1_000;
  const canBe = toldClock(cluster.dataDir, node) !== undefined;
  return {
    kind: 'clock-skew',
    target: `${node} is ${Math.abs(skewMs) / 1_000} s ${skewMs < 0 ? 'behind' : 'ahead'}`,
    lastsMs,
    ...(canBe
      ? {}
      : { impossible: `${node} was not started by skewed-node.ts: give the cluster SKEWED_NODE as \`programOf\`.` }),
    async inject(world) {
      world.say(`the clock of ${node} jumps by ${skewMs / 1_000} s`);
      const from = Date.now();
      const { isLifted, healedAt } = lifting();
      let told: ToldClock;
      try {
        told = await shift(world, node, skewMs);
      } catch (error) {
        takeBack(world, node);
        throw error;
      }
      const own = `by its own word (skewed-clock.ts in it), ${node} (process ${told.pid}) had the time ${told.now} at ${new Date(from).toISOString()} by this machine's clock`;
      const seen: string[] = [];
      return {
        async heal() {
          const journal = node.replace(/-\d+$/, '');
          try {
            seen.push(...(await pinged(world, node, skewMs)));
            if (JOURNALS.includes(journal)) seen.push(...(await datedWrongly(world, journal, skewMs, from)));
          } finally {
            await shift(world, node, 0);
            isLifted();
          }
        },
        healedAt,
        evidence: async () => (seen.length === 0 ? [] : [own, ...seen]),
      };
    },
  };
}

/** Has the node take up a skew; resolves when it has said so. One that is being started takes it up by itself. */
async function shift(world: World, node: string, skewMs: number): Promise<ToldClock> {
  const { dataDir } = world.cluster;
  wishSkew(dataDir, node, skewMs);
  let signalled: number | undefined;
  return await until(
    `${node} has its clock ${skewMs / 1_000} s off`,
    () => {
      const told = toldClock(dataDir, node);
      const pid = pidNow(world, node);
      if (told === undefined || pid === undefined || told.pid !== pid) return undefined;
      if (told.skewMs === skewMs) return told;
      if (signalled !== pid) process.kill((signalled = pid), CLOCK_SIGNAL);
      return undefined;
    },
    TOLD_WITHIN_MS,
  );
}

/** Has the node's clock put right, without waiting for it: it takes that up at this signal, or at its next start. */
function takeBack(world: World, node: string): void {
  wishSkew(world.cluster.dataDir, node, 0);
  const pid = pidNow(world, node);
  try {
    if (pid !== undefined) process.kill(pid, CLOCK_SIGNAL);
  } catch {
    // It has just ended, and finds the file when it starts again.
  }
}

/** What the node answers to a ping of the nodes' network, in which it says its time, as a sentence; none if it is not off. */
async function pinged(world: World, node: string, skewMs: number): Promise<readonly string[]> {
  try {
    const offMs = await clockOff(world, node);
    if (offMs === undefined) world.say(`${node} answered no ping`);
    else {
      const said = `in its answer to a ping ${node} was ${(offMs / 1_000).toFixed(1)} s off this machine's clock`;
      if (Math.abs(offMs - skewMs) < APART_MS) return [said];
      world.say(`${said}, which should have been ${skewMs / 1_000} s`);
    }
  } catch (error) {
    world.say(`${node} could not be asked for its time: ${(error as Error).message}`);
  }
  return [];
}

/** How far the node is ahead of this machine, in milliseconds; undefined: it did not answer. @throws Error if nobody can ask */
async function clockOff({ cluster }: World, node: string): Promise<number | undefined> {
  const guest = await joinAsGuest('asks-the-time', cluster, JOIN_MS);
  try {
    const answer: { readonly timeDiff: number } | null = await guest.ping(node, PING_MS);
    // It says how far we are ahead of the node.
    return answer === null ? undefined : -answer.timeDiff;
  } finally {
    await guest.stop();
  }
}

/** Entries of the context's journal since then whose time differs from that of their inbox row by the skew. */
async function datedWrongly(world: World, schema: string, skewMs: number, from: number): Promise<readonly string[]> {
  const rows = await askPostgres(world, (sql) =>
    sql<{ readonly entries: string; readonly apart: string }>(
      `select count(*) entries, coalesce(avg(apart), 0) apart from (
         select extract(epoch from j.at - i.stored_at) * 1000 apart from ${schema}.journal j
         join ${schema}.inbox i on i.command_id = j.command_id and i.actor_id = j.id
         where i.stored_at >= to_timestamp(?::float8 / 1000)
       ) entry where abs(apart - ?) < ?`,
      [from, skewMs, APART_MS],
    ),
  );
  const entries = Number(rows[0]?.entries);
  if (entries === 0) return [];
  const seconds = (Number(rows[0]?.apart) / 1_000).toFixed(1);
  return [`${entries} entries of the journal of ${schema} are dated ${seconds} s off the database's clock`];
}
