import { describe, expect, it } from '@jest/globals';
import type { Evidence } from './checker.ts';
import { answerOf, type Mutable, ofKind, type Plant, planted, type Story, storyOf } from './evidence.testing.ts';
import { checkLinearizable, stockLinearizable } from './stock-linearizable.ts';
import { stockHistories } from './stock-histories.ts';

/** Six pieces of one SKU: some are ordered, refused, cancelled, refunded, brought and thrown away; everybody looks. */
function busy(): Story {
  const story = storyOf();
  const [bag, pot] = [story.product('bag', { stock: 6 }), story.product('pot', { stock: 50 })];
  story.readStock('bag');
  const first = story.place('ada', [[bag, 2]]);
  story.readStock('bag');
  story.place('bob', [
    [bag, 5],
    [pot, 1],
  ]);
  story.receive('bag', 3);
  story.settle();
  story.read(first, 'ada');
  story.writeOff('bag', 1);
  story.readStock('bag');
  const declined = story.place('bob', [[bag, 4]], { declined: true });
  story.settle();
  story.read(declined, 'bob');
  story.readStock('bag');
  story.refund(first, [{ productId: bag.id, quantity: 1 }]);
  story.settle();
  story.readStock('bag');
  const cancelled = story.place('guest', [[bag, 1]]);
  story.cancel(cancelled, 'guest');
  story.settle();
  story.readStock('bag');
  story.readStock('pot');
  return story;
}

const withoutBooks: Plant = ({ books }) => {
  books.orders = [];
  books.contexts = {};
};
const wrongOf = (evidence: Evidence) => checkLinearizable(evidence).map(({ wrongCount }) => wrongCount);
const reads = (copy: Mutable<Evidence>) => ofKind(copy, 'read-stock').map(({ ending }) => ending?.answer);

describe('a sound story', () => {
  it('holds, with books and without, and was looked at', () => {
    const evidence = busy().evidence();
    expect(checkLinearizable(evidence)).toMatchObject([
      { invariant: 'I5', of: 'operations', wrongCount: 0, wrong: [] },
      { invariant: 'I5', of: 'SKUs', looked: 2, wrongCount: 0 },
    ]);
    expect(checkLinearizable(evidence)[0]?.looked).toBeGreaterThan(15);
    expect(wrongOf(planted(evidence, withoutBooks))).toEqual([0, 0]);
  });

  it('without stock was not looked at', () => {
    const story = storyOf();
    story.register('ada');
    expect(checkLinearizable(story.evidence())).toMatchObject([{ looked: 0 }, { looked: 0 }]);
  });

  it('holds when answers were lost, whatever came of them', () => {
    const story = storyOf();
    const bag = story.product('bag', { stock: 6 });
    story.place('ada', [[bag, 2]], { lost: true, key: 'k' });
    story.readStock('bag');
    story.again(story.last());
    story.receive('bag', 3, { lost: true });
    story.writeOff('bag', 1, { lost: true });
    story.settle();
    story.readStock('bag');
    const evidence = story.evidence();
    expect(wrongOf(evidence)).toEqual([0, 0]);
    expect(wrongOf(planted(evidence, withoutBooks))).toEqual([0, 0]);
  });
});

describe('what is not linearizable is found', () => {
  it.each<[string, Plant]>([
    ['a read of what never was', (copy) => void (reads(copy)[1].available += 1)],
    ['a stale read', (copy) => void (reads(copy)[1].available = reads(copy)[0].available)],
    [
      'a refusal that tells of more than there was',
      (copy) => void (answerOf(copy, 'place-order', 1).errors[0].available += 1),
    ],
    ['a refusal although there was enough', (copy) => void (answerOf(copy, 'place-order', 1).errors[0].available = 5)],
    ['a receipt that did not see an order', (copy) => void (answerOf(copy, 'receive-stock').available += 2)],
    ['a write-off that counted nothing', (copy) => void (answerOf(copy, 'write-off-stock').available += 1)],
    [
      'an order that took more than it was granted',
      (copy) => void (answerOf(copy, 'place-order').lines[0].quantity += 1),
    ],
    [
      'pieces that came back twice',
      (copy) => {
        for (const read of reads(copy).slice(3, 4)) read.available += 4;
      },
    ],
  ])('%s', (_, plant) => {
    const evidence = planted(busy().evidence(), plant);
    const [holds] = checkLinearizable(evidence);
    expect(holds?.wrongCount).toBe(1);
    expect(holds?.wrong[0]).toMatch(
      /^bag: no order of its \d+ operations explains them all: after \d+ of them, with \d+ pieces available, operation \d+ \(/,
    );
    expect(checkLinearizable(planted(evidence, withoutBooks))[0]?.wrongCount).toBe(1);
  });

  it('the same piece sold twice', () => {
    const story = storyOf();
    const bag = story.product('bag', { stock: 1 });
    const order = story.place('ada', [[bag, 1]]);
    story.again(story.last());
    story.settle();
    story.read(order, 'ada');
    const evidence = planted(story.evidence(), (copy) => {
      withoutBooks(copy);
      const [, second] = ofKind(copy, 'place-order');
      if (second !== undefined)
        Object.assign(second, { key: 'another' }).ending = {
          ...second.ending,
          answer: { ...second.ending?.answer, id: 'another' },
        } as never;
    });
    expect(checkLinearizable(evidence)[0]?.wrong).toEqual([
      expect.stringMatching(
        /^bag: .*with 0 pieces available, operation \d \(place-order by .*: \{"held":1\}\) does not fit$/,
      ),
    ]);
  });

  it('pieces of an order that ended by its journal a minute later than they were back', () => {
    const story = storyOf();
    const bag = story.product('bag', { stock: 5 });
    story.place('ada', [[bag, 2]], { declined: true });
    story.readStock('bag');
    story.settle();
    story.readStock('bag');
    const late: Plant = ({ books }) => {
      for (const entry of books.contexts.orders?.journal ?? []) if (entry.type === 'PaymentFailed') entry.at += 60_000;
    };
    expect(wrongOf(story.evidence())).toEqual([0, 0]);
    expect(wrongOf(planted(story.evidence(), late))).toEqual([1, 0]);
    // Where clocks were moved, they say nothing.
    const skew = { kind: 'clock-skew', target: 'orders-1', from: 0, to: 1, evidence: [] } as const;
    expect(wrongOf(planted(story.evidence({ faults: [skew] }), late))).toEqual([0, 0]);
  });
});

it('a search that is given up is told, and is wrong only if it shall be', () => {
  const evidence = planted(busy().evidence(), withoutBooks);
  expect(stockLinearizable({ statesMax: 1 })(evidence)).toMatchObject([
    { wrongCount: 0, partly: expect.stringContaining('1 of 2 were given up') },
    {
      looked: 1,
      wrongCount: 0,
      partly: expect.stringMatching(/^1 of 2 were given up: bag: no order of \d+ operations was found in 1 states$/),
    },
  ]);
  expect(stockLinearizable({ statesMax: 1, isUndecidedWrong: true })(evidence)).toMatchObject([
    { wrongCount: 0 },
    { wrongCount: 1, wrong: [expect.stringContaining('bag: no order')] },
  ]);
});

it('counts what was decided and what was given up, by operations and by SKUs', () => {
  const evidence = planted(busy().evidence(), withoutBooks);
  const [bag, pot] = ['bag', 'pot'].map((sku) => stockHistories(evidence).get(sku)?.length as number);
  expect(stockLinearizable({ statesMax: 1 })(evidence)).toMatchObject([
    { of: 'operations', looked: pot, unseen: bag },
    { of: 'SKUs', looked: 1, unseen: 1 },
  ]);
  // That nothing was given up is a number too: nobody need read it from a sentence that is missing.
  expect(checkLinearizable(evidence).map(({ unseen }) => unseen)).toEqual([0, 0]);
});

it('a hot SKU leaves the others their share of the states, however early it was created', () => {
  const story = storyOf();
  const [hot, cold] = [story.product('hot', { stock: 90 }), story.product('cold', { stock: 9 })];
  for (let n = 0; n < 20; n++) {
    story.place('ada', [[hot, 1]]);
    story.readStock('hot');
  }
  for (let n = 0; n < 3; n++) {
    story.place('bob', [[cold, 1]]);
    story.readStock('cold');
  }
  const evidence = planted(story.evidence(), withoutBooks);
  const histories = stockHistories(evidence);
  expect([...histories.keys()]).toEqual(['hot', 'cold']);
  const [holds, decided] = stockLinearizable({ workMax: 150 })(evidence);
  expect(decided).toMatchObject({ looked: 1, partly: expect.stringMatching(/^1 of 2 were given up: hot: /) });
  expect(holds?.looked).toBe(histories.get('cold')?.length);
  // What the one leaves of its share is there for the other.
  expect(stockLinearizable({ workMax: 2_000 })(evidence)[1]).toMatchObject({ looked: 2 });
});

it('stock that was there before the history is left out: nobody knows what it began with', () => {
  const evidence = planted(busy().evidence(), (copy) => {
    copy.history = copy.history.filter(({ kind }) => kind !== 'create-product');
  });
  expect([...stockHistories(evidence).keys()]).toEqual([]);
});
