import { describe, expect, it } from '@jest/globals';
import { type Chance, chanceOf } from '../../../actors/scheduler.simulation.ts';
import { add, counter, drawnWithOrder, explains, type Input, perhaps, see } from './linearizable.testing.ts';
import { isLinearizable } from './linearizable.ts';
import { follow, type Hint } from './linearizable-hint.ts';
import type { Spanned } from './linearizable-model.ts';

/** A crowd: many at a time, of a third of whom nobody knows what came of it. */
const crowd = { count: 400, beside: 60, unknown: 35 };
const toldBy = (changes: readonly number[]): Hint => changes.map((change) => [change]);

/** Of each change no more than its size is told. */
function toldBySize(operations: readonly Spanned<Input>[], changes: readonly number[]): Hint {
  const sizeOf = (index: number) => JSON.stringify(operations[index]?.input);
  const alike = Map.groupBy(operations.keys(), sizeOf);
  return changes.map((change) => alike.get(sizeOf(change)) ?? []);
}

describe('a right hint', () => {
  it('leads straight through what no search gets through', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const { operations, changes } = drawnWithOrder(chanceOf(seed), crowd);
      if (seed <= 3)
        expect(isLinearizable(counter, operations, 2_000)).toEqual({ linearizable: undefined, tried: 2_000 });
      for (const hint of [toldBy(changes), toldBySize(operations, changes)]) {
        const verdict = isLinearizable(counter, operations, 1, hint);
        expect([seed, verdict]).toMatchObject([seed, { linearizable: true, tried: 0 }]);
        expect(explains(operations, (verdict as { order: readonly number[] }).order)).toBe(true);
      }
    }
  });

  it('places what must come in the order told, and of the rest nothing', () => {
    const operations = [add(5, 1, 2), perhaps(-2, 3), perhaps(-2, 3), see(3, 9, 10)];
    expect(follow(counter, operations, [[0], [2]])).toEqual({ order: [0, 2, 3] });
  });

  it('places of those that are told alike the one that must come first', () => {
    const operations = [add(5, 1, 2), add(-2, 3, 20), add(-2, 4, 6), see(3, 7, 8), see(1, 21, 22)];
    const either = [1, 2];
    expect(follow(counter, operations, [[0], either, either])).toEqual({ order: [0, 2, 3, 1, 4] });
  });

  it('may go on with what nobody asked for', () => {
    expect(follow(counter, [add(5, 1, 2), see(5, 3, 4)], [[0], [], [7]])).toEqual({ order: [0, 1] });
  });
});

describe('a wrong hint', () => {
  const sound = [add(5, 1, 2), add(-2, 3, 4), see(3, 5, 6)];

  it.each<[string, Hint, object]>([
    ['of an order in which one comes before what had ended before it began', [[1], [0]], { placed: 0, stuck: 0 }],
    ['that leaves out what must come', [[0]], { placed: 1, state: 5, stuck: 1 }],
    ['that tells it twice', [[0], [0], [1]], { placed: 1, state: 5, stuck: 1 }],
    ['of a change that nobody knows', [[0], [], [1]], { placed: 1, state: 5, stuck: 1 }],
    ['of operations that there are none of', [[9]], { placed: 0, stuck: 0 }],
  ])('%s leads nowhere, and an order is searched', (_, hint, impasse) => {
    expect(follow(counter, sound, hint)).toMatchObject(impasse);
    expect(isLinearizable(counter, sound, 100, hint)).toMatchObject({ linearizable: true, order: [0, 1, 2] });
  });

  it('is told where it led no further, if the search is given up', () => {
    const { operations, changes } = drawnWithOrder(chanceOf(1), crowd);
    const hinted = follow(counter, operations, toldBy(changes.slice(0, 5)));
    expect(isLinearizable(counter, operations, 5, toldBy(changes.slice(0, 5)))).toEqual({
      linearizable: undefined,
      tried: 5,
      hinted,
    });
    expect(hinted).toMatchObject({ placed: expect.any(Number), stuck: expect.any(Number) });
  });
});

describe('no hint makes an order of what is none', () => {
  it.each<[string, readonly Spanned<Input>[], Hint]>([
    ['a reader who was told a piece too many', [add(5, 1, 2), add(-2, 3, 9), see(4, 4, 5)], [[0], [1]]],
    ['more taken than there was', [add(5, 1, 2), add(-3, 3, 6), add(-3, 4, 5)], [[0], [1], [2]]],
    ['the same piece taken twice', [add(1, 1, 2), add(-1, 3, 5), add(-1, 3, 5), see(0, 6, 7)], [[0], [1, 2], [1, 2]]],
    ['a reader who sees what was done after', [see(5, 1, 2), add(5, 3, 4)], [[1]]],
    ['a reader who does not see what was done before', [add(5, 1, 2), see(0, 3, 4)], [[1], [0]]],
    [
      'pieces back before they were taken',
      [add(5, 1, 2), perhaps(2, 3, { after: 3 }), see(7, 4, 5), add(-2, 6, 7)],
      [[0], [1], [3]],
    ],
    ['an effect that is told as often as it is needed', [add(5, 1, 2), perhaps(-2, 3), see(1, 9, 10)], [[0], [1], [1]]],
  ])('%s', (_, operations, hint) => {
    expect(isLinearizable(counter, operations, 100, hint)).toMatchObject({ linearizable: false });
  });

  it('whatever it is: drawn histories, half of them with an answer changed, are judged as without one', () => {
    const found = { true: 0, false: 0 };
    for (let seed = 1; seed <= 300; seed++) {
      const chance = chanceOf(seed);
      const { operations, changes } = drawnWithOrder(chance, { count: 20, beside: 3, unknown: 10 });
      const reads = operations.flatMap(({ input }, i) => ('see' in input ? [i] : []));
      if (seed % 2 === 0 && reads.length > 0) {
        const changed = chance.pick(reads);
        const { input, ...span } = operations[changed] as Spanned<{ readonly see: number }>;
        operations[changed] = { ...span, input: { see: input.see + 1 } };
      }
      const { linearizable } = isLinearizable(counter, operations);
      found[String(linearizable) as 'true' | 'false'] += 1;
      for (const hint of [toldBy(changes), toldBySize(operations, changes), ...wrongHints(chance, operations.length)]) {
        const verdict = isLinearizable(counter, operations, undefined, hint);
        expect([seed, verdict.linearizable]).toEqual([seed, linearizable]);
        if (verdict.linearizable === true) expect([seed, explains(operations, verdict.order)]).toEqual([seed, true]);
      }
    }
    expect(found.true).toBeGreaterThan(150);
    expect(found.false).toBeGreaterThan(50);
  });
});

/** Hints of any operations in any order, reads too, some of them more than once. */
function wrongHints(chance: Chance, count: number): readonly Hint[] {
  const any = (length: number) => Array.from({ length }, () => chance.below(count));
  return [toldBy(any(count)), Array.from({ length: count }, () => any(chance.below(4))), [[...Array(count).keys()]]];
}

it('a crowd of 3,000 whose order is told takes no time', () => {
  const { operations, changes } = drawnWithOrder(chanceOf(7), { count: 3_000, beside: 200, unknown: 35 });
  const { user } = process.cpuUsage();
  expect(isLinearizable(counter, operations, 1, toldBySize(operations, changes)).linearizable).toBe(true);
  expect((process.cpuUsage().user - user) / 1_000).toBeLessThan(3_000);
});
