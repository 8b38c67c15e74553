// Goal: whatever happens to nodes, stores, log, provider and calls, the whole shop keeps all that it is held to (I1–I15).
// Method: the production code from the gateway to the rules runs by a seed, under virtual time, with two nodes of each
// service; the checkers of the campaign look at what clients saw and what the stores hold. `SEED=<n> RUNS=1` replays a run.
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { changedCopies } from '../../../infra/toolchain/changed-copies.ts';
import { wrongIn } from './judging.ts';
import { runSeed } from './run-seed.ts';
import { shopOf } from './seams.ts';
import { type ShopRun, type Workshop, workshopOf } from './shop.ts';

const SEED = Number(process.env['SEED'] ?? 1);
const RUNS = Math.min(Number(process.env['RUNS'] ?? 12), 500);
/** With so many runs, everything that can go wrong has gone wrong. */
const RUNS_ENOUGH = 8;

const copies = changedCopies();
afterAll(() => copies.remove());
let workshop: Workshop;
beforeAll(async () => {
  workshop = workshopOf(await shopOf(copies));
});
const runs: ShopRun[] = [];

it.each(Array.from({ length: RUNS }, (_, i) => SEED + i))('the shop keeps what it promises (seed %i)', async (seed) => {
  const run = await runSeed(workshop, seed);
  expect(wrongIn(run.evidence)).toEqual([]);
  expect(run.evidence.quietAt).toBeDefined();
  runs.push(run);
});

it('met every fault', () => {
  expect(runs).toHaveLength(RUNS);
  if (RUNS < RUNS_ENOUGH) return;
  const faults: Record<string, number> = {};
  for (const run of runs)
    for (const [fault, count] of Object.entries(run.faults)) faults[fault] = (faults[fault] ?? 0) + count;
  expect(Object.entries(faults).filter(([, count]) => count === 0)).toEqual([]);
});

it('is the same run for the same seed', async () => {
  const told = async () => JSON.stringify((await runSeed(workshop, SEED)).evidence);
  expect(await told()).toBe(await told());
});
