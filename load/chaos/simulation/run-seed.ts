// Runs of the simulated shop by their seeds, and the smallest run that fails as a seed does.

import { chanceOf } from '../../../actors/scheduler.simulation.ts';
import { recording, replaying, type Schedule, shrinking, type Size } from '../../../actors/shrink.simulation.ts';
import type { Evidence } from '../checkers/checker.ts';
import { runShop, type ShopRun, type Workshop } from './shop.ts';
import { inVirtualTime } from './virtual-clock.ts';

const START = Date.UTC(2026, 10, 4, 9, 30);
/** More virtual time than any run needs, in milliseconds. */
const LIMIT_MS = 1_200_000;
/** Runs that a shrinking may take: each is a third of a second. */
const TRIES_MAX = 60;

/**
 * One run of the shop by its seed.
 * @throws StandsStill if it can never end; otherwise what the shop throws.
 */
export function runSeed(workshop: Workshop, seed: number): Promise<ShopRun> {
  return inVirtualTime(START, LIMIT_MS, () => runShop(workshop, chanceOf(seed)));
}

export interface ShrunkRun {
  /** What is left of what was drawn, and the clients that stay away. */
  readonly schedule: Schedule;
  readonly run: ShopRun;
  /** Clients, faults and operations of the seed's run, and of the smallest that fails alike. */
  readonly before: Size;
  readonly after: Size;
}

/** The run of a schedule. */
export function runSchedule(workshop: Workshop, { draws, without }: Schedule): Promise<ShopRun> {
  const isThere = (process: string): boolean => !without.includes(process);
  return inVirtualTime(START, LIMIT_MS, () => runShop(workshop, replaying(draws), isThere));
}

/**
 * The fewest clients, faults and operations with which a seed fails. `fails` says whether what a run left behind is
 * wrong in the same way. Undefined: the seed's own run is not.
 */
export async function shrinkSeed(
  workshop: Workshop,
  seed: number,
  fails: (evidence: Evidence) => boolean,
  triesMax: number = TRIES_MAX,
): Promise<ShrunkRun | undefined> {
  const chance = recording(chanceOf(seed));
  const whole = await inVirtualTime(START, LIMIT_MS, () => runShop(workshop, chance));
  if (!fails(whole.evidence)) return undefined;
  const clients = [...new Set(whole.evidence.history.map(({ process }) => process))];
  const before = sizeOf(whole, chance.draws);
  const search = shrinking({ draws: chance.draws, without: [] }, clients, before, triesMax);
  let best = { schedule: { draws: chance.draws, without: [] } as Schedule, run: whole, after: before };
  for (let next = search.next(); next.done !== true; ) {
    const schedule = next.value;
    const run = await runSchedule(workshop, schedule).catch(() => undefined);
    const after = run !== undefined && fails(run.evidence) ? sizeOf(run, schedule.draws) : undefined;
    next = search.next(after);
    if (run !== undefined && after !== undefined && isSmaller(after, best.after)) best = { schedule, run, after };
  }
  return { ...best, before };
}

const isSmaller = (size: Size, other: Size): boolean => {
  const at = size.findIndex((figure, i) => figure !== other[i]);
  return at >= 0 && (size[at] as number) < (other[at] as number);
};

function sizeOf({ evidence, faults }: ShopRun, draws: readonly number[]): Size {
  const clients = new Set(evidence.history.map(({ process }) => process)).size;
  const injected = Object.values(faults).reduce((sum, count) => sum + count, 0);
  return [clients, injected, evidence.history.length, draws.filter((draw) => draw > 0).length, draws.length];
}
