// From the cells of a row to a product, or to what is wrong with the row.

import { parseAmount } from '../../actors/money.ts';
import {
  CATEGORY_LENGTH_MAX,
  DESCRIPTION_LENGTH_MAX,
  type ImportedProduct,
  NAME_LENGTH_MAX,
  OPENING_STOCK_MAX,
  SKU_LENGTH_MAX,
} from '../../actors/product.ts';
import { isCategoryPath, isCurrency } from './product.view.ts';

/** The columns of an import and of an export, in the order of the latter. */
export const COLUMNS = ['sku', 'name', 'description', 'category', 'price', 'currency', 'stock'] as const;
export type Column = (typeof COLUMNS)[number];

/** The cells of a row by column; an absent or empty one says that there is no value. */
export type Cells = Partial<Readonly<Record<Column, string>>>;

/** What a row says of a product; where its stock lives and whose wish it is comes with the import. */
export type ImportRow = Omit<ImportedProduct, 'partition' | 'origin'>;

export interface RowFault {
  readonly code: string;
  readonly detail: string;
}

/** What a row says, or what is wrong with it. */
export function readRow(cells: Cells): ImportRow | RowFault {
  const { sku = '', name = '', description = '', category = '', price = '', currency = '', stock = '' } = cells;
  const unitPrice = parseAmount(price.trim());
  const code = currency.trim();
  const pieces = stock.trim() === '' ? 0 : wholeNumber(stock.trim());
  const fault =
    absence({ sku, name, price }) ??
    textFault('sku', sku, SKU_LENGTH_MAX) ??
    textFault('name', name, NAME_LENGTH_MAX) ??
    textFault('description', description, DESCRIPTION_LENGTH_MAX) ??
    textFault('category', category, CATEGORY_LENGTH_MAX);
  if (fault !== undefined) return fault;
  if (category !== '' && !isCategoryPath(category)) {
    return { code: 'bad-category', detail: `"${short(category)}" is not a path of categories such as Garden/Pots` };
  }
  if (unitPrice === undefined) {
    return {
      code: 'bad-price',
      detail: `"${short(price)}" is not a price: a decimal with at most four decimals, such as 2.55`,
    };
  }
  if (code !== '' && !isCurrency(code))
    return { code: 'bad-currency', detail: `"${short(code)}" is not a currency of ISO 4217, such as GBP` };
  if (pieces === undefined || pieces > OPENING_STOCK_MAX) {
    return { code: 'bad-stock', detail: `"${short(stock)}" is not a number of pieces from 0 to ${OPENING_STOCK_MAX}` };
  }
  return {
    sku,
    name,
    ...(description === '' ? {} : { description }),
    ...(category === '' ? {} : { category }),
    unitPrice,
    ...(code === '' ? {} : { currency: code }),
    stock: pieces,
  };
}

/** What every row must have, and this one has not; the code names the last of it. */
function absence(required: Cells): RowFault | undefined {
  const absent = (Object.keys(required) as Column[]).filter((column) => required[column]?.trim() === '');
  const last = absent.at(-1);
  if (last === undefined) return undefined;
  const verb = absent.length === 1 ? 'is' : 'are';
  return {
    code: `missing-${last}`,
    detail: `${absent.map((column) => `the ${column}`).join(' and ')} ${verb} missing`,
  };
}

function textFault(column: Column, value: string, lengthMax: number): RowFault | undefined {
  if (value.length > lengthMax) {
    // Counted as elsewhere in the API: a character beyond U+FFFF is one.
    const length = Array.from(value).length;
    if (length > lengthMax)
      return { code: 'too-long', detail: `the ${column} has ${length} characters, but at most ${lengthMax} fit` };
  }
  // PostgreSQL cannot keep it, and nobody can see it.
  if (value.includes('\u0000')) return { code: 'bad-character', detail: `the ${column} holds the character U+0000` };
  return undefined;
}

function wholeNumber(text: string): number | undefined {
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

function short(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}
