import { describe, expect, it } from '@jest/globals';
import { type Order, orderActor, type OrderEvent } from '../../actors/order.ts';
import type { JournalEntry } from '../../mixins/store.ts';
import { asAnswered, viewOrder, viewTimeline } from './order.view.ts';

const AT = Date.UTC(2010, 11, 1, 8, 26);
const lines = [
  { productId: 'p-1', sku: '85123A@2.55', name: 'Lantern', quantity: 6, unitPrice: 25_500, partition: 'main' },
  { productId: 'p-2', sku: 'M@0.001', name: 'Pin', quantity: 3, unitPrice: 10, partition: 'east' },
];
const placed: OrderEvent = {
  type: 'Placed',
  data: {
    at: AT,
    email: 'ada@customers.example',
    currency: 'GBP',
    lines,
    payment: { method: 'simulated', sealed: 'secret' },
    deadlineMs: 900_000,
    exactTotal: 153_030,
    total: 1_530,
  },
};
const at = (seconds: number) => AT + seconds * 1_000;

/** Events as the journal has them. */
function journalOf(...events: readonly OrderEvent[]): readonly JournalEntry[] {
  return events.map((event, i) => ({
    id: 'o',
    version: i + 1,
    index: 0,
    type: event.type,
    data: event.data,
    commandId: 'c',
    at: event.data.at,
  }));
}
const given = (...events: readonly OrderEvent[]): Order =>
  events.reduce((order, event) => orderActor.evolve(order, event), orderActor.initial);

describe('an order, seen from outside', () => {
  it('shows money as decimal strings: sums unrounded, the total rounded once', () => {
    expect(viewOrder('o', given(placed))).toEqual({
      id: 'o',
      status: 'AWAITING_STOCK',
      email: 'ada@customers.example',
      lines: [
        {
          productId: 'p-1',
          sku: '85123A@2.55',
          name: 'Lantern',
          quantity: 6,
          unitPrice: { amount: '2.55', currency: 'GBP' },
          total: { amount: '15.30', currency: 'GBP' },
        },
        {
          productId: 'p-2',
          sku: 'M@0.001',
          name: 'Pin',
          quantity: 3,
          unitPrice: { amount: '0.001', currency: 'GBP' },
          total: { amount: '0.003', currency: 'GBP' },
        },
      ],
      total: { amount: '15.30', currency: 'GBP' },
      exactTotal: { amount: '15.303', currency: 'GBP' },
      refunded: { amount: '0.00', currency: 'GBP' },
      createdAt: '2010-12-01T08:26:00.000Z',
      updatedAt: '2010-12-01T08:26:00.000Z',
    });
  });

  it('shows what only some orders have', () => {
    const shippingAddress = { name: 'Ada', line1: '1 Street', city: 'London', postcode: 'E1', country: 'GB' };
    const order = { ...given(placed), customerId: 'u-1', reference: '536365', shippingAddress };
    expect(viewOrder('o', order)).toMatchObject({ customerId: 'u-1', reference: '536365', shippingAddress });
  });

  it('shows nothing of partitions, payment or stock', () => {
    const order = given(placed, { type: 'PartitionReserved', data: { at: at(1), partition: 'main' } });
    expect(JSON.stringify(viewOrder('o', order))).not.toMatch(/main|east|secret|reserved|deadline/i);
  });

  it('knows the minor units of its currency', () => {
    expect(viewOrder('o', { ...given(placed), currency: 'JPY', total: 1_530 }).total).toEqual({
      amount: '1530',
      currency: 'JPY',
    });
  });
});

describe('what POST /orders answers', () => {
  const reserved: OrderEvent = { type: 'StockReserved', data: { at: at(1) } };
  const paid: OrderEvent = { type: 'Paid', data: { at: at(2) } };
  const shortages = [{ productId: 'p-1', sku: 'a', requested: 6, available: 0 }];
  const rejected: OrderEvent = { type: 'StockRejected', data: { at: at(1), partition: 'main', shortages } };

  it('is not known before stock has answered', () => {
    expect(asAnswered([])).toBeUndefined();
    expect(asAnswered(journalOf(placed))).toBeUndefined();
    expect(
      asAnswered(journalOf(placed, { type: 'PartitionReserved', data: { at: at(1), partition: 'main' } })),
    ).toBeUndefined();
  });

  it.each<readonly [string, readonly OrderEvent[], string]>([
    ['reserved', [reserved], 'AWAITING_PAYMENT'],
    ['rejected', [rejected], 'CANCELLED'],
    ['cancelled before', [{ type: 'Cancelled', data: { at: at(1) } }], 'CANCELLED'],
    ['expired before', [{ type: 'Expired', data: { at: at(1) } }], 'EXPIRED'],
  ])('is what the order was when stock had %s it', (_what, events, status) => {
    expect(asAnswered(journalOf(placed, ...events))).toMatchObject({ status, updatedAt: at(1) });
  });

  it('stays the same whatever happened later', () => {
    const soon = asAnswered(journalOf(placed, reserved));
    expect(asAnswered(journalOf(placed, reserved, paid, { type: 'Shipped', data: { at: at(3) } }))).toEqual(soon);
  });
});

describe('the timeline', () => {
  it('tells when what happened, and what concerns the reader', () => {
    const shortages = [{ productId: 'p-1', sku: 'a', requested: 6, available: 0 }];
    const journal = journalOf(
      placed,
      { type: 'PartitionReserved', data: { at: at(1), partition: 'main' } },
      { type: 'StockReserved', data: { at: at(2) } },
      { type: 'StockRejected', data: { at: at(3), partition: 'east', shortages } },
      { type: 'PaymentFailed', data: { at: at(4), reason: 'card-declined' } },
      {
        type: 'RefundRequested',
        data: { at: at(5), refundId: 'r', lines: [{ line: 1, quantity: 2 }], amount: 1, restock: true },
      },
      { type: 'Refunded', data: { at: at(6), refundId: 'r', refunded: 1, complete: false } },
    );
    expect(viewTimeline(journal)).toEqual([
      {
        at: '2010-12-01T08:26:00.000Z',
        type: 'Placed',
        data: { lines: 2, total: { amount: '15.30', currency: 'GBP' } },
      },
      { at: '2010-12-01T08:26:02.000Z', type: 'StockReserved', data: {} },
      { at: '2010-12-01T08:26:03.000Z', type: 'StockRejected', data: { shortages } },
      { at: '2010-12-01T08:26:04.000Z', type: 'PaymentFailed', data: { reason: 'card-declined' } },
      {
        at: '2010-12-01T08:26:05.000Z',
        type: 'RefundRequested',
        data: {
          refundId: 'r',
          restock: true,
          requestId: 'c',
          lines: [{ productId: 'p-2', sku: 'M@0.001', quantity: 2 }],
        },
      },
      { at: '2010-12-01T08:26:06.000Z', type: 'Refunded', data: { refundId: 'r' } },
    ]);
  });
});
