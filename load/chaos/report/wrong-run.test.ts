// A run that did nothing, injected nothing or saw nothing is as wrong as one that saw a violation.
import { describe, expect, it } from '@jest/globals';
import { invariants } from '../checkers/checkers.ts';
import { faultOf, findingOf, runOf, secondsOfRate } from './result.testing.ts';
import type { RunResult } from './result.ts';
import { wrongIn } from './wrong-run.ts';

const unshown = { evidence: [] };

describe('a run', () => {
  it('is right if all was looked at and nothing is violated', () => {
    expect(wrongIn(runOf(1))).toEqual([]);
  });

  it.each<[string, Partial<RunResult>, RegExp]>([
    ['a violation', { findings: invariants.map((name) => findingOf(name, name === 'I7' ? 2 : 0)) }, /I7 .*2 ×/],
    ['an error', { error: 'the cluster did not start' }, /^Run 1 broke off/],
    ['an answer of 500', { ownFaults: ['3 operations were answered 500'] }, /3 operations were answered 500/],
    ['a process that died by itself', { deaths: ['orders-1 exited with 1'] }, /^Run 1: orders-1 exited/],
    ['what never came to rest', { unsettled: ['3 orders wait'] }, /never came to rest: 3 orders wait/],
    [
      'a fault that did not end',
      { faults: [faultOf('kill'), faultOf('pause', { ...unshown, error: 'it stays away' })] },
      /pause of orders-1 was not over: it stays away/,
    ],
    [
      'a fault that saw what must not be',
      { faults: [faultOf('kill'), faultOf('provider', { violations: ['a forged report was believed'] })] },
      /a forged report was believed/,
    ],
    ['no operation', { seconds: [] }, /0 operations ended in 1 s, of 10 that were due/],
    ['a workload that stood still', { seconds: secondsOfRate(7, 1) }, /7 operations ended in 1 s, of 10/],
  ])('is wrong with %s', (_, changes, sentence) => {
    expect(wrongIn(runOf(1, changes))).toEqual([expect.stringMatching(sentence)]);
  });
});

describe('the operations of a run', () => {
  it('are those that ended while clients were there: what is read back afterwards is no load', () => {
    const operations = { all: 100, ok: 100, fail: 0, unknown: 0, kinds: {} };
    expect(wrongIn(runOf(1, { operations, seconds: secondsOfRate(7, 1) }))).toHaveLength(1);
  });

  it('are as many under overload: more is offered then, never less', () => {
    const faults = [faultOf('overload')];
    expect(wrongIn(runOf(1, { faults, seconds: secondsOfRate(8, 1) }))).toEqual([]);
    expect(wrongIn(runOf(1, { faults, seconds: secondsOfRate(7, 1) }))).toHaveLength(1);
  });
});

describe('faults of a run', () => {
  it('need not all have evidence, and a run in health has none', () => {
    expect(wrongIn(runOf(1, { faults: [faultOf('kill'), faultOf('pause', unshown)] }))).toEqual([]);
    expect(wrongIn(runOf(1, { faults: [] }))).toEqual([]);
    expect(wrongIn(runOf(1, { faults: [], scheduled: 0 }))).toEqual([]);
  });

  it('show nothing if none of them has', () => {
    const faults = [faultOf('kill', unshown), faultOf('nats', { ...unshown, refused: 'no such process' })];
    expect(wrongIn(runOf(1, { faults }))).toEqual([
      'Run 1: none of its 2 faults left evidence, so it shows nothing of faults',
    ]);
  });

  it('show nothing if none was injected that should have been, and the machine permits it', () => {
    expect(wrongIn(runOf(1, { faults: [], scheduled: 3 }))).toEqual([
      'Run 1: none of the 3 faults of its schedule was injected, so it shows nothing of faults',
    ]);
    const impossible = [{ kind: 'full-disk' as const, why: 'no disk' }];
    expect(wrongIn(runOf(1, { faults: [], scheduled: 1, impossible }))).toEqual([]);
  });
});

describe('looks at the stores during a run', () => {
  it('may fail while a server is away, but not most of them', () => {
    expect(wrongIn(runOf(1, { looks: { done: 35, failed: 29 } }))).toEqual([]);
    expect(
      wrongIn(runOf(1, { looks: { done: 37, failed: 110, reasons: ['timeout (108 ×)', 'ECONNREFUSED (2 ×)'] } })),
    ).toEqual([
      'Run 1: 110 of 147 looks at the stores during the run failed, so it shows little of what was between: timeout (108 ×); ECONNREFUSED (2 ×)',
    ]);
  });

  it('must have been there', () => {
    expect(wrongIn(runOf(1, { looks: { done: 0, failed: 0 } }))).toEqual([
      'Run 1: nobody looked at the stores during the run',
    ]);
  });
});
