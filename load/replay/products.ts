// The products of a replay: every (code, price) pair that is sold or written off. Those that the shop lacks are imported,
// with the pieces that they need as opening stock; of the others stock receives what is missing. Prices are never edited.
//
//   pieces of orders that are not there yet ─ available pieces = missing ─► opening stock, or a delivery

import { randomUUID } from 'node:crypto';
import { stringify } from 'csv-stringify/sync';
import { NAME_LENGTH_MAX, OPENING_STOCK_MAX } from '../../actors/product.ts';
import { exactly } from './amounts.ts';
import type { Book } from './book.ts';
import { type Invoice, type InvoiceLine, partsOf, skuOf } from './invoices.ts';
import { each } from './parallel.ts';
import { pages, type Report, type Shop } from './shop.ts';

/** Products that one import call carries. */
const IMPORT_MAX = 2_000;
const DELIVERIES_AT_ONCE = 12;

export interface Wanted {
  readonly sku: string;
  readonly name: string;
  readonly price: string;
  /** Pieces of orders that the shop does not have yet. */
  readonly pieces: number;
  /** Pieces that are written off, whether that has happened or not. */
  readonly lost: number;
}

interface Known {
  readonly id: string;
  readonly price: string;
  readonly available: number;
}

/** Every product that the invoices need. The name is the first description that is not empty. */
export function productsOf(invoices: readonly Invoice[], book?: Pick<Book, 'has'>): readonly Wanted[] {
  const products = new Map<string, { line: InvoiceLine; name: string; pieces: number; lost: number }>();
  const wanted = (line: InvoiceLine) => {
    const sku = skuOf(line);
    const known = products.get(sku) ?? { line, name: '', pieces: 0, lost: 0 };
    products.set(sku, known);
    if (known.name === '') known.name = line.description.trim().replaceAll(/\s+/g, ' ').slice(0, NAME_LENGTH_MAX);
    return known;
  };
  for (const invoice of invoices) {
    const { ordered, writtenOff } = partsOf(invoice);
    const isThere = book?.has(invoice.invoiceNo) === true;
    for (const line of ordered) wanted(line).pieces += isThere ? 0 : line.quantity;
    for (const line of writtenOff) wanted(line).lost -= line.quantity;
  }
  return [...products].map(([sku, { line, name, pieces, lost }]) => ({
    sku,
    name: name === '' ? sku : name,
    price: line.unitPrice,
    pieces,
    lost,
  }));
}

/**
 * Sees to it that each product exists and has enough pieces for the orders to come. Repeating it changes nothing.
 * @returns product id by SKU
 * @throws Error if a product costs something else in the shop than its SKU says, or the import refuses one
 */
export async function supply(
  shop: Shop,
  wanted: readonly Wanted[],
  report: Report,
): Promise<{ readonly ids: ReadonlyMap<string, string>; readonly imported: number; readonly received: number }> {
  const before = await productsIn(shop);
  const lacking = wanted.filter(({ sku }) => !before.has(sku));
  for (let from = 0; from < lacking.length; from += IMPORT_MAX) {
    await importProducts(shop, lacking.slice(from, from + IMPORT_MAX));
    report('importing products', Math.min(from + IMPORT_MAX, lacking.length), lacking.length);
  }
  const now = lacking.length === 0 ? before : await productsIn(shop);
  const deliveries = wanted.flatMap(({ sku, price, pieces }) => {
    const { available, price: itsPrice } = now.get(sku) as Known;
    if (exactly(itsPrice) !== exactly(price))
      throw new Error(
        `the product ${sku} costs ${itsPrice} in this shop: its price was edited, so no order can equal the file`,
      );
    return pieces > available ? [{ sku, quantity: pieces - available }] : [];
  });
  // A delivery that a shop killed under it has taken, or not, is known by its key.
  const run = randomUUID();
  let received = 0;
  await each(deliveries, DELIVERIES_AT_ONCE, async ({ sku, quantity }) => {
    await receive(shop, sku, quantity, `replay-supply-${run}`);
    report('receiving stock', (received += 1), deliveries.length);
  });
  return { ids: new Map([...now].map(([sku, { id }]) => [sku, id])), imported: lacking.length, received };
}

/** Takes pieces into stock, as many times as one delivery may hold. */
export async function receive({ client, staff }: Shop, sku: string, pieces: number, key: string): Promise<void> {
  for (let left = pieces, n = 1; left > 0; left -= OPENING_STOCK_MAX, n++) {
    await client.expect([200], `/api/v1/stock/${encodeURIComponent(sku)}/receive`, {
      method: 'POST',
      key: `${key}-${n}`,
      token: await staff.token(),
      body: { quantity: Math.min(left, OPENING_STOCK_MAX) },
    });
  }
}

async function importProducts({ client, staff }: Shop, part: readonly Wanted[]): Promise<void> {
  const content = stringify(
    part.map(({ sku, name, price, pieces, lost }) => {
      return [sku, name, '', '', price, 'GBP', String(Math.min(pieces + lost, OPENING_STOCK_MAX))];
    }),
    { header: true, columns: ['sku', 'name', 'description', 'category', 'price', 'currency', 'stock'] },
  );
  const { accepted, errors } = await client.expect<{ accepted: number; errors: readonly object[] }>(
    [200],
    '/api/v1/products/import',
    { method: 'POST', raw: { type: 'text/csv', content }, token: await staff.token(), isHarmless: true },
  );
  if (accepted !== part.length)
    throw new Error(`the import took ${accepted} of ${part.length} products: ${JSON.stringify(errors[0])}`);
}

interface Product {
  readonly id: string;
  readonly sku: string;
  readonly price: { readonly amount: string };
  readonly available: number;
}

/** All products of the shop by SKU. */
async function productsIn(shop: Shop): Promise<ReadonlyMap<string, Known>> {
  const known = new Map<string, Known>();
  for await (const items of pages<Product>(shop, '/api/v1/products'))
    for (const { id, sku, price, available } of items) known.set(sku, { id, price: price.amount, available });
  return known;
}
