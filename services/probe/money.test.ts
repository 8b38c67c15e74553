// Three sides of one payment: whole, on its way, and wrong.
import { describe, expect, it } from '@jest/globals';
import { judge, type OrderFacts, type PaymentFacts, type Sides, weigh } from './money.ts';
import { lastOf } from './money-inspector.ts';
import { disordered } from './outbox-inspector.ts';

const GRACES = { settledMs: 5_000, effectMs: 30_000 };
const gbp = (amount: string, currency = 'GBP') => ({ amount, currency });
const order = (more: Partial<OrderFacts> = {}): OrderFacts => ({
  id: 'o1',
  version: 4,
  status: 'PAID',
  currency: 'GBP',
  total: 500,
  refunded: 0,
  refunding: false,
  ...more,
});
const payment = (more: Partial<PaymentFacts> = {}): PaymentFacts => ({
  version: 3,
  status: 'SUCCEEDED',
  asked: true,
  refunds: {},
  ...more,
});
const capture = (amount = '5.00', more: Partial<Sides['charges'][number]> = {}) => ({
  seq: 1,
  paymentId: 'pay_o1',
  orderId: 'o1',
  amount: gbp(amount),
  status: 'succeeded',
  ...more,
});
const refund = (refundId: string, amount: string) => ({ seq: 1, refundId, paymentId: 'pay_o1', amount: gbp(amount) });
const sides = (more: Partial<Sides> = {}): Sides => ({
  paymentId: 'pay_o1',
  order: order(),
  payment: payment(),
  charges: [capture()],
  refunds: [],
  ...more,
});
const found = (more: Partial<Sides>, unsent = false) =>
  judge(sides(more), GRACES, unsent).map(({ invariant, rule }) => `${invariant} ${rule}`);
const back = { 'o1/a': { amount: 200, confirmed: true } };

describe('nothing is wrong with', () => {
  it.each<[string, Partial<Sides>]>([
    ['a paid order', {}],
    [
      'a declined one',
      {
        order: order({ status: 'PAYMENT_FAILED' }),
        payment: payment({ status: 'FAILED' }),
        charges: [capture('5.00', { status: 'declined' })],
      },
    ],
    ['one that costs nothing', { order: order({ total: 0 }), payment: undefined, charges: [] }],
    [
      'one whose part was given back',
      { order: order({ refunded: 200 }), payment: payment({ refunds: back }), refunds: [refund('o1/a', '2.00')] },
    ],
    [
      'one that was given back whole',
      {
        order: order({ status: 'REFUNDED', refunded: 500 }),
        payment: payment({ refunds: { r: { amount: 500, confirmed: true } } }),
        refunds: [refund('r', '5.00')],
      },
    ],
    [
      'one that was cancelled before it was charged',
      { order: order({ status: 'CANCELLED' }), payment: payment({ status: 'VOIDED' }), charges: [] },
    ],
    [
      'another currency',
      { order: order({ total: 101, currency: 'JPY' }), charges: [capture('101', { amount: gbp('101', 'JPY') })] },
    ],
  ])('%s', (_, more) => {
    expect(found(more)).toEqual([]);
    expect(weigh(sides(more))?.settled).toBe(true);
  });
});

describe('money on its way is not weighed', () => {
  it.each<[string, Partial<Sides>]>([
    [
      'captured, the order does not know it',
      { order: order({ status: 'AWAITING_PAYMENT' }), payment: payment({ status: 'STARTED' }) },
    ],
    [
      'given back, the order does not know it',
      {
        order: order({ refunding: true }),
        payment: payment({ refunds: { 'o1/a': { amount: 200, confirmed: true } } }),
        refunds: [refund('o1/a', '2.00')],
      },
    ],
    [
      'captured late, and on its way back',
      {
        order: order({ status: 'EXPIRED' }),
        payment: payment({ refunds: { 'o1/void': { amount: 500, confirmed: false } } }),
      },
    ],
    [
      'nobody knows whether it was captured',
      { order: order({ status: 'CANCELLED' }), payment: payment({ status: 'VOIDING' }) },
    ],
  ])('%s', (_, more) => {
    expect(found(more)).toEqual([]);
    expect(weigh(sides(more))?.settled).toBe(false);
  });

  it('an order that ended, as long as the word of it waits to leave', () => {
    const ended = { order: order({ status: 'CANCELLED' }) };
    expect(found(ended)).toEqual(['I7 held']);
    expect(found(ended, true)).toEqual([]);
  });
});

describe('it is wrong', () => {
  it.each<[string, Partial<Sides>, readonly string[]]>([
    ['to capture twice', { charges: [capture(), capture('5.00', { seq: 2 })] }, ['I3 twice', 'I7 held']],
    ['to capture another amount', { charges: [capture('5.01')] }, ['I3 amount', 'I7 held']],
    ['to capture another currency', { charges: [capture('5.00', { amount: gbp('5.00', 'EUR') })] }, ['I3 amount']],
    ['to capture an amount that is none', { charges: [capture('five')] }, ['I3 amount', 'I7 held']],
    [
      'to capture under another id',
      { paymentId: 'pay_x', charges: [capture('5.00', { paymentId: 'pay_x' })] },
      ['I3 other id'],
    ],
    ['to capture for nobody', { order: undefined, payment: undefined }, ['I4 no order']],
    ['to capture what costs nothing', { order: order({ total: 0 }) }, ['I4 costs nothing', 'I7 held']],
    ['to call an order paid for which nothing was captured', { charges: [] }, ['I4 no charge', 'I7 held']],
    ['to keep the money of an order that has ended', { order: order({ status: 'EXPIRED' }) }, ['I7 held']],
    [
      'to give back what nobody asked for',
      { refunds: [refund('__proto__', '1.00')] },
      ['I7 refund __proto__', 'I7 held'],
    ],
    [
      'to give back more than was captured',
      {
        order: order({ refunded: 200 }),
        payment: payment({ refunds: back }),
        refunds: [refund('o1/a', '2.00'), refund('o1/b', '9.00')],
      },
      ['I7 refund o1/b', 'I7 over', 'I7 held'],
    ],
    [
      'to lose a wish',
      { order: order({ status: 'AWAITING_PAYMENT' }), payment: payment({ status: 'NEW', asked: false }), charges: [] },
      ['I8 wish'],
    ],
    [
      'to lose an outcome',
      { order: order({ status: 'AWAITING_PAYMENT' }), payment: payment({ status: 'FAILED' }), charges: [] },
      ['I8 outcome'],
    ],
  ])('%s', (_, more, rules) => expect(found(more)).toEqual(rules));

  it('and counts only if nothing else is committed meanwhile, messages longer than money', () => {
    const [held] = judge(sides({ order: order({ status: 'EXPIRED' }) }), GRACES);
    const [later] = judge(sides({ order: order({ status: 'EXPIRED', version: 5 }) }), GRACES);
    expect(held).toMatchObject({ afterMs: 5_000, subject: 'pay_o1' });
    expect(held?.state).not.toBe(later?.state);
    const [wish] = judge(
      sides({ order: order({ status: 'AWAITING_PAYMENT' }), payment: undefined, charges: [] }),
      GRACES,
    );
    expect(wish).toMatchObject({ invariant: 'I8', afterMs: 30_000 });
  });
});

describe('deliveries', () => {
  const taken = (place: string, version: number, actor = 'main') => ({
    command_id: `order/o1/${place}`,
    actor_id: actor,
    version: String(version),
  });
  it('are in order if each was taken no earlier than those before it', () => {
    const whole = [taken('10/0/0', 9), taken('2/0/0', 5), taken('2/0/1', 5), taken('3/0/0', 2, 'north')];
    expect(disordered('o1', whole)).toEqual([]);
  });

  it('are out of order otherwise, by numbers and not by letters', () => {
    expect(disordered('o1', [taken('10/0/0', 5), taken('9/0/0', 6)])).toMatchObject([
      { invariant: 'I8', subject: 'order o1', rule: 'order at main' },
    ]);
  });
});

describe('the last row of a list', () => {
  it.each([[[]], [[1]], [[1, 2, 3]], [[5]], [[1, 2, 900, 901]], [Array.from({ length: 1_000 }, (_, i) => i + 1)]])(
    'is found in few questions: %#',
    async (seqs: readonly number[]) => {
      let questions = 0;
      const last = await lastOf(async (after) => {
        questions += 1;
        return seqs
          .filter((seq) => seq > after)
          .slice(0, 1)
          .map((seq) => ({ seq }));
      });
      expect(last).toBe(seqs.at(-1) ?? 0);
      expect(questions).toBeLessThan(30);
    },
  );
});
