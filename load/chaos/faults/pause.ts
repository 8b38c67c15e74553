// A process that stands still: SIGSTOP, and later SIGCONT, as a machine does that swaps, is moved or collects garbage. Its
// connections stay open and nothing comes from them; afterwards it believes that no time has passed.
//
//   SIGSTOP ─► state T, no processor time ─► SIGCONT ─► it works on

import type { Chance } from '../../../actors/scheduler.simulation.ts';
import { until } from '../../../infra/local/cluster/cluster.fixture.ts';
import type { Fault, FaultSource } from './fault.ts';
import { isBack, lifting, nodesOf, pidNow, processState, serversOf } from './witness.ts';

/** Seconds that one may stand still; the shorter the more often, for most of what is long is only waiting. */
const SECONDS = [1, 2, 3, 5, 8, 12, 20, 30];
const STOPS_WITHIN_MS = 5_000;
const WORKS_ON_WITHIN_MS = 30_000;

/** Every node, and the payment provider. */
export const pauses: FaultSource = (world, chance) =>
  [...nodesOf(world), ...serversOf(world, /^provider$/)].map((name) => pause(name, chance));

function pause(name: string, chance: Chance): Fault {
  return {
    kind: 'pause',
    target: name,
    lastsMs: chance.pick(SECONDS) * 1_000,
    async inject(world) {
      const pid = world.cluster.signal(name, 'SIGSTOP');
      world.say(`SIGSTOP ${name}`);
      const stopped = await until(
        `${name} stands still`,
        () => {
          const found = processState(pid);
          return found?.state === 'T' ? found : undefined;
        },
        STOPS_WITHIN_MS,
      ).catch((error: unknown) => {
        // Seen or not, it must not stand still for ever.
        if (pidNow(world, name) === pid) process.kill(pid, 'SIGCONT');
        throw error;
      });
      const { isLifted, healedAt } = lifting();
      const from = performance.now();
      const said: string[] = [];
      return {
        async heal() {
          const last = processState(pid);
          const seconds = ((performance.now() - from) / 1_000).toFixed(1);
          if (last?.state === 'T' && last.ticks === stopped.ticks)
            said.push(`process ${pid} of ${name} was in state T for ${seconds} s and used no processor time`);
          // Somebody else may have ended it meanwhile; then its supervisor has another, or soon will.
          const isOurs = last !== undefined && pidNow(world, name) === pid;
          if (isOurs) process.kill(pid, 'SIGCONT');
          isLifted();
          if (!isOurs) return void (await isBack(world, name, pid));
          await until(
            `${name} works on`,
            () => {
              const now = processState(pid);
              return now === undefined || (now.state !== 'T' && now.ticks > stopped.ticks);
            },
            WORKS_ON_WITHIN_MS,
          );
        },
        healedAt,
        evidence: async () => said,
      };
    },
  };
}
