// Runs of the simulated shop by their seeds.

import { chanceOf } from '../../../actors/scheduler.simulation.ts';
import { runShop, type ShopRun, type Workshop } from './shop.ts';
import { inVirtualTime } from './virtual-clock.ts';

const START = Date.UTC(2026, 10, 4, 9, 30);
/** More virtual time than any run needs, in milliseconds. */
const LIMIT_MS = 1_200_000;

/**
 * One run of the shop by its seed.
 * @throws StandsStill if it can never end; otherwise what the shop throws.
 */
export function runSeed(workshop: Workshop, seed: number): Promise<ShopRun> {
  return inVirtualTime(START, LIMIT_MS, () => runShop(workshop, chanceOf(seed)));
}
