// Files of real shops and damaged ones, through the gateway of a whole shop: what is taken, what is refused by line, what
// is left when the sender leaves half-way; and the files that staff take out again.

import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Answer, type Json, startTestShop, type TestShop, until } from '../infra/local/shop.fixture.ts';
import { itWhere } from '../infra/toolchain/it-where.ts';

const RETAILER = new URL('../infra/local/catalogue/online-retail-products.csv', import.meta.url);
const DATASETS = process.env['DATASETS_DIR'] ?? join(import.meta.dirname, '../../shared/data');
const MAGENTO = join(DATASETS, 'catalogue/magento-sample-products.csv');
const itWithMagento = itWhere(existsSync(MAGENTO), 'the product file of Magento is not in DATASETS_DIR');

let shop: TestShop;
beforeAll(async () => {
  shop = await startTestShop();
});
afterAll(() => shop?.stop());

const HEADER = 'sku,name,description,category,price,currency,stock\n';
const staff = () => ({ token: shop.staff.token });
const load = (content: string | Uint8Array<ArrayBuffer>): Promise<Answer> =>
  shop.call('POST /api/v1/products/import', { ...staff(), raw: { type: 'text/csv', content } });
const places = ({ body }: Answer) => body.errors.map(({ line, code }: Json) => [line, code]);

/** All products whose SKU begins so, as the API shows them. */
async function exported(start = ''): Promise<readonly Json[]> {
  const { text } = await shop.call('GET /api/v1/products/export?format=jsonl', staff());
  const products = text.split('\n').filter(Boolean);
  return products.map((line) => JSON.parse(line)).filter(({ sku }) => sku.startsWith(start));
}
/** Sums of decimals, in ten-thousandths. */
const sum = (amounts: readonly string[]) =>
  amounts.reduce((all, amount) => all + Math.round(Number(amount) * 10_000), 0) / 10_000;

describe('the list of the retailer', () => {
  it('is taken but for the 147 rows without a price, and a second time changes nothing', async () => {
    const file = readFileSync(RETAILER, 'utf8');
    const first = await load(file);
    expect(first.body).toMatchObject({ accepted: 3_627, rejected: 147 });
    expect(first.body.errors).toHaveLength(147);
    // No cell of this file holds a line feed, so a line is a row.
    const lines = file.split('\n');
    for (const { line, code } of first.body.errors) {
      expect(code).toBe('missing-price');
      expect(lines[line - 1]).toMatch(/^[^,]+,,,(product|service),/);
    }
    const before = await exported();
    expect(before).toHaveLength(3_627);
    expect(before.find(({ sku }) => sku === '85123A')).toMatchObject({
      name: 'WHITE HANGING HEART T-LIGHT HOLDER',
      price: { amount: '2.95', currency: 'GBP' },
    });
    expect(before.filter(({ category }) => category === 'Services')).toHaveLength(8);
    expect((await load(file)).body).toStrictEqual(first.body);
    expect(await exported()).toStrictEqual(before);
  });
});

describe('the product file of Magento', () => {
  itWithMagento('is taken whole, to the last penny and piece, and a second time changes nothing', async () => {
    const facts = JSON.parse(readFileSync(join(DATASETS, 'catalogue/oracle-facts.json'), 'utf8'))[
      'magento-sample-products.csv'
    ];
    const known = new Set((await exported()).map(({ sku }) => sku));
    const report = { accepted: facts.rows, rejected: 0, errors: [] };
    expect((await load(readFileSync(MAGENTO, 'utf8'))).body).toStrictEqual(report);
    const products = (await exported()).filter(({ sku }) => !known.has(sku));
    expect(products).toHaveLength(facts.distinct_sku);
    expect(new Set(products.map(({ name }) => name)).size).toBe(facts.distinct_names);
    expect(sum(products.map(({ price }) => price.amount))).toBe(Number(facts.sum_price));
    expect(products.reduce((all, { available }) => all + available, 0)).toBe(Number(facts.qty_sum));
    expect(products.filter(({ description }) => description?.includes('\n'))).toHaveLength(
      facts.descriptions_with_newline,
    );
    expect(products.filter(({ description }) => description?.includes('"'))).toHaveLength(
      facts.descriptions_with_double_quote,
    );
    const hoodie = products.find(({ sku }) => sku === 'MH01-XS-Black');
    expect(hoodie).toMatchObject({
      name: 'Chaz Kangeroo Hoodie-XS-Black',
      category: 'Default Category/Men/Tops/Hoodies & Sweatshirts',
      price: { amount: '52.00', currency: 'GBP' },
      available: 100,
    });
    // The parent of variants is shown, and has nothing to sell.
    const parent = products.find(({ sku }) => sku === 'MH01');
    expect(parent).toMatchObject({ name: 'Chaz Kangeroo Hoodie', available: 0 });
    await shop.place([[hoodie, 100]]);
    await shop.expect(409, 'POST /api/v1/orders', shop.wish([[parent, 1]]));

    const before = await exported('MH');
    expect((await load(readFileSync(MAGENTO, 'utf8'))).body).toStrictEqual(report);
    expect(await exported('MH')).toStrictEqual(before);
  });
});

describe('a damaged file', () => {
  const bytes = (...parts: readonly (string | readonly number[])[]) =>
    new Uint8Array(
      Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.from(part)))),
    );

  it('is taken where it is whole; every other row is named by its line in the file', async () => {
    const word = `d${randomUUID().slice(0, 8)}`;
    const file = bytes(
      '\ufeffSKU,"name",description,category,price,currency,stock\r\n', // 1
      `${word}-02,"Two, ""big""","in\nthree\r\nlines",A/B,1.50,GBP,1\r\n`, // 2 to 4
      '\r\n  ,,,\n\n', // 5 to 7
      `${word}-08,Bad `,
      [0xff, 0xfe],
      ` bytes,,,1,,\n`, // 8
      `${word}-09,Caf\u00e9,,,1,,\r`, // 9, ends as old files do
      `${word}-10,No price,,,,,\n`,
      `${word}-11,Few cells,,1\n`,
      `${word}-12,Many, cells,,,1,,\n`,
      `${word}-13,A 5" nail,,,1,,\n`,
      `${word}-14,"open,,,1,,\n`,
      `${word}-15,"Fine",,,1,,\n`,
      `${word}-16,${'x'.repeat(501)},,,1,,\n`,
      `${word}-17,Name,${'x'.repeat(20_001)},,1,,\n`,
      `${word}-18,Name,${'x'.repeat(300_000)},,1,,\n`,
      `${word}-19,Name,,A//B,1,,\n`,
      `${word}-20,Name,,,1.23456,,\n`,
      `${word}-21,Name,,,1,gbp,\n`,
      `${word}-22,Name,,,1,,many\n`,
      `${word}-23,Name\u0000,,,1,,\n`,
      `${word}-24,Last whole,,,0.0001,JPY,3\n`,
      `${word}-25,"never closed,,,1,,\n`,
      `${word}-26,Fine again,,,1,,\n`,
      `${word}-27,"cut off`,
    ); // prettier-ignore
    const report = await load(file);
    expect(report.status).toBe(200);
    expect(places(report)).toEqual([
      [8, 'malformed-utf8'],
      [10, 'missing-price'],
      [11, 'wrong-number-of-cells'],
      [12, 'wrong-number-of-cells'],
      [13, 'bad-quotes'],
      [14, 'bad-quotes'],
      [16, 'too-long'],
      [17, 'too-long'],
      [18, 'record-too-long'],
      [19, 'bad-category'],
      [20, 'bad-price'],
      [21, 'bad-currency'],
      [22, 'bad-stock'],
      [23, 'bad-character'],
      [25, 'bad-quotes'],
      [27, 'unclosed-quote'],
    ]);
    for (const { detail } of report.body.errors) expect(detail).toMatch(/^.{20,}$/);
    expect(report.body).toMatchObject({ accepted: 5, rejected: 16 });
    const products = await exported(word);
    expect(products.map(({ sku, name }) => [sku.slice(-2), name])).toEqual([
      ['02', 'Two, "big"'],
      ['09', 'Caf\u00e9'],
      ['15', 'Fine'],
      ['24', 'Last whole'],
      ['26', 'Fine again'],
    ]);
    expect(products[0].description).toBe('in\nthree\r\nlines');
  });

  it('has all its bad rows counted, and the first thousand of them named', async () => {
    const report = await load(`${HEADER}${',Nameless,,,1,,\n'.repeat(1_500)}ok-${randomUUID()},Fine,,,1,,\n`);
    expect(report.body).toMatchObject({ accepted: 1, rejected: 1_500 });
    expect(report.body.errors).toHaveLength(1_000);
    expect(report.body.errors.at(-1)).toEqual({ line: 1_001, code: 'missing-sku', detail: 'the sku is missing' });
  });

  it.each([
    ['sku;name;price\n', 'cells are separated by commas'],
    ['sku,name,description,category,price,colour\n', '"colour" is unknown'],
    ['sku,name,description,category,price,price\n', '"price" is there twice'],
    ['sku,name,price_gbp,price\n', '"price" is unknown: the header of a price list'],
    ['sku,name,qty,product_type\n', '"price" is missing: the header of a product file of Magento'],
    ['\n\n"sku,name\n', 'line 3 should be the header: a quote is opened'],
    [bytes([0xff, 0xfe], 's\0k\0u\0'), 'line 1 should be the header: cell 1 holds bytes that are not UTF-8'],
    ['\ufeff', 'the file is empty'],
  ])('without heads that are known is refused as a whole: %j', async (content, sentence) => {
    const answer = await load(content);
    expect(answer.status).toBe(422);
    expect(answer.body.detail).toContain(sentence);
  });
});

describe('an import whose sender leaves half-way', () => {
  it('leaves whole rows only, and is completed by sending the file again', async () => {
    const word = `h${randomUUID().slice(0, 8)}`;
    const row = (i: number) => `${word}-${String(i).padStart(3, '0')},"Half, way",,,1.00,GBP,5\n`;
    const rows = Array.from({ length: 700 }, (_, i) => row(i)).join('');
    const upload = request(`${shop.url}/api/v1/products/import`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${shop.staff.token}`, 'Content-Type': 'text/csv' },
    });
    // Its own leaving is an error to it.
    upload.on('error', () => {});
    upload.write(HEADER + rows + row(700).slice(0, 20));
    await until('the first rows are there', async () => (await exported(word)).length > 0);
    upload.destroy();
    await until('the shop has let go of it', async () => {
      const { text } = await shop.call('GET /metrics');
      return /requests_total\{method="POST",route="\/api\/v1\/products\/import",status="400"\} 1\b/.test(text);
    });
    const half = await exported(word);
    expect(half).toHaveLength(500);
    for (const product of half) expect(product).toMatchObject({ name: 'Half, way', available: 5 });

    expect((await load(HEADER + rows + row(700))).body).toEqual({ accepted: 701, rejected: 0, errors: [] });
    const all = await exported(word);
    expect(all).toHaveLength(701);
    expect(all.slice(0, 500)).toStrictEqual(half);
    expect(await shop.stockOf(`${word}-000`)).toMatchObject({ received: 5 });
    expect(shop.broken).toEqual([]);
  });
});

describe('an exported file', () => {
  const read = (list: string, format: string) => shop.call(`GET /api/v1/${list}/export?format=${format}`, staff());

  it.each(['products', 'orders', 'customers'])('of %s has a type and a name, in both formats', async (list) => {
    const product = await shop.product('2.55', 9);
    await shop.place([[product, 1]]);
    const csv = await read(list, 'csv');
    expect(csv.headers.get('content-type')).toBe('text/csv; charset=utf-8');
    expect(csv.headers.get('content-disposition')).toBe(`attachment; filename="${list}.csv"`);
    const jsonl = await read(list, 'jsonl');
    expect(jsonl.headers.get('content-type')).toBe('application/jsonl; charset=utf-8');
    expect(jsonl.headers.get('content-disposition')).toBe(`attachment; filename="${list}.jsonl"`);
    for (const line of jsonl.text.trimEnd().split('\n')) expect(JSON.parse(line)).toHaveProperty('id');
    expect((await shop.call(`GET /api/v1/${list}/export`, staff())).headers.get('content-type')).toMatch('text/csv');
    const customer = await shop.account();
    await shop.expect(401, `GET /api/v1/${list}/export?format=csv`);
    await shop.expect(403, `GET /api/v1/${list}/export?format=csv`, { token: customer.token });
    await shop.expect(422, `GET /api/v1/${list}/export?format=pdf`, staff());
  });

  it('of products holds nothing that an import would refuse: what cannot be seen is no SKU and no name', async () => {
    const body = { sku: `s-${randomUUID()}`, name: 'Cup', price: { amount: '1', currency: 'GBP' }, stock: 0 };
    for (const blank of ['', ' ', '\t\n', '\u00a0']) {
      await shop.expect(422, 'POST /api/v1/products', { ...staff(), body: { ...body, name: blank } });
      await shop.expect(422, 'POST /api/v1/products', { ...staff(), body: { ...body, sku: blank } });
    }
    const { id } = await shop.expect(201, 'POST /api/v1/products', { ...staff(), body });
    await shop.expect(422, `PATCH /api/v1/products/${id}`, { ...staff(), body: { name: ' ' } });
    const { text } = await read('products', 'csv');
    const report = await load(text);
    expect(report.body).toMatchObject({ accepted: (await exported()).length, rejected: 0 });
    expect((await read('products', 'csv')).text).toBe(text);
  });

  it('of orders has money as decimals, the address, and each line with its product', async () => {
    const product = await shop.product('0.3325', 9, { name: '=1+1, "quoted"' });
    const shippingAddress = { name: 'Ada', line1: '12, Square', city: 'London', postcode: 'SW1Y', country: 'GB' };
    const more = { shippingAddress, reference: 'basket-7' };
    const { id } = await shop.place([[product, 3]], { more });
    await shop.reaches(id, 'PAID');
    const { text } = await read('orders', 'csv');
    const { createdAt, updatedAt } = await shop.orderOf(id);
    const [heads = ''] = text.split('\n');
    expect(heads).toBe(
      'id,status,reference,customer_id,email,created_at,updated_at,currency,total,exact_total,refunded,' +
        'addressee,line1,line2,city,postcode,country,line,product_id,sku,name,quantity,unit_price,line_total',
    );
    expect(text.split('\n').filter((line) => line.startsWith(id))).toEqual([
      `${id},PAID,basket-7,,guest@people.example,${createdAt},${updatedAt},GBP,1.00,0.9975,0.00,` +
        `Ada,"12, Square",,London,SW1Y,GB,1,${product.id},${product.sku},"=1+1, ""quoted""",3,0.3325,0.9975`,
    ]);
  });

  it('of orders has each order once, oldest first, over any number of pages', async () => {
    const product = await shop.product('1.00', 1_000);
    const placed: { id: string }[] = [];
    for (let batch = 0; batch < 3; batch++)
      placed.push(...(await Promise.all(Array.from({ length: 77 }, () => shop.place([[product, 1]])))));
    const { text } = await read('orders', 'jsonl');
    const orders = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    const ids = orders.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toEqual(expect.arrayContaining(placed.map(({ id }) => id)));
    const times = orders.map(({ createdAt }) => Date.parse(createdAt));
    expect(times).toEqual(times.toSorted((a, b) => a - b));
  });

  it('of customers holds what the API shows of them, and no more', async () => {
    const { id, email } = await shop.account();
    const { text } = await read('customers', 'csv');
    expect(text).toMatch(/^id,email,name,phone,role,created_at,addressee,line1,line2,city,postcode,country\n/);
    const { createdAt } = await shop.expect(200, `GET /api/v1/customers/${id}`, staff());
    expect(text).toContain(`\n${id},${email},Ada Lovelace,,customer,${createdAt},,,,,,\n`);
  });
});
