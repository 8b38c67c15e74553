// The network between two parts of the shop does not do what it should: slow, uneven, narrow, slow to close, reset, silent in
// both directions or in one, or not there. Every edge of the cluster goes through a proxy that can be told so.
//
//   probe ─► harm (harms.ts) ─► probe … probe ─► taken away ─► probed until it is answered again
//
// A probe is a connection of our own by the same way. What it saw before and meanwhile, what the proxy says of itself and
// what the kernel counted on the shop's own connections is the evidence.

import { setTimeout as pause } from 'node:timers/promises';
import type { Chance } from '../../../actors/scheduler.simulation.ts';
import type { Probe } from '../../../infra/local/cluster/edge-probe.ts';
import { passedBetween } from '../../../infra/local/cluster/edge-traffic.ts';
import type { Edges } from '../../../infra/local/cluster/edges.ts';
import type { World } from '../world.ts';
import type { Fault } from './fault.ts';
import { type Harm, harms, type NetworkKind } from './harms.ts';
import { harmDone, lifting } from './witness.ts';

/** Seconds that it lasts; the shorter the more often. */
const SECONDS = [2, 3, 5, 8, 12, 20, 30];
const WELL_WITHIN_MS = 60_000;
const POLL_MS = 50;

/** What these faults need of a world. */
export interface NetworkWorld extends Pick<World, 'say' | 'signal'> {
  readonly cluster: { readonly edges: Edges | undefined };
}

export interface NetworkFault extends Fault {
  inject(world: Pick<World, 'say' | 'signal'>): ReturnType<Fault['inject']>;
}

export type NetworkFaultSource = (world: NetworkWorld, chance: Chance) => readonly NetworkFault[];

const NO_EDGES = 'the cluster was started without a proxy on its edges (the option `edges` of startTestCluster)';

const source =
  (kind: NetworkKind): NetworkFaultSource =>
  ({ cluster: { edges } }, chance) => {
    if (edges === undefined) return [withoutEdges(kind)];
    const lastsMs = () => chance.pick(SECONDS) * 1_000;
    const single = edges.names.map((name) => harm(edges, name, [name], harms[kind](chance), lastsMs()));
    return kind === 'partition' ? [...single, ...isolations(edges, chance, lastsMs)] : single;
  };

/** Answers come later. */
export const latencies = source('latency');
/** Answers come later, each by another time. */
export const jitters = source('jitter');
/** Few bytes a second pass, to and fro. */
export const bandwidths = source('bandwidth');
/** That one side has ended is told the other late. */
export const slowCloses = source('slow-close');
/** Connections are accepted, and reset at their first bytes. */
export const resets = source('reset');
/** Connections stay, new ones are accepted, and nothing passes in either direction. */
export const halfOpens = source('half-open');
/** The same, in one direction: requests get lost, or the answers to what was done. */
export const oneWays = source('one-way');
/** Connections are cut and new ones refused: of an edge, or of all edges of one of the shop's services. */
export const partitions = source('partition');

function isolations(edges: Edges, chance: Chance, lastsMs: () => number): readonly NetworkFault[] {
  const callers = new Set(edges.names.map((name) => name.split(' ')[0] as string));
  return [...callers]
    .filter((who) => edges.of(who).length > 1)
    .map((who) => harm(edges, `${who} → everything`, edges.of(who), harms.partition(chance), lastsMs()));
}

const withoutEdges = (kind: NetworkKind): NetworkFault => ({
  kind,
  target: 'every edge',
  lastsMs: 0,
  impossible: NO_EDGES,
  inject: () => Promise.reject(new Error(NO_EDGES)),
});

function harm(edges: Edges, target: string, names: readonly string[], how: Harm, lastsMs: number): NetworkFault {
  return {
    kind: how.kind,
    target,
    lastsMs,
    async inject({ say, signal }) {
      const before = new Map(await each(names, (name) => well(edges, name, how)));
      const removals: (() => Promise<void>)[] = [];
      const takeAway = async () => void (await Promise.all(removals.map((remove) => remove())));
      say(`${target}: ${how.what}`);
      const from = performance.now();
      const { isLifted, healedAt } = lifting();
      const look = async () => ({
        atFirst: await each(names, (name) => edges.connections(name)),
        first: await each(names, (name) => how.probes(edges, name)),
      });
      const { atFirst, first } = await (async () => {
        for (const name of names) removals.push(await how.begin(edges, name));
        return await look();
      })().catch(async (error: unknown) => {
        await takeAway();
        throw error;
      });
      const seen: string[] = [];
      return {
        async heal() {
          try {
            const last = await each(names, (name) => how.probes(edges, name));
            for (const [index, name] of names.entries()) {
              const [then, now] = [first[index]?.[1] ?? [], last[index]?.[1] ?? []];
              const shown = how.shows(before.get(name) ?? [], then) ?? how.shows(before.get(name) ?? [], now);
              if (shown === undefined) continue;
              seen.push(`${name}: ${shown}`);
              const told = (await edges.states(name)).map(({ enabled, toxics }) =>
                enabled ? toxics.map(({ type, stream }) => `${type} ${stream}`).join(', ') : 'disabled',
              );
              seen.push(`its proxy says: ${[...new Set(told)].join('; ')}`);
              const [earlier, later] = [atFirst[index]?.[1], await edges.connections(name)];
              if (earlier !== undefined && later !== undefined)
                seen.push(traffic(passedBetween(earlier, later), performance.now() - from));
            }
          } finally {
            await takeAway();
          }
          isLifted();
          await each(names, (name) => untilWell(edges, name, how, signal));
        },
        healedAt,
        async evidence(history) {
          if (seen.length === 0) return [];
          const done = harmDone(history);
          return [...seen, ...(done === undefined ? [] : [done])];
        },
      };
    },
  };
}

async function each<T>(names: readonly string[], ask: (name: string) => Promise<T>): Promise<(readonly [string, T])[]> {
  return await Promise.all(names.map(async (name) => [name, await ask(name)] as const));
}

const traffic = ({ connections, in: sent, out }: ReturnType<typeof passedBetween>, ms: number): string =>
  `meanwhile, in ${(ms / 1_000).toFixed(1)} s, ${connections} connections of the shop were open there, ${sent} bytes came from the caller, ${out} went to it`;

/** Probes of an edge that is well. @throws Error if it is not: then nothing could be shown */
async function well(edges: Edges, name: string, { probes }: Harm): Promise<readonly Probe[]> {
  const found = await probes(edges, name);
  const bad = found.find(({ outcome }) => outcome !== 'answered');
  if (bad === undefined) return found;
  throw new Error(`${name} was not well before: a probe was ${bad.outcome} after ${Math.round(bad.tookMs)} ms`);
}

async function untilWell(edges: Edges, name: string, how: Harm, signal: AbortSignal): Promise<void> {
  for (const deadline = performance.now() + WELL_WITHIN_MS; ; await pause(POLL_MS, undefined, { signal })) {
    try {
      return void (await well(edges, name, how));
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
  }
}
