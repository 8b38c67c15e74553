// The saga at a glance: each event of an order, and whom it tells what.
//
//   Placed ─► Reserve, Prepare, the deadline             Paid ─► Commit, RemoveOrdered
//   StockReserved ─► order.created, payment.requested    rejected, cancelled, expired ─► Release, Void
//   RefundRequested ─► Refund                            PaymentFailed ─► Release          PaidTooLate ─► Void
//   Refunded ─► Return
//   and whatever happens to an order of a customer ─► order.updated, once for each of its versions
//
// `Release` and `Void` go to everybody who was ever asked, not to those who are known to have answered: an answer may be
// on its way, and who is told twice, or before the thing itself, does nothing wrong.

import { type Message, type Reaction, unreachable } from './actor.ts';
import type { Order, OrderEvent, OrderLine } from './order-messages.ts';
import { refundNameOf, refundOf } from './order-refunds.ts';
import { paymentIdOf } from './payment.ts';
import { orderCreated, orderUpdated, paymentRequested } from './public-events.ts';
import { perSku, type StockLine } from './stock.ts';

export const DEADLINE_TIMER = 'payment-deadline';

/** What an event makes the order tell others; `order` is the state after it. */
export function react(order: Order, event: OrderEvent, id: string): readonly Reaction[] {
  const told = tell(order, event, id);
  const { customerId } = order;
  // Every event shows: at least the time of the last change is another one. Orders of guests are in nobody's list.
  if (customerId === undefined || isFollowed(order, event)) return told;
  return [...told, orderUpdated(id, order, customerId)];
}

/** Whether another event follows with the same command: then the order has not come to rest, and its version is not done. */
function isFollowed(order: Order, event: OrderEvent): boolean {
  if (event.type === 'StockReserved') return order.total === 0;
  return event.type === 'RefundRequested' && event.data.amount === 0;
}

function tell(order: Order, event: OrderEvent, id: string): readonly Reaction[] {
  switch (event.type) {
    case 'Placed': {
      const { payment, deadlineMs } = event.data;
      const expire: Message = { type: 'Expire', data: {} };
      return [
        ...toStock('Reserve', order, id),
        ...toPayment(order, id, { type: 'Prepare', data: { orderId: id, ...payment } }),
        { kind: 'timer', name: DEADLINE_TIMER, afterMs: deadlineMs, command: expire },
      ];
    }
    case 'StockReserved':
      if (order.total === 0) return [orderCreated(id, order)];
      return [orderCreated(id, order), paymentRequested(id, paymentIdOf(id), order)];
    case 'Paid':
      return [...toStock('Commit', order, id), ...toCart(order, id), noDeadline];
    case 'StockRejected':
      return [...toStock('Release', order, id, event.data.partition), ...voided(order, id), noDeadline];
    case 'PaymentFailed':
      return [...toStock('Release', order, id), noDeadline];
    case 'Cancelled':
      return [...toStock('Release', order, id), ...voided(order, id), noDeadline];
    case 'Expired':
      return [...toStock('Release', order, id), ...voided(order, id)];
    case 'PaidTooLate':
      return voided(order, id);
    case 'RefundRequested': {
      const { refundId, amount } = event.data;
      const data = { orderId: id, refundId: refundNameOf(id, refundId), amount };
      return amount > 0 ? toPayment(order, id, { type: 'Refund', data }) : [];
    }
    case 'Refunded':
      return returned(order, id, event.data.refundId);
    case 'PartitionReserved':
    case 'Shipped':
    case 'Delivered':
      return [];
    default:
      return unreachable(event);
  }
}

const noDeadline: Reaction = { kind: 'cancel-timer', name: DEADLINE_TIMER };

/** A command to each partition (but one) of the order, with its lines summed per SKU. */
function toStock(type: 'Reserve' | 'Commit' | 'Release', order: Order, orderId: string, but?: string): Reaction[] {
  return [...byPartition(order.lines)]
    .filter(([partition]) => partition !== but)
    .map(([partition, lines]) => ({
      kind: 'send',
      to: 'stock',
      id: partition,
      command: { type, data: { orderId, lines } },
    }));
}

/** A command to the order's payment; what costs nothing has none. */
function toPayment(order: Order, orderId: string, command: Message): Reaction[] {
  return order.total === 0 ? [] : [{ kind: 'send', to: 'payment', id: paymentIdOf(orderId), command }];
}

function voided(order: Order, orderId: string): Reaction[] {
  return toPayment(order, orderId, { type: 'Void', data: { orderId } });
}

/** What was ordered leaves the cart that it was ordered from. */
function toCart({ cartId, lines }: Order, orderId: string): Reaction[] {
  if (cartId === undefined) return [];
  const ordered = perSku(lines).map(({ productId, quantity }) => ({ productId, quantity }));
  return [
    { kind: 'send', to: 'cart', id: cartId, command: { type: 'RemoveOrdered', data: { orderId, lines: ordered } } },
  ];
}

/** The pieces of a confirmed refund go back to the shelf, unless they are not fit for it. */
function returned(order: Order, orderId: string, refundId: string): Reaction[] {
  const { restock, lines } = refundOf(order, refundId);
  if (!restock) return [];
  const pieces = lines.map(({ line, quantity }) => ({ ...(order.lines[line] as OrderLine), quantity }));
  const name = refundNameOf(orderId, refundId);
  return [...byPartition(pieces)].map(([partition, back]) => {
    const command = { type: 'Return', data: { orderId, refundId: name, lines: back } };
    return { kind: 'send', to: 'stock', id: partition, command };
  });
}

/** The lines that each partition holds, summed per SKU. */
export function byPartition(lines: readonly OrderLine[]): ReadonlyMap<string, readonly StockLine[]> {
  const parts = new Map<string, OrderLine[]>();
  for (const line of lines) {
    const part = parts.get(line.partition);
    if (part === undefined) parts.set(line.partition, [line]);
    else part.push(line);
  }
  return new Map([...parts].map(([partition, part]) => [partition, perSku(part)]));
}
