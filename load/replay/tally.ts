// What the orders of a shop come to, added up one by one: pieces by SKU, for stock to be held against; pieces and money by
// month and stock code, for the invoices to be held against; and what the invoices' own orders come to in all.

import { exactly } from './amounts.ts';
import { codeOf, type Invoice, monthOf } from './invoices.ts';
import { type Movement, move } from './oracle.ts';
import type { StockShould } from './differences.ts';
import { type Refund, type ShopOrder, wasPaid } from './shop.ts';

type Pieces = Iterable<{ readonly sku: string; readonly quantity: number }>;

export interface Sums {
  orders: number;
  lines: number;
  units: number;
  /** This and the following: ten-thousandths. */
  total: bigint;
  captured: bigint;
  refunded: bigint;
}

export interface Tally {
  /** Counts an order, whoever placed it; `invoice`: the one that it was placed and paid for, if it is one of ours. */
  order(order: ShopOrder, invoice: Invoice | undefined): void;
  /** Counts what came back of an order. */
  refunds(refunds: readonly Refund[]): void;
  /** Money paid back for an invoice's order, in ten-thousandths. */
  paidBack(amount: bigint): void;
  /** What stock should say of a SKU; `lost`: pieces written off. */
  stock(sku: string, lost: number): StockShould;
  readonly sums: Sums;
  readonly movements: Map<string, Movement>;
}

/** A tally of nothing. */
export function createTally(): Tally {
  const [sold, reserved, returned] = [new Map<string, number>(), new Map<string, number>(), new Map<string, number>()];
  const movements = new Map<string, Movement>();
  const sums: Sums = { orders: 0, lines: 0, units: 0, total: 0n, captured: 0n, refunded: 0n };
  return {
    sums,
    movements,
    order(order, invoice) {
      const { lines, status } = order;
      if (wasPaid(order)) count(sold, lines);
      else if (status === 'AWAITING_PAYMENT') count(reserved, lines);
      if (invoice === undefined) return;
      for (const { sku, quantity, unitPrice } of lines) {
        const line = { stockCode: codeOf(sku), description: '', quantity, unitPrice: unitPrice.amount };
        move(movements, monthOf(invoice), 'sale', line);
        sums.units += quantity;
      }
      sums.orders += 1;
      sums.lines += lines.length;
      sums.total += exactly(order.exactTotal.amount);
      sums.captured += exactly(order.total.amount);
    },
    refunds(refunds) {
      for (const { restock, lines } of refunds) if (restock) count(returned, lines);
    },
    paidBack(amount) {
      sums.refunded += amount;
    },
    stock: (sku, lost) => ({
      sold: sold.get(sku) ?? 0,
      reserved: reserved.get(sku) ?? 0,
      returned: returned.get(sku) ?? 0,
      writtenOff: lost,
    }),
  };
}

function count(into: Map<string, number>, pieces: Pieces): void {
  for (const { sku, quantity } of pieces) into.set(sku, (into.get(sku) ?? 0) + quantity);
}
