// What must be so of one payment, seen from three sides: the order, the payment as the shop has it, and the provider's book.
//
//   order (total, refunded) ──┐
//   payment (its refunds) ────┼─► judge ─► I3 once, the right amount · I4 neither without the other · I7 held = owed
//   provider (captures, …) ───┘            I8 the wish and the outcome arrive
//
// Pure. Money on its way is no fault: an order that awaits something, or a refund that is not confirmed, is not weighed.

import { formatMinor, minorOf, type Money } from '../../actors/money.ts';
import type { OrderStatus } from '../../actors/order.ts';
import { type PaymentStatus, paymentIdOf } from '../../actors/payment.ts';
import type { ListedCharge, ListedRefund } from '../../mixins/provider-listing.ts';
import type { Invariant, Suspicion } from './suspicion.ts';

/** Statuses of an order that was paid. */
const paid: ReadonlySet<OrderStatus> = new Set(['PAID', 'SHIPPED', 'DELIVERED', 'REFUNDED']);

/** An order as it is committed; sums in minor units. */
export interface OrderFacts {
  readonly id: string;
  readonly version: number;
  readonly status: OrderStatus;
  readonly currency: string;
  readonly total: number;
  /** Confirmed. */
  readonly refunded: number;
  /** A refund was asked for and is not confirmed. */
  readonly refunding: boolean;
}

/** A payment as the shop has it. */
export interface PaymentFacts {
  readonly version: number;
  readonly status: PaymentStatus;
  /** Its charge was asked for. */
  readonly asked: boolean;
  readonly refunds: Readonly<Record<string, { readonly amount: number; readonly confirmed: boolean }>>;
}

/** All sides of a payment id. */
export interface Sides {
  readonly paymentId: string;
  readonly order: OrderFacts | undefined;
  readonly payment: PaymentFacts | undefined;
  readonly charges: readonly ListedCharge[];
  readonly refunds: readonly ListedRefund[];
}

/** How long a suspicion must last, in milliseconds. */
export interface Graces {
  /** Money and orders. */
  readonly settledMs: number;
  /** A message that was sent takes effect within it. */
  readonly effectMs: number;
}

export interface Weighed {
  readonly currency: string;
  readonly owed: number;
  readonly held: number;
  /** Nothing of it is on its way: both must be equal. */
  readonly settled: boolean;
}

/** What is held and owed of one payment; undefined for one without an order, and of an amount that is none. */
export function weigh({ order, payment, charges, refunds }: Sides): Weighed | undefined {
  if (order === undefined) return undefined;
  const { status, currency, total, refunded, refunding } = order;
  const held = sumOf(capturesOf(charges)) - sumOf(refunds);
  const underWay =
    status.startsWith('AWAITING') ||
    refunding ||
    (payment !== undefined &&
      (payment.status === 'STARTED' ||
        payment.status === 'VOIDING' ||
        Object.values(payment.refunds).some(({ confirmed }) => !confirmed)));
  return { currency, owed: paid.has(status) ? total - refunded : 0, held, settled: !underWay };
}

/** What is wrong with a payment, as far as one look tells. `unsent`: messages about it wait to leave. */
export function judge(sides: Sides, { settledMs, effectMs }: Graces, unsent = false): readonly Suspicion[] {
  const { paymentId, order, payment, charges, refunds } = sides;
  const captures = capturesOf(charges);
  const [captured, givenBack] = [sumOf(captures), sumOf(refunds)];
  const state = [order?.version, order?.status, payment?.version, payment?.status, captured, givenBack, charges.length];
  const found: Suspicion[] = [];
  const suspect = (invariant: Invariant, rule: string, sentence: string, afterMs = settledMs) =>
    found.push({ invariant, subject: paymentId, rule, sentence, state: state.join(' '), afterMs });

  for (const { orderId, amount } of captures) {
    const money = `${amount.amount} ${amount.currency}`;
    if (order === undefined)
      suspect('I4', 'no order', `${money} were captured for order ${orderId}, which does not exist`);
    else if (order.total === 0)
      suspect('I4', 'costs nothing', `${money} were captured for order ${orderId}, which costs nothing`);
    else if (minorOf(amount) !== order.total || amount.currency !== order.currency)
      suspect('I3', 'amount', `${money} were captured for order ${orderId}, which costs ${shown(order.total, order)}`);
    if (paymentId !== paymentIdOf(orderId))
      suspect(
        'I3',
        'other id',
        `order ${orderId} was captured as payment ${paymentId}, which is not its own: it may be charged twice`,
      );
  }
  if (captures.length > 1)
    suspect(
      'I3',
      'twice',
      `order ${captures[0]?.orderId} was captured ${captures.length} times as payment ${paymentId}`,
    );
  for (const { refundId, amount } of refunds) {
    if (payment === undefined || refundOf(payment, refundId) === minorOf(amount)) continue;
    suspect(
      'I7',
      `refund ${refundId}`,
      `${amount.amount} ${amount.currency} were given back as refund ${refundId}, which nobody asked for so`,
    );
  }
  if (givenBack > captured) suspect('I7', 'over', `of payment ${paymentId} more was given back than was captured`);
  if (order === undefined || paymentId !== paymentIdOf(order.id)) return found;

  if (paid.has(order.status) && order.total > 0 && captures.length === 0)
    suspect('I4', 'no charge', `order ${order.id} is ${order.status}, and nothing was captured for it`);
  const weighed = weigh(sides) as Weighed;
  if (weighed.settled && weighed.held !== weighed.owed && !unsent)
    suspect(
      'I7',
      'held',
      `order ${order.id} is ${order.status}: ${shown(weighed.owed, order)} are owed, the provider holds ${shown(weighed.held, order)}`,
    );
  if (order.status === 'AWAITING_PAYMENT' && order.total > 0 && !unsent) {
    if (payment?.asked !== true && payment?.status !== 'VOIDED')
      suspect(
        'I8',
        'wish',
        `order ${order.id} awaits its payment, and payments have not heard of it: payment.requested is lost or nobody reads it`,
        effectMs,
      );
    else if (payment?.status === 'SUCCEEDED' || payment?.status === 'FAILED')
      suspect(
        'I8',
        'outcome',
        `order ${order.id} awaits its payment, which is ${payment.status}: the news is lost or nobody reads it`,
        effectMs,
      );
  }
  return found;
}

const capturesOf = (charges: readonly ListedCharge[]) => charges.filter(({ status }) => status === 'succeeded');

/** Minor units; an amount that is none counts as nothing, and is found as a wrong amount. */
const sumOf = (rows: readonly { readonly amount: Money }[]): number =>
  rows.reduce((sum, { amount }) => sum + (minorOf(amount) ?? 0), 0);

const shown = (minor: number, { currency }: OrderFacts): string => `${formatMinor(minor, currency)} ${currency}`;

const refundOf = ({ refunds }: PaymentFacts, refundId: string): number | undefined =>
  Object.hasOwn(refunds, refundId) ? refunds[refundId]?.amount : undefined;
