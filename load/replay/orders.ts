// Places the sales as orders, as their customers would: one customer's orders one after another, customers side by side.
// Idempotent twice over: by the key of each request, and, when the keys have gone, by the invoice in `reference`.

import type { Client } from '../client.ts';
import { type Invoice, skuOf } from './invoices.ts';

/** Customers served at the same time. */
const CUSTOMERS_AT_ONCE = 8;

export interface PlacedOrder {
  readonly id: string;
  readonly status: string;
  readonly reference?: string;
  readonly lines: readonly {
    readonly sku: string;
    readonly quantity: number;
    readonly unitPrice: { readonly amount: string };
  }[];
  readonly exactTotal: { readonly amount: string };
}

/** The order of an invoice, if the shop has it. */
export async function orderOf(
  client: Client,
  token: () => Promise<string>,
  invoiceNo: string,
): Promise<readonly PlacedOrder[]> {
  const { items } = await client.expect<{ items: readonly PlacedOrder[] }>(
    [200],
    `/api/v1/orders?reference=${invoiceNo}&limit=100`,
    { token: await token() },
  );
  return items;
}

/** Places every sale that the shop does not have yet. */
export async function placeOrders(
  client: Client,
  token: () => Promise<string>,
  sales: readonly Invoice[],
  ids: ReadonlyMap<string, string>,
  progress: (done: number) => void,
): Promise<{ readonly placed: number; readonly known: number }> {
  // Invoices without a customer have nothing to wait for: each is a customer of its own.
  const customers = Map.groupBy(sales, ({ customerId, invoiceNo }) => (customerId === '' ? invoiceNo : customerId));
  const queue = [...customers.values()];
  let [placed, known] = [0, 0];
  const serve = async () => {
    for (let invoices = queue.shift(); invoices !== undefined; invoices = queue.shift()) {
      for (const invoice of invoices) {
        if ((await orderOf(client, token, invoice.invoiceNo)).length > 0) known += 1;
        else {
          await place(client, invoice, ids);
          placed += 1;
        }
        progress(placed + known);
      }
    }
  };
  await Promise.all(Array.from({ length: CUSTOMERS_AT_ONCE }, serve));
  return { placed, known };
}

async function place(client: Client, invoice: Invoice, ids: ReadonlyMap<string, string>): Promise<void> {
  const { invoiceNo, customerId, lines } = invoice;
  await client.expect([201, 202], '/api/v1/orders', {
    method: 'POST',
    key: `replay-${invoiceNo}`,
    body: {
      email: `${customerId === '' ? `guest-${invoiceNo}` : `customer-${customerId}`}@customers.example`,
      reference: invoiceNo,
      lines: lines.map((line) => ({ productId: ids.get(skuOf(line)), quantity: line.quantity })),
      payment: { method: 'simulated', token: 'tok_ok' },
    },
  });
}
