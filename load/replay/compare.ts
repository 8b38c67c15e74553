// Compares what the shop answers over HTTP with the file: every order, line by line, and every product's pieces.

import { setTimeout as pause } from 'node:timers/promises';
import { formatExact, parseAmount } from '../../actors/money.ts';
import type { Client } from '../client.ts';
import { exactTotalOf, type Invoice, skuOf } from './invoices.ts';
import { orderOf, type PlacedOrder } from './orders.ts';
import type { Wanted } from './products.ts';

/** How long an order may take to be paid, and how often it is asked for, in milliseconds. */
const PAID_WITHIN_MS = 60_000;
const POLL_MS = 100;
const READS_AT_ONCE = 8;

export interface Comparison {
  readonly orders: number;
  readonly lines: number;
  readonly units: number;
  /** Pounds, exact. */
  readonly total: string;
  readonly differences: readonly string[];
}

interface StockAnswer {
  readonly received: number;
  readonly onHand: number;
  readonly reserved: number;
  readonly sold: number;
  readonly returned: number;
  readonly writtenOff: number;
}

/** Reads everything back. Differences are sentences; none means equal. */
export async function compare(
  client: Client,
  token: () => Promise<string>,
  sales: readonly Invoice[],
  products: readonly Wanted[],
  progress: (done: number) => void,
): Promise<Comparison> {
  const differences: string[] = [];
  let [done, lines, units, total] = [0, 0, 0, 0n];
  await each(sales, async (invoice) => {
    const [order, ...doubles] = await settled(client, token, invoice.invoiceNo);
    differences.push(
      ...(order === undefined ? [`invoice ${invoice.invoiceNo}: no order`] : differencesOf(invoice, order)),
    );
    if (doubles.length > 0)
      differences.push(`invoice ${invoice.invoiceNo}: ${doubles.length + 1} orders instead of one`);
    lines += order?.lines.length ?? 0;
    units += order?.lines.reduce((sum, { quantity }) => sum + quantity, 0) ?? 0;
    total += BigInt((order && parseAmount(order.exactTotal.amount)) ?? 0);
    progress((done += 1));
  });
  await each(products, async ({ sku, pieces }) => {
    const stock = await client.expect<StockAnswer>([200], `/api/v1/stock/${encodeURIComponent(sku)}`, {
      token: await token(),
    });
    if (stock.sold !== pieces) differences.push(`stock of ${sku}: ${stock.sold} pieces sold, the file says ${pieces}`);
    const { received, returned, onHand, sold, writtenOff } = stock;
    if (received + returned !== onHand + sold + writtenOff)
      differences.push(`stock of ${sku}: pieces are not conserved: ${JSON.stringify(stock)}`);
    progress((done += 1));
  });
  return { orders: sales.length, lines, units, total: formatExact(Number(total)), differences };
}

/** The invoice's orders, once the first of them is paid or over. */
async function settled(
  client: Client,
  token: () => Promise<string>,
  invoiceNo: string,
): Promise<readonly PlacedOrder[]> {
  const deadline = Date.now() + PAID_WITHIN_MS;
  for (;;) {
    const orders = await orderOf(client, token, invoiceNo);
    if (orders[0]?.status.startsWith('AWAITING') !== true || Date.now() > deadline) return orders;
    await pause(POLL_MS);
  }
}

function differencesOf(invoice: Invoice, order: PlacedOrder): readonly string[] {
  const name = `invoice ${invoice.invoiceNo}`;
  const differences: string[] = [];
  if (order.status !== 'PAID') differences.push(`${name}: its order ${order.id} is ${order.status}, not PAID`);
  const exact = formatExact(Number(exactTotalOf(invoice.lines)));
  if (order.exactTotal.amount !== exact)
    differences.push(`${name}: total ${order.exactTotal.amount}, the file says ${exact}`);
  const inFile = invoice.lines.map((line) => `${line.quantity} × ${skuOf(line)}`);
  const inShop = order.lines.map(({ sku, quantity }) => `${quantity} × ${sku}`);
  inFile.forEach((line, i) => {
    if (inShop[i] !== line)
      differences.push(`${name}, line ${i + 1}: ${inShop[i] ?? 'nothing'}, the file says ${line}`);
  });
  if (inShop.length > inFile.length)
    differences.push(`${name}: ${inShop.length} lines, the file says ${inFile.length}`);
  return differences;
}

async function each<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = items.values();
  await Promise.all(
    Array.from({ length: READS_AT_ONCE }, async () => {
      for (const item of queue) await work(item);
    }),
  );
}
