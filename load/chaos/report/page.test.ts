// The page needs nobody else: one file, with what was found, and nothing of what was said can break out of it.
import { describe, expect, it } from '@jest/globals';
import { chanceOf } from '../../../actors/scheduler.simulation.ts';
import type { FaultRecord } from '../faults/fault.ts';
import { pageOf } from './page.ts';
import { machineOf, type Result, type RunResult } from './result.ts';

const SEED = 5;
const chance = chanceOf(SEED);
const bars = { faults: 1, kinds: 1, mayBeUnseen: [] };

function runOf(number: number): RunResult {
  const faults: FaultRecord[] = [
    { kind: 'kill', target: 'orders-1', from: 5_000, to: 8_000, evidence: ['pid 10, then 11'], recoveryMs: 300 },
    {
      kind: 'half-open',
      target: 'orders → postgres',
      from: 15_000,
      to: 19_000,
      evidence: ['0 of 9 bytes came back'],
      recoveryMs: 1_400,
    },
    { kind: 'kafka', target: '<script>alert(1)</script>', from: 30_000, to: 40_000, evidence: [] },
  ];
  const isDown = (at: number) => faults.some(({ from, to }) => at * 1_000 >= from && at * 1_000 < to);
  return {
    number,
    seed: number,
    from: 0,
    to: 60_000,
    quietMs: 2_300,
    perSecond: 100,
    deaths: [],
    unsettled: [],
    missed: 0,
    looks: { done: 60, failed: 0 },
    operations: { all: 6_000, ok: 5_800, fail: 150, unknown: 50, kinds: { 'place-order': 2_000, 'read-order': 4_000 } },
    faults,
    findings: [
      {
        invariant: 'I1',
        claim: 'every acknowledged order is found',
        looked: 100,
        of: 'orders',
        wrongCount: 0,
        wrong: [],
      },
      { invariant: 'I5', claim: '0 ≤ reserved & on hand', looked: 9, of: 'SKUs', wrongCount: 1, wrong: ['sku-1 <b>'] },
    ],
    seconds: Array.from({ length: 60 }, (_, at) => ({
      at,
      ok: isDown(at) ? 40 : 90 + chance.below(20),
      fail: chance.below(5),
      refused: isDown(at) ? 30 + chance.below(20) : 0,
      unknown: isDown(at) ? chance.below(8) : 0,
      p50: 8 + chance.below(4),
      p99: isDown(at) ? 900 : 40 + chance.below(30),
    })),
  };
}

const result: Result = {
  version: 1,
  profile: 'nightly',
  seed: SEED,
  began: '2026-11-21T00:00:00.000Z',
  tookMs: 120_000,
  machine: machineOf(),
  commit: 'abc',
  wanted: [1, 2],
  runs: [runOf(1), runOf(2)],
};

describe('the page', () => {
  it('has everything in it and fetches nothing', async () => {
    const page = await pageOf(result, bars, 'npm run chaos');
    expect(page).toMatch(/<svg/);
    expect(page).not.toMatch(/(src|href)="?https?:|@import|url\(http/);
    expect(page).toContain('pid 10, then 11');
    expect(page).toContain('violated 2 ×');
  });

  it('shows text as text', async () => {
    const page = await pageOf(result, bars, 'npm run chaos');
    expect(page).not.toContain('<script>');
    expect(page).not.toContain('sku-1 <b>');
  });

  it('says of a claim in how many runs it was seen in part or not at all, and why', async () => {
    const claim = { invariant: 'I5', claim: 'linearizable', of: 'operations', wrongCount: 0, wrong: [] };
    const given = (share: string) => ({ ...claim, looked: 90, unseen: 10, partly: `${share} were given up: sku-7` });
    const findings = [
      given('2 of 54'),
      given('1 of 54'),
      { ...claim, looked: 100, unseen: 0 },
      { ...claim, looked: 0, partly: 'nothing: there was no order' },
      { ...claim, looked: 0, partly: 'nothing: the history is empty' },
    ];
    const runs = findings.map((finding, i) => ({ ...runOf(i + 1), findings: [finding] }));
    const page = await pageOf({ ...result, runs }, bars, 'npm run chaos');
    expect(page).toContain('in 2 of 5 runs only 2 of 54 were given up: sku-7');
    expect(page).toContain('in 2 of 5 runs not at all: there was no order (1 ×), the history is empty (1 ×)');
    expect(page).toContain('280 operations<br><small>in 3 of 5 runs, 93.3 % of 300</small>');
  });

  it('says what must be known besides: restrictions, the code, all machines, the rate', async () => {
    const machines = [result.machine, { ...result.machine, cores: 96 }];
    const page = await pageOf(
      { ...result, commit: 'abc-dirty', restricted: { target: 'orders' }, machines },
      bars,
      'npm run chaos',
    );
    expect(page).toContain('changes that nobody has committed');
    expect(page).toContain('only faults at orders');
    expect(page).toMatch(/ cores,.* 96 cores,/);
    expect(page).toMatch(/\d+\.\d a second/);
  });

  it('says what is wrong at its head', async () => {
    const page = await pageOf(result, bars, 'npm run chaos');
    expect(page).toMatch(/class="verdict failed"/);
    expect(page).toContain('I2 was never looked at');
  });
});
