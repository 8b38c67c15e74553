// A result that shows nothing fails as one that shows a violation does; parts of a campaign become one.
import { describe, expect, it } from '@jest/globals';
import type { Finding } from '../../../mixins/finding.ts';
import type { FaultRecord } from '../faults/fault.ts';
import { failures, judgements, machineOf, merged, type Result, type RunResult } from './result.ts';

const finding = (invariant: string, wrongCount = 0, looked = 3): Finding => ({
  invariant,
  claim: `the claim of ${invariant}`,
  looked,
  of: 'orders',
  wrongCount,
  wrong: wrongCount === 0 ? [] : ['order o-1 is wrong'],
});
const fault = (kind: FaultRecord['kind'], evidence = ['another pid']): FaultRecord => ({
  kind,
  target: 'orders-1',
  from: 1,
  to: 2,
  evidence,
});
const all = [...Array.from({ length: 15 }, (_, i) => `I${i + 1}`), ...Array.from({ length: 6 }, (_, i) => `L${i + 1}`)];
const run = (number: number, changes: Partial<RunResult> = {}): RunResult => ({
  number,
  seed: number,
  from: 0,
  to: 1_000,
  perSecond: 10,
  operations: { all: 10, ok: 10, fail: 0, unknown: 0, kinds: {} },
  deaths: [],
  unsettled: [],
  missed: 0,
  looks: { done: 1, failed: 0 },
  faults: [fault('kill'), fault('pause')],
  findings: all.map((invariant) => finding(invariant)),
  seconds: [],
  ...changes,
});
const result = (...runs: RunResult[]): Result => ({
  version: 1,
  profile: 'nightly',
  seed: 7,
  began: '2026-11-21T00:00:00.000Z',
  tookMs: 1,
  machine: machineOf(),
  commit: 'abc',
  wanted: runs.map(({ number }) => number),
  runs,
});
const bars = { faults: 2, kinds: 2, mayBeUnseen: [] };

describe('a campaign', () => {
  it('passes if all was looked at, enough went wrong, and nothing is violated', () => {
    expect(failures(result(run(1)), bars)).toEqual([]);
  });

  it('fails if the shop said that a fault was its own', () => {
    const ownFaults = ['3 operations were answered 500, first POST /api/v1/orders (12)'];
    expect(failures(result(run(1, { ownFaults })), bars)).toEqual([`Run 1: ${ownFaults[0]}`]);
  });

  it('fails if a run is missing', () => {
    expect(failures({ ...result(run(1)), wanted: [1, 2] }, bars)).toEqual(['Runs 2 were not made.']);
  });

  it('bears that some invariants are not seen, where nothing may have brought them about', () => {
    const seen = all.filter((name) => name !== 'L6').map((name) => finding(name));
    const short = result(run(1, { findings: seen }));
    expect(failures(short, { ...bars, mayBeUnseen: ['L6'] })).toEqual([]);
    expect(failures(short, bars)).toEqual(['L6 was never looked at, so nothing is known of it.']);
  });

  it.each<[string, RunResult[], RegExp]>([
    ['no run', [], /nothing was shown/],
    [
      'no operation',
      [run(1, { operations: { all: 0, ok: 0, fail: 0, unknown: 0, kinds: {} } })],
      /0 operations were made, of 10/,
    ],
    ['a violation', [run(1, { findings: all.map((name) => finding(name, name === 'I7' ? 2 : 0)) })], /Run 1: I7 .*2 ×/],
    ['an invariant that nobody claimed', [run(1, { findings: [finding('I1')] })], /I2 was never looked at/],
    [
      'an invariant that saw nothing',
      [run(1, { findings: all.map((name) => finding(name, 0, name === 'L4' ? 0 : 1)) })],
      /L4 \(the claim of L4\) was never/,
    ],
    ['faults without evidence', [run(1, { faults: [fault('kill'), fault('pause', [])] })], /1 faults have evidence/],
    ['faults of one kind', [run(1, { faults: [fault('kill'), fault('kill')] })], /1 kinds/],
    [
      'a workload that stood still',
      [run(1, { operations: { all: 5, ok: 5, fail: 0, unknown: 0, kinds: {} } })],
      /5 operations/,
    ],
    [
      'a fault that did not end',
      [run(1, { faults: [fault('kill'), { ...fault('pause'), error: 'it stays away' }] })],
      /pause of orders-1 was not over: it stays away/,
    ],
    [
      'a fault that saw what must not be',
      [run(1, { faults: [fault('kill'), { ...fault('provider'), violations: ['a forged report was believed'] }] })],
      /a forged report was believed/,
    ],
    [
      'faults that could not be brought about',
      [run(1, { faults: [fault('kill'), fault('pause'), { ...fault('nats', []), refused: 'no such process' }] })],
      /1 faults could not be brought about, for instance: no such process/,
    ],
    ['a process that died by itself', [run(1, { deaths: ['orders-1 exited with 1'] })], /Run 1: orders-1 exited/],
    ['what never came to rest', [run(1, { unsettled: ['3 orders wait'] })], /never came to rest: 3 orders wait/],
    [
      'a claim of an invariant that nobody looked at, though another was',
      [
        run(1, {
          findings: [
            ...all.map((name) => finding(name)),
            { ...finding('L5', 0, 0), claim: 'gateways', partly: 'none was killed' },
          ],
        }),
      ],
      /L5 \(gateways\) was never looked at.*none was killed/,
    ],
    ['a run that broke off', [run(1, { error: 'the cluster did not start' })], /Run 1 broke off/],
  ])('fails with %s', (_, runs, sentence) => {
    expect(failures(result(...runs), bars).join('\n')).toMatch(sentence);
  });
});

it('the invariants stand in their order, summed over the runs', () => {
  const judged = judgements(result(run(1), run(2)));
  expect(judged.map(({ invariant }) => invariant)).toEqual(all);
  expect(judged[0]).toMatchObject({ looked: 6, wrongCount: 0 });
});

describe('parts', () => {
  it('become one, with their runs in order', () => {
    const whole = merged([result(run(3), run(4)), result(run(1), run(2))]);
    expect(whole.runs.map(({ number }) => number)).toEqual([1, 2, 3, 4]);
    expect(whole.tookMs).toBe(2);
  });

  it('are refused if they are of several campaigns, overlap, or are none', () => {
    expect(() => merged([result(run(1)), { ...result(run(2)), seed: 8 }])).toThrow(/share profile and seed/);
    expect(() => merged([result(run(1)), result(run(1))])).toThrow(/run 1 is in two parts/);
    expect(() => merged([])).toThrow(/nothing to put together/);
  });
});
