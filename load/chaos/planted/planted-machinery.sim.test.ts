// Goal: show that the checkers can fail: each way to lose an order, a piece or a penny in the machinery that services share
// is put back, one at a time, and must be found by what clients saw and what the stores hold.
// Method: a copy of the production files with one of them changed is the whole shop, under virtual time and a hostile
// scheduler; the unchanged copy passes by the same seeds. Rules and services have theirs in `planted-shop.sim.test.ts`.
import { afterAll, describe, expect, it } from '@jest/globals';
import { put } from '../../../mixins/planted-bugs.testing.ts';
import type * as everyChecker from '../checkers/checkers.ts';
import { checkAll } from '../checkers/checkers.ts';
import { runSeed } from '../simulation/run-seed.ts';
import { shopOf } from '../simulation/seams.ts';
import { workshopOf } from '../simulation/shop.ts';
import { machineryBugs } from './machinery.ts';
import { type Catch, planting, tableOf } from './planting.ts';

const plants = planting();
const caught: Catch[] = [];

afterAll(() => {
  plants.copies.remove();
  process.stdout.write(tableOf(caught));
});

describe('the checkers find it when', () => {
  it.each(machineryBugs)('$bug', async (bug) => {
    const found = await plants.findBug(bug);
    expect(found).toBeDefined();
    caught.push(found!);
  });

  it('and find nothing in the unchanged shop, by the same seeds', async () => {
    expect(await plants.findInUnchanged(new Set(caught.map(({ seed }) => seed)))).toEqual([]);
  });
});

it('one of them breaks the order of events, or loses one (I8)', () => {
  expect(caught.flatMap(({ invariants }) => invariants)).toContain('I8');
});

describe('9: checkers that swallow what they find', () => {
  it('pass on a shop without an inbox, where ours do not', async () => {
    const bug = machineryBugs.find(({ number }) => number === 4)!;
    const { seed } = caught.find((found) => found.bug === bug)!;
    const workshop = workshopOf(await shopOf(plants.copies, bug.changes));
    const { evidence } = await runSeed(workshop, seed);
    const swallowing = await plants.copies
      .copy(
        ['load/chaos/checkers/checkers.ts'],
        [put('mixins/finding.ts', `wrongCount += count ?? examples.length;`, ``)],
      )
      .load<typeof everyChecker>('load/chaos/checkers/checkers.ts');
    const wrong = (check: typeof checkAll) => check(evidence).filter(({ wrongCount }) => wrongCount > 0);
    expect(wrong(swallowing.checkAll)).toEqual([]);
    expect(wrong(checkAll)).not.toEqual([]);
  });
});
