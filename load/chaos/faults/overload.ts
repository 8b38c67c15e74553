// Ten times as much as usual. What the shop cannot do it refuses at once and says when to come back; what it takes it does
// as fast as ever: an overloaded shop that does less than one that is merely busy has no bound somewhere.
//
//   rate × 2, × 4 … × 10 ─► what was accepted each second ─► best second (peak), seconds at × 10 (goodput)
//
// The clients are the workload's own kind, recorded as all others (`World.load`).

import { setTimeout as pause } from 'node:timers/promises';
import type { Operation, OperationKind, History } from '../history/operation.ts';
import type { World } from '../world.ts';
import type { Fault, FaultSource } from './fault.ts';
import { lifting } from './witness.ts';

/** How many times the usual rate is offered at the height of it. */
export const OVERLOAD_FACTOR = 10;
/** The rate is raised in steps, so that the most the shop can do is seen on the way. */
const RAMP = [2, 4, 6, 8];
const STEP_MS = 1_000;
const LASTS_MS = 10_000;
/** What the shop takes back is placed into this many milliseconds: shorter ones tell more of chance than of the shop. */
const WINDOW_MS = 2_000;
/** Of the peak. */
export const GOODPUT_MIN = 0.8;
/** Violations that are told one by one; of more only the number is. */
const TOLD_MAX = 5;
/** Work whose answers are counted: orders, the work that a shop is there for. */
const COUNTED: OperationKind = 'place-order';

/** Clients who can be made to ask for more; what they do is in the history. */
export interface Load {
  /** Operations that the workload begins in a second. */
  readonly perSecond: number;
  /** Begins so many operations a second besides, by clients of its own; `stop` resolves when all have ended. */
  burst(perSecond: number): { stop(): Promise<void> };
}

/** What became of an overload. Rates are of orders, a second. */
export interface Overloaded {
  readonly offered: number;
  /** The most that was accepted in any two seconds. */
  readonly peak: number;
  /** What was accepted while ten times as much was offered. */
  readonly goodput: number;
  /** Refused with 429 or 503 and told when to come back. */
  readonly refused: number;
  /** Answered, or broken off, and neither accepted nor refused, be it so or by a rule of the business (4xx). */
  readonly odd: readonly Operation[];
}

/** One fault. Without clients who can be made to ask for more there is none. */
export const overloads: FaultSource = (world) => {
  const { load } = world;
  if (load === undefined)
    return [{ ...overload({ perSecond: 0, burst: none }), impossible: 'The world has no `load`.' }];
  return [overload(load)];
};

const none = () => ({ stop: () => Promise.resolve() });

function overload(load: Load): Fault {
  return {
    kind: 'overload',
    target: `${OVERLOAD_FACTOR} times the rate`,
    lastsMs: LASTS_MS,
    async inject(world: World) {
      world.say(`${OVERLOAD_FACTOR} × ${load.perSecond} operations a second`);
      // The workload goes on beside it and is one of the ten.
      let burst = none();
      const ended: Promise<void>[] = [];
      const end = () => {
        const ending = burst.stop();
        ending.catch(() => undefined); // told by `heal`, which waits for all of them
        ended.push(ending);
      };
      let heightFrom = 0;
      const height = OVERLOAD_FACTOR * load.perSecond;
      try {
        for (const factor of [...RAMP, OVERLOAD_FACTOR]) {
          const next = load.burst((factor - 1) * load.perSecond);
          end();
          burst = next;
          if (factor === OVERLOAD_FACTOR) heightFrom = now();
          else await pause(STEP_MS, undefined, { signal: world.signal });
        }
      } catch (error) {
        end();
        throw error;
      }
      let heightTo = 0;
      const { isLifted, healedAt } = lifting();
      return {
        async heal() {
          heightTo = now();
          try {
            end();
            await Promise.all(ended);
          } finally {
            isLifted();
          }
        },
        healedAt,
        violations: async (history) => oddities(judgeOverload(history, heightFrom, heightTo).odd),
        async evidence(history) {
          const seen = judgeOverload(history, heightFrom, heightTo);
          if (seen.offered === 0) return [];
          return [
            `${height} operations a second were offered, ${rate(seen.offered)} orders among them: ${rate(seen.goodput)} accepted, ${rate(seen.refused)} refused with Retry-After, ${seen.odd.length} neither`,
            `at most ${rate(seen.peak)} orders a second were accepted on the way: ${Math.round((100 * seen.goodput) / Math.max(seen.peak, 1))} % of it under overload`,
          ];
        },
      };
    },
  };
}

/**
 * What an overload must not bring about, as sentences. Goodput is evidence only: what it is held against, the peak on the
 * way up, depends on what else the machine does.
 */
export const oddities = (odd: readonly Operation[]): readonly string[] => {
  const told = odd.slice(0, TOLD_MAX).map(({ id, method, path, ending }) => {
    const how =
      ending?.status === undefined
        ? `got no answer (${ending?.error ?? 'none came'})`
        : `answered ${ending.status} without Retry-After`;
    return `under overload ${method} ${path} (operation ${id}) ${how}: what is too much is refused with 429 or 503 and Retry-After`;
  });
  return odd.length > TOLD_MAX ? [...told, `and ${odd.length - TOLD_MAX} more`] : told;
};

const now = (): number => performance.timeOrigin + performance.now();
const rate = (perSecond: number): string => perSecond.toFixed(perSecond < 10 ? 1 : 0);

/** Reads from a history what became of an overload whose height lay between these times, in milliseconds since 1970. */
export function judgeOverload(history: History, heightFrom: number, heightTo: number): Overloaded {
  const orders = history.filter(({ kind }) => kind === COUNTED);
  const seconds = Math.max(heightTo - heightFrom, 1) / 1_000;
  const ends = orders.filter(accepted).map(({ ending }) => ending?.endedAt ?? 0);
  const atHeight = orders.filter(({ at }) => at >= heightFrom && at < heightTo);
  return {
    offered: atHeight.length / seconds,
    peak:
      mostIn(
        ends.filter((at) => at < heightTo).toSorted((a, b) => a - b),
        WINDOW_MS,
      ) /
      (WINDOW_MS / 1_000),
    goodput: ends.filter((at) => at >= heightFrom && at < heightTo).length / seconds,
    refused: atHeight.filter(refusedWell).length / seconds,
    odd: atHeight.filter((operation) => isOver(operation) && !accepted(operation) && !refused(operation)),
  };
}

const accepted = ({ ending }: Operation): boolean => ending?.outcome === 'ok';

const refusedWell = ({ ending }: Operation): boolean =>
  [429, 503].includes(ending?.status ?? 0) && (ending?.retryAfter ?? 0) > 0;

/** By a rule, or because it was too much: then it has to be told when to come back. */
const refused = (operation: Operation): boolean => {
  const status = operation.ending?.status ?? 0;
  return refusedWell(operation) || (status >= 400 && status < 500 && status !== 429);
};

/** What never ended was broken off by the run itself. */
const isOver = ({ ending }: Operation): boolean => ending !== undefined;

/** The most of these times, in order, that lie within so many milliseconds. */
function mostIn(times: readonly number[], withinMs: number): number {
  let [most, first] = [0, 0];
  for (const [last, time] of times.entries()) {
    while ((times[first] as number) <= time - withinMs) first += 1;
    most = Math.max(most, last - first + 1);
  }
  return most;
}
