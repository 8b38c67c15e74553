// Every word of the command line is understood, or told what would be.
import { describe, expect, it } from '@jest/globals';
import { commandOf, readWish } from './command.ts';
import { profiles } from './profiles.ts';

describe('npm run chaos', () => {
  it('makes the short campaign with the drawn seed', () => {
    expect(readWish([], 12)).toEqual({
      profile: profiles.commit,
      seed: 12,
      runs: { first: 1, last: 1 },
      out: undefined,
    });
  });

  it('takes a profile, a seed, some runs and some kinds of faults', () => {
    const words = '--profile nightly --seed 7 --runs 41-80 --fault kill,pause --fault nats --out here'.split(' ');
    expect(readWish(words, 12)).toEqual({
      profile: profiles.nightly,
      seed: 7,
      runs: { first: 41, last: 80 },
      kinds: ['kill', 'pause', 'nats'],
      out: 'here',
    });
    expect(readWish(['--profile', 'nightly', '--runs', '5'], 1)).toMatchObject({ runs: { first: 5, last: 5 } });
  });

  it('puts parts together', () => {
    expect(readWish(['--merge', 'a.json', 'b.json'], 1)).toEqual({ merge: ['a.json', 'b.json'], out: undefined });
  });

  it.each([
    ['--profile weekly', /there are commit, nightly, release/],
    ['--seed x', /whole number/],
    ['--seed -1', /whole number|ambiguous/],
    ['--seed 4294967296', /4294967295/],
    ['--profile nightly --runs 0-4', /from 1 to 120/],
    ['--profile nightly --runs 100-121', /from 1 to 120/],
    ['--profile nightly --runs 9-3', /from 1 to 120/],
    ['--fault earthquake', /no such fault; there are kill/],
    ['--merge', /name the JSON files/],
    ['--shake', /shake/],
    ['nightly', /not understood/],
  ])('refuses %s', (words, sentence) => {
    expect(() => readWish(words.split(' '), 1)).toThrow(sentence);
  });
});

describe('the command of a result', () => {
  const { nightly } = profiles;
  const whole = { profile: nightly, seed: 7, runs: { first: 1, last: 120 } };

  it('says what was asked for, and no more', () => {
    expect(commandOf(whole)).toBe('npm run chaos -- --profile nightly --seed 7');
    expect(commandOf({ ...whole, runs: { first: 41, last: 80 } })).toBe(
      'npm run chaos -- --profile nightly --seed 7 --runs 41-80',
    );
  });

  it('says which faults were let in, and is understood again', () => {
    const some = { ...whole, kinds: ['kill', 'nats'], target: 'orders' } as const;
    const command = commandOf(some);
    expect(command).toBe('npm run chaos -- --profile nightly --seed 7 --fault kill,nats --target orders');
    expect(readWish(command.split(' ').slice(4), 1)).toEqual({ ...some, out: undefined });
  });
});
