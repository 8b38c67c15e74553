import { expect, it } from '@jest/globals';
import { chanceOf } from '../../../actors/scheduler.simulation.ts';
import { until } from '../../../infra/local/callers.fixture.ts';
import { NoMoreTurns, startTurns } from './turns.ts';

it('turns are given at the rate, by the shares, and not to those who are busy', async () => {
  const taken = { often: 0, seldom: 0 };
  const turns = startTurns(
    1_000,
    [
      { name: 'often', share: 80 },
      { name: 'seldom', share: 20 },
    ],
    chanceOf(1),
  );
  const work = async (name: 'often' | 'seldom') => {
    try {
      for (;;) {
        await turns.take(name);
        taken[name] += 1;
      }
    } catch (error) {
      if (!(error instanceof NoMoreTurns)) throw error;
    }
  };
  const startedAt = performance.now();
  // Enough of them that one of each waits at any time.
  const people = [
    ...Array.from({ length: 20 }, () => work('often')),
    ...Array.from({ length: 20 }, () => work('seldom')),
  ];
  await until('500 turns', () => taken.often + taken.seldom >= 500);
  const perSecond = ((taken.often + taken.seldom + turns.missed) * 1_000) / (performance.now() - startedAt);
  turns.end();
  await Promise.all(people);
  expect(perSecond).toBeLessThan(1_100);
  expect(taken.often / (taken.often + taken.seldom)).toBeGreaterThan(0.6);
});

it('where all are busy somebody new comes, if there can be any; else the turn is missed, and told', async () => {
  const came: string[] = [];
  const grow = () => {
    came.push('guest');
    void turns.take('guest').catch(() => {});
  };
  const turns = startTurns(
    500,
    [
      { name: 'staff', share: 50 },
      { name: 'guest', share: 50, grow },
    ],
    chanceOf(1),
  );
  await until('some came', () => came.length >= 20);
  turns.end();
  expect(turns.missed).toBe(0);

  const alone = startTurns(500, [{ name: 'staff', share: 1 }], chanceOf(1));
  await until('some were missed', () => alone.missed >= 20);
  alone.end();
  await expect(alone.take('staff')).rejects.toThrow(NoMoreTurns);
});
