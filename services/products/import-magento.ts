// A product file of Magento 2. Of its seventy and more columns these say what a shop here can keep; the others are passed
// over, because every Magento shop has columns of its own.
//
//   sku, name, price ─► the same      qty ─► stock      description, else short_description ─► description
//   categories `A/B,A/C` ─► the first path, as it is
//
// Every row that has a price is a product, whatever its type. Variants are products of their own, and so is the
// `configurable` they belong to: it has no pieces, so it is shown, and cannot be ordered.

import type { CellOf, FileKind } from './csv-heads.ts';
import type { Cells, RowFault } from './import-row.ts';

/** Heads that no other kind of file has. */
const SIGNS = ['product_type', 'attribute_set_code', 'store_view_code'];

/** The kind of file, if the heads are Magento's. */
export function magentoFile(heads: readonly string[]): FileKind | undefined {
  return SIGNS.some((sign) => heads.includes(sign)) ? file : undefined;
}

const file: FileKind = {
  name: 'a product file of Magento',
  required: ['sku', 'name', 'price'],
  optional: ['description', 'short_description', 'categories', 'qty', 'product_online', 'store_view_code'],
  others: 'ignored',
  cellsOf,
};

function cellsOf(cell: CellOf): Cells | RowFault {
  const view = cell('store_view_code').trim();
  if (view !== '') {
    const detail = `the row is for the store view "${view.slice(0, 40)}" alone: only rows without store_view_code are taken`;
    return { code: 'store-view', detail };
  }
  const online = cell('product_online').trim();
  if (online !== '' && online !== '1')
    return {
      code: 'not-online',
      detail: `the product is disabled (product_online is "${online.slice(0, 40)}", not 1)`,
    };
  const [category = ''] = cell('categories').split(',');
  if (category.includes('\\/')) {
    const detail = `"${category.slice(0, 40)}" has a category with a slash in its name, which divides categories here`;
    return { code: 'bad-category', detail };
  }
  return {
    sku: cell('sku'),
    name: cell('name'),
    description: cell('description') === '' ? cell('short_description') : cell('description'),
    category: category.trim(),
    // Magento writes six decimals in prices and four in pieces; zeros there say nothing.
    price: cell('price')
      .trim()
      .replace(/(\.\d{4})0+$/, '$1'),
    stock: cell('qty').trim().replace(/\.0+$/, ''),
  };
}
