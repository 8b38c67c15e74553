// Histories follow their transition tables to where things are, and clients see nothing but the way.

import { expect, it } from '@jest/globals';
import type { Evidence } from './checker.ts';
import { answerOf, type Mutable, type Plant, planted, storyOf, wrongs } from './evidence.testing.ts';
import { checkPaths } from './paths.ts';

function aStory() {
  const story = storyOf();
  const pot = story.product('pot', { stock: 20 });
  const order = story.place('ada', [[pot, 2]], { key: 'k' });
  const placed = story.last();
  story.read(order, 'ada');
  story.settle();
  story.read(order, 'ada');
  story.again(placed);
  story.ship(order);
  story.list('ada');
  // A repeat under another key decides to nothing, and is a version all the same.
  story.ship(order);
  story.deliver(order);
  story.refund(order);
  story.settle();
  story.read(order, 'staff');
  const cancelled = story.place('bob', [[pot, 1]]);
  story.cancel(cancelled, 'bob');
  story.settle();
  return story.evidence();
}

it('finds nothing wrong with what is right', () => {
  const findings = checkPaths(aStory());
  expect(wrongs(findings)).toEqual([]);
  expect(findings.map(({ of, looked }) => `${looked} ${of}`)).toEqual([
    '2 orders',
    '2 payments',
    '2 reservations',
    '12 sights of orders',
  ]);
});

it('leaves reservations of older orders alone, and judges no gaps without an inbox', () => {
  const evidence = planted(aStory(), ({ books }) => {
    const { inventory, orders } = books.contexts;
    if (inventory !== undefined)
      inventory.journal.unshift({
        ...inventory.journal[0],
        version: 0,
        type: 'Committed',
        data: { orderId: 'o-0', lines: [] },
      } as never);
    if (orders !== undefined) orders.inbox = [];
  });
  expect(wrongs(checkPaths(evidence))).toEqual([]);
});

it('says that there was nothing to look at', () => {
  const findings = checkPaths(planted(aStory(), ({ books }) => void (books.contexts = {})));
  expect(wrongs(findings)).toEqual([]);
  expect(findings.every(({ looked }) => looked === 0)).toBe(true);
});

const journal = ({ books }: Mutable<Evidence>, context: 'orders' | 'inventory' | 'payments' = 'orders') =>
  books.contexts[context]?.journal ?? [];
const entry = (copy: Mutable<Evidence>, type: string, context?: 'orders' | 'inventory' | 'payments') =>
  journal(copy, context).find((found) => found.type === type) as Mutable<
    NonNullable<Evidence['books']['contexts']['orders']>['journal'][0]
  >;

it.each<readonly [string, Plant, RegExp]>([
  [
    'an event is impossible',
    (copy) => void (entry(copy, 'Paid').type = 'Delivered'),
    /I11: orders \S+ had the event Delivered at version 3, when it was AWAITING_PAYMENT/,
  ],
  [
    'an event is missing',
    ({ books }) => void (books.contexts.orders as { journal: unknown[] }).journal.splice(1, 1),
    /I11: orders \S+ had the event Paid at version 3, when it was AWAITING_STOCK/,
  ],
  [
    'an event is of another command',
    (copy) => void (entry(copy, 'Paid').commandId = 'x'),
    /I11: orders \S+ has the event Paid at version 3 by x, by the inbox \S+ made it/,
  ],
  [
    'events are numbered wrong',
    (copy) => void (entry(copy, 'Reserved', 'inventory').index = 1),
    /I11: partition main has the event Reserved at 2\.1, where 2\.0 is next/,
  ],
  [
    'a version is missing',
    ({ books }) => void (books.contexts.orders as { inbox: unknown[] }).inbox.splice(4, 1),
    /I11: orders \S+: its history has no version 5 of \d/,
  ],
  [
    'the state is behind',
    ({ books }) => void ((books.orders[0] as { version: number }).version = 2),
    /I11: orders \S+: is at version 2, its history at \d/,
  ],
  [
    'the state is another',
    ({ books }) => void Object.assign(books.orders[0]?.state as object, { refunded: 1 }),
    /I11: orders \S+ has refunded 1, by its history 500/,
  ],
  [
    'an order is not stored',
    ({ books }) => void books.orders.pop(),
    /I11: orders \S+ has a history, and is not stored/,
  ],
  [
    'a payment skips its start',
    (copy) => void (entry(copy, 'ChargeStarted', 'payments').type = 'Succeeded'),
    /I11: payments pay_\S+ had the event Succeeded at version 2, when it was NEW/,
  ],
  [
    'a payment is captured by nobody',
    ({ books }) => void Object.assign(books.payments[0]?.state as object, { captured: 7 }),
    /I11: payments pay_\S+ has captured 7, by its history 500/,
  ],
  [
    'a reservation is released twice',
    (copy) => void journal(copy, 'inventory').push({ ...entry(copy, 'Released', 'inventory'), version: 6 }),
    /I11: reservation of \S+ had the event Released at version 6, when it was released/,
  ],
  [
    'a reservation is another',
    ({ books }) => books.stock.forEach(({ row }) => row.kind === 'reservation' && (row.status = 'reserved')),
    /I11: reservation of \S+ is reserved, by its history committed/,
  ],
  [
    'a reservation is gone',
    ({ books }) => void (books.stock = books.stock.filter(({ row }) => row.kind !== 'reservation')),
    /I11: reservation of \S+ is not there, by its history committed/,
  ],
  [
    'stock has a gap',
    ({ books: { contexts } }) => {
      const { inventory } = contexts as { inventory: { journal: { version: number }[]; inbox: { version: number }[] } };
      inventory.journal = inventory.journal.filter(({ version }) => version !== 4);
      inventory.inbox = inventory.inbox.filter(({ version }) => version !== 4);
    },
    /I11: partition main: its history has no version 4 of \d/,
  ],
  [
    'a client sees what never was',
    (copy) => void (answerOf(copy, 'list-orders').items[0].status = 'EXPIRED'),
    /I11: order \S+ was shown as EXPIRED \(operation \d+\), which it never was/,
  ],
  [
    'a read goes back',
    (copy) => void (answerOf(copy, 'list-orders').items[0].status = 'PAID'),
    /I11: order \S+ was shown as PAID \(operation 8\) after it was shown as SHIPPED \(operation 7\)/,
  ],
  [
    'a read shows another version than it says',
    (copy) => void (answerOf(copy, 'read-order', 1).status = 'AWAITING_PAYMENT'),
    /I11: order \S+ was shown as AWAITING_PAYMENT at version 3 \(operation 5\), where it was PAID/,
  ],
  [
    'a status is shown too early',
    (copy) => void (answerOf(copy, 'read-order').status = 'PAID'),
    /I11: order \S+ was shown as PAID at version 2 \(operation 4\), where it was AWAITING_PAYMENT/,
  ],
])('sees that %s', (_, plant, sentence) => {
  expect(wrongs(checkPaths(planted(aStory(), plant))).join('\n')).toMatch(sentence);
});
