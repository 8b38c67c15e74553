// How an order looks from outside: money as decimal strings, times in ISO 8601, nothing internal.

import { type Order, orderActor, type OrderEvent } from '../../actors/order.ts';
import { formatExact, formatMinor, type Money } from '../../actors/money.ts';
import type { JournalEntry } from '../../mixins/store.ts';

export interface LineView {
  readonly productId: string;
  readonly sku: string;
  readonly name: string;
  readonly quantity: number;
  readonly unitPrice: Money;
  readonly total: Money;
}

export interface OrderView {
  readonly id: string;
  readonly status: string;
  readonly customerId?: string;
  readonly email: string;
  readonly reference?: string;
  readonly lines: readonly LineView[];
  readonly total: Money;
  readonly exactTotal: Money;
  readonly refunded: Money;
  readonly shippingAddress?: object;
  readonly createdAt: string;
  readonly updatedAt: string;
}

/** The order as the REST contract shows it. */
export function viewOrder(id: string, order: Order): OrderView {
  const { currency } = order;
  const exact = (amount: number): Money => ({ amount: formatExact(amount), currency });
  const minor = (amount: number): Money => ({ amount: formatMinor(amount, currency), currency });
  return {
    id,
    status: order.status,
    ...(order.customerId === undefined ? {} : { customerId: order.customerId }),
    email: order.email,
    ...(order.reference === undefined ? {} : { reference: order.reference }),
    lines: order.lines.map(({ productId, sku, name, quantity, unitPrice }) => ({
      productId,
      sku,
      name,
      quantity,
      unitPrice: exact(unitPrice),
      total: exact(quantity * unitPrice),
    })),
    total: minor(order.total),
    exactTotal: exact(order.exactTotal),
    refunded: minor(order.refunded),
    ...(order.shippingAddress === undefined ? {} : { shippingAddress: order.shippingAddress }),
    createdAt: new Date(order.createdAt).toISOString(),
    updatedAt: new Date(order.updatedAt).toISOString(),
  };
}

/**
 * The order as it was once stock had answered: what `POST /orders` answers, today and for every repeat.
 * @returns undefined while stock has not answered.
 */
export function asAnswered(journal: readonly JournalEntry[]): Order | undefined {
  let order = orderActor.initial;
  for (const { type, data } of journal) {
    order = orderActor.evolve(order, { type, data } as OrderEvent);
    if (type === 'StockReserved' || type === 'StockRejected') return order;
    // Cancelled or expired before stock answered: that is what the wish led to.
    if (type === 'Cancelled' || type === 'Expired') return order;
  }
  return undefined;
}

/** What people see of the journal: when, what, and the particulars that concern them. */
export function viewTimeline(journal: readonly JournalEntry[]): readonly { at: string; type: string; data: object }[] {
  let ordered: OrderLines = [];
  return journal.flatMap(({ at, type, data, commandId }) => {
    const event = { type, data } as OrderEvent;
    const item = (particulars: object) => [{ at: new Date(at).toISOString(), type, data: particulars }];
    switch (event.type) {
      case 'Placed': {
        const { currency, total, lines } = event.data;
        ordered = lines;
        return item({ lines: lines.length, total: { amount: formatMinor(total, currency), currency } });
      }
      // How stock is divided among partitions is nobody's business outside.
      case 'PartitionReserved':
        return [];
      case 'StockRejected':
        return item({ shortages: event.data.shortages });
      case 'PaymentFailed':
        return item({ reason: event.data.reason });
      case 'RefundRequested': {
        const { refundId, restock, lines } = event.data;
        // `requestId` is the X-Request-Id that a keyed request was answered with: it tells which of them this was.
        return item({ refundId, restock, requestId: commandId, lines: namedLines(ordered, lines) });
      }
      case 'Refunded':
        return item({ refundId: event.data.refundId });
      default:
        return item({});
    }
  });
}

type OrderLines = Order['lines'];

/** The pieces of a refund by product, line by line. */
function namedLines(ordered: OrderLines, taken: readonly { readonly line: number; readonly quantity: number }[]) {
  return taken.map(({ line, quantity }) => {
    const { productId = '', sku = '' } = ordered[line] ?? {};
    return { productId, sku, quantity };
  });
}
