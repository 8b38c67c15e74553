// Reads every order and stock row back over HTTP and holds them against what the files, or the oracles beside them, say.
//
//   orders, page by page ─► each invoice: once, paid, line by line, to the last decimal ──┐
//   timelines of orders that gave pieces back ─► money by our prices, pieces by note ─────┼─► differences, or none
//   stock rows ─► sold, returned, written off; no piece gained or lost ───────────────────┘
//
// Only what the given files determine is compared: other months may be in the shop as well.

import { setTimeout as pause } from 'node:timers/promises';
import { exactly } from './amounts.ts';
import { perSku } from './credit-notes.ts';
import {
  creditedLines,
  noteDifferences,
  orderDifferences,
  refundDifferences,
  stockDifferences,
  type StockShould,
  takeDifferences,
} from './differences.ts';
import { type Invoice, kindOf, monthOf, partsOf, skuOf, type Unreplayed } from './invoices.ts';
import { type Expected, factsOf, invoiceDifferences, move, movementDifferences } from './oracle.ts';
import { each } from './parallel.ts';
import { isOf, type NoteReplayed } from './refunds.ts';
import { POLL_MS, SETTLED_WITHIN_MS, settledOrder, settledRefunds } from './settled.ts';
import { pages, type Refund, type Report, type Shop, type ShopOrder, stockOf, wasPaid } from './shop.ts';
import { createTally, type Sums, type Tally } from './tally.ts';

const READS_AT_ONCE = 8;
/** A refund of pieces that cost less may be worth nothing, and show in no sum: a penny, in ten-thousandths. */
const PENNY = 100n;

export interface Reconciled {
  readonly sums: Readonly<Sums>;
  readonly differences: readonly string[];
}

/** What was replayed, and what it should come to. */
export interface Replayed {
  readonly invoices: readonly Invoice[];
  readonly notes: readonly NoteReplayed[];
  readonly unreplayed: readonly Unreplayed[];
  readonly expected: Expected;
}

/** An order that gave pieces back. */
interface Touched {
  readonly id: string;
  readonly reference: string;
  readonly refunds: readonly Refund[];
}

/** Compares the shop with what is expected of the invoices. Differences are sentences; none means equal. */
export async function reconcile(shop: Shop, replayed: Replayed, report: Report): Promise<Reconciled> {
  const { invoices, notes, unreplayed, expected } = replayed;
  const tally = createTally();
  const differences = [...expected.notes];
  const { touched, hasOthers } = await readOrders(shop, replayed, tally, differences, report);
  for (const note of notes) {
    for (const [orderId, takes] of Map.groupBy(note.takes, (take) => take.orderId)) {
      const order = touched.get(orderId);
      const own = order?.refunds.filter((refund) => isOf(shop, refund, note.invoice, order)) ?? [];
      differences.push(...takeDifferences(note, orderId, takes, own));
    }
    for (const line of creditedLines(note)) move(tally.movements, monthOf(note.invoice), 'cancellation', line);
    const facts = expected.invoices.get(note.invoice.invoiceNo);
    if (facts !== undefined) differences.push(...noteDifferences(note, facts));
  }
  const byNumber = new Map(invoices.map((invoice) => [invoice.invoiceNo, invoice]));
  for (const { invoiceNo, line } of unreplayed)
    move(tally.movements, monthOf(byNumber.get(invoiceNo) as Invoice), kindOf(invoiceNo), line);
  for (const invoice of invoices) {
    const { ordered, takenBack, writtenOff } = partsOf(invoice);
    for (const line of writtenOff) move(tally.movements, monthOf(invoice), 'sale', line);
    const facts = expected.invoices.get(invoice.invoiceNo);
    // Invoices without order and credit are in the shop as write-offs, or not at all.
    if (ordered.length === 0 && takenBack.length === 0 && facts !== undefined)
      differences.push(...invoiceDifferences(invoice.invoiceNo, factsOf(invoice), facts));
  }
  differences.push(...movementDifferences(tally.movements, expected.movements));
  await readStock(shop, invoices, tally, hasOthers, differences, report);
  return { sums: tally.sums, differences };
}

/** Reads all orders and the histories of those that gave pieces back. */
async function readOrders(
  shop: Shop,
  { invoices, notes, expected }: Replayed,
  tally: Tally,
  differences: string[],
  report: Report,
): Promise<{ readonly touched: ReadonlyMap<string, Touched>; readonly hasOthers: boolean }> {
  const sales = new Map(
    invoices.filter((invoice) => partsOf(invoice).ordered.length > 0).map((invoice) => [invoice.invoiceNo, invoice]),
  );
  const taken = new Set(notes.flatMap(({ takes }) => takes.map(({ orderId }) => orderId)));
  const found = new Map<string, number>();
  const unpaid = new Map<string, ShopOrder>();
  const touched = new Map<string, Touched>();
  let hasOthers = false;

  async function look(listed: ShopOrder): Promise<void> {
    const order = await settledOrder(shop, listed);
    const { reference = '' } = order;
    const invoice = sales.get(reference);
    // What ended unpaid, or is not paid yet, counts only where no other order of the invoice does.
    const counts = invoice !== undefined && wasPaid(order);
    tally.order(order, counts ? invoice : undefined);
    if (invoice !== undefined && !counts) unpaid.set(reference, order);
    else if (invoice === undefined) hasOthers ||= /^\d+$/.test(reference);
    else {
      found.set(reference, (found.get(reference) ?? 0) + 1);
      const facts = expected.invoices.get(reference) ?? factsOf(invoice);
      differences.push(...orderDifferences(invoice, order, facts));
    }
    if (!wasPaid(order) || !(taken.has(order.id) || mayHaveGivenBack(order))) return;
    const { refunds, now } = await settledRefunds(shop, order);
    touched.set(order.id, { id: order.id, reference, refunds });
    tally.refunds(refunds);
    differences.push(...refundDifferences(now, refunds));
    if (invoice !== undefined) tally.paidBack(exactly(now.refunded.amount));
  }

  let seen = 0;
  for await (const orders of pages<ShopOrder>(shop, '/api/v1/orders')) {
    await each(orders, READS_AT_ONCE, look);
    report('comparing orders', (seen += orders.length), seen);
  }
  for (const [invoiceNo, invoice] of sales) {
    const times = found.get(invoiceNo) ?? 0;
    const order = unpaid.get(invoiceNo);
    if (times > 1) differences.push(`invoice ${invoiceNo}: ${times} orders instead of one`);
    else if (times === 0 && order === undefined) differences.push(`invoice ${invoiceNo}: no order`);
    else if (times === 0 && order !== undefined)
      differences.push(...orderDifferences(invoice, order, expected.invoices.get(invoiceNo) ?? factsOf(invoice)));
  }
  return { touched, hasOthers };
}

function mayHaveGivenBack({ status, refunded, lines }: ShopOrder): boolean {
  if (status === 'REFUNDED' || exactly(refunded.amount) > 0n) return true;
  return lines.some(({ unitPrice }) => exactly(unitPrice.amount) < PENNY);
}

/** Reads the stock row of every SKU that the invoices name. */
async function readStock(
  shop: Shop,
  invoices: readonly Invoice[],
  tally: Tally,
  hasOthers: boolean,
  differences: string[],
  report: Report,
): Promise<void> {
  const lost = perSku(
    invoices.flatMap((invoice) =>
      partsOf(invoice).writtenOff.map((line) => ({ sku: skuOf(line), quantity: -line.quantity })),
    ),
  );
  const skus = new Set([...lost.keys(), ...invoices.flatMap((invoice) => partsOf(invoice).ordered.map(skuOf))]);
  let done = 0;
  await each(skus, READS_AT_ONCE, async (sku) => {
    differences.push(...(await settledStock(shop, sku, tally.stock(sku, lost.get(sku) ?? 0), hasOthers)));
    report('comparing stock', (done += 1), skus.size);
  });
}

/** What is wrong with a stock row; it is read again while pieces may be on their way. */
async function settledStock(
  shop: Shop,
  sku: string,
  should: StockShould,
  hasOthers: boolean,
): Promise<readonly string[]> {
  const deadline = Date.now() + SETTLED_WITHIN_MS;
  for (;;) {
    const stock = await stockOf(shop, sku);
    const differences = stockDifferences(sku, stock, should, hasOthers);
    const mayCome = stock.sold < should.sold || stock.returned < should.returned || stock.reserved > should.reserved;
    if (differences.length === 0 || !mayCome || Date.now() > deadline) return differences;
    await pause(POLL_MS);
  }
}
