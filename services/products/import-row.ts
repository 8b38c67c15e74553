// From the cells of a CSV file to a product: which column is which, and what is wrong with a row.

import { parseAmount } from '../../actors/money.ts';
import {
  CATEGORY_LENGTH_MAX,
  DESCRIPTION_LENGTH_MAX,
  type ImportedProduct,
  NAME_LENGTH_MAX,
  OPENING_STOCK_MAX,
  SKU_LENGTH_MAX,
} from '../../actors/product.ts';
import { Problem } from '../../brokers/problem.ts';
import { isCategoryPath, isCurrency } from './product.view.ts';

/** The columns of an import and of an export, in the order of the latter. */
export const COLUMNS = ['sku', 'name', 'description', 'category', 'price', 'currency', 'stock'] as const;
export type Column = (typeof COLUMNS)[number];
const OPTIONAL: readonly Column[] = ['currency', 'stock'];

/** The cells of a row by column; an absent or empty one says that there is no value. */
export type Cells = Partial<Readonly<Record<Column, string>>>;

/** What a row says of a product; where its stock lives and whose wish it is comes with the import. */
export type ImportRow = Omit<ImportedProduct, 'partition' | 'origin'>;

export interface RowFault {
  readonly code: string;
  readonly detail: string;
}

/**
 * The columns in the order of the header.
 * @throws Problem `invalid-request` with a sentence if a column is unknown, missing or there twice.
 */
export function readHeader(cells: readonly string[]): readonly Column[] {
  const names = cells.map((cell) => cell.trim().toLowerCase());
  const wanted = `the header names the columns ${COLUMNS.join(', ')} in any order; ${OPTIONAL.join(' and ')} may be left out`;
  const unknown = names.find((name) => !(COLUMNS as readonly string[]).includes(name));
  if (unknown !== undefined) throw new Problem('invalid-request', `the column "${unknown}" is unknown: ${wanted}`);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new Problem('invalid-request', `the column "${twice}" is there twice: ${wanted}`);
  const missing = COLUMNS.find((column) => !names.includes(column) && !OPTIONAL.includes(column));
  if (missing !== undefined) throw new Problem('invalid-request', `the column "${missing}" is missing: ${wanted}`);
  return names as Column[];
}

/** What a row says, or what is wrong with it. */
export function readRow(cells: Cells): ImportRow | RowFault {
  const { sku = '', name = '', description = '', category = '', price = '', currency = '', stock = '' } = cells;
  const unitPrice = parseAmount(price.trim());
  const code = currency.trim();
  const pieces = stock.trim() === '' ? 0 : wholeNumber(stock.trim());
  const fault =
    textFault('sku', sku, SKU_LENGTH_MAX, true) ??
    textFault('name', name, NAME_LENGTH_MAX, true) ??
    textFault('description', description, DESCRIPTION_LENGTH_MAX, false) ??
    textFault('category', category, CATEGORY_LENGTH_MAX, false);
  if (fault !== undefined) return fault;
  if (category !== '' && !isCategoryPath(category)) {
    return { code: 'bad-category', detail: `"${category}" is not a path of categories such as Garden/Pots` };
  }
  if (price.trim() === '') return { code: 'missing-price', detail: 'the price is missing' };
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

function textFault(column: Column, value: string, lengthMax: number, required: boolean): RowFault | undefined {
  if (required && value.trim() === '') return { code: `missing-${column}`, detail: `the ${column} is missing` };
  if (value.length > lengthMax)
    return { code: 'too-long', detail: `the ${column} has ${value.length} characters, but at most ${lengthMax} fit` };
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
