// The id of a product follows from its SKU, so that a SKU exists once without any unique index: the product itself is the
// lock, and an import finds a product without asking for it.

import { derivedId } from '../../mixins/ids.ts';

/** The product id of a SKU, which is case-sensitive and may hold blanks. */
export function productIdOf(sku: string): string {
  return derivedId('product', sku);
}
