// Ten times as much as usual. What the shop cannot do it refuses at once and says when to come back; what it takes it does
// as fast as ever: an overloaded shop that does less than one that is merely busy has no bound somewhere.
//
//   rate × 2, × 4 … × 10 ─► what was served each second ─► best stretch up to the end (peak), all at × 10 (goodput)
//
// The clients are the workload's own kind, recorded as all others (`World.load`).

import { setTimeout as pause } from 'node:timers/promises';
import type { Operation, History } from '../history/operation.ts';
import { goFirst } from '../../../infra/local/niceness.ts';
import type { World } from '../world.ts';
import type { Fault, FaultSource } from './fault.ts';
import { lifting } from './witness.ts';

/** How many times the usual rate is offered at the height of it. */
export const OVERLOAD_FACTOR = 10;
/** The rate is raised in steps, so that the most the shop can do is seen on the way. */
const RAMP = [2, 4, 6, 8];
const STEP_MS = 2_000;
/** The height, unless the campaign cuts it: a shop that only takes what it cannot do is quick for the first seconds. */
const LASTS_MS = 60_000;
/**
 * The peak is what can be kept up for so many milliseconds. In shorter ones answers come together that had gathered, and
 * the shop puts off what nobody waits for.
 */
const WINDOW_MS = 15_000;
/** Of the peak; nothing else goes wrong at the same time. */
export const GOODPUT_MIN = 0.8;
/** A shorter height is for the most part the peak itself, in milliseconds. */
const JUDGED_FROM_MS = 2 * WINDOW_MS;
/** Violations that are told one by one; of more only the number is. */
const TOLD_MAX = 5;
/**
 * Clients of a shop have processors of their own. Here they share two with the cluster; as one process of 27 they would get
 * a twentieth of them, send at once what was due over seconds, and read answers seconds after they came. (`nice`)
 */
const CLIENTS_FIRST = -10;
/** Clients who can be made to ask for more; what they do is in the history. */
export interface Load {
  /** Operations that the workload begins in a second. */
  readonly perSecond: number;
  /** Begins so many operations a second besides, by clients of its own; `stop` resolves when all have ended. */
  burst(perSecond: number): { stop(): Promise<void> };
}

/** What became of an overload. Rates are of operations of all kinds, a second. */
export interface Overloaded {
  readonly offered: number;
  /** The most that was served in any fifteen seconds up to the end of the height: done, or refused by a rule of the business. */
  readonly peak: number;
  /** What was served while ten times as much was offered, on average. */
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
      const giveWay = goFirst(CLIENTS_FIRST);
      const ended: Promise<void>[] = [];
      const end = () => {
        const ending = burst.stop();
        ending.catch(() => undefined); // told by `heal`, which waits for all of them
        ended.push(ending);
      };
      let heightFrom = 0;
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
        giveWay();
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
            giveWay();
            isLifted();
          }
        },
        healedAt,
        violations: async (history) => {
          const seen = judgeOverload(history, heightFrom, heightTo);
          return [...oddities(seen.odd), ...collapse(seen, heightTo - heightFrom)];
        },
        async evidence(history) {
          return shownBy(history, load.perSecond, heightFrom, heightTo);
        },
      };
    },
  };
}

/** Says if a shop does less the longer it is asked for too much; of a height that was too short to tell, nothing. */
export function collapse({ goodput, peak }: Pick<Overloaded, 'goodput' | 'peak'>, heightMs: number): readonly string[] {
  if (heightMs < JUDGED_FROM_MS || goodput >= GOODPUT_MIN * peak) return [];
  return [
    `under overload ${rate(goodput)} operations a second were served, and ${rate(peak)} at best: at least ${100 * GOODPUT_MIN} % of that must be`,
  ];
}

/** Who got neither under overload, as sentences. */
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

/** What shows an overload of a shop that is asked for so much a second otherwise; empty: nothing was offered. */
export function shownBy(history: History, usual: number, heightFrom: number, heightTo: number): readonly string[] {
  const { offered, peak, goodput, refused, odd } = judgeOverload(history, heightFrom, heightTo);
  if (offered === 0) return [];
  const lasted = ((heightTo - heightFrom) / 1_000).toFixed(1);
  return [
    `for ${lasted} s ${rate(offered)} of ${OVERLOAD_FACTOR * usual} operations a second were offered: ${rate(goodput)} served, ${rate(refused)} refused with Retry-After; ${odd.length} in all got neither`,
    `at most ${rate(peak)} a second were served in any ${WINDOW_MS / 1_000} s: ${Math.round((100 * goodput) / Math.max(peak, 1))} % of it under overload`,
  ];
}

const now = (): number => performance.timeOrigin + performance.now();
const rate = (perSecond: number): string => perSecond.toFixed(perSecond < 10 ? 1 : 0);

/** Reads from a history what became of an overload whose height lay between these times, in milliseconds since 1970. */
export function judgeOverload(history: History, heightFrom: number, heightTo: number): Overloaded {
  const seconds = Math.max(heightTo - heightFrom, 1) / 1_000;
  const ends = history
    .filter(served)
    .map(({ ending }) => ending?.endedAt ?? 0)
    .filter((at) => at < heightTo)
    .toSorted((a, b) => a - b);
  const atHeight = history.filter(({ at }) => at >= heightFrom && at < heightTo);
  return {
    offered: atHeight.length / seconds,
    peak: mostIn(ends, WINDOW_MS) / (WINDOW_MS / 1_000),
    goodput: ends.filter((at) => at >= heightFrom).length / seconds,
    refused: atHeight.filter(refusedWell).length / seconds,
    odd: atHeight.filter((operation) => isOver(operation) && !served(operation) && !refusedWell(operation)),
  };
}

/** Done, or refused by a rule: either way the shop has done its work. */
const served = ({ ending }: Operation): boolean => {
  const { outcome, status = 0 } = ending ?? {};
  return outcome === 'ok' || (status >= 400 && status < 500 && status !== 429);
};

/** It was too much, and its caller is told when to come back. */
const refusedWell = ({ ending }: Operation): boolean =>
  [429, 503].includes(ending?.status ?? 0) && (ending?.retryAfter ?? 0) > 0;

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
