// Goal: a seed by which the whole shop fails is told as a smaller run that fails alike, and told again it is the same.
// Method: a bug is put into a copy of the shop, and clients, faults and draws are left out of the run that shows it.
import { afterAll, expect, it } from '@jest/globals';
import { changedCopies } from '../../../infra/toolchain/changed-copies.ts';
import type { Evidence } from '../checkers/checker.ts';
import { checkAll } from '../checkers/checkers.ts';
import { shopBugs } from '../planted/rules-and-services.ts';
import { runSchedule, runSeed, shrinkSeed } from './run-seed.ts';
import { shopOf } from './seams.ts';
import { workshopOf } from './shop.ts';

const SEEDS_MAX = 20;
const copies = changedCopies();
afterAll(() => copies.remove());

const keepsStock = shopBugs.find(({ bug }) => bug.includes('a cancelled order keeps its stock'))!;
const isWrong = (evidence: Evidence): boolean =>
  checkAll(evidence).some(({ invariant, wrongCount }) => invariant === 'L2' && wrongCount > 0);

it('a seed that fails is shrunk to fewer clients, faults and operations, and fails alike again', async () => {
  const workshop = workshopOf(await shopOf(copies, keepsStock.changes));
  let seed = 1;
  while (seed < SEEDS_MAX && !isWrong((await runSeed(workshop, seed)).evidence)) seed += 1;
  const shrunk = (await shrinkSeed(workshop, seed, isWrong))!;
  const [clients, faults, operations] = shrunk.after as [number, number, number];
  const [allClients, allFaults, allOperations] = shrunk.before as [number, number, number];
  expect(clients).toBeLessThan(allClients);
  expect(faults * 2).toBeLessThan(allFaults);
  expect(operations * 2).toBeLessThan(allOperations);
  const again = await runSchedule(workshop, shrunk.schedule);
  expect(again.evidence.history).toEqual(shrunk.run.evidence.history);
  expect(isWrong(again.evidence)).toBe(true);
});

it('a seed that does not fail is not shrunk', async () => {
  const workshop = workshopOf(await shopOf(copies));
  expect(await shrinkSeed(workshop, 1, isWrong)).toBeUndefined();
});
