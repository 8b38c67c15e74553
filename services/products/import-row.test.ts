import { describe, expect, it } from '@jest/globals';
import { readHeader, readRow } from './import-row.ts';

const lantern = { sku: '71053@3.39', name: 'LANTERN', price: '3.39' };

describe('a header', () => {
  it('names its columns in any order, with blanks and capitals as they come', () => {
    expect(readHeader(['price', ' SKU ', 'Name', 'category', 'description'])).toEqual([
      'price',
      'sku',
      'name',
      'category',
      'description',
    ]);
    expect(readHeader(['sku', 'name', 'description', 'category', 'price', 'currency', 'stock'])).toHaveLength(7);
  });

  it.each([
    [['sku', 'name', 'description', 'category', 'price', 'colour'], 'the column "colour" is unknown'],
    [['sku', 'name', 'description', 'category'], 'the column "price" is missing'],
    [['sku', 'sku', 'name', 'description', 'category', 'price'], 'the column "sku" is there twice'],
  ])('that is not ours is refused with a sentence: %j', (cells, sentence) => {
    expect(() => readHeader(cells)).toThrow(sentence);
  });
});

describe('a row', () => {
  it('is a product without what it does not say', () => {
    expect(readRow(lantern)).toEqual({ sku: '71053@3.39', name: 'LANTERN', unitPrice: 33_900, stock: 0 });
  });

  it('keeps texts as they are, and reads numbers through blanks', () => {
    const row = {
      sku: ' a b',
      name: ' X ',
      description: 'two\nlines',
      category: 'A/B',
      price: ' 0.001 ',
      currency: ' EUR ',
      stock: ' 12 ',
    };
    expect(readRow(row)).toEqual({
      sku: ' a b',
      name: ' X ',
      description: 'two\nlines',
      category: 'A/B',
      unitPrice: 10,
      currency: 'EUR',
      stock: 12,
    });
  });

  it.each([
    [{ sku: ' ' }, 'missing-sku'],
    [{ name: '' }, 'missing-name'],
    [{ sku: 'x'.repeat(65) }, 'too-long'],
    [{ description: 'x'.repeat(20_001) }, 'too-long'],
    [{ name: 'a\u0000b' }, 'bad-character'],
    [{ category: 'A//B' }, 'bad-category'],
    [{ price: '' }, 'missing-price'],
    [{ price: '1,50' }, 'bad-price'],
    [{ price: '-11062.06' }, 'bad-price'],
    [{ price: `1.${'0'.repeat(60)}` }, 'bad-price'],
    [{ currency: 'gbp' }, 'bad-currency'],
    [{ stock: '1.5' }, 'bad-stock'],
    [{ stock: '-1' }, 'bad-stock'],
    [{ stock: '100000001' }, 'bad-stock'],
  ])('is refused for its reason: %j', (cells, code) => {
    expect(readRow({ ...lantern, ...cells })).toMatchObject({ code, detail: expect.any(String) });
  });
});
