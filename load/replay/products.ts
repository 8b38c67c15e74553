// The products of a replay: every (code, price) pair that is sold, imported before the first order, with enough pieces.

import { stringify } from 'csv-stringify/sync';
import type { Client } from '../client.ts';
import { type Invoice, type InvoiceLine, skuOf } from './invoices.ts';

/** Products that one import call carries. */
const IMPORT_MAX = 2_000;

export interface Wanted {
  readonly sku: string;
  readonly name: string;
  readonly price: string;
  /** Pieces that all sales together take. */
  readonly pieces: number;
}

/** Every product that the sales need. The name is the first description that is not empty. */
export function productsOf(sales: readonly Invoice[]): readonly Wanted[] {
  const products = new Map<string, { line: InvoiceLine; name: string; pieces: number }>();
  for (const line of sales.flatMap(({ lines }) => lines)) {
    const sku = skuOf(line);
    const known = products.get(sku) ?? { line, name: '', pieces: 0 };
    products.set(sku, known);
    known.pieces += line.quantity;
    if (known.name === '') known.name = line.description.trim().replaceAll(/\s+/g, ' ');
  }
  return [...products].map(([sku, { line, name, pieces }]) => ({
    sku,
    name: name === '' ? sku : name,
    price: line.unitPrice,
    pieces,
  }));
}

/**
 * Imports the products, each with the pieces that it needs as opening stock. Repeating it changes nothing.
 * @returns product id by SKU
 */
export async function importProducts(
  client: Client,
  token: () => Promise<string>,
  products: readonly Wanted[],
  progress: (done: number) => void,
): Promise<ReadonlyMap<string, string>> {
  for (let from = 0; from < products.length; from += IMPORT_MAX) {
    const part = products.slice(from, from + IMPORT_MAX);
    const content = stringify(
      part.map(({ sku, name, price, pieces }) => [sku, name, '', '', price, 'GBP', String(pieces)]),
      { header: true, columns: ['sku', 'name', 'description', 'category', 'price', 'currency', 'stock'] },
    );
    const { accepted, errors } = await client.expect<{ accepted: number; errors: readonly object[] }>(
      [200],
      '/api/v1/products/import',
      {
        method: 'POST',
        raw: { type: 'text/csv', content },
        token: await token(),
        isHarmless: true,
      },
    );
    if (accepted !== part.length)
      throw new Error(`the import took ${accepted} of ${part.length} products: ${JSON.stringify(errors[0])}`);
    progress(from + part.length);
  }
  return await idsOf(client);
}

/** Ids of all products of the shop, by SKU. */
async function idsOf(client: Client): Promise<ReadonlyMap<string, string>> {
  const ids = new Map<string, string>();
  let cursor: string | null = null;
  do {
    const page: { items: readonly { id: string; sku: string }[]; next: string | null } = await client.expect(
      [200],
      `/api/v1/products?limit=100${cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`}`,
    );
    for (const { id, sku } of page.items) ids.set(sku, id);
    cursor = page.next;
  } while (cursor !== null && cursor !== undefined);
  return ids;
}
