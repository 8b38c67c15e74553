// From private to public: what the order and the payment tell the world, and nothing else of what they know.
//
//   StockReserved ─► order.created, payment.requested        Succeeded ─► payment.succeeded        Failed ─► payment.failed
//   whatever happens to an order of a customer ─► order.updated
//
// No token, secret or card data stands in any of them. There is no order across topics, so each can be handled first or
// last. The host adds the aggregate's `version`; times are milliseconds since 1970 UTC.

import type { Reaction } from './actor.ts';
import { type Money, moneyOfExact, moneyOfMinor } from './money.ts';
import type { Address, Order } from './order-messages.ts';
import type { ChargeWish } from './payment.ts';

/** Reserved, and waiting for its payment. Holds an e-mail address: personal data. */
export interface OrderCreated {
  readonly orderId: string;
  readonly customerId?: string;
  readonly email: string;
  readonly reference?: string;
  readonly lines: readonly {
    readonly productId: string;
    readonly sku: string;
    readonly name: string;
    readonly quantity: number;
    readonly unitPrice: Money;
  }[];
  readonly total: Money;
  readonly exactTotal: Money;
  readonly createdAt: number;
}

/** An order of a customer as it is now, whole: a newer one says everything that an older one said. Personal data. */
export interface OrderUpdated {
  readonly orderId: string;
  readonly status: string;
  readonly customerId: string;
  readonly email: string;
  readonly reference?: string;
  readonly lines: readonly {
    readonly productId: string;
    readonly sku: string;
    readonly name: string;
    readonly quantity: number;
    readonly unitPrice: Money;
    readonly total: Money;
  }[];
  readonly total: Money;
  readonly exactTotal: Money;
  readonly refunded: Money;
  readonly shippingAddress?: Address;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** Money is wanted for an order; no charge starts after `deadline`. */
export interface PaymentRequested {
  readonly orderId: string;
  readonly paymentId: string;
  readonly amount: Money;
  readonly deadline: number;
}

/** The order's money was captured. */
export interface PaymentSucceeded {
  readonly orderId: string;
  readonly paymentId: string;
  readonly amount: Money;
}

/** Nothing was captured and nothing will be: the provider's word, or `expired`. */
export interface PaymentFailed {
  readonly orderId: string;
  readonly paymentId: string;
  readonly amount: Money;
  readonly reason: string;
}

type Published = Extract<Reaction, { kind: 'publish' }>;

/** `order.created`, keyed by the order. */
export function orderCreated(orderId: string, order: Order): Published {
  const { customerId, email, reference, currency, lines, total, exactTotal, createdAt } = order;
  const data: OrderCreated = {
    orderId,
    ...(customerId === undefined ? {} : { customerId }),
    email,
    ...(reference === undefined ? {} : { reference }),
    lines: lines.map(({ productId, sku, name, quantity, unitPrice }) => ({
      productId,
      sku,
      name,
      quantity,
      unitPrice: moneyOfExact(unitPrice, currency),
    })),
    total: moneyOfMinor(total, currency),
    exactTotal: moneyOfExact(exactTotal, currency),
    createdAt,
  };
  return { kind: 'publish', topic: 'order.created', key: orderId, data };
}

/** `order.updated`, keyed by the order. */
export function orderUpdated(orderId: string, order: Order, customerId: string): Published {
  const { status, email, reference, currency, lines, total, exactTotal, refunded, shippingAddress } = order;
  const data: OrderUpdated = {
    orderId,
    status,
    customerId,
    email,
    ...(reference === undefined ? {} : { reference }),
    lines: lines.map(({ productId, sku, name, quantity, unitPrice }) => ({
      productId,
      sku,
      name,
      quantity,
      unitPrice: moneyOfExact(unitPrice, currency),
      total: moneyOfExact(quantity * unitPrice, currency),
    })),
    total: moneyOfMinor(total, currency),
    exactTotal: moneyOfExact(exactTotal, currency),
    refunded: moneyOfMinor(refunded, currency),
    ...(shippingAddress === undefined ? {} : { shippingAddress }),
    createdAt: order.createdAt,
    updatedAt: order.updatedAt,
  };
  return { kind: 'publish', topic: 'order.updated', key: orderId, data };
}

/** `payment.requested`, keyed by the order: ids and amount only. */
export function paymentRequested(orderId: string, paymentId: string, order: Order): Published {
  const amount = moneyOfMinor(order.total, order.currency);
  const data: PaymentRequested = { orderId, paymentId, amount, deadline: order.deadline };
  return { kind: 'publish', topic: 'payment.requested', key: orderId, data };
}

/** `payment.succeeded`, keyed by the payment. */
export function paymentSucceeded(paymentId: string, { orderId, amount, currency }: ChargeWish): Published {
  const data: PaymentSucceeded = { orderId, paymentId, amount: moneyOfMinor(amount, currency) };
  return { kind: 'publish', topic: 'payment.succeeded', key: paymentId, data };
}

/** `payment.failed`, keyed by the payment. */
export function paymentFailed(paymentId: string, { orderId, amount, currency }: ChargeWish, reason: string): Published {
  const data: PaymentFailed = { orderId, paymentId, amount: moneyOfMinor(amount, currency), reason };
  return { kind: 'publish', topic: 'payment.failed', key: paymentId, data };
}
