// Orders as clients saw them: each time an order stood whole in an answer, whoever asked and whatever for.
//
//   201 of placing · 200 of reading, cancelling, shipping, delivering, refunding ─► the order
//   200 of a list ─► each of its orders

import { minorOf, parseAmount } from '../../../actors/money.ts';
import type { History, Json, Operation, OperationKind } from '../history/operation.ts';
import { granted } from './wishes.ts';

export interface SeenOrder {
  readonly id: string;
  /** As the REST contract shows it. */
  readonly order: Json;
  readonly operation: Operation;
}

const single: ReadonlySet<OperationKind> = new Set([
  'place-order',
  'read-order',
  'cancel-order',
  'ship-order',
  'deliver-order',
  'refund-order',
]);

/** Every sight of an order, in the order of the history. A 202 shows none: it only names one. */
export function* seenOrders(history: History): Generator<SeenOrder> {
  for (const operation of history) {
    const answer = granted(operation);
    if (answer === undefined) continue;
    const orders: readonly Json[] = single.has(operation.kind)
      ? [answer]
      : operation.kind === 'list-orders'
        ? (answer.items ?? [])
        : [];
    for (const order of orders)
      if (typeof order?.id === 'string' && Array.isArray(order.lines)) yield { id: order.id, order, operation };
  }
}

/** The id of the order that an attempt to place one led to; undefined: its answer names none. */
export function placedId({ kind, ending }: Operation): string | undefined {
  if (kind !== 'place-order' || ending?.answer === undefined) return undefined;
  const { id, orderId } = ending.answer;
  const named: unknown = ending.outcome === 'ok' ? id : orderId;
  return typeof named === 'string' ? named : undefined;
}

/** Ten-thousandths of money in an answer; NaN if it is none. */
export const exactOf = (money: Json): number => parseAmount(String(money?.amount)) ?? Number.NaN;

/** Minor units of money in an answer; NaN if it is none. */
export function minorUnits(money: Json): number {
  const { amount, currency } = money ?? {};
  return minorOf({ amount: String(amount), currency: String(currency) }) ?? Number.NaN;
}
