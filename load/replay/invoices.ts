// A retailer's invoice lines, read from CSV (plain or gzipped) and put together to invoices; the rules of what is replayed.
// Exact: prices and sums are integers of a ten-thousandth, never floats.

import { createReadStream } from 'node:fs';
import { PassThrough, pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { parse } from 'csv-parse';
import { parseAmount } from '../../actors/money.ts';

/** One line as the file has it. */
export interface InvoiceLine {
  readonly stockCode: string;
  readonly description: string;
  readonly quantity: number;
  /** As printed: two lines with `2.1` and `2.10` name two products. */
  readonly unitPrice: string;
}

export interface Invoice {
  readonly invoiceNo: string;
  /** Empty: no account. */
  readonly customerId: string;
  readonly country: string;
  readonly lines: readonly InvoiceLine[];
}

/** A file that cannot be replayed; the message names the line and what was expected. */
export class BadFile extends Error {
  override name = 'BadFile';
}

const COLUMNS = [
  'invoice_no',
  'stock_code',
  'description',
  'quantity',
  'unit_price',
  'customer_id',
  'country',
] as const;
type Row = Readonly<Record<(typeof COLUMNS)[number], string>>;

/**
 * Reads invoices in the order in which they begin. Lines of one invoice may stand apart.
 * @throws BadFile if a column is missing or a quantity is no whole number
 */
export async function readInvoices(path: string): Promise<readonly Invoice[]> {
  const invoices = new Map<string, { invoice: Omit<Invoice, 'lines'>; lines: InvoiceLine[] }>();
  const rows = parse({ columns: true, bom: true });
  const unzip = path.endsWith('.gz') ? createGunzip() : new PassThrough();
  // Whatever breaks on the way ends the loop below with its error.
  pipeline(createReadStream(path), unzip, rows, () => undefined);
  let line = 1;
  for await (const row of rows as AsyncIterable<Row>) {
    line += 1;
    for (const column of COLUMNS)
      if (row[column] === undefined) throw new BadFile(`${path}: there is no column ${column}`);
    const quantity = Number(row.quantity);
    if (!Number.isInteger(quantity))
      throw new BadFile(`${path}, record ${line}: quantity is "${row.quantity}", but must be a whole number`);
    const known = invoices.get(row.invoice_no) ?? {
      invoice: { invoiceNo: row.invoice_no, customerId: row.customer_id, country: row.country },
      lines: [],
    };
    invoices.set(row.invoice_no, known);
    known.lines.push({ stockCode: row.stock_code, description: row.description, quantity, unitPrice: row.unit_price });
  }
  return [...invoices.values()].map(({ invoice, lines }) => ({ ...invoice, lines }));
}

/** The product that a sold line is of: each price a code was ever sold at is a product of its own, so prices never change. */
export function skuOf({ stockCode, unitPrice }: InvoiceLine): string {
  return `${stockCode}@${unitPrice}`;
}

/** Whether a line is replayed as part of an order: a sale of at least one piece at a price that is not negative. */
export function isSold(invoice: Invoice, line: InvoiceLine): boolean {
  return /^\d/.test(invoice.invoiceNo) && line.quantity > 0 && parseAmount(line.unitPrice) !== undefined;
}

/** Sale invoices with the lines that an order has, and what of the file is not replayed. */
export function splitSales(invoices: readonly Invoice[]): {
  readonly sales: readonly Invoice[];
  readonly others: readonly { invoiceNo: string; line: InvoiceLine }[];
} {
  const others: { invoiceNo: string; line: InvoiceLine }[] = [];
  const sales = invoices.flatMap((invoice) => {
    const lines = invoice.lines.filter((line) => {
      if (isSold(invoice, line)) return true;
      others.push({ invoiceNo: invoice.invoiceNo, line });
      return false;
    });
    return lines.length === 0 ? [] : [{ ...invoice, lines }];
  });
  return { sales, others };
}

/** Exact total of lines, in ten-thousandths. */
export function exactTotalOf(lines: readonly InvoiceLine[]): bigint {
  return lines.reduce(
    (sum, { quantity, unitPrice }) => sum + BigInt(quantity) * BigInt(parseAmount(unitPrice) ?? 0),
    0n,
  );
}
