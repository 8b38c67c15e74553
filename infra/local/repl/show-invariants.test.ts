// What two sides of the money say is compared with what only one of them can know yet; lines say what was checked.
import { describe, expect, it } from '@jest/globals';
import { examine } from '../../../mixins/finding.ts';
import type { OrderSum } from '../../../services/orders/invariants.ts';
import type { PaymentSum } from '../../../services/payments/invariants.ts';
import { balancesOf, isExplained, linesOf } from './show-invariants.ts';

const order = (status: OrderSum['status'], sums: Partial<OrderSum>): OrderSum => ({
  status,
  currency: 'GBP',
  orders: 1,
  total: '0',
  refunded: '0',
  refunding: '0',
  ...sums,
});
const payment = (status: PaymentSum['status'], sums: Partial<PaymentSum>): PaymentSum => ({
  status,
  currency: 'GBP',
  payments: 1,
  captured: '0',
  refunded: '0',
  refunding: '0',
  charging: '0',
  ...sums,
});
const explained = (orders: readonly OrderSum[], payments: readonly PaymentSum[]): boolean =>
  balancesOf(orders, payments).every(isExplained);

describe('what is owed and what is held', () => {
  it('are equal in peace', () => {
    const orders = [
      order('PAID', { total: '500', refunded: '100' }),
      order('REFUNDED', { total: '300', refunded: '300' }),
      order('CANCELLED', { total: '900' }),
    ];
    const payments = [payment('SUCCEEDED', { captured: '800', refunded: '400' }), payment('VOIDED', { currency: '' })];
    expect(balancesOf(orders, payments)).toEqual([
      { currency: 'GBP', owed: 400n, held: 400n, inFlight: 0n, heldBefore: 0n, goneBefore: 0n },
    ]);
    expect(explained(orders, payments)).toBe(true);
  });

  it.each([
    [
      'captured, and the order has not heard of it',
      order('AWAITING_PAYMENT', { total: '500' }),
      payment('SUCCEEDED', { captured: '500' }),
    ],
    [
      'unwanted, and on its way back',
      order('CANCELLED', { total: '500' }),
      payment('SUCCEEDED', { captured: '500', refunding: '500' }),
    ],
    [
      'given back, and the order has not heard of it',
      order('PAID', { total: '500', refunding: '500' }),
      payment('SUCCEEDED', { captured: '500', refunded: '500' }),
    ],
  ])('may differ by what is %s', (_, ours, theirs) => {
    expect(explained([ours], [theirs])).toBe(true);
  });

  it.each([
    ['an order is paid that nobody charged', [order('PAID', { total: '500' })], []],
    ['money is held for nobody', [order('CANCELLED', { total: '500' })], [payment('SUCCEEDED', { captured: '500' })]],
    ['a void under way explains nothing', [order('PAID', { total: '500' })], [payment('VOIDING', { charging: '900' })]],
    ['a penny is missing', [order('PAID', { total: '500' })], [payment('SUCCEEDED', { captured: '499' })]],
    [
      'another currency has it',
      [order('PAID', { total: '500' })],
      [payment('SUCCEEDED', { captured: '500', currency: 'EUR' })],
    ],
  ])('may not differ otherwise: %s', (_, orders, payments) => {
    expect(explained(orders, payments)).toBe(false);
  });

  it('are counted beyond what a number holds', () => {
    const much = String(Number.MAX_SAFE_INTEGER);
    const orders = [order('PAID', { total: much }), order('SHIPPED', { total: much })];
    const payments = [
      payment('SUCCEEDED', { captured: much }),
      payment('SUCCEEDED', { captured: much, refunded: '1' }),
    ];
    expect(explained(orders, payments)).toBe(false);
  });
});

it('says of each invariant that it holds, what is wrong, or that nothing was checked', () => {
  const stock = examine('I5', 'reserved ≤ on hand', 'SKUs');
  expect(linesOf('inventory', stock.finding())).toEqual([
    'I5   inventory  reserved ≤ on hand: nothing was checked: there are no SKUs',
  ]);
  stock.look(12);
  expect(linesOf('inventory', stock.finding())).toEqual(['I5   inventory  reserved ≤ on hand: holds (12 SKUs)']);
  stock.wrong(['sku-1: 5 are reserved, 4 on hand'], 3);
  expect(linesOf('inventory', stock.finding('the first 12'))).toEqual([
    'I5   inventory  reserved ≤ on hand: VIOLATED by 3 (12 SKUs; only the first 12)',
    '     ✗ sku-1: 5 are reserved, 4 on hand',
    '     ✗ and 2 more',
  ]);
});
