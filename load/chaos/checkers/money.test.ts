// What the provider holds is what customers owe: captured once per order, given back no more than once, nothing left over.

import { expect, it } from '@jest/globals';
import type { Evidence } from './checker.ts';
import { type Mutable, type Plant, planted, storyOf, wrongs } from './evidence.testing.ts';
import { checkMoney } from './money.ts';

function aStory() {
  const story = storyOf();
  const [pot, yen] = [story.product('pot'), story.product('fan', { price: '100', currency: 'JPY' })];
  const gift = story.product('gift', { price: '0' });
  const paid = story.place('ada', [[pot, 4]]);
  story.settle();
  story.ship(paid);
  story.refund(paid, [{ productId: pot.id, quantity: 1 }]);
  story.place('bob', [[yen, 2]]);
  story.place('bob', [[gift, 1]]);
  story.place('eve', [[pot, 1]], { declined: true });
  const cancelled = story.place('eve', [[pot, 1]]);
  story.cancel(cancelled, 'eve');
  const refunded = story.place('eve', [[pot, 1]]);
  story.settle();
  story.cancel(refunded, 'eve');
  story.settle();
  return planted(story.evidence(), ({ books }) => {
    const money = [
      { currency: 'GBP', held: 1_000, owed: 750, inFlight: 250 },
      { currency: 'JPY', held: 0, owed: 200, inFlight: -200 },
    ];
    books.samples.push({ at: 5, balances: [], money, outboxLag: {} });
  });
}

it('finds nothing wrong with what is right', () => {
  const findings = checkMoney(aStory());
  expect(wrongs(findings)).toEqual([]);
  expect(findings.map(({ invariant, looked }) => [invariant, looked])).toEqual([
    ['I3', 3],
    ['I4', 10],
    ['I7', 11],
    ['I7', 2],
    ['I7', 2],
    ['I7', 2],
  ]);
});

it('accepts money that came too late and went back: its order stays as it ended', () => {
  const story = storyOf();
  const order = story.place('ada', [[story.product(), 1]]);
  story.settle();
  const late = planted(story.evidence(), ({ books }) => {
    const [{ state }, { state: payment }] = [books.orders[0] as never, books.payments[0] as never] as Mutable<
      [Evidence['books']['orders'][0], Evidence['books']['payments'][0]]
    >;
    state.status = 'EXPIRED';
    payment.refunds[`${order}/void`] = { amount: 250, confirmed: true };
    const amount = { amount: '2.50', currency: 'GBP' };
    books.ledger.refunds.push({ id: 're_1', refundId: `${order}/void`, paymentId: `pay_${order}`, amount, at: 1 });
    books.contexts = {};
  });
  expect(wrongs(checkMoney(late))).toEqual([]);
});

type Copy = Mutable<Evidence>;
const ledger = ({ books }: Copy) => books.ledger;
const order = ({ books }: Copy, status: string) =>
  (books.orders.find(({ state }) => state.status === status) as Copy['books']['orders'][0]).state;

it.each<readonly [string, Plant, RegExp]>([
  [
    'an order is charged twice',
    (copy) =>
      void ledger(copy).charges.push({
        ...(ledger(copy).charges[0] as never as object),
        id: 'ch_9',
        paymentId: 'pay_9',
      } as never),
    /I3: order \S+ was captured 2 times \(ch_1: 10.00 GBP, ch_9: 10.00 GBP\)/,
  ],
  [
    'a charge is under another payment',
    (copy) => void Object.assign(ledger(copy).charges[0] as object, { paymentId: 'pay_9' }),
    /I3: order \S+ was captured \(ch_1\) under pay_9, its payment is pay_\S+/,
  ],
  [
    'another amount is charged',
    (copy) => void Object.assign(ledger(copy).charges[0]?.amount as object, { amount: '10.01' }),
    /I3: order \S+ costs 10.00 GBP, captured \(ch_1\) were 10.01 GBP/,
  ],
  [
    'another currency is charged',
    (copy) => void Object.assign(ledger(copy).charges[0]?.amount as object, { currency: 'EUR' }),
    /I3: order \S+ costs 10.00 GBP, captured \(ch_1\) were 10.00 EUR/,
  ],
  [
    'a charge is for no order',
    (copy) => void Object.assign(ledger(copy).charges[0] as object, { orderId: 'o-9' }),
    /I4: charge ch_1 of 10.00 GBP is for no order: o-9/,
  ],
  [
    'a paid order was not charged',
    (copy) => void ledger(copy).charges.shift(),
    /I4: order \S+ of 10.00 GBP is SHIPPED, was paid, and nothing was captured/,
  ],
  [
    'a refunded order was not charged',
    (copy) => void (ledger(copy).charges.pop(), ledger(copy).refunds.pop()),
    /I4: order \S+ of 2.50 GBP is REFUNDED, was paid, and nothing was captured/,
  ],
  [
    'a gift was charged',
    (copy) => void (order(copy, 'PAID').total = 0),
    /I4: order \S+ costs nothing, but there is a charge ch_\d for it/,
  ],
  [
    'money of a cancelled order is kept',
    (copy) => void (order(copy, 'SHIPPED').status = 'CANCELLED'),
    /I7: order \S+ is CANCELLED and owes 0.00 GBP, the provider holds 7.50 GBP/,
  ],
  [
    'a refund was never made',
    (copy) => void ledger(copy).refunds.shift(),
    /I7: order \S+ is SHIPPED and owes 7.50 GBP, the provider holds 10.00 GBP[^]*I7: 10.00 GBP are held at the provider, 7.50 GBP are owed/,
  ],
  [
    'a refund was made twice',
    (copy) => void ledger(copy).refunds.push(...ledger(copy).refunds),
    /I7: payment \S+ gave back 5.00 GBP of 2.50 GBP[^]*was given back twice/,
  ],
  [
    'nobody asked for a refund',
    (copy) => void (order(copy, 'SHIPPED').refunds = {}),
    /I7: nobody asked for refund \S+ of 2.50 GBP/,
  ],
  [
    'a refund is of another amount',
    (copy) => void Object.assign(ledger(copy).refunds[0]?.amount as object, { amount: '2.49' }),
    /I7: refund \S+ is worth 2.50 GBP, given back were 2.49/,
  ],
  [
    'a payment is not final',
    ({ books }) => void Object.assign(books.payments[0]?.state as object, { status: 'STARTED' }),
    /I7: 10.00 GBP are still in flight: pay_\S+ is STARTED/,
  ],
  [
    'a refund is not confirmed',
    (copy) => Object.values(order(copy, 'SHIPPED').refunds).forEach((refund) => (refund.confirmed = false)),
    /I7: 2.50 GBP are still in flight: refund \S+/,
  ],
  [
    'the payment says otherwise',
    ({ books }) => void Object.assign(books.payments[0]?.state as object, { captured: 0 }),
    /I7: payment pay_\S+ says that 0.00 GBP were captured, the provider says 10.00 GBP/,
  ],
  [
    'more is missing than is in flight',
    ({ books }) => void Object.assign(books.samples[0]?.money[0] as object, { held: 500 }),
    /I7: at 1970\S+ 5.00 GBP were held, 7.50 GBP owed and 2.50 GBP in flight/,
  ],
])('sees that %s', (_, plant, sentence) => {
  expect(wrongs(checkMoney(planted(aStory(), plant))).join('\n')).toMatch(sentence);
});
