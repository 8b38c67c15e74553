// Where the money is at one moment: held = owed + in flight, whatever is going on, and not if anything is wrong.

import { expect, it } from '@jest/globals';
import type { Order, OrderStatus } from '../../../actors/order-messages.ts';
import type { Payment, PaymentStatus } from '../../../actors/payment.ts';
import type { LedgerPart } from './provider.ts';
import { type Account, accountOf, createHeld, sumUp } from './money.ts';

const order = (status: OrderStatus, more: Partial<Order> = {}): Order => ({
  status,
  email: 'a@people.example',
  currency: 'GBP',
  lines: [],
  exactTotal: 50_000,
  total: 500,
  refunded: 0,
  reserved: [],
  shortages: [],
  refunds: {},
  deadline: 0,
  createdAt: 0,
  updatedAt: 0,
  ...more,
});
const payment = (status: PaymentStatus, more: Partial<Payment> = {}): Payment => {
  return { status, orderId: 'o', captured: status === 'SUCCEEDED' ? 500 : 0, refunds: {}, ...more };
};
const refund = (confirmed: boolean) => ({ lines: [], amount: 200, restock: false, confirmed });

const charge = (orderId: string, amount = '5.00', currency = 'GBP'): LedgerPart['charges'][number] => {
  const facts = { status: 'succeeded', reason: null, at: 0, readyAt: 0 } as const;
  return { id: 'ch_1', paymentId: `pay_${orderId}`, orderId, amount: { amount, currency }, ...facts };
};
const givenBack = (orderId: string, amount: string): LedgerPart['refunds'][number] => {
  return { id: 're_1', refundId: 'r', paymentId: `pay_${orderId}`, amount: { amount, currency: 'GBP' }, at: 0 };
};

/** The sums of one order, its payment, and what the provider's book says of it before the snapshot. */
function sums(
  account: Account,
  { charges = [], refunds = [] }: Partial<LedgerPart> = {},
  touched: readonly string[] = [],
) {
  const held = createHeld();
  held.take({ charges, refunds });
  const [sum] = sumUp(new Map([['o', account]]), held.of, new Set(touched));
  return { ...sum, isBalanced: sum !== undefined && sum.held === sum.owed + sum.inFlight };
}

it.each<[string, Order, Payment | undefined, Partial<LedgerPart>, object]>([
  [
    'a paid order',
    order('PAID'),
    payment('SUCCEEDED'),
    { charges: [charge('o')] },
    { held: 500, owed: 500, inFlight: 0 },
  ],
  ['an order without a payment yet', order('AWAITING_STOCK'), undefined, {}, { held: 0, owed: 0, inFlight: 0 }],
  [
    'a charge that nobody has heard of',
    order('AWAITING_PAYMENT'),
    payment('STARTED'),
    { charges: [charge('o')] },
    { held: 500, owed: 0, inFlight: 500 },
  ],
  [
    'a refund that the provider has made and the order does not know',
    order('SHIPPED', { refunds: { r: refund(false) } }),
    payment('SUCCEEDED', { refunds: { r: { amount: 200, confirmed: true } } }),
    { charges: [charge('o')], refunds: [givenBack('o', '2.00')] },
    { held: 300, owed: 500, inFlight: -200 },
  ],
  [
    'a refund that all know',
    order('SHIPPED', { refunded: 200, refunds: { r: refund(true) } }),
    payment('SUCCEEDED', { refunds: { r: { amount: 200, confirmed: true } } }),
    { charges: [charge('o')], refunds: [givenBack('o', '2.00')] },
    { held: 300, owed: 300, inFlight: 0 },
  ],
  [
    'money for an order that has ended, which the payment has not been told',
    order('CANCELLED'),
    payment('SUCCEEDED'),
    { charges: [charge('o')] },
    { held: 500, owed: 0, inFlight: 500 },
  ],
  [
    'money for an order that has ended, given back',
    order('EXPIRED'),
    payment('SUCCEEDED', { refunds: { r: { amount: 500, confirmed: true } } }),
    { charges: [charge('o')], refunds: [givenBack('o', '5.00')] },
    { held: 0, owed: 0, inFlight: 0 },
  ],
])('knows %s', (_, state, paid, ledger, expected) => {
  expect(sums(accountOf(state, paid), ledger)).toEqual({ currency: 'GBP', ...expected, isBalanced: true });
});

it.each<[string, Order, Payment | undefined, Partial<LedgerPart>]>([
  ['a paid order that was charged twice', order('PAID'), payment('SUCCEEDED'), { charges: [charge('o'), charge('o')] }],
  ['a paid order that nobody charged', order('PAID'), payment('SUCCEEDED'), {}],
  ['a penny too much', order('DELIVERED'), payment('SUCCEEDED'), { charges: [charge('o', '5.01')] }],
  ['money kept of an order that failed', order('PAYMENT_FAILED'), payment('FAILED'), { charges: [charge('o')] }],
  ['money of an order that is not there', order('PAID'), payment('SUCCEEDED'), { charges: [charge('o'), charge('x')] }],
  [
    'more given back than anybody asked for',
    order('PAID'),
    payment('SUCCEEDED'),
    { charges: [charge('o')], refunds: [givenBack('o', '1.00')] },
  ],
])('does not balance with %s', (_, state, paid, ledger) => {
  expect(sums(accountOf(state, paid), ledger)).toMatchObject({ isBalanced: false });
});

it('takes an order for in flight that the provider was at work on meanwhile', () => {
  const paid = accountOf(order('PAID'), payment('SUCCEEDED'));
  expect(sums(paid, {}, ['o'])).toMatchObject({ held: 0, owed: 500, inFlight: -500, isBalanced: true });
});

it('counts currencies apart, each in its own minor units', () => {
  const held = createHeld();
  held.take({ charges: [charge('a', '500', 'JPY'), charge('b', '5.000', 'KWD')], refunds: [] });
  expect(
    held.take({
      charges: [charge('c')],
      refunds: [{ ...givenBack('a', '1'), amount: { amount: '1', currency: 'JPY' } }, givenBack('unknown', '1.00')],
    }),
  ).toEqual(new Set(['c', 'a']));
  expect([...held.of].map(([id, { minor }]) => [id, minor])).toEqual([
    ['a', 499],
    ['b', 5_000],
    ['c', 500],
  ]);
  expect(sumUp(new Map(), held.of, new Set()).map(({ currency, held: sum }) => [currency, sum])).toEqual([
    ['GBP', 500],
    ['JPY', 499],
    ['KWD', 5_000],
  ]);
});
