import { describe, expect, it } from '@jest/globals';
import { isCategoryPath, readCategory, readPrice, viewProduct } from './product.view.ts';

const lantern = { sku: '71053', name: 'LANTERN', unitPrice: 33_900, currency: 'GBP', updatedAt: Date.UTC(2010, 11, 1) };

describe('a product as it is shown', () => {
  it('has a price in decimals, a time in UTC, and no fields without a value', () => {
    expect(viewProduct('p-1', { ...lantern, description: null }, 7)).toEqual({
      id: 'p-1',
      sku: '71053',
      name: 'LANTERN',
      price: { amount: '3.39', currency: 'GBP' },
      available: 7,
      updatedAt: '2010-12-01T00:00:00.000Z',
    });
  });

  it('has its description and its category', () => {
    expect(viewProduct('p-1', { ...lantern, description: 'High', category: 'Garden' }, 0)).toMatchObject({
      description: 'High',
      category: 'Garden',
    });
  });
});

describe('a price', () => {
  it('is read to the ten-thousandth', () => {
    expect(readPrice({ amount: '0.0001', currency: 'GBP' })).toEqual({ unitPrice: 1, currency: 'GBP' });
  });

  it.each([
    ['1.00001', 'GBP', '/price/amount'],
    ['-1', 'GBP', '/price/amount'],
    ['1', 'XQZ', '/price/currency'],
  ])('that makes no sense is refused by field: %s %s', (amount, currency, pointer) => {
    expect(() => readPrice({ amount, currency })).toThrow(
      expect.objectContaining({ type: 'invalid-request', data: { errors: [expect.objectContaining({ pointer })] } }),
    );
  });
});

describe('a category', () => {
  it('is a path of named parts; an empty one is none', () => {
    expect(readCategory('Garden/Pots & Plants')).toBe('Garden/Pots & Plants');
    expect(readCategory('')).toBeNull();
    expect(isCategoryPath('A')).toBe(true);
  });

  it.each(['/', 'A/', '/A', 'A//B', ' ', 'A/ /B'])('without a name in each part is refused: %j', (path) => {
    expect(() => readCategory(path)).toThrow('is not a category');
  });
});
