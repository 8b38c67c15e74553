// Places the sales as orders, as their customers would: one customer's orders one after another, customers side by side.
// Idempotent twice over: by the key of each request, and, when the keys have gone, by the invoice in `reference`.

import type { Book } from './book.ts';
import { bookOrder } from './book.ts';
import type { Customers } from './customers.ts';
import { emailOf, type Invoice, partsOf, skuOf } from './invoices.ts';
import { each } from './parallel.ts';
import type { Shop } from './shop.ts';

/** Customers served at the same time: enough that orders go on while the shop hashes the passwords of new customers. */
const CUSTOMERS_AT_ONCE = 12;

/** Places every sale that the shop does not have yet, and enters it in the book. @returns how many were placed */
export async function placeOrders(
  shop: Shop,
  book: Book,
  customers: Customers,
  invoices: readonly Invoice[],
  ids: ReadonlyMap<string, string>,
  progress: (done: number, all: number) => void,
): Promise<number> {
  const sales = invoices.filter((invoice) => partsOf(invoice).ordered.length > 0);
  let done = 0;
  let placed = 0;
  progress(done, sales.length);
  // Invoices without a customer have nothing to wait for: each is a customer of its own.
  await each(Map.groupBy(sales, emailOf), CUSTOMERS_AT_ONCE, async ([email, own]) => {
    for (const invoice of own) {
      if (!book.has(invoice.invoiceNo)) {
        const token = invoice.customerId === '' ? undefined : await customers.token(email, book.knows(email));
        const { id } = await place(shop, invoice, keyOf(invoice, book), email, token, ids);
        book.add(email, bookOrder(id, invoice));
        placed += 1;
      }
      progress((done += 1), sales.length);
    }
  });
  return placed;
}

/** What was refused or expired stays so under its key: the next attempt has another one. */
function keyOf({ invoiceNo }: Invoice, book: Book): string {
  const failed = book.failed(invoiceNo);
  return `replay-${invoiceNo}${failed === 0 ? '' : `-again-${failed}`}`;
}

async function place(
  { client }: Shop,
  invoice: Invoice,
  key: string,
  email: string,
  token: string | undefined,
  ids: ReadonlyMap<string, string>,
): Promise<{ readonly id: string }> {
  return await client.expect([201, 202], '/api/v1/orders', {
    method: 'POST',
    key,
    ...(token === undefined ? {} : { token }),
    body: {
      email,
      reference: invoice.invoiceNo,
      lines: partsOf(invoice).ordered.map((line) => ({ productId: ids.get(skuOf(line)), quantity: line.quantity })),
      payment: { method: 'simulated', token: 'tok_ok' },
    },
  });
}
