// Which orders a credit note takes pieces back from: a note names its customer, codes, quantities and prices, but no order.
//
//   a line of the note ─► 1. the newest earlier order with a line of exactly so many pieces at this price (all from it)
//                         2. earlier orders with this code at this price, newest first, never more than is left
//                         3. earlier orders with this code at any price, newest first
//                         4. what is left fits no order, and is listed as not replayed
//
// Pure: the same orders and the same note give the same answer, so a note can be replayed in parts.

import { codeOf, type InvoiceLine, skuOf } from './invoices.ts';

/** An order that pieces may be taken back from. */
export interface Held {
  readonly id: string;
  readonly lines: readonly { readonly sku: string; readonly quantity: number }[];
  /** Pieces that are left, by SKU. */
  readonly left: ReadonlyMap<string, number>;
}

/** Pieces of one SKU that one line of a note takes from one order. */
export interface Take {
  readonly orderId: string;
  readonly sku: string;
  readonly quantity: number;
  readonly line: InvoiceLine;
}

export interface Matched {
  readonly takes: readonly Take[];
  /** Lines of the note with the pieces (above zero) that fit no order. */
  readonly unmatched: readonly { readonly line: InvoiceLine; readonly quantity: number }[];
}

/** Matches the lines of a note (negative quantities), in their order, with a customer's earlier orders, newest first. */
export function match(lines: readonly InvoiceLine[], orders: readonly Held[]): Matched {
  const shelves = orders.map((order) => ({ ...order, left: new Map(order.left) }));
  const matched = lines.map((line) => matchLine(line, shelves));
  return {
    takes: matched.flatMap(({ takes }) => takes),
    unmatched: matched.flatMap(({ line, wanted }) => (wanted > 0 ? [{ line, quantity: wanted }] : [])),
  };
}

type Shelf = Held & { readonly left: Map<string, number> };

/** Takes the pieces of one line from the shelves, as far as there are any. */
function matchLine(line: InvoiceLine, shelves: readonly Shelf[]) {
  const sku = skuOf(line);
  const takes: Take[] = [];
  let wanted = -line.quantity;
  const take = ({ id, left }: Shelf, of: string) => {
    const there = left.get(of) ?? 0;
    const quantity = Math.min(wanted, there);
    if (quantity === 0) return;
    left.set(of, there - quantity);
    takes.push({ orderId: id, sku: of, quantity, line });
    wanted -= quantity;
  };
  const isSame = ({ lines, left }: Shelf) =>
    (left.get(sku) ?? 0) >= wanted && lines.some((it) => it.sku === sku && it.quantity === wanted);
  const same = shelves.find(isSame);
  if (same !== undefined) take(same, sku);
  for (const shelf of shelves) take(shelf, sku);
  for (const shelf of shelves)
    for (const other of shelf.left.keys()) if (codeOf(other) === line.stockCode) take(shelf, other);
  return { line, takes, wanted };
}

/** Pieces per SKU that were ordered, less those that were taken back. */
export function leftOf(
  lines: Held['lines'],
  takenBack: Iterable<{ readonly sku: string; readonly quantity: number }>,
): Map<string, number> {
  const left = new Map<string, number>();
  for (const { sku, quantity } of lines) left.set(sku, (left.get(sku) ?? 0) + quantity);
  for (const { sku, quantity } of takenBack) left.set(sku, (left.get(sku) ?? 0) - quantity);
  return left;
}

/** Pieces by SKU, summed. */
export function perSku(
  pieces: Iterable<{ readonly sku: string; readonly quantity: number }>,
): ReadonlyMap<string, number> {
  const sums = new Map<string, number>();
  for (const { sku, quantity } of pieces) sums.set(sku, (sums.get(sku) ?? 0) + quantity);
  return sums;
}
