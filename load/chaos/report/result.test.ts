// A result that shows nothing fails as one that shows a violation does.
import { describe, expect, it } from '@jest/globals';
import { invariants } from '../checkers/checkers.ts';
import { faultKinds } from '../faults/fault.ts';
import { failures, judgements, type RunResult } from './result.ts';
import { faultOf, findingOf, resultOf, runOf, secondsOfRate } from './result.testing.ts';

const bars = { faults: 2, kinds: 2, refused: 0.2, mayBeUnseen: [] };

describe('a campaign', () => {
  it('passes if all was looked at, enough went wrong, and nothing is violated', () => {
    expect(failures(resultOf(runOf(1)), bars)).toEqual([]);
  });

  it('fails if a run is missing', () => {
    expect(failures({ ...resultOf(runOf(1)), wanted: [1, 2] }, bars)).toEqual(['Runs 2 were not made.']);
  });

  it('bears that some invariants are not seen, where nothing may have brought them about', () => {
    const seen = invariants.filter((name) => name !== 'L6').map((name) => findingOf(name));
    const short = resultOf(runOf(1, { findings: seen }));
    expect(failures(short, { ...bars, mayBeUnseen: ['L6'] })).toEqual([]);
    expect(failures(short, bars)).toEqual(['L6 was never looked at, so nothing is known of it.']);
  });

  it.each<[string, RunResult[], RegExp]>([
    ['no run', [], /nothing was shown/],
    ['an invariant that nobody claimed', [runOf(1, { findings: [findingOf('I1')] })], /I2 was never looked at/],
    [
      'an invariant that saw nothing',
      [runOf(1, { findings: invariants.map((name) => findingOf(name, 0, name === 'L4' ? 0 : 1)) })],
      /L4 \(the claim of L4\) was never/,
    ],
    [
      'faults without evidence',
      [runOf(1, { faults: [faultOf('kill'), faultOf('pause', { evidence: [] })] })],
      /1 faults have evidence/,
    ],
    ['faults of one kind', [runOf(1, { faults: [faultOf('kill'), faultOf('kill')] })], /1 kinds/],
    [
      'faults that could not be brought about',
      [
        runOf(1, {
          faults: [faultOf('kill'), faultOf('pause'), faultOf('nats', { evidence: [], refused: 'no such process' })],
        }),
      ],
      /1 faults could not be brought about, for instance: no such process/,
    ],
    [
      'a claim of an invariant that nobody looked at, though another was',
      [
        runOf(1, {
          findings: [
            ...invariants.map((name) => findingOf(name)),
            { ...findingOf('L5', 0, 0), claim: 'gateways', partly: 'none was killed' },
          ],
        }),
      ],
      /L5 \(gateways\) was never looked at.*none was killed/,
    ],
    ['what is wrong in one run', [runOf(1, { deaths: ['orders-1 exited with 1'] })], /Run 1: orders-1 exited/],
  ])('fails with %s', (_, runs, sentence) => {
    expect(failures(resultOf(...runs), bars).join('\n')).toMatch(sentence);
  });
});

describe('all kinds of faults', () => {
  const all = { ...bars, kinds: faultKinds.length };
  const without = (...kinds: string[]) =>
    faultKinds.filter((kind) => !kinds.includes(kind)).map((kind) => faultOf(kind));

  it('must have evidence, and those that have none are named', () => {
    expect(failures(resultOf(runOf(1, { faults: without() })), all)).toEqual([]);
    expect(failures(resultOf(runOf(1, { faults: without('rewind', 'nats') })), all)).toEqual([
      'Faults of 23 kinds have evidence, at least 25 kinds must; none have: nats, rewind.',
    ]);
  });

  it('are those that are possible on the machine: what needs root or a disk of its own is not asked for without', () => {
    const impossible = [{ kind: 'slow-disk' as const, why: 'PostgreSQL has no disk of its own here.' }];
    expect(failures(resultOf(runOf(1, { faults: without('slow-disk'), impossible })), all)).toEqual([]);
    expect(failures(resultOf(runOf(1, { faults: without('slow-disk', 'nats'), impossible })), all)).toEqual([
      'Faults of 23 kinds have evidence, at least 24 kinds must; none have: nats. Impossible here: slow-disk (PostgreSQL has no disk of its own here.)',
    ]);
  });

  it('are asked for all the same if they were tried, or need nothing that a machine may lack', () => {
    const tried = [...without('slow-disk'), faultOf('slow-disk', { evidence: [] })];
    const impossible = [{ kind: 'slow-disk' as const, why: 'none' }];
    expect(failures(resultOf(runOf(1, { faults: tried, impossible })), all)).toHaveLength(1);
    const overload = [{ kind: 'overload' as const, why: 'The world has no `load`.' }];
    expect(failures(resultOf(runOf(1, { faults: without('overload'), impossible: overload })), all)).toHaveLength(1);
  });
});

describe('the rate', () => {
  const fast = { ...bars, perSecond: 100 };
  const run = (number: number, ...[rate, changes = {}]: [number, Partial<RunResult>?]) =>
    runOf(number, { perSecond: 105, to: 10_000, seconds: secondsOfRate(rate, 10), ...changes });

  it('is that of all runs together', () => {
    expect(failures(resultOf(run(1, 98), run(2, 103)), fast)).toEqual([]);
    expect(failures(resultOf(run(1, 98), run(2, 101)), fast)).toEqual([
      '99.5 operations a second ended in runs without overload, at least 100 must.',
    ]);
  });

  it('is not what an overload adds, nor what is read back after a run, nor spared by an hour that asks for less', () => {
    const faults = [faultOf('overload'), faultOf('kill')];
    const operations = { all: 1_200, ok: 1_200, fail: 0, unknown: 0, kinds: {} };
    expect(failures(resultOf(run(1, 98), run(2, 300, { faults })), fast)).toHaveLength(1);
    expect(failures(resultOf(run(1, 98, { operations })), fast)).toHaveLength(1);
    expect(failures(resultOf(run(1, 101), run(2, 40, { perSecond: 42, faults: [] })), fast)).toEqual([]);
  });

  it('is unknown if there was no such run', () => {
    const overloads = resultOf(run(1, 300, { faults: [faultOf('overload'), faultOf('kill')] }));
    expect(failures(overloads, fast)).toEqual(['There was no run without overload, so nothing is known of the rate.']);
  });
});

it('what was given up is summed over the runs, and must not be too much', () => {
  const linearizable = { ...findingOf('I5', 0, 60), claim: 'linearizable', of: 'operations' };
  const findings = [...invariants.map((name) => findingOf(name)), { ...linearizable, unseen: 40 }];
  const better = [...invariants.map((name) => findingOf(name)), { ...linearizable, looked: 100, unseen: 0 }];
  const decided = { ...bars, decided: 0.8 };
  expect(failures(resultOf(runOf(1, { findings }), runOf(2, { findings: better })), decided)).toEqual([]);
  expect(failures(resultOf(runOf(1, { findings })), decided)).toEqual([
    'I5 (linearizable): 60 of 100 operations were decided, at least 80 of 100 must be.',
  ]);
});

it('the invariants stand in their order, summed over the runs', () => {
  const judged = judgements(resultOf(runOf(1), runOf(2)));
  expect(judged.map(({ invariant }) => invariant)).toEqual(invariants);
  expect(judged[0]).toMatchObject({ looked: 6, wrongCount: 0 });
});
