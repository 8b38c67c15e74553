// I3, I4, I7: the provider's own book beside what the shop says it charged, sold and gave back.
//
//   ledger:  charges − refunds, per order ───────────────┐
//   orders:  total − refunded of PAID, SHIPPED, DELIVERED ┴─ equal, per order and per currency; nothing is in flight
//
// In the middle of a run some money is in flight: captured and not recorded yet, or given back and not recorded yet (then
// it is below zero). What the provider holds is then what is owed and what is in flight, to the penny.

import { formatMinor, minorOf } from '../../../actors/money.ts';
import type { Order } from '../../../actors/order.ts';
import { paymentIdOf, voidRefundIdOf } from '../../../actors/payment.ts';
import { refundNameOf } from '../../../actors/order-refunds.ts';
import type { Amount, Charge, Refund } from '../../../infra/local/provider/rows.ts';
import { examine, type Examination, type Finding } from '../../../mixins/finding.ts';
import type { Books } from '../books/books.ts';
import type { Checker, Evidence } from './checker.ts';

const PAID: ReadonlySet<string> = new Set(['PAID', 'SHIPPED', 'DELIVERED']);

/** The ledger by order and payment. */
interface Ledger {
  /** Charges that succeeded, by order. */
  readonly captures: ReadonlyMap<string, readonly Charge[]>;
  readonly refunds: ReadonlyMap<string, readonly Refund[]>;
  readonly chargeOf: ReadonlyMap<string, Charge>;
}

/** I3, I4 and I7. */
export const checkMoney: Checker = (evidence) => {
  const ledger = ledgerOf(evidence.books.ledger);
  return [
    checkCaptures(evidence, ledger),
    checkCharged(evidence, ledger),
    checkKept(evidence, ledger),
    checkSums(evidence, ledger),
    checkRefunds(evidence, ledger),
    checkSamples(evidence),
  ];
};

function ledgerOf({ charges, refunds }: Books['ledger']): Ledger {
  return {
    captures: Map.groupBy(
      charges.filter(({ status }) => status === 'succeeded'),
      ({ orderId }) => orderId,
    ),
    refunds: Map.groupBy(refunds, ({ paymentId }) => paymentId),
    chargeOf: new Map(charges.map((charge) => [charge.paymentId, charge])),
  };
}

/** Minor units; an amount finer than the currency has is an amount that nobody can have asked for. */
const minor = (amount: Amount): number => minorOf(amount) ?? Number.NaN;
const sum = (amounts: readonly { readonly amount: Amount }[]): number =>
  amounts.reduce((total, { amount }) => total + minor(amount), 0);
const money = (units: number, currency: string): string => `${formatMinor(units, currency)} ${currency}`;

function checkCaptures({ books }: Evidence, { captures }: Ledger): Finding {
  const once = examine('I3', 'an order is captured at most once, and with its total', 'captures');
  const orders = new Map(books.orders.map(({ id, state }) => [id, state]));
  for (const [id, its] of captures) {
    once.look(its.length);
    if (its.length > 1) {
      const each = its.map((charge) => `${charge.id}: ${charge.amount.amount} ${charge.amount.currency}`).join(', ');
      once.wrong(`order ${id} was captured ${its.length} times (${each})`);
    }
    const order = orders.get(id);
    if (order === undefined) continue;
    for (const { id: reference, paymentId } of its)
      if (paymentId !== paymentIdOf(id))
        once.wrong(`order ${id} was captured (${reference}) under ${paymentId}, its payment is ${paymentIdOf(id)}`);
    for (const { id: reference, amount } of its)
      if (minor(amount) !== order.total || amount.currency !== order.currency)
        once.wrong(
          `order ${id} costs ${money(order.total, order.currency)}, captured (${reference}) were ${amount.amount} ${amount.currency}`,
        );
  }
  return once.finding();
}

/** Whether the order was ever paid for. Refunded ones were. */
function wasPaid({ status }: Order, id: string, paid: ReadonlySet<string>): boolean {
  return PAID.has(status) || status === 'REFUNDED' || paid.has(id);
}

function checkCharged({ books }: Evidence, { captures, chargeOf }: Ledger): Finding {
  const both = examine('I4', 'no charge is without an order, no paid order without a charge', 'orders and charges');
  const journal = books.contexts.orders?.journal ?? [];
  const paid = new Set(journal.filter(({ type }) => type === 'Paid').map(({ id }) => id));
  const ids = new Set<string>();
  for (const { id, state } of books.orders) {
    ids.add(id);
    both.look(1);
    const captured = captures.get(id) ?? [];
    if (state.total === 0) {
      const charge = chargeOf.get(paymentIdOf(id)) ?? captured[0];
      if (charge !== undefined) both.wrong(`order ${id} costs nothing, but there is a charge ${charge.id} for it`);
    } else if (captured.length === 0 && wasPaid(state, id, paid)) {
      const due = money(state.total, state.currency);
      both.wrong(
        `order ${id} of ${due} is ${state.status}${paid.has(id) ? ', was paid' : ''}, and nothing was captured`,
      );
    }
  }
  for (const { id, orderId, amount } of chargeOf.values()) {
    both.look(1);
    if (!ids.has(orderId))
      both.wrong(`charge ${id} of ${amount.amount} ${amount.currency} is for no order: ${orderId}`);
  }
  return both.finding();
}

/** What should be kept of an order, in minor units. Money for an order that ended otherwise goes back. */
const owed = ({ status, total, refunded }: Order): number => (PAID.has(status) ? total - refunded : 0);

function checkKept({ books }: Evidence, ledger: Ledger): Finding {
  const kept = examine('I7', 'of each order as much is kept at the provider as is owed for it', 'orders');
  for (const { id, state } of books.orders) {
    kept.look(1);
    const [due, has] = [owed(state), heldOf(id, ledger)];
    if (has === due) continue;
    const { currency, status } = state;
    kept.wrong(`order ${id} is ${status} and owes ${money(due, currency)}, the provider holds ${money(has, currency)}`);
  }
  for (const { id, state } of books.payments) {
    kept.look(1);
    const captured = sum(ledger.captures.get(state.orderId) ?? []);
    if (captured === state.captured) continue;
    const { currency = 'GBP' } = state.charge ?? {};
    const [says, is] = [money(state.captured, currency), money(captured, currency)];
    kept.wrong(`payment ${id} says that ${says} were captured, the provider says ${is}`);
  }
  return kept.finding();
}

function heldOf(orderId: string, { captures, refunds }: Ledger): number {
  const its = captures.get(orderId) ?? [];
  return sum(its) - its.reduce((total, { paymentId }) => total + sum(refunds.get(paymentId) ?? []), 0);
}

/** The same once more by currencies, with what is still in flight: at the end nothing is. */
function checkSums({ books }: Evidence, ledger: Ledger): Finding {
  const even = examine(
    'I7',
    'captured − refunded is what is owed, and nothing is in flight, by currency',
    'currencies',
  );
  const sums = new Map<string, { held: number; owed: number; inFlight: number; flying: string[] }>();
  const of = (currency: string) => {
    const known = sums.get(currency) ?? { held: 0, owed: 0, inFlight: 0, flying: [] };
    sums.set(currency, known);
    return known;
  };
  for (const { amount } of [...ledger.captures.values()].flat()) of(amount.currency).held += minor(amount);
  for (const [paymentId, refunds] of ledger.refunds) {
    if (!ledger.chargeOf.has(paymentId)) continue;
    for (const { amount } of refunds) of(amount.currency).held -= minor(amount);
  }
  for (const { state } of books.orders) of(state.currency).owed += owed(state);
  for (const [currency, amount, what] of inFlight(books)) {
    const known = of(currency);
    known.inFlight += amount;
    known.flying.push(what);
  }
  for (const [currency, { held, owed: due, inFlight: flying, flying: which }] of sums) {
    even.look(1);
    if (held !== due) even.wrong(`${money(held, currency)} are held at the provider, ${money(due, currency)} are owed`);
    if (flying > 0) even.wrong(`${money(flying, currency)} are still in flight: ${which.slice(0, 3).join(', ')}`);
  }
  return even.finding();
}

/** Charges without an outcome and refunds that nobody confirmed: currency, minor units, and which. */
function* inFlight(books: Books): Generator<readonly [string, number, string]> {
  const flying = new Set<string>();
  for (const { id, state } of books.payments) {
    const { charge, status, refunds } = state;
    if (charge === undefined) continue;
    const { currency } = charge;
    if (status === 'NEW' || status === 'STARTED' || status === 'VOIDING')
      yield [currency, charge.amount, `${id} is ${status}`];
    for (const [name, { amount, confirmed }] of Object.entries(refunds)) {
      if (confirmed) continue;
      flying.add(name);
      yield [currency, amount, `refund ${name}`];
    }
  }
  for (const { id, state } of books.orders) {
    for (const [refundId, { amount, confirmed }] of Object.entries(state.refunds)) {
      const name = refundNameOf(id, refundId);
      if (!confirmed && !flying.has(name)) yield [state.currency, amount, `refund ${name}`];
    }
  }
}

/** Every refund of the provider was asked for, with its amount, once; together they are no more than the capture. */
function checkRefunds({ books }: Evidence, { chargeOf, refunds }: Ledger): Finding {
  const wanted = examine('I7', 'a payment gives back what it was asked for, and no more than it captured', 'payments');
  const orders = new Map(books.orders.map(({ id, state }) => [id, state]));
  for (const [paymentId, its] of refunds) {
    const charge = chargeOf.get(paymentId);
    if (charge === undefined) continue;
    wanted.look(1);
    const { amount, orderId, status } = charge;
    const captured = status === 'succeeded' ? minor(amount) : 0;
    if (!(sum(its) <= captured)) {
      const [back, was] = [money(sum(its), amount.currency), money(captured, amount.currency)];
      wanted.wrong(`payment ${paymentId} gave back ${back} of ${was}`);
    }
    const order = orders.get(orderId);
    if (order !== undefined) judgeRefunds(orderId, order, its, wanted);
  }
  return wanted.finding();
}

function judgeRefunds(orderId: string, order: Order, its: readonly Refund[], wanted: Examination): void {
  const asked = new Map(Object.entries(order.refunds).map(([id, { amount }]) => [refundNameOf(orderId, id), amount]));
  const seen = new Set<string>();
  for (const { refundId, amount } of its) {
    const due = asked.get(refundId);
    // What a payment gives back by itself has no wish of an order: all that is left of it.
    if (due === undefined && refundId !== voidRefundIdOf(orderId))
      wanted.wrong(`nobody asked for refund ${refundId} of ${amount.amount} ${amount.currency}`);
    else if (due !== undefined && due !== minor(amount))
      wanted.wrong(`refund ${refundId} is worth ${money(due, order.currency)}, given back were ${amount.amount}`);
    if (seen.has(refundId)) wanted.wrong(`refund ${refundId} was given back twice`);
    seen.add(refundId);
  }
}

function checkSamples({ books }: Evidence): Finding {
  const even = examine('I7', 'during the run what is held is what is owed and what is in flight', 'sums of samples');
  for (const { at, money: sums } of books.samples) {
    for (const { currency, held, owed: due, inFlight: flying } of sums) {
      even.look(1);
      if (held === due + flying) continue;
      const [has, owes, flies] = [held, due, flying].map((units) => money(units, currency));
      even.wrong(`at ${new Date(at).toISOString()} ${has} were held, ${owes} owed and ${flies} in flight`);
    }
  }
  return even.finding();
}
