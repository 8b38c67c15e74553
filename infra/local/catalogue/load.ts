// The sample catalogue of the first start: what a UK online gift retailer sold, a thousand pieces of each. An interrupted
// load is done again from the start, which changes nothing about the products that are there already.

import { readFileSync } from 'node:fs';
import type { ServiceBroker } from 'moleculer';
import { readCsv } from '../../../mixins/csv.ts';

/** The name under which products remember that it was loaded. */
const NAME = 'online-retail';
const FILE = new URL('online-retail-products.csv', import.meta.url);
/** Pieces that every product opens with. */
export const PIECES = 1_000;
/** Rows of one call. */
const BATCH = 500;

interface SampleRow {
  readonly sku: string;
  readonly name: string;
  readonly category?: string;
  readonly price: string;
  readonly currency: string;
  readonly stock: string;
}

/**
 * Loads the sample catalogue unless that was done before; `onProgress` is told how many of all rows are in.
 * @returns the number of its products.
 */
export async function loadCatalogue(
  broker: ServiceBroker,
  onProgress: (done: number, all: number) => void,
): Promise<number> {
  const loaded = await broker.call<Readonly<Record<string, number>>, object>('products.loaded', {});
  if (loaded[NAME] !== undefined) return loaded[NAME];
  const rows = await sampleRows();
  for (let done = 0; done < rows.length; done += BATCH) {
    onProgress(done, rows.length);
    const batch = rows.slice(done, done + BATCH);
    const { errors } = await broker.call<{ errors: readonly object[] }, object>('products.importRows', { rows: batch });
    if (errors.length > 0) throw new Error(`the sample catalogue has bad rows: ${JSON.stringify(errors)}`);
  }
  onProgress(rows.length, rows.length);
  await markLoaded(broker, NAME, rows.length);
  return rows.length;
}

/** Lets a shop that brings its own products do without: it is ready although nothing was loaded. */
export async function leaveCatalogueOut(broker: ServiceBroker): Promise<void> {
  await markLoaded(broker, 'none', 0);
}

async function markLoaded(broker: ServiceBroker, name: string, products: number): Promise<void> {
  await broker.call('products.markLoaded', { name, products });
}

/** What can be sold: products and gift vouchers that have a price. */
export async function sampleRows(): Promise<readonly SampleRow[]> {
  const rows: SampleRow[] = [];
  for await (const record of readCsv(bytesOf(FILE))) {
    if (!('cells' in record)) throw new Error(`${FILE.pathname}, line ${record.line}: ${record.detail}`);
    const [sku = '', name = '', price = '', kind = ''] = record.cells;
    if (price === '' || (kind !== 'product' && kind !== 'gift-voucher')) continue;
    const category = kind === 'gift-voucher' ? { category: 'Gift vouchers' } : {};
    rows.push({ sku, name, ...category, price, currency: 'GBP', stock: String(PIECES) });
  }
  return rows;
}

async function* bytesOf(file: URL): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(readFileSync(file));
}
