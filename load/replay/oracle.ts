// What the invoices come to: per invoice, and per month and stock code. Read from the oracles beside a file where there are
// some, and computed from the file itself, always: where both are there, they must agree on which invoices there are.

import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { exactly, pounds, worthOf } from './amounts.ts';
import { type Invoice, type InvoiceLine, type Kind, kindOf, monthOf, readRows } from './invoices.ts';

export interface InvoiceFacts {
  readonly kind: string;
  readonly customerId: string;
  readonly lines: number;
  /** Different stock codes, as printed. */
  readonly codes: number;
  readonly units: number;
  /** Ten-thousandths. */
  readonly total: bigint;
}

/** Pieces of one stock code in one month; `gbp` in ten-thousandths, all lines. */
export interface Movement {
  sold: number;
  cancelled: number;
  other: number;
  gbp: bigint;
}

export interface Expected {
  readonly invoices: ReadonlyMap<string, InvoiceFacts>;
  /** By `movementKey`. */
  readonly movements: ReadonlyMap<string, Movement>;
  /** Whether oracles said so, or the files themselves. */
  readonly source: 'oracle' | 'file';
  readonly notes: readonly string[];
}

const INVOICES = 'oracle-invoices.csv.gz';
const MOVEMENTS = 'oracle-stock-movements.csv.gz';

export const movementKey = (month: string, code: string): string => `${month} ${code}`;

/** The facts of one invoice, from its lines. */
export function factsOf({ invoiceNo, customerId, lines }: Invoice): InvoiceFacts {
  return {
    kind: kindOf(invoiceNo),
    customerId,
    lines: lines.length,
    codes: new Set(lines.map(({ stockCode }) => stockCode)).size,
    units: lines.reduce((sum, { quantity }) => sum + quantity, 0),
    total: worthOf(lines),
  };
}

/** Adds a line to the movements of its month. */
export function move(movements: Map<string, Movement>, month: string, kind: Kind, line: InvoiceLine): void {
  const key = movementKey(month, line.stockCode);
  const movement = movements.get(key) ?? { sold: 0, cancelled: 0, other: 0, gbp: 0n };
  movements.set(key, movement);
  movement[columnOf(kind, line)] += line.quantity;
  movement.gbp += worthOf([line]);
}

function columnOf(kind: Kind, { quantity }: InvoiceLine): 'sold' | 'cancelled' | 'other' {
  if (kind === 'cancellation') return 'cancelled';
  return kind === 'sale' && quantity > 0 ? 'sold' : 'other';
}

/**
 * What the given files' invoices should come to.
 * @throws BadFile if an oracle cannot be read
 */
export async function expectedOf(
  files: readonly { readonly path: string; readonly invoices: readonly Invoice[] }[],
): Promise<Expected> {
  const invoices = new Map<string, InvoiceFacts>();
  const movements = new Map<string, Movement>();
  const notes: string[] = [];
  let source: Expected['source'] = 'oracle';
  for (const { path, invoices: own } of files) {
    const folder = dirname(path);
    const months = new Set(own.map(monthOf));
    const known = existsSync(join(folder, INVOICES)) ? await readInvoiceFacts(join(folder, INVOICES), own) : undefined;
    if (known === undefined) source = 'file';
    for (const invoice of own) {
      const facts = known?.own.get(invoice.invoiceNo);
      if (known !== undefined && facts === undefined)
        notes.push(`invoice ${invoice.invoiceNo}: ${INVOICES} does not have it`);
      invoices.set(invoice.invoiceNo, facts ?? factsOf(invoice));
    }
    for (const missing of known?.missing ?? [])
      notes.push(`invoice ${missing}: ${path} does not have it, ${INVOICES} does`);
    const isWhole = known !== undefined && known.months.isSupersetOf(months) && known.partial.size === 0;
    if (isWhole && existsSync(join(folder, MOVEMENTS))) await readMovements(join(folder, MOVEMENTS), months, movements);
    else
      for (const invoice of own)
        for (const line of invoice.lines) move(movements, monthOf(invoice), kindOf(invoice.invoiceNo), line);
  }
  return { invoices, movements, source, notes };
}

interface InvoiceRow {
  readonly invoice_no: string;
  readonly kind: string;
  readonly customer_id: string;
  readonly first_minute: string;
  readonly lines: string;
  readonly distinct_skus: string;
  readonly units: string;
  readonly total_gbp: string;
}

/** The oracle's rows of these invoices; `missing`: rows within their time that are not among them. */
async function readInvoiceFacts(path: string, own: readonly Invoice[]) {
  const wanted = new Set(own.map(({ invoiceNo }) => invoiceNo));
  const dates = own.map(({ date }) => date).toSorted();
  const [first = '', last = ''] = [dates[0], dates.at(-1)];
  const months = new Set(dates.map((date) => date.slice(0, 7)));
  const found = new Map<string, InvoiceFacts>();
  const missing: string[] = [];
  const partial = new Set<string>();
  const columns = [
    'invoice_no',
    'kind',
    'customer_id',
    'first_minute',
    'lines',
    'distinct_skus',
    'units',
    'total_gbp',
  ] as const;
  for await (const { row } of readRows<InvoiceRow>(path, columns)) {
    if (wanted.has(row.invoice_no)) {
      found.set(row.invoice_no, {
        kind: row.kind,
        customerId: row.customer_id,
        lines: Number(row.lines),
        codes: Number(row.distinct_skus),
        units: Number(row.units),
        total: exactly(row.total_gbp),
      });
      continue;
    }
    if (row.first_minute > first && row.first_minute < last) missing.push(row.invoice_no);
    // A file of some days of a month cannot be held against the whole month.
    if (months.has(row.first_minute.slice(0, 7))) partial.add(row.first_minute.slice(0, 7));
  }
  return { own: found, missing, months, partial };
}

interface MovementRow {
  readonly month: string;
  readonly sku: string;
  readonly units_sold: string;
  readonly units_cancelled: string;
  readonly units_other: string;
  readonly net_gbp: string;
}

async function readMovements(path: string, months: ReadonlySet<string>, into: Map<string, Movement>): Promise<void> {
  const columns = ['month', 'sku', 'units_sold', 'units_cancelled', 'units_other', 'net_gbp'] as const;
  for await (const { row } of readRows<MovementRow>(path, columns)) {
    if (!months.has(row.month)) continue;
    into.set(movementKey(row.month, row.sku), {
      sold: Number(row.units_sold),
      cancelled: Number(row.units_cancelled),
      other: Number(row.units_other),
      gbp: exactly(row.net_gbp),
    });
  }
}

/** In which an invoice's found facts differ from the expected ones. */
export function invoiceDifferences(invoiceNo: string, found: InvoiceFacts, expected: InvoiceFacts): readonly string[] {
  const shown = (value: string | number | bigint) =>
    typeof value === 'bigint' ? `GBP ${pounds(value)}` : `"${value}"`;
  return (Object.keys(expected) as (keyof InvoiceFacts)[])
    .filter((fact) => found[fact] !== expected[fact])
    .map((fact) => `invoice ${invoiceNo}: ${fact} ${shown(found[fact])}, expected ${shown(expected[fact])}`);
}

/** In which found movements differ from the expected ones, in either direction. */
export function movementDifferences(
  found: ReadonlyMap<string, Movement>,
  expected: ReadonlyMap<string, Movement>,
): readonly string[] {
  const none: Movement = { sold: 0, cancelled: 0, other: 0, gbp: 0n };
  const shown = ({ sold, cancelled, other, gbp }: Movement) =>
    `${sold} sold, ${cancelled} cancelled, ${other} other, GBP ${pounds(gbp)}`;
  return [...new Set([...found.keys(), ...expected.keys()])].flatMap((key) => {
    const [is, should] = [shown(found.get(key) ?? none), shown(expected.get(key) ?? none)];
    return is === should ? [] : [`stock code ${key}: ${is}; expected ${should}`];
  });
}
