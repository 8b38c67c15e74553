import { describe, expect, it } from '@jest/globals';
import { readHeads } from './csv-heads.ts';
import { type Cells, readRow, type RowFault } from './import-row.ts';

const taken = (cells: Cells | RowFault) => ('code' in cells ? cells : readRow(cells));
const row = (heads: string, ...cells: readonly string[]) => readHeads(heads.split(','))(cells);

describe('a header', () => {
  it('names our columns in any order, with blanks and capitals as they come', () => {
    expect(row('price, SKU ,Name,category,description', '1.5', 'A', 'Cup', 'Home', 'red')).toEqual({
      sku: 'A',
      name: 'Cup',
      description: 'red',
      category: 'Home',
      price: '1.5',
      currency: '',
      stock: '',
    });
  });

  it.each([
    ['sku,name,description,category,price,colour', 'line 1: the column "colour" is unknown: the header of an import'],
    ['sku,name,description,category', 'the column "price" is missing'],
    ['sku,sku,name,description,category,price', 'the column "sku" is there twice'],
    ['sku,name,description,category,price,,', 'column 6 has no head'],
    ['sku;name;description;category;price', 'cells are separated by commas, not by ";"'],
    ['sku\tname\tprice', 'cells are separated by commas, not by tabs'],
    ['sku,name,price_gbp,price_eur', 'the column "price_eur" is unknown: the header of a price list'],
    ['sku,price_gbp', 'the column "name" is missing'],
    ['sku,name,price_xqz', 'the column "price_xqz" is unknown'],
    ['sku,product_type,name', 'the column "price" is missing: the header of a product file of Magento'],
    ['sku,product_type,name,price,price', 'the column "price" is there twice'],
  ])('that is not one of ours is refused with a sentence: %s', (heads, sentence) => {
    expect(() => readHeads(heads.split(','))).toThrow(sentence);
  });

  it('has as many cells as each of its rows', () => {
    const heads = 'sku,name,description,category,price';
    expect(row(heads, 'A', 'Cup', '', '1')).toEqual({
      code: 'wrong-number-of-cells',
      detail: 'the row has 4 cells, the header 5: one may be missing',
    });
    expect(row(heads, 'A', 'Cup', '', '', '1', '2')).toMatchObject({
      detail: 'the row has 6 cells, the header 5: a text with a comma must be quoted',
    });
  });
});

describe('a price list', () => {
  const heads = 'sku,name,price_gbp,kind,names_seen,prices_seen,rows,first_seen';
  const read = (price: string, kind: string) =>
    row(heads, '10002', 'INFLATABLE', price, kind, '1', '2', '71', '2010-12-01');

  it.each([
    ['product', ''],
    ['service', 'Services'],
    ['gift-voucher', 'Gift vouchers'],
  ])('has its currency in a head, and turns the kind %s into the category "%s"', (kind, category) => {
    expect(read('0.85', kind)).toEqual({ sku: '10002', name: 'INFLATABLE', category, price: '0.85', currency: 'GBP' });
  });

  it('has rows without a price, and kinds that nobody knows', () => {
    expect(taken(read('', 'product'))).toMatchObject({ code: 'missing-price' });
    expect(read('1', 'toString')).toMatchObject({ code: 'bad-kind' });
  });

  it('needs no more than a SKU, a name and a price in some currency', () => {
    expect(row('price_jpy,sku,name', '120', 'A', 'Cup')).toMatchObject({ price: '120', currency: 'JPY' });
  });
});

describe('a product file of Magento', () => {
  const product = {
    sku: 'MH01-XS',
    store_view_code: '',
    product_type: 'simple',
    categories: 'Default Category/Men/Tops,Default Category/Sale,Default Category',
    name: 'Hoodie',
    description: '<p>Warm</p>\n<p>&bull; Soft</p>',
    short_description: 'Warm',
    product_online: '1',
    price: '52.000000',
    special_price: '40',
    qty: '100.0000',
    colour_of_its_own: 'red',
  };
  const read = (changes: Partial<typeof product> = {}) => {
    const all = { ...product, ...changes };
    return readHeads(Object.keys(all))(Object.values(all));
  };

  it('gives what a shop here can keep: HTML as it is, the first category, pieces and prices without idle zeros', () => {
    expect(taken(read())).toEqual({
      sku: 'MH01-XS',
      name: 'Hoodie',
      description: '<p>Warm</p>\n<p>&bull; Soft</p>',
      category: 'Default Category/Men/Tops',
      unitPrice: 520_000,
      stock: 100,
    });
    expect(read({ description: '' })).toMatchObject({ description: 'Warm' });
    expect(read({ price: '0.123400' })).toMatchObject({ price: '0.1234' });
  });

  it('has parents of variants, which are products without pieces', () => {
    expect(taken(read({ product_type: 'configurable', qty: '0' }))).toMatchObject({ stock: 0 });
  });

  it.each([
    [{ store_view_code: 'german' }, 'store-view'],
    [{ product_online: '2' }, 'not-online'],
    [{ categories: 'Default Category/Cups\\/Mugs' }, 'bad-category'],
  ])('has rows that are no product of this shop: %j', (changes, code) => {
    expect(read(changes)).toMatchObject({ code, detail: expect.any(String) });
  });

  it.each([
    [{ price: '' }, 'missing-price'],
    [{ price: '0.123456' }, 'bad-price'],
    [{ qty: '-3.0000' }, 'bad-stock'],
    [{ qty: '1.5000' }, 'bad-stock'],
  ])('has rows that are refused like ours: %j', (changes, code) => {
    expect(taken(read(changes))).toMatchObject({ code });
  });
});
