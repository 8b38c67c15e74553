// A retailer's invoice lines, read from CSV (plain or gzipped) and put together to invoices; the rules of what is replayed.
//
//   536365  sale          quantity > 0 ─► a line of the order      quantity < 0 ─► a write-off of that very SKU
//   C536379 cancellation  quantity < 0 ─► pieces that come back to earlier orders (credit-notes.ts)
//   A563185 adjustment    not replayed
//
// What fits none of these is listed as not replayed, with its reason. docs/replay.md has the rules in words.

import { createReadStream } from 'node:fs';
import { PassThrough, pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { CsvError, parse } from 'csv-parse';
import { LINES_MAX, QUANTITY_MAX } from '../../actors/order.ts';
import { SKU_LENGTH_MAX } from '../../actors/product.ts';
import { exactOf, exactly, worthOf } from './amounts.ts';

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
  /** Local minute of its first line, such as `2010-12-01T08:26:00`. */
  readonly date: string;
  readonly lines: readonly InvoiceLine[];
}

export type Kind = 'sale' | 'cancellation' | 'adjustment';

/** A line that has no counterpart in the shop, and why. */
export interface Unreplayed {
  readonly invoiceNo: string;
  readonly line: InvoiceLine;
  readonly reason: string;
}

/** What an invoice becomes. Numbers are of one sequence in time, whatever their letter. */
export interface Parts {
  readonly ordered: readonly InvoiceLine[];
  readonly writtenOff: readonly InvoiceLine[];
  readonly takenBack: readonly InvoiceLine[];
  readonly others: readonly Unreplayed[];
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
  'invoice_date',
  'unit_price',
  'customer_id',
  'country',
] as const;
type Row = Readonly<Record<(typeof COLUMNS)[number], string>>;

const rules: readonly (readonly [column: keyof Row, isRight: (value: string) => boolean, rule: string])[] = [
  ['invoice_no', (value) => /^[CA]?\d{1,15}$/.test(value), 'a number, or C or A and a number'],
  ['stock_code', (value) => value.trim() !== '', 'a code'],
  ['quantity', (value) => /^-?\d{1,15}$/.test(value), 'a whole number'],
  [
    'invoice_date',
    (value) => /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?$/.test(value),
    'a minute such as 2010-12-01T08:26:00',
  ],
  ['unit_price', (value) => exactOf(value) !== undefined, 'a decimal with at most four decimals, such as 2.55'],
  ['customer_id', (value) => /^[\w.-]{0,64}$/.test(value), 'empty, or letters, digits, dots and dashes'],
];

/**
 * Reads invoices in the order in which they begin. Lines of one invoice may stand apart.
 * @throws BadFile if the file cannot be read, a column is missing or a row is wrong: with the line, and what would be right
 */
export async function readInvoices(path: string): Promise<readonly Invoice[]> {
  const invoices = new Map<string, Omit<Invoice, 'lines'> & { readonly lines: InvoiceLine[] }>();
  // Few texts in many lines: each is kept once.
  const texts = new Map<string, string>();
  const once = (text: string) => texts.get(text) ?? (texts.set(text, text), text);
  for await (const { row, line } of readRows<Row>(path, COLUMNS)) {
    for (const [column, isRight, rule] of rules) {
      if (!isRight(row[column]))
        throw new BadFile(`${path}, line ${line}: ${column} is "${row[column]}", but must be ${rule}`);
    }
    const known = invoices.get(row.invoice_no) ?? {
      invoiceNo: row.invoice_no,
      customerId: once(row.customer_id),
      country: once(row.country),
      date: once(row.invoice_date),
      lines: [],
    };
    invoices.set(row.invoice_no, known);
    known.lines.push({
      stockCode: once(row.stock_code),
      description: once(row.description),
      quantity: Number(row.quantity),
      unitPrice: once(row.unit_price),
    });
  }
  return [...invoices.values()];
}

/**
 * The rows of a CSV file with a head, each with the line on which it ends.
 * @throws BadFile that says what is wrong with the file
 */
export async function* readRows<R>(
  path: string,
  columns: readonly (keyof R & string)[],
): AsyncGenerator<{ readonly row: R; readonly line: number }> {
  const readHead = (head: readonly string[]) => {
    const missing = columns.filter((column) => !head.includes(column));
    if (missing.length === 0) return [...head];
    throw new BadFile(
      `${path}: there is no column ${missing.join(', ')}; the first line must name ${columns.join(', ')}, not "${head.join(',').slice(0, 200)}"`,
    );
  };
  const rows = parse({ columns: readHead, bom: true, info: true });
  const unzip = path.endsWith('.gz') ? createGunzip() : new PassThrough();
  // Whatever breaks on the way ends the loop below with its error.
  pipeline(createReadStream(path), unzip, rows, () => undefined);
  let count = 0;
  try {
    for await (const { record, info } of rows as AsyncIterable<{ record: R; info: { lines: number } }>) {
      count += 1;
      yield { row: record, line: info.lines };
    }
  } catch (error) {
    throw explain(path, error as NodeJS.ErrnoException);
  }
  if (count === 0) throw new BadFile(`${path}: there is no row in it`);
}

function explain(path: string, error: NodeJS.ErrnoException): Error {
  if (error instanceof BadFile) return error;
  if (error instanceof CsvError) return new BadFile(`${path}: ${error.message}`, { cause: error });
  const { code = '' } = error;
  if (code === 'ENOENT') return new BadFile(`${path}: there is no such file`, { cause: error });
  if (code === 'Z_BUF_ERROR') return new BadFile(`${path}: the gzip data ends too early`, { cause: error });
  if (code.startsWith('Z_'))
    return new BadFile(`${path}: its name ends in .gz, but it is not gzip (${error.message})`, { cause: error });
  return code === '' ? error : new BadFile(`${path}: ${error.message}`, { cause: error });
}

/** The product that a line is of: each price a code was ever sold at is a product of its own, so prices never change. */
export function skuOf({ stockCode, unitPrice }: Pick<InvoiceLine, 'stockCode' | 'unitPrice'>): string {
  return `${stockCode}@${unitPrice}`;
}

/** The stock code of a SKU of ours. */
export function codeOf(sku: string): string {
  return sku.slice(0, sku.lastIndexOf('@'));
}

/** The address of an invoice's customer; a guest has one per invoice. */
export function emailOf({ customerId, invoiceNo }: Pick<Invoice, 'customerId' | 'invoiceNo'>): string {
  return `${customerId === '' ? `guest-${invoiceNo}` : `customer-${customerId}`}@customers.example`;
}

export function kindOf(invoiceNo: string): Kind {
  if (invoiceNo.startsWith('C')) return 'cancellation';
  return invoiceNo.startsWith('A') ? 'adjustment' : 'sale';
}

/** The place of an invoice in time. */
export function numberOf(invoiceNo: string): number {
  return Number(invoiceNo.replace(/^\D/, ''));
}

/** The month of an invoice, `2010-12`. */
export function monthOf({ date }: Pick<Invoice, 'date'>): string {
  return date.slice(0, 7);
}

const known = new WeakMap<Invoice, Parts>();

/** What an invoice becomes in the shop, line by line. */
export function partsOf(invoice: Invoice): Parts {
  const parts = known.get(invoice) ?? divide(invoice);
  known.set(invoice, parts);
  return parts;
}

function divide(invoice: Invoice): Parts {
  const kind = kindOf(invoice.invoiceNo);
  const parts = { ordered: [], writtenOff: [], takenBack: [], others: [] } as {
    [part in keyof Omit<Parts, 'others'>]: InvoiceLine[];
  } & { others: Unreplayed[] };
  for (const line of invoice.lines) {
    const reason = obstacleOf(kind, line);
    if (reason !== undefined) parts.others.push({ invoiceNo: invoice.invoiceNo, line, reason });
    else if (kind === 'cancellation') parts.takenBack.push(line);
    else if (line.quantity < 0) parts.writtenOff.push(line);
    else parts.ordered.push(line);
  }
  if (parts.ordered.length <= LINES_MAX) return parts;
  const reason = `an order has at most ${LINES_MAX} lines`;
  const tooMany = parts.ordered.map((line) => ({ invoiceNo: invoice.invoiceNo, line, reason }));
  return { ...parts, ordered: [], others: [...parts.others, ...tooMany] };
}

function obstacleOf(kind: Kind, line: InvoiceLine): string | undefined {
  if (kind === 'adjustment') return 'accounting adjustments are no trade';
  if (line.quantity === 0) return 'a line without pieces';
  if (kind === 'cancellation') return line.quantity > 0 ? 'a cancellation of a negative quantity' : undefined;
  if (exactly(line.unitPrice) < 0n) return 'no product has a negative price';
  if (Math.abs(line.quantity) > QUANTITY_MAX) return `a line has at most ${QUANTITY_MAX} pieces`;
  return skuOf(line).length > SKU_LENGTH_MAX ? `a SKU has at most ${SKU_LENGTH_MAX} characters` : undefined;
}

/** Exact total of lines, in ten-thousandths. */
export const exactTotalOf: (lines: readonly InvoiceLine[]) => bigint = worthOf;
