import { describe, expect, it } from '@jest/globals';
import { type OrderSeen, summarize } from './summary.ts';

const order = (reference: string, more: Partial<OrderSeen> = {}): OrderSeen => ({
  id: `o-${reference}`,
  status: 'PAID',
  reference,
  lines: [{ quantity: 2 }, { quantity: 1 }],
  exactTotal: { amount: '7.651' },
  refunded: { amount: '0.00' },
  ...more,
});
const dates = new Map([
  ['1', '2010-12-01T08:26:00'],
  ['2', '2010-12-01T17:00:00'],
  ['3', '2011-01-04T10:00:00'],
]);

describe('a summary', () => {
  it('sums up by day and month of the invoices, exactly', () => {
    const { days, months, all } = summarize([order('3'), order('1'), order('2')], dates);
    expect(days.map(({ day, orders, gross }) => [day, orders, gross])).toEqual([
      ['2010-12-01', 2, 153_020n],
      ['2011-01-04', 1, 76_510n],
    ]);
    expect(months.map(({ month, pieces }) => [month, pieces])).toEqual([
      ['2010-12', 6],
      ['2011-01', 3],
    ]);
    expect(all).toEqual({ orders: 3, lines: 6, pieces: 9, gross: 229_530n, refunded: 0n });
  });

  it('knows the largest order, what was paid back, and who bought', () => {
    const big = order('2', {
      lines: [{ quantity: 74 }],
      refunded: { amount: '7.65' },
      status: 'REFUNDED',
      customerId: 'c',
    });
    const { largest, all, customers, guestOrders, statuses } = summarize([order('1'), big], dates);
    expect(largest).toEqual({ order: big, pieces: 74, date: '2010-12-01T17:00:00' });
    expect(all.refunded).toBe(76_500n);
    expect([customers, guestOrders]).toEqual([1, 1]);
    expect(statuses).toEqual({ PAID: 1, REFUNDED: 1 });
  });

  it('leaves out what is of no invoice, and stops at sums that are none', () => {
    const { id, status, lines, exactTotal, refunded } = order('1');
    expect(summarize([order('9'), { id, status, lines, exactTotal, refunded }], dates).all.orders).toBe(0);
    expect(() => summarize([order('1', { exactTotal: { amount: 'much' } })], dates)).toThrow('"much"');
  });
});
