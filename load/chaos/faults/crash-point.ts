// A node ends at a named boundary of the saga: before or after a commit, a delivery, a publication, a task, a call, a mark
// or an effect, by its own hand and in the middle of its work, where a kill from outside would hit it once in a thousand.
//
//   file and signal ─► the node passes the boundary for the nth time ─► its last words, SIGKILL ─► its supervisor's new one
//
// Nodes must have been started by crashing-node.ts. Of their boundaries those are offered that they pass again and again.

import { fileURLToPath } from 'node:url';
import type { Chance } from '../../../actors/scheduler.simulation.ts';
import { until } from '../../../infra/local/cluster/cluster.fixture.ts';
import { boundariesAt } from '../crash-points/steps.ts';
import type { World } from '../world.ts';
import { CRASH_SIGNAL, type Died, lastWords, toldCrash, wishCrash } from './crashing.ts';
import type { Fault, FaultSource } from './fault.ts';
import { harmDone, isBack, lifting, nodesOf, pidNow } from './witness.ts';

/** The program of nodes that can be ended at a boundary, for `programOf` of startCluster. */
export const CRASHING_NODE = fileURLToPath(new URL('./crashing-node.ts', import.meta.url));

/** A boundary that was passed so often will be passed again soon. */
const PASSED_MIN = 3;
/** And so often, not only the next passing may be the last. */
const PASSED_OFTEN = 20;
/** At which of its next passings a node ends, at the latest. */
const NTH_MAX = 3;
const TOLD_WITHIN_MS = 30_000;
/** Within this it has to pass the boundary, in milliseconds; else the fault could not be brought about. */
const PASSED_WITHIN_MS = 20_000;

/** Every node with every boundary that it passes. */
export const crashPoints: FaultSource = (world, chance) =>
  nodesOf(world).flatMap((node) => pointsOf(world, node, chance));

function pointsOf({ cluster }: World, node: string, chance: Chance): readonly Fault[] {
  const all = boundariesAt(node.replace(/-\d+$/, ''));
  const told = toldCrash(cluster.dataDir, node);
  const [example] = all;
  if (example === undefined) return [];
  if (told === undefined) {
    const impossible = `${node} was not started by crashing-node.ts: give the cluster CRASHING_NODE as \`programOf\`.`;
    return [{ ...crashPoint(node, example, 1), impossible }];
  }
  const often = all.filter((boundary) => (told.passed[boundary] ?? 0) >= PASSED_MIN);
  if (often.length > 0)
    return often.map((boundary) => {
      const seldom = (told.passed[boundary] ?? 0) < PASSED_OFTEN;
      return crashPoint(node, boundary, seldom ? 1 : 1 + chance.below(NTH_MAX));
    });
  return [{ ...crashPoint(node, example, 1), impossible: `${node} has not yet passed a boundary often enough.` }];
}

/** The fault of a node that ends when it passes the boundary for the nth time. */
export function crashPoint(node: string, boundary: string, nth: number): Fault {
  return {
    kind: 'crash-point',
    target: `${node} ${boundary}`,
    lastsMs: 0,
    async inject(world) {
      const { dataDir } = world.cluster;
      const { isLifted, healedAt } = lifting();
      let before: number;
      let died: Died;
      try {
        before = await arm(world, node, boundary, nth);
        world.say(`${node} ends ${boundary}`);
        died = await until(
          `${node} passes the boundary ${boundary} ${nth} times`,
          () => lastWords(dataDir, node),
          PASSED_WITHIN_MS,
        );
      } catch (error) {
        // Whether it has heard of it or not: the file is gone, and why it failed is what counts.
        await disarm(world, node).catch(() => undefined);
        throw error;
      }
      isLifted();
      let after: number | undefined;
      return {
        async heal() {
          after = await isBack(world, node, before);
        },
        healedAt,
        async evidence(history) {
          if (after === undefined || died.pid !== before) return [];
          const harm = harmDone(history);
          return [
            `process ${before} of ${node} said that it ended ${boundary}, at passing ${nth} of it, and is process ${after}`,
            ...(harm === undefined ? [] : [harm]),
          ];
        },
      };
    },
  };
}

/** Resolves with the process once it knows where to end. */
async function arm(world: World, node: string, boundary: string, nth: number): Promise<number> {
  wishCrash(world.cluster.dataDir, node, { boundary, nth });
  return await look(world, node, boundary);
}

/** It may have begun anew meanwhile, and then knows of nothing. */
async function disarm(world: World, node: string): Promise<void> {
  wishCrash(world.cluster.dataDir, node, undefined);
  await look(world, node, undefined);
}

/** Has the node look at its file; resolves with its process when it has. */
async function look(world: World, node: string, boundary: string | undefined): Promise<number> {
  let signalled: number | undefined;
  return await until(
    `${node} has looked where to end`,
    () => {
      const { dataDir } = world.cluster;
      const died = lastWords(dataDir, node);
      // So soon that it could not be seen waiting.
      if (died !== undefined && died.boundary === boundary) return died.pid;
      const told = toldCrash(dataDir, node);
      const pid = pidNow(world, node);
      if (told === undefined || pid === undefined || told.pid !== pid) return undefined;
      if (told.wish?.boundary === boundary) return pid;
      if (signalled !== pid) process.kill((signalled = pid), CRASH_SIGNAL);
      return undefined;
    },
    TOLD_WITHIN_MS,
  );
}
