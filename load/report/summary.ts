// What the orders of a shop come to by day and month, as its own API tells it. Exact: sums are ten-thousandths in bigints.

import { parseAmount } from '../../actors/money.ts';

/** As much of an order as a summary needs, as `GET /orders` shows it. */
export interface OrderSeen {
  readonly id: string;
  readonly status: string;
  readonly reference?: string;
  readonly customerId?: string;
  readonly lines: readonly { readonly quantity: number }[];
  readonly exactTotal: { readonly amount: string };
  readonly refunded: { readonly amount: string };
}

export interface Sums {
  readonly orders: number;
  readonly lines: number;
  readonly pieces: number;
  /** Exact totals of the orders as they were placed, in ten-thousandths. */
  readonly gross: bigint;
  /** What was paid back of these orders, whenever it was, in ten-thousandths. */
  readonly refunded: bigint;
}

export interface Summary {
  /** By day of the invoice (`2010-12-01`), in order. */
  readonly days: readonly (Sums & { readonly day: string })[];
  /** By month of the invoice (`2010-12`), in order. */
  readonly months: readonly (Sums & { readonly month: string })[];
  readonly all: Sums;
  readonly customers: number;
  readonly guestOrders: number;
  /** Orders by status. */
  readonly statuses: Readonly<Record<string, number>>;
  /** The order of most pieces. */
  readonly largest: { readonly order: OrderSeen; readonly pieces: number; readonly date: string } | undefined;
}

const NOTHING: Sums = { orders: 0, lines: 0, pieces: 0, gross: 0n, refunded: 0n };

/**
 * Sums up orders by the dates of their invoices.
 * @param dates when each invoice was written, by its number (`2010-12-01T08:26:00`); orders without one are left out
 */
export function summarize(orders: Iterable<OrderSeen>, dates: ReadonlyMap<string, string>): Summary {
  const [days, months] = [new Map<string, Sums>(), new Map<string, Sums>()];
  const statuses: Record<string, number> = {};
  const customers = new Set<string>();
  let all = NOTHING;
  let guestOrders = 0;
  let largest: Summary['largest'];
  for (const order of orders) {
    const date = order.reference === undefined ? undefined : dates.get(order.reference);
    if (date === undefined) continue;
    const one = sumsOf(order);
    const [day, month] = [date.slice(0, 10), date.slice(0, 7)];
    days.set(day, plus(days.get(day) ?? NOTHING, one));
    months.set(month, plus(months.get(month) ?? NOTHING, one));
    all = plus(all, one);
    statuses[order.status] = (statuses[order.status] ?? 0) + 1;
    if (order.customerId === undefined) guestOrders += 1;
    else customers.add(order.customerId);
    if (largest === undefined || one.pieces > largest.pieces) largest = { order, pieces: one.pieces, date };
  }
  return {
    days: inOrder(days).map(([day, sums]) => ({ day, ...sums })),
    months: inOrder(months).map(([month, sums]) => ({ month, ...sums })),
    all,
    customers: customers.size,
    guestOrders,
    statuses,
    largest,
  };
}

function sumsOf({ lines, exactTotal, refunded }: OrderSeen): Sums {
  const pieces = lines.reduce((sum, { quantity }) => sum + quantity, 0);
  return { orders: 1, lines: lines.length, pieces, gross: exact(exactTotal.amount), refunded: exact(refunded.amount) };
}

/**
 * Ten-thousandths of an amount as the shop shows it.
 * @throws Error if it is none
 */
export function exact(amount: string): bigint {
  const value = parseAmount(amount);
  if (value === undefined) throw new Error(`the shop said "${amount}" where an amount of money was expected`);
  return BigInt(value);
}

function plus(a: Sums, b: Sums): Sums {
  return {
    orders: a.orders + b.orders,
    lines: a.lines + b.lines,
    pieces: a.pieces + b.pieces,
    gross: a.gross + b.gross,
    refunded: a.refunded + b.refunded,
  };
}

const inOrder = (sums: ReadonlyMap<string, Sums>) => [...sums].sort(([a], [b]) => (a < b ? -1 : 1));
