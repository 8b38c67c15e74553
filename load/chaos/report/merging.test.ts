// Parts of one campaign become one, and only those: of one commit, with all kinds of faults, each run once.
import { describe, expect, it } from '@jest/globals';
import { profiles } from '../profiles.ts';
import { caveatsOf, machinesOf } from './caveats.ts';
import { isWhole, merged } from './merging.ts';
import { resultOf, runOf } from './result.testing.ts';

const [first, second] = [resultOf(runOf(1), runOf(2)), resultOf(runOf(3), runOf(4))];

describe('parts', () => {
  it('become one, with their runs in order', () => {
    const whole = merged([second, first]);
    expect(whole.runs.map(({ number }) => number)).toEqual([1, 2, 3, 4]);
    expect(whole).toMatchObject({ tookMs: 2, commit: 'abc', wanted: [1, 2, 3, 4] });
    expect(whole).not.toHaveProperty('restricted');
  });

  it('may have wanted a run twice, if one of them did not come to it', () => {
    expect(merged([{ ...first, wanted: [1, 2, 3] }, second]).wanted).toEqual([1, 2, 3, 4]);
  });

  it('are refused if they are of several campaigns, overlap, or are none', () => {
    expect(() => merged([first, { ...second, seed: 8 }])).toThrow(/share profile and seed/);
    expect(() => merged([first, first])).toThrow(/run 1 is in two parts/);
    expect(() => merged([])).toThrow(/nothing to put together/);
  });

  it('are refused if they are of several commits', () => {
    expect(() => merged([first, { ...second, commit: 'def' }])).toThrow(
      'parts of one campaign share their commit: runs 1, 2 of abc; runs 3, 4 of def',
    );
    expect(() => merged([first, { ...second, commit: '' }])).toThrow(/runs 3, 4 of an unknown commit/);
  });

  it('are refused if something else could go wrong in them', () => {
    const kills = { ...second, restricted: { kinds: ['kill' as const] } };
    expect(() => merged([first, kills])).toThrow(
      'parts of one campaign share what may go wrong in them: runs 1, 2 with all faults; runs 3, 4 with only faults of kill',
    );
    expect(() => merged([{ ...first, restricted: { target: 'orders' } }, kills])).toThrow(/only faults at orders/);
    const some = { kinds: ['pause' as const, 'kill' as const] };
    const same = merged([
      { ...first, restricted: some },
      { ...second, restricted: { kinds: ['kill', 'pause'] } },
    ]);
    expect(same.restricted).toEqual(some);
  });

  it('may be of several machines, which are all told', () => {
    const other = { ...first.machine, cores: 64 };
    const whole = merged([first, { ...second, machine: other }]);
    expect(machinesOf(whole)).toEqual([first.machine, other]);
    expect(machinesOf(merged([first, second]))).toEqual([first.machine]);
    expect(machinesOf(merged([whole, { ...resultOf(runOf(5)), machine: other }]))).toHaveLength(2);
  });
});

describe('a whole campaign', () => {
  const asked = (...wanted: number[]) => ({ wanted });
  const four = { ...profiles.nightly, runs: 4 };

  it('has all runs of its profile, by their numbers', () => {
    expect(isWhole(asked(1, 2, 3, 4), four)).toBe(true);
    expect(isWhole(asked(4, 2, 1, 3), four)).toBe(true);
    expect(isWhole(asked(1, 2, 3), four)).toBe(false);
    expect(isWhole(asked(1, 2, 3, 5), four)).toBe(false);
    expect(isWhole(asked(2, 2, 3, 4), four)).toBe(false);
  });

  it('has the hour of load as well, where its profile has one', () => {
    const release = { ...profiles.release, runs: 4 };
    expect(isWhole(asked(1, 2, 3, 4), release)).toBe(false);
    expect(isWhole(asked(1, 2, 3, 4, 5), release)).toBe(true);
  });

  it('is none if only some faults were let in', () => {
    expect(isWhole({ ...asked(1, 2, 3, 4), restricted: { kinds: ['kill'] } }, four)).toBe(false);
    expect(isWhole({ ...asked(1, 2, 3, 4), restricted: { target: 'orders' } }, four)).toBe(false);
  });
});

it('what a reader must know is said: the commit, restrictions, what was impossible', () => {
  expect(caveatsOf(first)).toEqual([]);
  expect(caveatsOf({ ...first, commit: 'abc-dirty' })).toEqual([
    'Of abc-dirty: there were changes that nobody has committed.',
  ]);
  expect(caveatsOf({ ...first, commit: '' })).toEqual(['Of an unknown commit.']);
  expect(caveatsOf({ ...first, restricted: { kinds: ['kill', 'nats'], target: 'orders' } })).toEqual([
    'With only faults of kill, nats at orders: a part, whatever its runs.',
  ]);
  const impossible = [{ kind: 'full-disk' as const, why: 'there is no disk' }];
  expect(caveatsOf(resultOf(runOf(1, { impossible }), runOf(2, { impossible })))).toEqual([
    'Impossible here, so nothing is known of it: full-disk (there is no disk).',
  ]);
});
