// A price list: the currency stands in the head of the price (`price_gbp`), the kind of a product becomes its category.
// What was counted about a product when the list was made is not part of it.

import type { FileKind } from './csv-heads.ts';
import { isCurrency } from './product.view.ts';

const PRICE_HEAD = /^price_([a-z]{3})$/;

/** Where products of each kind go; goods have no category. */
const categories: Readonly<Record<string, string>> = {
  '': '',
  product: '',
  service: 'Services',
  'gift-voucher': 'Gift vouchers',
};

/** The kind of file, if the heads are those of a price list. */
export function priceListFile(heads: readonly string[]): FileKind | undefined {
  const priceHead = heads.find((head) => isCurrency(currencyOf(head)));
  if (priceHead === undefined) return undefined;
  const currency = currencyOf(priceHead);
  return {
    name: 'a price list',
    required: ['sku', 'name', priceHead],
    optional: ['kind', 'names_seen', 'prices_seen', 'rows', 'first_seen'],
    others: 'refused',
    cellsOf(cell) {
      const kind = cell('kind').trim();
      const category = Object.hasOwn(categories, kind) ? categories[kind] : undefined;
      if (category === undefined)
        return { code: 'bad-kind', detail: `"${kind.slice(0, 40)}" is not a kind: product, service or gift-voucher` };
      return { sku: cell('sku'), name: cell('name'), category, price: cell(priceHead), currency };
    },
  };
}

function currencyOf(head: string): string {
  return PRICE_HEAD.exec(head)?.[1]?.toUpperCase() ?? '';
}
