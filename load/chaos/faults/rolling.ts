// A rolling restart, as every release is one: each node is ended by SIGTERM and started again, one after another, while
// customers go on. Services with two nodes must not let anybody notice.
//
//   node ─► SIGTERM ─► drained, ended ─► its supervisor's new process serves ─► the next node ─► …

import type { History, Operation } from '../history/operation.ts';
import { historyClock } from '../history/recorder.ts';
import type { World } from '../world.ts';
import type { Fault, FaultSource } from './fault.ts';
import { isBack, lifting, nodesOf } from './witness.ts';

/**
 * For each node, in milliseconds. It drains, ends, and starts while everything else needs the processors too: on two of
 * them about eight seconds.
 */
const NODE_BACK_MS = 20_000;
/** A node is found again by the others this long after it serves, in milliseconds. */
const FOUND_WITHIN_MS = 2_000;
/** Violations that are told one by one; of more only the number is. */
const TOLD_MAX = 5;

/** A time in milliseconds since 1970. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

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
    healMaxMs: nodes.length * NODE_BACK_MS,
    async inject(world) {
      world.say(`SIGTERM to ${target}`);
      const replaced: { readonly node: string; readonly before: number; readonly after: number }[] = [];
      const gaps: Span[] = [];
      const others = new Set(replaceable(world));
      let lastSignal = lifting();
      const during = { from: historyClock(), to: Number.POSITIVE_INFINITY };
      const begun = Promise.withResolvers<void>();
      const walk = (async () => {
        for (const node of nodes) {
          if (world.signal.aborted) return;
          const from = historyClock();
          const before = world.cluster.signal(node, 'SIGTERM');
          lastSignal = lifting();
          lastSignal.isLifted();
          begun.resolve();
          replaced.push({ node, before, after: await isBack(world, node, before) });
          if (!others.has(node)) gaps.push({ from, to: historyClock() + FOUND_WITHIN_MS });
        }
        during.to = historyClock() + FOUND_WITHIN_MS;
      })();
      // What goes wrong on the way is told by `heal`; before the first signal there is nothing to heal.
      walk.catch((error: unknown) => begun.reject(error));
      await begun.promise;
      return {
        heal: () => walk,
        evidence: async (history) => {
          if (replaced.length < nodes.length) return [];
          const pids = replaced.map(({ node, before, after }) => `${node} ${before} → ${after}`);
          const judged = history.filter((operation) => !isWithin(operation, gaps)).length;
          const rest = judged === history.length ? '' : `; ${judged} of them while no node without another was away`;
          return [`all ${nodes.length} processes are others: ${pids.join(', ')}`, `${failuresDuring(history)}${rest}`];
        },
        healedAt: () => lastSignal.healedAt(),
        violations: async (history) => noticed(target, history, during, gaps),
      };
    },
  };
}

/** A request has failed if its service could not serve it: no answer, or one of 500 and more. */
const hasFailed = ({ ending }: Operation): boolean => ending?.error !== undefined || (ending?.status ?? 0) >= 500;

/** How many requests failed, as a sentence. */
export const failuresDuring = (history: History): string =>
  `${history.filter(hasFailed).length} of ${history.length} requests failed meanwhile`;

/**
 * Requests that failed although another node could have served them, as sentences. Nothing else may go wrong at the same
 * time: the schedule gives rolling restarts no companions, and keeps faults away before and after.
 * @param during what was under way in this time is judged, whenever it began or ended
 * @param gaps when a node was away that has no other beside it; what was under way then may fail
 */
export function noticed(target: string, history: History, during: Span, gaps: readonly Span[]): readonly string[] {
  const failed = history.filter(
    (operation) => hasFailed(operation) && isWithin(operation, [during]) && !isWithin(operation, gaps),
  );
  const told = failed.slice(0, TOLD_MAX).map(({ id, method, path, ending }) => {
    const how = ending?.status === undefined ? `broke off (${ending?.error})` : `answered ${ending.status}`;
    return `while ${target} were replaced, ${method} ${path} (operation ${id}) ${how}: a restart by SIGTERM must fail no request`;
  });
  return failed.length > TOLD_MAX ? [...told, `and ${failed.length - TOLD_MAX} more`] : told;
}

const isWithin = ({ at, ending }: Operation, gaps: readonly Span[]): boolean =>
  gaps.some(({ from, to }) => at <= to && (ending?.endedAt ?? at) >= from);

/** The nodes of the services that have two or more: those whose restart nobody may notice. */
export const replaceable = (world: Pick<World, 'cluster'>): readonly string[] =>
  [...Map.groupBy(nodesOf(world), serviceOf).values()].filter((all) => all.length > 1).flat();
