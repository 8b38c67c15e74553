// Invoices that tests make up: a line is `invoice code quantity price [customer] [minute]`.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Invoice, InvoiceLine } from './invoices.ts';

export const HEADER = 'row,invoice_no,stock_code,description,quantity,invoice_date,unit_price,customer_id,country';

/** Writes a file of invoice lines, gzipped if its name says so. @returns its path */
export function fileOf(folder: string, name: string, ...lines: readonly string[]): string {
  const rows = lines.map((line, i) => {
    const [invoice, code, quantity, price, customer = '', minute = '2010-12-01T08:26'] = line.split(' ');
    return `${i + 1},${invoice},${code},"A ""fine"" ${code}",${quantity},${minute}:00,${price},${customer === '-' ? '' : customer},United Kingdom`;
  });
  const path = join(folder, name);
  const text = `${[HEADER, ...rows].join('\n')}\n`;
  writeFileSync(path, name.endsWith('.gz') ? gzipSync(text) : text);
  return path;
}

/** `A 2 2.55`: a line of two pieces of the code A. */
export function lineOf(text: string): InvoiceLine {
  const [stockCode = '', quantity, unitPrice = ''] = text.split(' ');
  return { stockCode, description: `Fine ${stockCode}`, quantity: Number(quantity), unitPrice };
}

/** An invoice with these lines; `7` is its customer, `-` none. */
export function invoiceOf(invoiceNo: string, customer: string, ...lines: readonly string[]): Invoice {
  return {
    invoiceNo,
    customerId: customer === '-' ? '' : customer,
    country: 'United Kingdom',
    date: '2010-12-01T08:26:00',
    lines: lines.map(lineOf),
  };
}
