// Facets: how many products of a result are in each category and in each range of prices. A count is what the list has when
// it is narrowed to that value, so each facet leaves its own filter aside and heeds all the others.

import { minorDecimals, type Money, moneyOfExact } from '../../actors/money.ts';

export interface CategoryFacet {
  /** A path, for `?category=`. */
  readonly value: string;
  readonly count: number;
}

export interface PriceFacet {
  /** Inclusive, for `?priceFrom=`. */
  readonly from: Money;
  /** Exclusive, for `?priceTo=`. */
  readonly to: Money;
  readonly count: number;
}

export interface Facets {
  readonly category: readonly CategoryFacet[];
  readonly price: readonly PriceFacet[];
}

/** Categories that a facet shows. */
export const CATEGORIES_MAX = 100;

/**
 * Counts by category, with those above it: a product in `A/B` counts for `A` too, as `?category=A` finds it. The most
 * frequent ones first, equals by path; if there are too many, those below the chosen one go before others.
 */
export function categoryFacet(
  counts: Iterable<{ readonly path: string; readonly count: number }>,
  chosen?: string,
): readonly CategoryFacet[] {
  const totals = new Map<string, number>();
  for (const { path, count } of counts) {
    for (let end = path.indexOf('/'); ; end = path.indexOf('/', end + 1)) {
      const above = end === -1 ? path : path.slice(0, end);
      totals.set(above, (totals.get(above) ?? 0) + count);
      if (end === -1) break;
    }
  }
  const isBelow = (path: string) => chosen !== undefined && (path === chosen || path.startsWith(`${chosen}/`));
  const byCount = (a: CategoryFacet, b: CategoryFacet) => b.count - a.count || (a.value < b.value ? -1 : 1);
  return [...totals]
    .map(([value, count]) => ({ value, count }))
    .sort((a, b) => Number(isBelow(b.value)) - Number(isBelow(a.value)) || byCount(a, b))
    .slice(0, CATEGORIES_MAX)
    .sort(byCount);
}

/** Products in a range of prices (see `priceRange`). */
export interface RangeCount {
  readonly currency: string;
  readonly range: number;
  readonly count: number;
}

/** Ranges that have products, by currency and from cheap to dear. What is less than a whole coin or note is one range. */
export function priceFacet(counts: Iterable<RangeCount>): readonly PriceFacet[] {
  const merged = new Map<string, { currency: string; from: number; to: number; count: number }>();
  for (const { currency, range, count } of counts) {
    const [from, to] = priceRange(range, currency);
    const key = `${currency} ${from}`;
    const known = merged.get(key);
    if (known === undefined) merged.set(key, { currency, from, to, count });
    else known.count += count;
  }
  return [...merged.values()]
    .sort((a, b) => (a.currency === b.currency ? a.from - b.from : a.currency < b.currency ? -1 : 1))
    .map(({ currency, from, to, count }) => ({
      from: moneyOfExact(from, currency),
      to: moneyOfExact(to, currency),
      count,
    }));
}

/** Where range 1 begins, in ten-thousandths: 0.01. The others begin at 0.02, 0.05, 0.10 and so on. */
const FIRST = 100;
const STEPS = [1, 2, 5];
/** Where everything ends: no price is that high. */
const END = Number.MAX_SAFE_INTEGER;

/**
 * The bounds of a range, in ten-thousandths. The database numbers ranges alike for all currencies (`price_range`); those
 * below the lowest that makes sense in this one (1.00 of a pound, 100 of a yen) are a single range.
 */
export function priceRange(range: number, currency: string): readonly [from: number, to: number] {
  const lowest = 10_000 * 10 ** (2 - minorDecimals(currency));
  const [from, to] = [boundOf(range), boundOf(range + 1)];
  return to <= lowest ? [0, lowest] : [from, to];
}

function boundOf(range: number): number {
  if (range === 0) return 0;
  const bound = FIRST * 10 ** Math.floor((range - 1) / STEPS.length) * (STEPS[(range - 1) % STEPS.length] ?? 1);
  return Math.min(bound, END);
}
