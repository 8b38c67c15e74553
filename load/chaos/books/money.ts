// Where the money is at one moment, order by order (I7): what the provider holds, what is owed, what is in flight between.
//
//   provider's book before │ one snapshot of orders and payments │ provider's book after
//
// The provider's book is another file and cannot be in the snapshot. What it says of an order before and after is the same
// unless the provider was just at work on it; then, and while the order or its payment waits for something, the difference
// is in flight. Of every other order what is held has to be what is owed: held = owed + in flight, to the penny.

import type { Order } from '../../../actors/order-messages.ts';
import type { Payment } from '../../../actors/payment.ts';
import { minorDecimals } from '../../../actors/money.ts';
import type { Sample } from './books.ts';
import type { LedgerPart } from './provider.ts';

/** An order and its payment in one snapshot, as far as their money goes. Minor units. */
export interface Account {
  readonly currency: string;
  /** Total less what was given back, of an order that is paid. */
  readonly owed: number;
  readonly isAtRest: boolean;
}

/** What the provider holds of each order, in minor units. */
export interface Held {
  readonly of: ReadonlyMap<string, { readonly currency: string; readonly minor: number }>;
  /** Takes in what is new in the book; tells which orders that touched. */
  take(part: Pick<LedgerPart, 'charges' | 'refunds'>): ReadonlySet<string>;
}

/** A running account of the provider's book. Rows of it never change. */
export function createHeld(): Held {
  const of = new Map<string, { currency: string; minor: number }>();
  const orders = new Map<string, string>();
  const minor = ({ amount, currency }: { readonly amount: string; readonly currency: string }) =>
    Math.round(Number(amount) * 10 ** minorDecimals(currency));
  return {
    of,
    take({ charges, refunds }) {
      const touched = new Set<string>();
      for (const { orderId, paymentId, status, amount } of charges) {
        touched.add(orderId);
        orders.set(paymentId, orderId);
        if (status !== 'succeeded') continue;
        const known = of.get(orderId)?.minor ?? 0;
        of.set(orderId, { currency: amount.currency, minor: known + minor(amount) });
      }
      for (const { paymentId, amount } of refunds) {
        const orderId = orders.get(paymentId);
        // Of a payment from before the run.
        if (orderId === undefined) continue;
        touched.add(orderId);
        const known = of.get(orderId)?.minor ?? 0;
        of.set(orderId, { currency: amount.currency, minor: known - minor(amount) });
      }
      return touched;
    },
  };
}

/** What an order and its payment say in one snapshot. */
export function accountOf(order: Order, payment: Payment | undefined): Account {
  const isPaid = order.status === 'PAID' || order.status === 'SHIPPED' || order.status === 'DELIVERED';
  const owed = isPaid ? order.total - order.refunded : 0;
  return {
    currency: order.currency,
    owed,
    isAtRest: isSettled(order) && isFinal(payment) && isReturned(order, payment),
  };
}

function isSettled({ status, refunds }: Order): boolean {
  return !status.startsWith('AWAITING') && Object.values(refunds).every(({ confirmed }) => confirmed);
}

function isFinal(payment: Payment | undefined): boolean {
  if (payment === undefined) return true;
  const { status, refunds } = payment;
  const isOpen = status === 'NEW' || status === 'STARTED' || status === 'VOIDING';
  return !isOpen && Object.values(refunds).every(({ confirmed }) => confirmed);
}

/** An order that ended unpaid may still have to tell its payment, which may have captured, to give the money back. */
function isReturned({ status }: Order, payment: Payment | undefined): boolean {
  const isUnpaid = status === 'CANCELLED' || status === 'EXPIRED' || status === 'PAYMENT_FAILED';
  if (!isUnpaid || payment === undefined) return true;
  return Object.values(payment.refunds).reduce((rest, { amount }) => rest - amount, payment.captured) === 0;
}

/**
 * The sums by currency. `accounts` are those of the snapshot, `held` is the provider's book as it was before it, and
 * `touched` are the orders of which the provider's book says something else after it.
 */
export function sumUp(
  accounts: ReadonlyMap<string, Account>,
  held: Held['of'],
  touched: ReadonlySet<string>,
): Sample['money'] {
  const sums = new Map<string, { held: number; owed: number; inFlight: number }>();
  const sumOf = (currency: string) => {
    const known = sums.get(currency) ?? { held: 0, owed: 0, inFlight: 0 };
    sums.set(currency, known);
    return known;
  };
  for (const { currency, minor } of held.values()) sumOf(currency).held += minor;
  for (const [id, { currency, owed, isAtRest }] of accounts) {
    const sum = sumOf(currency);
    sum.owed += owed;
    if (!isAtRest || touched.has(id)) sum.inFlight += (held.get(id)?.minor ?? 0) - owed;
  }
  return [...sums]
    .map(([currency, sum]) => ({ currency, ...sum }))
    .toSorted((a, b) => (a.currency < b.currency ? -1 : 1));
}
