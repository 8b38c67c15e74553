// One order (actor id = order id). The order is also the saga: `react` (order-saga.ts) says whom it asks, and what it undoes.
//
//   NEW ─Placed─► AWAITING_STOCK ─StockReserved─► AWAITING_PAYMENT ─Paid─► PAID ─Shipped─► SHIPPED ─Delivered─► DELIVERED
//                   │  StockRejected,               │  PaymentFailed         └───────┬────────┴───────────────────┘
//                   │  Cancelled, Expired           │  Cancelled, Expired            │ RefundRequested … Refunded
//                   ▼                               ▼                                ▼ (nothing of it remains)
//                CANCELLED, EXPIRED              PAYMENT_FAILED, CANCELLED, EXPIRED  REFUNDED
//
// Whatever ends an order before it is paid releases its stock and voids its payment. These commands are right even when
// they arrive before what they undo. Money that comes for an order that ended goes back; the order keeps its status.

import { type Actor, type At, invariant, isRefusal, type Refusal, refuse, unreachable } from './actor.ts';
import { exactSum, roundToMinor } from './money.ts';
import type { Order, OrderCommand, OrderEvent, OrderStatus, PlaceData, Refund, RefundLine } from './order-messages.ts';
import {
  allocate,
  amountOf,
  everythingLeft,
  isGivenBack,
  piecesLeft,
  refundIdOf,
  refundOf,
  worth,
} from './order-refunds.ts';
import { byPartition, react } from './order-saga.ts';

export type * from './order-messages.ts';

export const LINES_MAX = 2_000;
export const QUANTITY_MAX = 1_000_000;

/** The refund that a cancelled order makes by itself. */
export const CANCEL_REFUND_ID = 'cancel';

/** Which event may follow in which status, and where it leads. A `Refunded` that is complete leads to REFUNDED instead. */
export const transitions: Readonly<Record<OrderStatus, Partial<Record<OrderEvent['type'], OrderStatus>>>> = {
  NEW: { Placed: 'AWAITING_STOCK' },
  AWAITING_STOCK: {
    PartitionReserved: 'AWAITING_STOCK',
    StockReserved: 'AWAITING_PAYMENT',
    StockRejected: 'CANCELLED',
    Cancelled: 'CANCELLED',
    Expired: 'EXPIRED',
  },
  AWAITING_PAYMENT: { Paid: 'PAID', PaymentFailed: 'PAYMENT_FAILED', Cancelled: 'CANCELLED', Expired: 'EXPIRED' },
  PAID: { Shipped: 'SHIPPED', RefundRequested: 'PAID', Refunded: 'PAID' },
  SHIPPED: { Delivered: 'DELIVERED', RefundRequested: 'SHIPPED', Refunded: 'SHIPPED' },
  DELIVERED: { RefundRequested: 'DELIVERED', Refunded: 'DELIVERED' },
  PAYMENT_FAILED: { PaidTooLate: 'PAYMENT_FAILED' },
  CANCELLED: { PaidTooLate: 'CANCELLED' },
  EXPIRED: { PaidTooLate: 'EXPIRED' },
  REFUNDED: {},
};

/** The status after an event; undefined if the event is impossible in this status. */
export function statusAfter(status: OrderStatus, event: OrderEvent): OrderStatus | undefined {
  const next = transitions[status][event.type];
  return next !== undefined && event.type === 'Refunded' && event.data.complete ? 'REFUNDED' : next;
}

const initial: Order = {
  status: 'NEW',
  email: '',
  currency: '',
  lines: [],
  exactTotal: 0,
  total: 0,
  refunded: 0,
  reserved: [],
  shortages: [],
  refunds: {},
  deadline: 0,
  createdAt: 0,
  updatedAt: 0,
};

function decide(order: Order, command: At<OrderCommand>): readonly OrderEvent[] | Refusal {
  const { at } = command;
  if (command.type === 'Place') return order.status === 'NEW' ? place(command.data, at) : [];
  if (order.status === 'NEW') return refuse('not-found', 'there is no such order');
  switch (command.type) {
    case 'RecordReserved':
      return order.status === 'AWAITING_STOCK' ? recordReserved(order, command.data.partition, at) : [];
    case 'RecordShortage':
      return order.status === 'AWAITING_STOCK' ? [{ type: 'StockRejected', data: { ...command.data, at } }] : [];
    case 'RecordPayment':
      return recordPayment(order, command.data, at);
    case 'Expire':
      return isUnpaid(order) ? [{ type: 'Expired', data: { at } }] : [];
    case 'Cancel':
      return cancel(order, at);
    case 'Ship':
      if (order.status === 'SHIPPED') return [];
      if (order.status === 'PAID' && !isGivenBack(order)) return [{ type: 'Shipped', data: { at } }];
      return wrongState(order, 'a paid order is shipped, unless all of it is refunded');
    case 'Deliver':
      if (order.status === 'DELIVERED') return [];
      if (order.status === 'SHIPPED') return [{ type: 'Delivered', data: { at } }];
      return wrongState(order, 'a shipped order is delivered');
    case 'Refund':
      return refundPieces(order, command.data, at);
    case 'RecordRefund':
      return recordRefund(order, refundIdOf(command.data.refundId), at);
    default:
      return unreachable(command);
  }
}

function place(data: PlaceData, at: number): readonly OrderEvent[] | Refusal {
  const { lines, currency } = data;
  if (lines.length === 0 || lines.length > LINES_MAX) {
    return refuse('invalid-request', `an order has 1 to ${LINES_MAX} lines, not ${lines.length}`);
  }
  const wrong = lines.flatMap(({ quantity }, i) =>
    Number.isSafeInteger(quantity) && quantity >= 1 && quantity <= QUANTITY_MAX ? [] : [wrongQuantity(i, quantity)],
  );
  if (wrong.length > 0)
    return refuse('invalid-request', `${wrong.length} of ${lines.length} lines have a wrong quantity`, wrong);
  const exactTotal = exactSum(lines);
  if (exactTotal === undefined) return refuse('total-too-large', 'the order costs more than can be counted exactly');
  return [{ type: 'Placed', data: { ...data, exactTotal, total: roundToMinor(exactTotal, currency), at } }];
}

function wrongQuantity(line: number, quantity: number): object {
  const detail = `a quantity is a whole number from 1 to ${QUANTITY_MAX}, not ${quantity}`;
  return { pointer: `/lines/${line}/quantity`, code: 'out-of-range', detail };
}

function recordReserved(order: Order, partition: string, at: number): readonly OrderEvent[] {
  if (order.reserved.includes(partition)) return [];
  const asked = byPartition(order.lines);
  invariant(asked.has(partition), `only partitions that were asked reserve, not ${partition}`);
  if (order.reserved.length + 1 < asked.size) return [{ type: 'PartitionReserved', data: { partition, at } }];
  const reserved: OrderEvent = { type: 'StockReserved', data: { at } };
  // What costs nothing is paid without the provider.
  return order.total > 0 ? [reserved] : [reserved, { type: 'Paid', data: { at } }];
}

function recordPayment(
  order: Order,
  { outcome, reason }: { readonly outcome: 'succeeded' | 'failed'; readonly reason?: string },
  at: number,
): readonly OrderEvent[] {
  switch (order.status) {
    case 'AWAITING_PAYMENT':
      if (outcome === 'succeeded') return [{ type: 'Paid', data: { at } }];
      return [{ type: 'PaymentFailed', data: { reason: reason ?? 'declined', at } }];
    case 'CANCELLED':
    case 'EXPIRED':
    case 'PAYMENT_FAILED':
      // Money for an order that has ended goes back; ignoring it would keep it.
      return outcome === 'succeeded' ? [{ type: 'PaidTooLate', data: { at } }] : [];
    default:
      invariant(order.status !== 'AWAITING_STOCK', 'money is asked for only once stock is reserved');
      return [];
  }
}

function cancel(order: Order, at: number): readonly OrderEvent[] | Refusal {
  switch (order.status) {
    case 'AWAITING_STOCK':
    case 'AWAITING_PAYMENT':
      return [{ type: 'Cancelled', data: { at } }];
    case 'PAID':
      return isGivenBack(order) ? [] : giveBack(order, CANCEL_REFUND_ID, everythingLeft(order), true, at);
    case 'CANCELLED':
    case 'REFUNDED':
      return [];
    default:
      return wrongState(order, 'an order is cancelled before it is shipped');
  }
}

function wrongState(order: Order, rule: string): Refusal {
  return refuse('wrong-state', `${rule}; this one is ${order.status}`);
}

function refundPieces(
  order: Order,
  { refundId, restock, lines }: Extract<OrderCommand, { type: 'Refund' }>['data'],
  at: number,
): readonly OrderEvent[] | Refusal {
  if (Object.hasOwn(order.refunds, refundId)) return [];
  if (!isPaid(order)) return wrongState(order, 'a paid order is refunded');
  const pieces = lines === undefined ? everythingLeft(order) : allocate(order, lines);
  if (isRefusal(pieces)) return pieces;
  if (pieces.length === 0) return refuse('too-many-pieces', 'no piece of the order is left to refund');
  return giveBack(order, refundId, pieces, restock, at);
}

function giveBack(
  order: Order,
  refundId: string,
  lines: readonly RefundLine[],
  restock: boolean,
  at: number,
): OrderEvent[] {
  const amount = amountOf(order, lines);
  const requested: OrderEvent = { type: 'RefundRequested', data: { refundId, lines, amount, restock, at } };
  // What is worth nothing needs no provider to confirm it.
  return amount > 0 ? [requested] : [requested, confirm(evolve(order, requested), refundId, 0, at)];
}

function recordRefund(order: Order, refundId: string, at: number): readonly OrderEvent[] | Refusal {
  const known = Object.hasOwn(order.refunds, refundId) ? order.refunds[refundId] : undefined;
  if (known === undefined) return refuse('not-found', `nobody asked for a refund ${refundId} of this order`);
  return known.confirmed ? [] : [confirm(order, refundId, known.amount, at)];
}

function confirm(order: Order, refundId: string, amount: number, at: number): OrderEvent {
  const others = Object.entries(order.refunds).filter(([id]) => id !== refundId);
  const complete = isGivenBack(order) && others.every(([, { confirmed }]) => confirmed);
  return { type: 'Refunded', data: { refundId, refunded: order.refunded + amount, complete, at } };
}

function evolve(order: Order, event: OrderEvent): Order {
  const status = statusAfter(order.status, event);
  invariant(status !== undefined, `an order that is ${order.status} cannot have the event ${event.type}`);
  const next = { ...order, status, updatedAt: event.data.at };
  switch (event.type) {
    case 'Placed': {
      const { payment: _, deadlineMs, at, ...facts } = event.data;
      return { ...next, ...facts, deadline: at + deadlineMs, createdAt: at };
    }
    case 'PartitionReserved':
      return { ...next, reserved: [...order.reserved, event.data.partition] };
    case 'StockReserved':
      return { ...next, reserved: [...byPartition(order.lines).keys()] };
    case 'StockRejected':
      return { ...next, shortages: event.data.shortages };
    case 'RefundRequested': {
      const { refundId, lines, amount, restock } = event.data;
      return { ...next, refunds: { ...order.refunds, [refundId]: { lines, amount, restock, confirmed: false } } };
    }
    case 'Refunded': {
      const { refundId, refunded } = event.data;
      const refund = { ...refundOf(order, refundId), confirmed: true };
      return { ...next, refunded, refunds: { ...order.refunds, [refundId]: refund } };
    }
    case 'Paid':
    case 'PaymentFailed':
    case 'Cancelled':
    case 'Expired':
    case 'PaidTooLate':
    case 'Shipped':
    case 'Delivered':
      return next;
    default:
      return unreachable(event);
  }
}

function check(order: Order): void {
  if (order.status === 'NEW') return;
  const { status, lines, total, refunded } = order;
  const refunds = Object.values(order.refunds);
  invariant(exactSum(lines) === order.exactTotal, 'the exact total is the sum of the lines');
  invariant(total === roundToMinor(order.exactTotal, order.currency), 'the total is the exact total, rounded once');
  const left = piecesLeft(order);
  invariant(
    left.every((pieces) => pieces >= 0),
    'no line gives back more pieces than were ordered',
  );
  invariant(sum(refunds) === total - worth(order, left), 'refunds are the total less what remains');
  invariant(
    refunded === sum(refunds.filter(({ confirmed }) => confirmed)),
    'refunded is what the provider has confirmed',
  );
  invariant(refunds.length === 0 || isPaid(order) || status === 'REFUNDED', 'only paid orders are refunded');
  const done = left.every((pieces) => pieces === 0) && refunds.every(({ confirmed }) => confirmed);
  invariant((status === 'REFUNDED') === done, 'an order is refunded when nothing of it remains and all is confirmed');
}

function sum(refunds: readonly Refund[]): number {
  return refunds.reduce((total, { amount }) => total + amount, 0);
}

function isUnpaid({ status }: Order): boolean {
  return status === 'AWAITING_STOCK' || status === 'AWAITING_PAYMENT';
}

function isPaid({ status }: Order): boolean {
  return status === 'PAID' || status === 'SHIPPED' || status === 'DELIVERED';
}

/** The rules of an order. */
export const orderActor: Actor<Order, OrderCommand, OrderEvent> = {
  name: 'order',
  creates: ['Place'],
  initial,
  decide,
  evolve,
  react,
  check,
};
