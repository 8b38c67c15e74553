// Schedules are drawn: equal for equal seeds, other for others, and every kind gets its turn.
import { describe, expect, it } from '@jest/globals';
import { faultKinds } from './faults/fault.ts';
import { profiles } from './profiles.ts';
import { scheduleOf, seedOf } from './schedule.ts';

const { nightly, commit } = profiles;
const byName = (one = '', other = '') => one.localeCompare(other);
const schedules = (campaign: number, profile = nightly) =>
  Array.from({ length: profile.runs }, (_, i) => scheduleOf(profile, campaign, i + 1));

describe('a schedule', () => {
  it('is the same for the same seed, and another for another', () => {
    expect(schedules(7)).toEqual(schedules(7));
    expect(schedules(8)).not.toEqual(schedules(7));
  });

  it('does not depend on the runs before it', () => {
    expect(scheduleOf(nightly, 7, 31)).toEqual(schedules(7)[30]);
  });

  it('gives every kind its turn as first of a step, as often as any other', () => {
    const firsts = schedules(1).flatMap((steps) => steps.map(({ kinds }) => kinds[0]));
    const counts = [...Map.groupBy(firsts, (kind) => kind).values()].map(({ length }) => length);
    expect(counts).toHaveLength(faultKinds.length);
    // Calm runs take their cards away.
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(6);
  });

  it('lets one thing go wrong at a time in the short profile, and up to three in the long one', () => {
    const atOnce = (profile: typeof nightly) =>
      new Set(schedules(1, profile).flatMap((steps) => steps.map(({ kinds }) => kinds.length)));
    expect([...atOnce(commit)]).toEqual([1]);
    expect([...atOnce(nightly)].toSorted((a, b) => a - b)).toEqual([1, 2, 3]);
  });

  it('leaves some runs of the long profile without faults', () => {
    expect(schedules(1).flatMap((steps, i) => (steps.length === 0 ? [i + 1] : []))).toEqual([
      15, 30, 45, 60, 75, 90, 105, 120,
    ]);
  });

  it('never names a kind twice in a step', () => {
    for (const steps of schedules(3)) for (const { kinds } of steps) expect(new Set(kinds).size).toBe(kinds.length);
  });

  it('has every kind of the short profile once in it, kills twice', () => {
    for (let campaign = 0; campaign < 50; campaign++) {
      const kinds = scheduleOf(commit, campaign, 1).map((step) => step.kinds[0]);
      expect(kinds.toSorted(byName)).toEqual(commit.kinds.toSorted(byName));
    }
    expect(new Set(commit.kinds).size).toBeGreaterThanOrEqual(commit.atLeast.kinds);
  });
});

it('the seed of a run differs from run to run and from campaign to campaign', () => {
  const seeds = [1, 2, 3].flatMap((campaign) => Array.from({ length: 100 }, (_, run) => seedOf(campaign, run)));
  expect(new Set(seeds).size).toBe(seeds.length);
});
