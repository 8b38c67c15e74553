// Pieces are counted in five ways, and all must agree: balances, their rules, movements, orders, and what clients know.

import { expect, it } from '@jest/globals';
import type { SkuRow } from '../../../actors/stock.ts';
import type { Evidence } from './checker.ts';
import { answerOf, type Mutable, ofKind, type Plant, planted, storyOf, wrongs } from './evidence.testing.ts';
import { checkStock } from './stock.ts';

function aStory() {
  const story = storyOf();
  const [pot, can] = [story.product('pot', { stock: 10 }), story.product('can', { stock: 5 })];
  story.receive('pot', 5, { key: 'r-1' });
  story.writeOff('pot', 2, { key: 'w-1' });
  const order = story.place('ada', [
    [pot, 4],
    [can, 1],
  ]);
  story.sample();
  story.settle();
  story.refund(order, [{ productId: pot.id, quantity: 1 }]);
  story.place('bob', [[can, 2]], { declined: true });
  story.place('eve', [[can, 9]]);
  story.settle();
  story.place('eve', [[pot, 1]]);
  return story.evidence();
}

it('finds nothing wrong with what is right', () => {
  const findings = checkStock(aStory());
  expect(wrongs(findings)).toEqual([]);
  expect(findings.map(({ invariant, of, looked }) => `${invariant} ${looked} ${of}`)).toEqual([
    'I5 6 balances',
    'I6 6 balances',
    'I5 11 movements',
    'I6 2 SKUs',
    'I6 2 SKUs',
    'I6 2 SKUs',
    'I6 2 SKUs',
  ]);
});

it('does not know what came of lost answers, and takes either', () => {
  const story = storyOf();
  const pot = story.product('pot');
  story.receive('pot', 5, { lost: true });
  story.writeOff('pot', 1, { lost: true });
  story.place('ada', [[pot, 1]], { lost: true });
  const did = story.evidence();
  expect(wrongs(checkStock(did))).toEqual([]);
  const didNot = planted(storyOf().evidence(), ({ history, products }) => {
    history.push(...(structuredClone(did.history.slice(1)) as Mutable<Evidence>['history']));
    products.push(...structuredClone([...did.products]));
  });
  expect(wrongs(checkStock(didNot))).toEqual([]);
});

it('counts a wish once, however often it was tried, also with another body that was refused', () => {
  const story = storyOf();
  story.product('pot');
  story.receive('pot', 5, { key: 'r-1' });
  story.again(story.last());
  const other = { ...story.last(), body: { quantity: 7 }, skus: [{ sku: 'pot', quantity: 7 }] };
  story.again(other, { outcome: 'fail', status: 422, answer: { code: 'idempotency-key-reused' } });
  expect(wrongs(checkStock(story.evidence()))).toEqual([]);
});

it('takes SKUs that the run did not make as it finds them', () => {
  const before = planted(aStory(), ({ books, products, history }) => {
    const { inventory } = books.contexts;
    if (inventory !== undefined) inventory.journal = inventory.journal.slice(3);
    products.length = 0;
    history.length = 0;
  });
  const findings = checkStock(before);
  expect(wrongs(findings)).toEqual([]);
  expect(findings.filter(({ looked }) => looked > 0).map(({ of }) => of)).toEqual([
    'balances',
    'balances',
    'movements',
  ]);
});

const row = ({ books }: Mutable<Evidence>, key = 'sku:pot') =>
  books.stock.find((found) => found.key === key)?.row as Mutable<SkuRow>;
const inventory = ({ books }: Mutable<Evidence>) =>
  books.contexts.inventory as NonNullable<typeof books.contexts.inventory>;
const movement = ({ books }: Mutable<Evidence>, type: string) =>
  books.contexts.inventory?.journal.find((entry) => entry.type === type)?.data;

it.each<readonly [string, Plant, RegExp]>([
  ['more is reserved than is there', (copy) => void (row(copy).reserved = 20), /I5: pot: 20 are reserved, 10 on hand/],
  ['a balance is below zero', (copy) => void (row(copy).onHand = -1), /I5: pot: onHand is -1/],
  ['more is sold than came', (copy) => void Object.assign(row(copy), { sold: 17 }), /I5: pot: 17 are sold, 16 came in/],
  [
    'a sample is oversold',
    ({ books }) => void Object.assign(books.samples[0]?.balances[0] as object, { reserved: 14 }),
    /I5: pot at 2026-\S+: 14 are reserved, 13 on hand/,
  ],
  [
    'a client is shown more than there is',
    (copy) => void (answerOf(copy, 'receive-stock').available = 16),
    /I5: pot in operation 3: 16 are available of 15 less 0/,
  ],
  [
    'a client is shown too few',
    (copy) => void (answerOf(copy, 'write-off-stock').onHand = 12),
    /I6: pot in operation 4: 15 came in, 14 are there or went out/,
  ],
  [
    'a piece vanishes',
    (copy) => void (row(copy).onHand -= 1),
    /I6: pot: 16 came in, 15 are there or went out[^]*I6: pot: onHand is 9, by its movements 10/,
  ],
  [
    'it was oversold in between',
    ({ books }) =>
      books.contexts.inventory?.journal
        .sort((a, b) => Number(a.type === 'Received') - Number(b.type === 'Received'))
        .forEach((entry, i) => (entry.version = i + 1)),
    /I5: pot after version 1 of main \(WrittenOff\): /,
  ],
  [
    'a movement is not in the balances',
    (copy) => void (movement(copy, 'Received').quantity = 11),
    /I6: pot: received is 15, by its movements 16; onHand is 10, by its movements 11/,
  ],
  [
    'a SKU has no balances',
    ({ books }) => void (books.stock = books.stock.filter(({ key }) => key !== 'sku:pot')),
    /I6: pot was moved in main, but has no balances there/,
  ],
  [
    'an order was refused for nothing',
    (copy) => void Object.assign(movement(copy, 'Rejected').shortages[0], { available: 1 }),
    /I5: can at version \d+ of main \(Rejected \S+\): 9 were refused because of 1 available, there were 2/,
  ],
  [
    'a reservation leaks',
    ({ books }) => books.stock.forEach(({ row: its }) => its.kind === 'reservation' && (its.lines = [])),
    /I6: pot: 1 are reserved, reservations hold 0/,
  ],
  [
    'an order was paid that took nothing',
    ({ books }) => books.orders.forEach(({ state }) => (state.status = 'PAID')),
    /I6: pot: sold is 4, by the orders 5/,
  ],
  [
    'pieces of a refund did not come back',
    ({ books }) =>
      books.orders.forEach(({ state }) => Object.values(state.refunds).forEach((refund) => (refund.lines = []))),
    /I6: pot: returned is 1, by the orders 0/,
  ],
  [
    'a delivery was counted twice',
    (copy) => ofKind(copy, 'receive-stock').forEach((operation) => (operation.skus = [{ sku: 'pot', quantity: 2 }])),
    /I6: pot: 15 pieces are received, clients were told 12/,
  ],
  [
    'a write-off was lost',
    (copy) => void (row(copy).writtenOff = 0),
    /I6: pot: 0 pieces are written off, clients were told 2/,
  ],
  [
    'an order was reserved twice',
    ({ books }) =>
      books.contexts.inventory?.journal
        .filter(({ type }) => type === 'Reserved')
        .forEach((entry) => entry.data.lines.push(...structuredClone(entry.data.lines))),
    /I6: pot: 10 pieces are ever reserved, clients were told 5/,
  ],
  [
    'an order that was granted held nothing',
    (copy) => void (inventory(copy).journal = inventory(copy).journal.filter(({ type }) => type !== 'Reserved')),
    /I6: pot: 0 pieces are ever reserved, clients were told 5/,
  ],
])('sees that %s', (_, plant, sentence) => {
  expect(wrongs(checkStock(planted(aStory(), plant))).join('\n')).toMatch(sentence);
});
