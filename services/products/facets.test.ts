import { describe, expect, it } from '@jest/globals';
import { CATEGORIES_MAX, categoryFacet, priceFacet, priceRange } from './facets.ts';

describe('categories', () => {
  it('count what is below as well, the most frequent ones first', () => {
    const counts = [
      { path: 'A/B', count: 2 },
      { path: 'A/C', count: 1 },
      { path: 'A', count: 1 },
      { path: 'D', count: 2 },
    ];
    expect(categoryFacet(counts)).toEqual([
      { value: 'A', count: 4 },
      { value: 'A/B', count: 2 },
      { value: 'D', count: 2 },
      { value: 'A/C', count: 1 },
    ]);
  });

  it('are a hundred at most, those below the chosen one before others', () => {
    const counts = Array.from({ length: 150 }, (_, i) => ({ path: `C${i}`, count: 1_000 - i }));
    expect(categoryFacet(counts)).toHaveLength(CATEGORIES_MAX);
    const chosen = categoryFacet([...counts, { path: 'Z/Small', count: 1 }], 'Z');
    expect(chosen.slice(-2)).toEqual([
      { value: 'Z', count: 1 },
      { value: 'Z/Small', count: 1 },
    ]);
    expect(chosen).toHaveLength(CATEGORIES_MAX);
  });
});

describe('prices', () => {
  const gbp = (amount: string) => ({ amount, currency: 'GBP' });

  it('are ranges that begin with 1, 2 or 5, and what costs less than one pound is together', () => {
    const counts = [
      { currency: 'GBP', range: 9, count: 4 },
      { currency: 'GBP', range: 6, count: 1 },
      { currency: 'GBP', range: 0, count: 2 },
      { currency: 'GBP', range: 7, count: 3 },
    ];
    expect(priceFacet(counts)).toEqual([
      { from: gbp('0.00'), to: gbp('1.00'), count: 3 },
      { from: gbp('1.00'), to: gbp('2.00'), count: 3 },
      { from: gbp('5.00'), to: gbp('10.00'), count: 4 },
    ]);
  });

  it('fit the currency, and each has its own', () => {
    const counts = [
      { currency: 'JPY', range: 9, count: 1 },
      { currency: 'GBP', range: 9, count: 1 },
      { currency: 'JPY', range: 13, count: 1 },
    ];
    expect(priceFacet(counts).map(({ from, to }) => `${from.currency} ${from.amount} ${to.amount}`)).toEqual([
      'GBP 5.00 10.00',
      'JPY 0.00 100.00',
      'JPY 100.00 200.00',
    ]);
  });

  it('leave no gap between ranges, and end where no price is', () => {
    for (let range = 0; range < 42; range++)
      expect(priceRange(range, 'UYW')[1]).toBe(priceRange(range + 1, 'UYW')[0] || priceRange(range + 1, 'UYW')[1]);
    expect(priceRange(42, 'GBP')).toEqual([5_000_000_000_000_000, Number.MAX_SAFE_INTEGER]);
  });
});
