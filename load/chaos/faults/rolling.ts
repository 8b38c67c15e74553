// A rolling restart, as every release is one: each node is ended by SIGTERM and started again, one after another, while
// customers go on. Services with two nodes must not let anybody notice.
//
//   node ─► SIGTERM ─► drained, ended ─► its supervisor's new process serves ─► the next node ─► …

import type { History } from '../history/operation.ts';
import type { World } from '../world.ts';
import type { Fault, FaultSource } from './fault.ts';
import { isBack, nodesOf } from './witness.ts';

/** Every node, one after another; or those of one service. */
export const rollingRestarts: FaultSource = (world) => {
  const nodes = nodesOf(world);
  const services = [...Map.groupBy(nodes, serviceOf)].filter(([, all]) => all.length > 1);
  return [
    restart('every node, one after another', nodes),
    ...services.map(([service, all]) => restart(`the nodes of ${service}, one after another`, all)),
  ];
};

const serviceOf = (node: string): string => node.replace(/-\d+$/, '');

function restart(target: string, nodes: readonly string[]): Fault {
  return {
    kind: 'rolling-restart',
    target,
    lastsMs: 0,
    async inject(world) {
      world.say(`SIGTERM to ${target}`);
      const replaced: { readonly node: string; readonly before: number; readonly after: number }[] = [];
      const begun = Promise.withResolvers<void>();
      const walk = (async () => {
        for (const node of nodes) {
          if (world.signal.aborted) return;
          const before = world.cluster.signal(node, 'SIGTERM');
          begun.resolve();
          replaced.push({ node, before, after: await isBack(world, node, before) });
        }
      })();
      // What goes wrong on the way is told by `heal`; before the first signal there is nothing to heal.
      walk.catch((error: unknown) => begun.reject(error));
      await begun.promise;
      return {
        heal: () => walk,
        evidence: async (history) => {
          if (replaced.length < nodes.length) return [];
          const pids = replaced.map(({ node, before, after }) => `${node} ${before} → ${after}`);
          return [`all ${nodes.length} processes are others: ${pids.join(', ')}`, failuresDuring(history)];
        },
      };
    },
  };
}

/** A request has failed if its service could not serve it: no answer, or one of 500 and more. */
export function failuresDuring(history: History): string {
  const failed = history.filter(({ ending }) => ending?.error !== undefined || (ending?.status ?? 0) >= 500);
  return `${failed.length} of ${history.length} requests failed meanwhile`;
}

/** The nodes of the services that have two or more: those whose restart nobody may notice. */
export const replaceable = (world: Pick<World, 'cluster'>): readonly string[] =>
  [...Map.groupBy(nodesOf(world), serviceOf).values()].filter((all) => all.length > 1).flat();
