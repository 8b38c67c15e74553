// Goal: a seed that fails is told as the shortest story that fails alike, and told again it is the same.
// Method: a bug is put into a rule, a failing seed is shrunk, and the schedule that is left is run again.
import { describe, expect, it } from '@jest/globals';
import { type Rules } from './checkout.simulation.ts';
import { failureOf, shrink } from './failure.simulation.ts';
import { orderActor } from './order.ts';
import { paymentActor } from './payment.ts';
import { chanceOf } from './scheduler.simulation.ts';
import { QUIET, recording, replaying, scheduleOf, type Size, shrinking, wordsOf } from './shrink.simulation.ts';
import { type Stock, stockActor, type StockCommand, type StockEvent } from './stock.ts';

const rules: Rules = { order: orderActor, stock: stockActor, payment: paymentActor };
/** An undo that overtakes its action leaves no tombstone. */
const withoutTombstone: Rules = {
  ...rules,
  stock: {
    ...stockActor,
    decide(stock, command) {
      const decided = stockActor.decide(stock, command);
      const isTombstone = command.type === 'Release' && stock[`reservation:${command.data.orderId}`] === undefined;
      return isTombstone ? [] : decided;
    },
  },
};
/** Whoever orders gets it, whether it is there or not. */
const boundless: Rules = {
  ...rules,
  stock: {
    ...stockActor,
    decide(stock: Stock, command: StockCommand & { at: number }): readonly StockEvent[] {
      const decided = stockActor.decide(stock, command) as readonly StockEvent[];
      return decided.map((event) =>
        event.type === 'Rejected' && command.type === 'Reserve' ? { type: 'Reserved', data: command.data } : event,
      );
    },
  },
};

const SEEDS = 500;

function firstFailing(broken: Rules): number {
  for (let seed = 1; seed <= SEEDS; seed++) if (failureOf(seed, broken) !== undefined) return seed;
  throw new Error(`none of ${SEEDS} seeds fails`);
}

describe.each([
  ['an undo without a tombstone', withoutTombstone, 14],
  ['stock without a bound', boundless, 8],
])('%s', (_, broken, stepsMax) => {
  const seed = firstFailing(broken);
  const whole = failureOf(seed, broken)!;
  const shrunk = shrink(seed, broken)!;

  it('is shrunk to a story of one order and a few steps, which fails alike', () => {
    const { story, words } = shrunk.failure;
    expect(words).toBe(whole.words);
    expect(shrunk.failure.wishes.filter((wish) => wish.includes('.Place.'))).toHaveLength(1);
    expect(story.length).toBeLessThanOrEqual(stepsMax);
    expect(story.length * 4).toBeLessThan(whole.story.length);
    const loud = shrunk.schedule.draws.filter((draw) => draw !== QUIET);
    expect(loud.length * 20).toBeLessThan(whole.draws.length);
  });

  it('fails alike again when it is told by its words, and nothing is wrong with the unbroken rules', () => {
    const schedule = scheduleOf(wordsOf(shrunk.schedule));
    expect(schedule).toEqual(shrunk.schedule);
    expect(failureOf(seed, broken, schedule)).toEqual(shrunk.failure);
    expect(failureOf(seed, rules, schedule)).toBeUndefined();
  });

  it('is shrunk to the same every time', () => {
    expect(shrink(seed, broken)).toEqual(shrunk);
  });
});

it('a seed that does not fail is not shrunk', () => {
  expect(shrink(1, rules)).toBeUndefined();
});

it('what was drawn is drawn again, and is quiet where nothing is told', () => {
  const chance = recording(chanceOf(7));
  const draw = ({ below, percent, pick }: typeof chance) => [below(100), percent(50), pick(['a', 'b', 'c']), below(9)];
  const drawn = draw(chance);
  expect(draw(replaying(chance.draws))).toEqual(drawn);
  expect(draw(replaying([]))).toEqual([0, false, 'a', 0]);
});

it.each(['1', '1:', ':2', 'a:b', '1:-2', '1:2:3:4,9'])('no schedule is told by "%s"', (keep) => {
  expect(() => scheduleOf({ keep, without: '' })).toThrow(RangeError);
});

it('needs what the failure needs, and no more than so many tries', () => {
  const needed = [3, 50, 51];
  const draws = Array.from({ length: 100 }, (_, at) => at);
  const runs = (triesMax?: number) => {
    let tries = 0;
    const search = shrinking({ draws, without: [] }, ['a', 'b', 'c'], [3, 100], triesMax);
    for (let next = search.next(); ; ) {
      if (next.done === true) return { tries, schedule: next.value };
      tries += 1;
      const { draws: kept, without } = next.value;
      const fails = needed.every((draw) => kept.includes(draw)) && !without.includes('b');
      const size: Size = [3 - without.length, kept.filter((draw) => draw !== QUIET).length, kept.length];
      next = search.next(fails ? size : undefined);
    }
  };
  expect(runs().schedule).toEqual({ draws: needed, without: ['a', 'c'] });
  expect(runs(10).tries).toBe(10);
});
