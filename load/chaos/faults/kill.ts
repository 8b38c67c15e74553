// kill -9: a process is gone from one moment to the next, in the middle of whatever it did. Its supervisor starts it again.
//
//   SIGKILL ─► connections break ─► the supervisor's new process serves

import type { Fault, FaultSource } from './fault.ts';
import { harmDone, isBack, isGone, lifting, nodesOf, serversOf } from './witness.ts';

/** Every node, and the payment provider. */
export const kills: FaultSource = (world) => [...nodesOf(world), ...serversOf(world, /^provider$/)].map(kill);

function kill(name: string): Fault {
  return {
    kind: 'kill',
    target: name,
    lastsMs: 0,
    async inject(world) {
      const { cluster } = world;
      const { length } = cluster.changes;
      const before = cluster.signal(name, 'SIGKILL');
      // A kill is over as it happens: what comes after it is recovery.
      const { isLifted, healedAt } = lifting();
      isLifted();
      world.say(`kill -9 ${name}`);
      await isGone(before);
      let after: number | undefined;
      return {
        async heal() {
          after = await isBack(world, name, before);
        },
        healedAt,
        async evidence(history) {
          const seen = cluster.changes
            .slice(length)
            .find((change) => change.name === name && change.reason !== undefined);
          if (after === undefined) return [];
          const harm = harmDone(history);
          return [
            `${name} was process ${before} and is process ${after}`,
            ...(seen === undefined ? [] : [`its supervisor saw that it ${seen.reason}`]),
            ...(harm === undefined ? [] : [harm]),
          ];
        },
      };
    },
  };
}
