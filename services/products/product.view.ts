// How a product looks from outside, and what is said of it there in words that the product's rules do not use: prices as
// decimal strings, categories as paths.

import { type Money, moneyOfExact, parseAmount } from '../../actors/money.ts';
import type { Product } from '../../actors/product.ts';
import { Problem } from '../../brokers/problem.ts';

export interface ProductView {
  readonly id: string;
  readonly sku: string;
  readonly name: string;
  readonly description?: string;
  readonly category?: string;
  readonly price: Money;
  readonly available: number;
  readonly updatedAt: string;
}

/** What a view is made of: the state of the actor, or a row of the table that mirrors it. */
export type Shown = Pick<Product, 'sku' | 'name' | 'unitPrice' | 'currency'> & {
  readonly description?: string | null | undefined;
  readonly category?: string | null | undefined;
  readonly updatedAt: Date | number;
};

/** The product as the REST contract shows it. */
export function viewProduct(id: string, product: Shown, available: number): ProductView {
  const { sku, name, description, category, unitPrice, currency, updatedAt } = product;
  return {
    id,
    sku,
    name,
    ...(description === undefined || description === null ? {} : { description }),
    ...(category === undefined || category === null ? {} : { category }),
    price: moneyOfExact(unitPrice, currency),
    available,
    updatedAt: new Date(updatedAt).toISOString(),
  };
}

/** Pieces come and go without an edit: they are part of what was read, not of what an editor must have seen. */
export function etagOf({ revision }: Pick<Product, 'revision'>, available: number): string {
  return `${revision}.${available}`;
}

const currencies: ReadonlySet<string> = new Set(Intl.supportedValuesOf('currency'));

/** Whether the code is a currency of ISO 4217. */
export function isCurrency(code: string): boolean {
  return currencies.has(code);
}

/** Whether the text is a path of named categories: `Garden/Pots`, without empty parts. */
export function isCategoryPath(path: string): boolean {
  return path.split('/').every((part) => part.trim() !== '');
}

/**
 * The price in ten-thousandths, with its currency.
 * @throws Problem `invalid-request` that names the field.
 */
export function readPrice({ amount, currency }: Money): { readonly unitPrice: number; readonly currency: string } {
  const unitPrice = parseAmount(amount);
  if (unitPrice === undefined)
    throw invalid(
      '/price/amount',
      `"${amount}" is not a price: write a decimal with at most four decimals, such as 2.55`,
    );
  if (!isCurrency(currency))
    throw invalid('/price/currency', `"${currency}" is not a currency of ISO 4217, such as GBP`);
  return { unitPrice, currency };
}

/**
 * The category as it is kept; an empty text is none.
 * @throws Problem `invalid-request` if it is not a path.
 */
export function readCategory(category: string): string | null {
  if (category === '') return null;
  if (!isCategoryPath(category))
    throw invalid('/category', `"${category}" is not a category: name its parts from the top, as in Garden/Pots`);
  return category;
}

function invalid(pointer: string, detail: string): Problem {
  return new Problem('invalid-request', detail, [{ pointer, code: 'invalid', detail }]);
}
