// Runs and results for the tests of the report: a run in which all was looked at and nothing is wrong, and what differs.

import type { Finding } from '../../../mixins/finding.ts';
import { invariants } from '../checkers/checkers.ts';
import type { FaultRecord } from '../faults/fault.ts';
import { machineOf, type Result, type RunResult, type Second } from './result.ts';

export const findingOf = (invariant: string, wrongCount = 0, looked = 3): Finding => ({
  invariant,
  claim: `the claim of ${invariant}`,
  looked,
  of: 'orders',
  wrongCount,
  wrong: wrongCount === 0 ? [] : ['order o-1 is wrong'],
});

export const faultOf = (
  kind: FaultRecord['kind'],
  { evidence = ['another pid'], ...changes }: Partial<FaultRecord> = {},
): FaultRecord => ({ kind, target: 'orders-1', from: 1, to: 2, evidence, ...changes });

/** So many operations a second, all of them done. */
export const secondsOfRate = (perSecond: number, seconds: number): readonly Second[] =>
  Array.from({ length: seconds }, (_, at) => ({ at, ok: perSecond, fail: 0, refused: 0, unknown: 0, p50: 5, p99: 9 }));

export const runOf = (number: number, changes: Partial<RunResult> = {}): RunResult => ({
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
  faults: [faultOf('kill'), faultOf('pause')],
  findings: invariants.map((invariant) => findingOf(invariant)),
  seconds: secondsOfRate(10, 1),
  ...changes,
});

export const resultOf = (...runs: RunResult[]): Result => ({
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
