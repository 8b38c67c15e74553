// Goal: no node, store or delivery that fails makes a host lose, repeat, oversell or reorder anything.
// Method: the campaign of `host.contract.ts` in virtual time, with one node (and the order of deliveries checked) and with
// two that both believe that they own every actor. `SEED=<n> RUNS=1` replays a run exactly.

import { describe, expect, it } from '@jest/globals';
import { Problem } from '../brokers/problem.ts';
import { campaign, type Fault, type HostModules } from './host.contract.ts';
import { createHost } from './host.ts';
import { memoryStore } from './memory-store.ts';
import { StoreUnavailable } from './store.ts';
import { inVirtualTime } from './virtual-time.testing.ts';

const SEED = Number(process.env['SEED'] ?? 1);
const RUNS = Number(process.env['RUNS'] ?? 1_000);
const BLOCK = 250;
/** With so many runs, everything that can happen has happened. */
const RUNS_ENOUGH = 100;

const modules: HostModules = { createHost, memoryStore, StoreUnavailable, Problem };

describe.each([1, 2])('%i node(s)', (nodes) => {
  const faults: Partial<Record<Fault, number>> = {};
  let runs = 0;

  const blocks = Array.from({ length: Math.ceil(RUNS / BLOCK) }, (_, i) => SEED + i * BLOCK);
  it.each(blocks)('keep what they acknowledged (from seed %i)', async (first) => {
    for (let seed = first; seed < Math.min(first + BLOCK, SEED + RUNS); seed++) {
      const report = await inVirtualTime(() => campaign(modules, seed, nodes));
      for (const [fault, count] of Object.entries(report.faults))
        faults[fault as Fault] = (faults[fault as Fault] ?? 0) + count;
      runs += 1;
    }
  });

  it('met every fault', () => {
    expect(runs).toBe(RUNS);
    if (RUNS >= RUNS_ENOUGH) expect(Object.entries(faults).filter(([, count]) => count < RUNS / 10)).toEqual([]);
  });
});

it('is the same run for the same seed', async () => {
  const told = () => inVirtualTime(() => campaign(modules, SEED, 2));
  expect(await told()).toEqual(await told());
});
