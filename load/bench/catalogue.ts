// A large catalogue for measurements: names of a real retailer's products with more of their words, descriptions made of
// the same words, three levels of categories, prices from pence to hundreds. The same seed gives the same products.

import { sampleRows } from '../../infra/local/catalogue/load.ts';

export interface SampleProduct {
  readonly sku: string;
  readonly name: string;
  readonly description: string;
  readonly category: string;
  readonly price: string;
}

const DESCRIPTION_WORDS = { min: 8, max: 24 };
const CATEGORIES = [20, 5, 5];
const FIRST_SKU = 100_000;

/** A generator of numbers from 0 to below 1 (mulberry32). */
export function numbersFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One of them. */
export function oneOf<T>(items: readonly T[], next: () => number): T {
  const item = items[Math.floor(next() * items.length)];
  if (item === undefined) throw new Error('there is nothing to choose from');
  return item;
}

/** So many products. */
export async function sampleProducts(count: number, next: () => number): Promise<readonly SampleProduct[]> {
  const names = (await sampleRows()).map(({ name }) => name.replaceAll(/\s+/g, ' '));
  // Words as often as names have them: a frequent one is frequent in the catalogue too.
  const words = names.flatMap((name) => name.split(/[^A-Za-z]+/)).filter((word) => word.length > 2);
  const categories = tree(words, next);
  return Array.from({ length: count }, (_, i) => {
    const name = i < names.length ? (names[i] ?? '') : `${oneOf(names, next)} ${oneOf(words, next)}`;
    const length = DESCRIPTION_WORDS.min + Math.floor(next() * (DESCRIPTION_WORDS.max - DESCRIPTION_WORDS.min));
    const description = Array.from({ length }, () => oneOf(words, next).toLowerCase()).join(' ');
    const price = Math.exp(next() * 6 - 1).toFixed(2);
    return {
      sku: `${FIRST_SKU + i}${oneOf(['', 'A', 'B', 'C'], next)}`,
      name,
      description,
      category: oneOf(categories, next),
      price,
    };
  });
}

function tree(words: readonly string[], next: () => number): readonly string[] {
  const distinct = [...new Set(words)];
  let paths = [''];
  for (const children of CATEGORIES)
    paths = paths.flatMap((path) =>
      Array.from({ length: children }, () => `${path}${path === '' ? '' : '/'}${oneOf(distinct, next)}`),
    );
  return paths;
}

/** Rows as an import takes them. */
export function toCsv(products: readonly SampleProduct[]): string {
  const cell = (text: string) => `"${text.replaceAll('"', '""')}"`;
  const rows = products.map(({ sku, name, description, category, price }) =>
    [sku, name, description, category, price, 'GBP', '10'].map(cell).join(),
  );
  return `sku,name,description,category,price,currency,stock\n${rows.join('\n')}\n`;
}
