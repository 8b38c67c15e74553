import { describe, expect, it } from '@jest/globals';
import { readRow } from './import-row.ts';

const lantern = { sku: '71053@3.39', name: 'LANTERN', price: '3.39' };

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

  it('counts characters as the rest of the API does: one beyond U+FFFF is one', () => {
    expect(readRow({ ...lantern, name: '😀'.repeat(500) })).toMatchObject({ name: '😀'.repeat(500) });
    expect(readRow({ ...lantern, name: '😀'.repeat(501) })).toEqual({
      code: 'too-long',
      detail: 'the name has 501 characters, but at most 500 fit',
    });
  });

  it('says all that is missing, and is known by its price if that is', () => {
    expect(readRow({ sku: '85123A' })).toEqual({
      code: 'missing-price',
      detail: 'the name and the price are missing',
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
