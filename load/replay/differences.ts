// What is wrong with what a shop answers, in sentences: an order against its invoice, its money against its refunds, what
// came back against the credit note, a stock row against the orders. Pure; none of it reads anything.

import { exactly, pounds, toPence, worthOf } from './amounts.ts';
import { leftOf, perSku, type Take } from './credit-notes.ts';
import { codeOf, emailOf, type Invoice, partsOf, skuOf } from './invoices.ts';
import { factsOf, type InvoiceFacts, invoiceDifferences } from './oracle.ts';
import type { NoteReplayed } from './refunds.ts';
import { type Refund, type ShopOrder, type StockAnswer, wasPaid } from './shop.ts';

/** An order against its invoice in the file, line by line, and against what is expected of the invoice as a whole. */
export function orderDifferences(invoice: Invoice, order: ShopOrder, expected: InvoiceFacts): readonly string[] {
  const name = `invoice ${invoice.invoiceNo}`;
  const differences: string[] = [];
  const { ordered, writtenOff, others } = partsOf(invoice);
  if (!wasPaid(order)) differences.push(`${name}: its order ${order.id} is ${order.status}, not PAID`);
  const inFile = ordered.map((line) => `${line.quantity} × ${skuOf(line)}`);
  const inShop = order.lines.map(({ sku, quantity }) => `${quantity} × ${sku}`);
  inFile.forEach((line, i) => {
    if (inShop[i] !== line)
      differences.push(`${name}, line ${i + 1}: ${inShop[i] ?? 'nothing'}, the file says ${line}`);
  });
  if (inShop.length > inFile.length)
    differences.push(`${name}: ${inShop.length} lines, the file says ${inFile.length}`);
  if (order.email !== emailOf(invoice)) differences.push(`${name}: ordered by ${order.email}, not ${emailOf(invoice)}`);
  const sum = worthOf(order.lines.map(({ quantity, unitPrice }) => ({ quantity, unitPrice: unitPrice.amount })));
  const total = exactly(order.exactTotal.amount);
  if (sum !== total) differences.push(`${name}: total GBP ${pounds(total)}, its lines come to GBP ${pounds(sum)}`);
  // What of the invoice is no line of the order counts as the file has it.
  const rest = [...writtenOff, ...others.map(({ line }) => line)];
  const found: InvoiceFacts = {
    kind: 'sale',
    customerId: order.email.replace(/^guest-.*|^customer-|@.*$/g, ''),
    lines: order.lines.length + rest.length,
    codes: new Set([...order.lines.map(({ sku }) => codeOf(sku)), ...rest.map(({ stockCode }) => stockCode)]).size,
    units: [...order.lines, ...rest].reduce((pieces, { quantity }) => pieces + quantity, 0),
    total: total + worthOf(rest),
  };
  return [...differences, ...invoiceDifferences(invoice.invoiceNo, found, expected)];
}

/** Whether an order has given back what its refunds are worth by its own prices: its total less what remains, rounded once. */
export function refundDifferences(order: ShopOrder, refunds: readonly Refund[]): readonly string[] {
  const prices = new Map(order.lines.map(({ sku, unitPrice }) => [sku, unitPrice.amount]));
  const left = leftOf(
    order.lines,
    refunds.flatMap(({ lines }) => lines),
  );
  const remains = worthOf([...left].map(([sku, quantity]) => ({ quantity, unitPrice: prices.get(sku) ?? '0' })));
  const should = exactly(order.total.amount) - toPence(remains);
  const is = exactly(order.refunded.amount);
  const name = `order ${order.id} (invoice ${order.reference ?? 'none'})`;
  const differences = is === should ? [] : [`${name}: GBP ${pounds(is)} refunded, expected GBP ${pounds(should)}`];
  const isEmpty = [...left.values()].every((pieces) => pieces === 0);
  if (isEmpty !== (order.status === 'REFUNDED'))
    differences.push(`${name}: it is ${order.status}, and ${isEmpty ? 'no piece' : 'some pieces'} of it remain`);
  for (const [sku, pieces] of left) if (pieces < 0) differences.push(`${name}: ${-pieces} × ${sku} too many came back`);
  return differences;
}

/** What the shop took back by one note from one order, against what the rule says. */
export function takeDifferences(
  { invoice }: NoteReplayed,
  orderId: string,
  takes: readonly Take[],
  refunds: readonly Refund[],
): readonly string[] {
  const [is, should] = [perSku(refunds.flatMap(({ lines }) => lines)), perSku(takes)];
  return [...new Set([...is.keys(), ...should.keys()])]
    .filter((sku) => is.get(sku) !== should.get(sku))
    .map(
      (sku) =>
        `credit note ${invoice.invoiceNo}: ${is.get(sku) ?? 0} × ${sku} came back from order ${orderId}, the rule says ${should.get(sku) ?? 0}`,
    );
}

/** The lines of a note that the shop has credited, at the note's own prices. */
export function creditedLines({ takes }: Pick<NoteReplayed, 'takes'>) {
  return takes.map(({ line, quantity }) => ({ ...line, quantity: -quantity }));
}

/** A note: what was credited and what is listed as not replayed are the whole of it, to the piece and penny. */
export function noteDifferences(note: NoteReplayed, expected: InvoiceFacts): readonly string[] {
  const { invoice, unreplayed } = note;
  const others = [...unreplayed, ...partsOf(invoice).others].map(({ line }) => line);
  const all = [...creditedLines(note), ...others];
  const units = all.reduce((sum, { quantity }) => sum + quantity, 0);
  return invoiceDifferences(invoice.invoiceNo, { ...factsOf(invoice), units, total: worthOf(all) }, expected);
}

export type StockShould = Pick<StockAnswer, 'sold' | 'reserved' | 'returned' | 'writtenOff'>;

/** A stock row against the orders of the shop. `hasOthers`: write-offs of other files are in its sum as well. */
export function stockDifferences(
  sku: string,
  stock: StockAnswer,
  should: StockShould,
  hasOthers: boolean,
): readonly string[] {
  const differences = (Object.keys(should) as (keyof StockShould)[])
    .filter((part) => (part === 'writtenOff' && hasOthers ? stock[part] < should[part] : stock[part] !== should[part]))
    .map((part) => `stock of ${sku}: ${stock[part]} pieces ${part}, expected ${should[part]}`);
  const { received, returned, onHand, sold, writtenOff } = stock;
  if (received + returned === onHand + sold + writtenOff) return differences;
  return [...differences, `stock of ${sku}: pieces are not conserved: ${JSON.stringify(stock)}`];
}
