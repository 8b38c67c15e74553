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
    const usual = schedules(1).flatMap((steps) => steps.filter(({ mostMs }) => mostMs === undefined));
    const counts = [...Map.groupBy(usual, ({ kinds }) => kinds[0]).values()].map(({ length }) => length);
    expect(counts).toHaveLength(faultKinds.length);
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
  });

  it('of some runs of the long profile lasts longer than an order waits for its payment, by every kind that can', () => {
    const long = schedules(1).flatMap((steps) => steps.filter(({ mostMs }) => mostMs === 60_000));
    expect(long).toHaveLength(20);
    expect(long.every(({ leastMs = 0 }) => leastMs >= nightly.paymentDeadlineMs)).toBe(true);
    expect(new Set(long.map(({ kinds }) => kinds[0]))).toEqual(new Set(nightly.long?.kinds));
    expect(
      schedules(1, commit)
        .flat()
        .every(({ mostMs }) => mostMs === undefined),
    ).toBe(true);
  });

  it('puts kills and rolling restarts first, alone, and keeps what follows away until every call has its answer', () => {
    const judged = (step: (typeof all)[number][number] | undefined) =>
      ['kill', 'rolling-restart'].includes(step?.kinds[0] ?? '');
    const all = schedules(2);
    const found = all.flatMap((steps) => steps.map((step, i) => ({ step, next: steps[i + 1], last: steps[i - 1] })));
    const kills = found.filter(({ step }) => judged(step));
    expect(kills.length).toBeGreaterThan(20);
    for (const { step, next, last } of kills) {
      expect(step.kinds).toHaveLength(1);
      expect(next?.afterMs ?? nightly.apartMs).toBeGreaterThanOrEqual(nightly.apartMs);
      expect(last === undefined || judged(last)).toBe(true);
    }
  });

  it('has servers that are away while something else goes wrong as well', () => {
    const also = schedules(1).flatMap((steps) => steps.filter(({ kinds }) => kinds.length > 1));
    const firsts = new Set(also.map(({ kinds }) => kinds[0]));
    for (const kind of ['nats', 'kafka', 'postgres', 'dynamodb', 'clock-skew', 'crash-point'] as const)
      expect(firsts.has(kind)).toBe(true);
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
