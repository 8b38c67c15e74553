// The shop's replayed orders, as far as a replay needs them: which invoices are there already, and what each customer
// bought when. Read from the shop before anything is placed, then kept up with what this run places.

import type { Invoice, InvoiceLine } from './invoices.ts';
import { numberOf, partsOf, skuOf } from './invoices.ts';
import { settledOrder } from './settled.ts';
import { isOver, pages, type Report, type Shop, type ShopOrder } from './shop.ts';

export interface BookLine {
  readonly sku: string;
  readonly quantity: number;
}

export interface BookOrder {
  readonly id: string;
  /** The invoice. */
  readonly reference: string;
  readonly number: number;
  readonly lines: readonly BookLine[];
}

export interface Book {
  has(reference: string): boolean;
  /** Orders of the invoice that ended before they were paid. */
  failed(reference: string): number;
  fail(reference: string): void;
  add(email: string, order: BookOrder): void;
  /** A customer's orders, newest first. */
  ordersOf(email: string): readonly BookOrder[];
  knows(email: string): boolean;
  readonly size: number;
}

/** Invoices that are replayed to orders are called by digits alone. */
const INVOICE = /^\d+$/;

/** An empty book. */
export function createBook(): Book {
  const byCustomer = new Map<string, BookOrder[]>();
  const references = new Set<string>();
  const failures = new Map<string, number>();
  return {
    has: (reference) => references.has(reference),
    failed: (reference) => failures.get(reference) ?? 0,
    fail(reference) {
      failures.set(reference, (failures.get(reference) ?? 0) + 1);
    },
    add(email, order) {
      references.add(order.reference);
      const orders = byCustomer.get(email);
      if (orders === undefined) byCustomer.set(email, [order]);
      else orders.push(order);
    },
    ordersOf: (email) => (byCustomer.get(email) ?? []).toSorted((a, b) => b.number - a.number),
    knows: (email) => byCustomer.has(email),
    get size() {
      return references.size;
    },
  };
}

/** Reads all replayed orders of the shop. */
export async function readBook(shop: Shop, report: Report): Promise<Book> {
  const book = createBook();
  const texts = new Map<string, string>();
  const once = (text: string) => texts.get(text) ?? (texts.set(text, text), text);
  let seen = 0;
  for await (const orders of pages<ShopOrder>(shop, '/api/v1/orders')) {
    for (const listed of orders) {
      if (listed.reference === undefined || !INVOICE.test(listed.reference)) continue;
      // What stock has not answered yet would be counted as available below.
      const order = listed.status === 'AWAITING_STOCK' ? await settledOrder(shop, listed) : listed;
      const { id, reference = '', email, lines } = order;
      if (isOver(order)) {
        book.fail(reference);
        continue;
      }
      const kept = lines.map(({ sku, quantity }) => ({ sku: once(sku), quantity }));
      book.add(once(email), { id, reference, number: numberOf(reference), lines: kept });
    }
    seen += orders.length;
    report('reading the orders that are there', seen, seen);
  }
  return book;
}

/** What the invoice's order holds. */
export function bookOrder(id: string, invoice: Invoice): BookOrder {
  const { invoiceNo } = invoice;
  return { id, reference: invoiceNo, number: numberOf(invoiceNo), lines: partsOf(invoice).ordered.map(bookLine) };
}

const bookLine = (line: InvoiceLine): BookLine => ({ sku: skuOf(line), quantity: line.quantity });
