import { describe, expect, it } from '@jest/globals';
import type { JournalEntry } from '../books/books.ts';
import type { Evidence } from './checker.ts';
import { answerOf, type Mutable, ofKind, type Plant, planted, type Story, storyOf } from './evidence.testing.ts';
import { stockHistories } from './stock-histories.ts';
import { hintsOf } from './stock-journal.ts';
import { stockLinearizable } from './stock-linearizable.ts';

/** Everything that moves pieces, some of it with answers that got lost. */
function moved(): Story {
  const story = storyOf();
  const [bag, pot] = [story.product('bag', { stock: 9 }), story.product('pot', { stock: 50 })];
  const first = story.place('ada', [
    [bag, 2],
    [pot, 1],
  ]);
  story.place('bob', [[bag, 2]], { lost: true });
  story.place('bob', [[bag, 20]]);
  story.receive('bag', 3);
  story.receive('bag', 3, { lost: true });
  story.writeOff('bag', 1);
  story.readStock('bag');
  story.settle();
  story.place('bob', [[bag, 4]], { declined: true });
  story.settle();
  story.refund(first, [{ productId: bag.id, quantity: 1 }]);
  story.settle();
  story.readStock('bag');
  story.readStock('pot');
  return story;
}

/** All at once: whatever was asked of a product took a minute longer. */
const crowded: Plant = ({ history }) => {
  for (const { kind, ending } of history) {
    if (kind !== 'create-product' && ending !== undefined) ending.endedAt += 60_000;
  }
};
const withoutBooks: Plant = ({ books }) => {
  books.orders = [];
  books.contexts = {};
};
type Journal = Mutable<JournalEntry>[];
const journalOf = ({ books }: Mutable<Evidence>): Journal => books.contexts.inventory?.journal ?? [];
/** As good as no search at all. */
const atOnce = stockLinearizable({ statesMax: 1 });

it('tells of each SKU what changed it, one after another, by what it did and for which order', () => {
  const evidence = moved().evidence();
  const histories = stockHistories(evidence);
  const hints = hintsOf(evidence.books, histories);
  const told = (sku: string) =>
    hints.get(sku)?.map((candidates) => {
      const operations = candidates.map((place) => histories.get(sku)?.[place]);
      return operations.map((one) => `${one?.operation.kind} ${JSON.stringify(one?.input)}`.slice(0, 45)).join(' or ');
    });
  expect(told('bag')).toEqual([
    'create-product {"change":{"received":9}}',
    'place-order {"change":{"held":2}}',
    'place-order {"change":{"held":2}}',
    // Both brought as many; which came first is seen by what they were answered.
    'receive-stock {"change":{"received":3},"leavi or receive-stock {"change":{"received":3}}',
    'receive-stock {"change":{"received":3},"leavi or receive-stock {"change":{"received":3}}',
    'write-off-stock {"change":{"writtenOff":1},"l',
    'place-order {"change":{"held":4}}',
    'place-order {"change":{"held":-4}}',
    'refund-order {"change":{"returned":1}}',
  ]);
  expect(told('pot')).toEqual(['create-product {"change":{"received":50}}', 'place-order {"change":{"held":1}}']);
});

describe('by the journal', () => {
  it('what happened all at once is decided, and without one it is given up', () => {
    const evidence = planted(moved().evidence(), crowded);
    expect(atOnce(evidence)).toMatchObject([
      { unseen: 0, wrongCount: 0 },
      { looked: 2, unseen: 0 },
    ]);
    expect(atOnce(planted(evidence, withoutBooks))[1]).toMatchObject({ looked: 0, unseen: 2 });
  });

  it.each<[string, Plant]>([
    ['in another order in the file', (copy) => rewrite(copy, (journal) => journal.toReversed())],
    ['of clocks that went back', (copy) => journalOf(copy).forEach((entry) => (entry.at = -entry.at))],
    ['with an order of which nobody knows', (copy) => rewrite(copy, (journal) => [...journal, strange])],
  ])('%s as well', (_, plant) => {
    expect(atOnce(planted(moved().evidence(), plant))[1]).toMatchObject({ looked: 2, unseen: 0 });
  });

  it('of what comes back before it was taken nothing follows, and a search finds it', () => {
    const evidence = planted(moved().evidence(), backwards);
    expect(atOnce(evidence)[1]).toMatchObject({ looked: 0, unseen: 2 });
    expect(stockLinearizable({})(evidence)).toMatchObject([{ wrongCount: 0 }, { looked: 2, unseen: 0 }]);
  });
});

const strange = {
  id: 'main',
  version: 9_999,
  index: 0,
  type: 'Reserved',
  data: { orderId: 'strange', lines: [{ sku: 'bag', productId: 'bag', quantity: 2 }] },
  commandId: 'strange',
  at: 0,
};
const backwards: Plant = (copy) => journalOf(copy).forEach((entry) => (entry.version = -entry.version));

describe('what is wrong is found beside the journal', () => {
  const plants: readonly (readonly [string, Plant])[] = [
    ['a read that shows a piece too many', (copy) => void (answerOf(copy, 'read-stock').available += 1)],
    [
      'a refusal that tells the wrong number',
      (copy) => void (answerOf(copy, 'place-order', 2).errors[0].available -= 1),
    ],
    ['an order granted beyond what there was', (copy) => sell(copy, 20)],
    ['an order that gave nothing back', (copy) => void (answerOf(copy, 'read-stock', 1).available -= 4)],
  ];
  const journals: readonly (readonly [string, Plant])[] = [
    ['as it was', () => undefined],
    ['backwards', backwards],
    ['without what came in', (copy) => rewrite(copy, (journal) => journal.filter(({ type }) => type !== 'Received'))],
    [
      'without what was given back',
      (copy) => rewrite(copy, (journal) => journal.filter(({ type }) => type !== 'Released')),
    ],
    ['with all of it twice', (copy) => rewrite(copy, (journal) => [...journal, ...journal])],
  ];
  it.each(plants.flatMap(([wrong, plant]) => journals.map(([how, lie]) => [wrong, how, plant, lie] as const)))(
    '%s, the journal %s',
    (_, __, plant, lie) => {
      const evidence = planted(planted(moved().evidence(), plant), lie);
      expect(stockLinearizable({})(evidence)).toMatchObject([{ wrongCount: 1 }, { looked: 2, unseen: 0 }]);
    },
  );

  it('or, where no search comes to an end, as what does not fit the journal', () => {
    const evidence = planted(planted(moved().evidence(), crowded), (copy) => sell(copy, 20));
    expect(atOnce(evidence)[1]).toMatchObject({ wrongCount: 1, wrong: [expect.stringMatching(/^bag: no order of /)] });
    expect(atOnce(evidence)[1]?.partly).toMatch(
      /^1 of 2 were given up: bag: no order of \d+ operations was found in 1 states, and that of the journal is none: after \d+ of them, with \d+ pieces available, operation \d+ \(.*\) does not fit$/,
    );
  });
});

/** The first order is granted as many of its first line, as the journal tells it too. */
function sell(copy: Mutable<Evidence>, quantity: number): void {
  const order = ofKind(copy, 'place-order')[0]?.ending?.answer;
  order.lines[0].quantity = quantity;
  for (const { type, data } of journalOf(copy))
    if (type === 'Reserved' && data.orderId === order.id) data.lines[0].quantity = quantity;
}

function rewrite({ books }: Mutable<Evidence>, change: (journal: Journal) => Journal): void {
  const { inventory } = books.contexts;
  if (inventory !== undefined) inventory.journal = change(inventory.journal);
}
