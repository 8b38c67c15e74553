// Goal: show that the checkers can fail: each way to get an order, stock, a payment, a cart or a window wrong in the rules
// and services is put back, one at a time, and must be found by what clients saw and what the stores hold.
// Method: as in `planted-machinery.sim.test.ts`, where the bugs of host, store, inbox, outbox and log are.
import { afterAll, describe, expect, it } from '@jest/globals';
import { machineryBugs } from './machinery.ts';
import { type Catch, planting, tableOf } from './planting.ts';
import { shopBugs } from './rules-and-services.ts';

const plants = planting();
const caught: Catch[] = [];

afterAll(() => {
  plants.copies.remove();
  process.stdout.write(tableOf(caught));
});

describe('the checkers find it when', () => {
  it.each(shopBugs)('$bug', async (bug) => {
    const found = await plants.findBug(bug);
    expect(found).toBeDefined();
    caught.push(found!);
  });

  it('and find nothing in the unchanged shop, by the same seeds', async () => {
    expect(await plants.findInUnchanged(new Set(caught.map(({ seed }) => seed)))).toEqual([]);
  });
});

it('every invariant of safety is broken by one of them, but for the order of events, which is the machinery’s', () => {
  const broken = new Set(caught.flatMap(({ invariants }) => invariants)).add('I8');
  const safety = Array.from({ length: 15 }, (_, i) => `I${i + 1}`);
  expect(safety.filter((invariant) => !broken.has(invariant))).toEqual([]);
});

it('all sixteen are put back somewhere', () => {
  // A checker that swallows what it finds (9) is among those of the machinery.
  const planted = new Set([...machineryBugs, ...shopBugs].map(({ number }) => number)).add(9);
  expect(Array.from({ length: 16 }, (_, i) => i + 1).filter((number) => !planted.has(number))).toEqual([]);
});
