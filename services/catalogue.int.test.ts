// Products over HTTP: kept by staff, found by everybody, carried in and out as files.

import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Answer, type Json, startTestShop, tally, type TestShop, until } from '../infra/local/shop.fixture.ts';
import { itWhere } from '../infra/toolchain/it-where.ts';

let shop: TestShop;
beforeAll(async () => {
  shop = await startTestShop();
});
afterAll(() => shop?.stop());

const gbp = (amount: string) => ({ amount, currency: 'GBP' });
const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
const staff = () => ({ token: shop.staff.token });
const bySku = async (sku: string): Promise<Json> =>
  (await shop.expect(200, `GET /api/v1/products?sku=${encodeURIComponent(sku)}`)).items[0];

describe('a product', () => {
  it('is created with its opening stock, shown to everybody, edited, and taken out of the catalogue', async () => {
    const sku = `sku-${randomUUID()}`;
    const body = {
      sku,
      name: 'Cup',
      description: 'Red, with a handle',
      category: 'Home/Kitchen',
      price: gbp('2.5'),
      stock: 12,
    };
    const created = await shop.call('POST /api/v1/products', { ...staff(), body });
    const product = { id: expect.any(String), ...body, price: gbp('2.50'), available: 12, updatedAt: time } as Json;
    delete product.stock;
    expect(created.status).toBe(201);
    expect(created.body).toStrictEqual(product);
    const { id } = created.body;
    expect(await shop.expect(200, `GET /api/v1/products/${id}`)).toStrictEqual(created.body);
    expect(await bySku(sku)).toStrictEqual(created.body);
    await shop.place([[{ id }, 12]]);
    await shop.expect(409, 'POST /api/v1/orders', shop.wish([[{ id }, 1]]));

    const change = { name: 'Mug', price: gbp('3.1234'), category: null };
    const changed = await shop.expect(200, `PATCH /api/v1/products/${id}`, { ...staff(), body: change });
    expect(changed).toMatchObject({ id, sku, name: 'Mug', price: gbp('3.1234'), description: body.description });
    expect(changed).not.toHaveProperty('category');
    await shop.expect(204, `DELETE /api/v1/products/${id}`, staff());
    await shop.expect(404, `GET /api/v1/products/${id}`);
    expect(await bySku(sku)).toBeUndefined();
    await shop.expect(404, `PATCH /api/v1/products/${id}`, { ...staff(), body: { name: 'Ghost' } });
  });

  it('is guarded by its ETag', async () => {
    const { id } = await shop.product();
    const read = await shop.call(`GET /api/v1/products/${id}`);
    const etag = read.headers.get('etag') ?? '';
    const edit = (ifMatch: string, name: string) =>
      shop.call(`PATCH /api/v1/products/${id}`, { ...staff(), headers: { 'If-Match': ifMatch }, body: { name } });
    expect((await shop.call(`GET /api/v1/products/${id}`, { headers: { 'If-None-Match': etag } })).status).toBe(304);
    expect((await edit(etag, 'First')).status).toBe(200);
    expect((await edit(etag, 'Second')).status).toBe(412);
    const remove = await shop.call(`DELETE /api/v1/products/${id}`, { ...staff(), headers: { 'If-Match': etag } });
    expect(remove.status).toBe(412);
    expect((await edit('nonsense', 'Third')).status).toBe(422);
    expect((await edit('*', 'Fourth')).status).toBe(200);
    expect((await shop.expect(200, `GET /api/v1/products/${id}`)).name).toBe('Fourth');
  });

  it('created by many at once with one SKU is created once', async () => {
    const body = { sku: `sku-${randomUUID()}`, name: 'Cup', price: gbp('1'), stock: 5 };
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => shop.call('POST /api/v1/products', { ...staff(), body })),
    );
    expect(tally(answers)).toEqual({ 201: 1, 409: 7 });
    expect(await shop.stockOf(body.sku)).toMatchObject({ received: 5, onHand: 5 });
  });
});

describe('the list of products', () => {
  it('is searched, filtered by category with all below it, sorted, and paged without a gap or a repeat', async () => {
    const word = `w${randomUUID().slice(0, 8)}`;
    const wanted = [
      ['d', 'Delta', '4.00', `${word}/A`],
      ['a', 'Alpha', '3.00', `${word}/A/B`],
      ['c', 'Charlie', '1.00', `${word}/C`],
      ['b', 'Bravo', '2.00', undefined],
      ['e', 'Echo', '2.00', `${word}x`],
    ] as const;
    for (const [sku, name, price, category] of wanted) {
      const body = {
        sku: `${word}-${sku}`,
        name: `${name} ${word}`,
        price: gbp(price),
        stock: 1,
        ...(category === undefined ? {} : { category }),
      };
      await shop.expect(201, 'POST /api/v1/products', { ...staff(), body });
    }
    const pages = async (query: string, limit = 2): Promise<string> => {
      let found = '';
      for (let cursor: string | null = ''; cursor !== null; ) {
        const more = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`;
        const page: Json = await shop.expect(200, `GET /api/v1/products?${query}&limit=${limit}${more}`);
        expect(page.items.length).toBeLessThanOrEqual(limit);
        found += page.items.map(({ sku }: Json) => sku.slice(-1)).join('');
        cursor = page.next;
      }
      return found;
    };
    expect(await pages(`q=${word}`)).toBe('abcde');
    expect(await pages(`q=${word}&sort=sku`, 100)).toBe('abcde');
    expect(await pages(`q=${word}&sort=name`)).toBe('abcde');
    expect(await pages(`q=${word}&sort=-name`)).toBe('edcba');
    expect(await pages(`q=${word}&sort=price`, 1)).toMatch(/^c(be|eb)ad$/);
    expect(await pages(`q=${word}&sort=-price`)).toMatch(/^da(be|eb)c$/);
    expect(await pages(`q=${word}&sort=updatedAt`)).toBe('dacbe');
    expect(await pages(`q=${word}&sort=-updatedAt`, 3)).toBe('ebcad');
    expect(await pages(`q=bravo%20${word}`)).toBe('b');
    expect(await pages(`category=${word}`)).toBe('acd');
    expect(await pages(`category=${word}/A`)).toBe('ad');
    expect(await pages(`category=${word}/A/B`)).toBe('a');
    expect(await pages(`category=nothing`)).toBe('');
    const tree = await shop.expect(200, 'GET /api/v1/categories');
    expect(JSON.stringify(tree)).toContain(word);
    for (const q of ['%25', '_', '%27', '%5C', '*']) await shop.expect(200, `GET /api/v1/products?q=${q}`);
    expect(await pages(`q=${word.slice(0, 4)}%25_`)).toBe('abcde');
  });
});

describe('an import', () => {
  const load = (content: string): Promise<Answer> =>
    shop.call('POST /api/v1/products/import', { ...staff(), raw: { type: 'text/csv; charset=utf-8', content } });

  it('creates and edits products, names each bad line, and its stock is there at once', async () => {
    const word = `i${randomUUID().slice(0, 8)}`;
    const file = [
      'sku,name,description,category,price,currency,stock',
      `${word}-1,"Bag, ""big""","two`,
      `lines",Home/Bags,2.55,GBP,7`,
      `${word}-2,Cup,,,0.001,,`,
      `${word}-3,,no name,,1.00,GBP,1`,
      `${word}-4,Bad price,,,1.23456,GBP,1`,
      `${word}-5,Bad stock,,,1.00,GBP,-1`,
      `${word}-6,Bad currency,,,1.00,POUND,1`,
      `,No SKU,,,1.00,GBP,1`,
      `${word}-7,Too many cells,,,1.00,GBP,1,extra`,
      `${word}-8,Last,,,1.00,GBP,2`,
    ].join('\r\n');
    const first = await load(file);
    expect(first.status).toBe(200);
    expect(first.body).toMatchObject({ accepted: 3, rejected: 6 });
    expect(first.body.errors.map(({ line }: Json) => line)).toEqual([5, 6, 7, 8, 9, 10]);
    for (const error of first.body.errors)
      expect(error).toStrictEqual({ line: expect.any(Number), code: expect.any(String), detail: expect.any(String) });
    const bag = await bySku(`${word}-1`);
    expect(bag).toMatchObject({
      name: 'Bag, "big"',
      description: 'two\r\nlines',
      category: 'Home/Bags',
      price: gbp('2.55'),
      available: 7,
    });
    expect(await bySku(`${word}-2`)).toMatchObject({ price: gbp('0.001'), available: 0 });
    await shop.place([[bag, 7]]);

    // The stock of a file is the opening quantity: it is received once, and ignored afterwards.
    const again = await load(`sku,name,description,category,price,stock\n${word}-1,Bag,,,3.00,1000\n`);
    expect(again.body).toMatchObject({ accepted: 1, rejected: 0, errors: [] });
    expect(await bySku(`${word}-1`)).toMatchObject({ id: bag.id, name: 'Bag', price: gbp('3.00') });
    expect((await shop.stockOf(`${word}-1`)).received).toBe(7);
  });

  it.each([
    ['without a header', '85123A,Bag,,,1.00\n'],
    ['with an unknown column', 'sku,name,description,category,price,colour\n'],
    ['without a needed column', 'sku,name,description,category\n'],
    ['with a column twice', 'sku,sku,name,description,category,price\n'],
    ['that is empty', ''],
  ])('%s is refused as a whole', async (_, content) => {
    expect((await load(content)).status).toBe(422);
  });

  it('sent twice at once makes each product once', async () => {
    const word = `i${randomUUID().slice(0, 8)}`;
    const rows = Array.from({ length: 300 }, (_, i) => `${word}-${i},Thing ${i},,,1.00,5`);
    const file = `sku,name,description,category,price,stock\n${rows.join('\n')}\n`;
    const reports = await Promise.all([load(file), load(file), load(file)]);
    for (const report of reports) expect(report).toMatchObject({ status: 200, body: { accepted: 300, rejected: 0 } });
    for (const i of [0, 150, 299]) expect(await shop.stockOf(`${word}-${i}`)).toMatchObject({ received: 5, onHand: 5 });
    await shop.place([[await bySku(`${word}-299`), 5]]);
    // What is available may be a quarter of a second old, and the next test compares it.
    await until('it is known that none is left', async () => (await bySku(`${word}-299`)).available === 0);
  });

  it('of what was exported changes nothing', async () => {
    const before = await shop.call('GET /api/v1/products/export?format=csv', staff());
    expect(before.headers.get('content-type')).toMatch(/^text\/csv/);
    const rows = before.text.trimEnd().split('\n').length;
    expect(rows).toBeGreaterThan(300);
    const report = await load(before.text);
    expect(report.body).toMatchObject({ rejected: 0 });
    await until('the export is as it was', async () => {
      const after = await shop.call('GET /api/v1/products/export?format=csv', staff());
      return after.text === before.text;
    });
    const jsonl = await shop.call('GET /api/v1/products/export?format=jsonl', staff());
    const products = jsonl.text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(products).toHaveLength(report.body.accepted);
    const [product] = products;
    expect(await shop.expect(200, `GET /api/v1/products/${product.id}`)).toStrictEqual(product);
  });
});

describe('the categories', () => {
  const data = process.env['DATASETS_DIR'] ?? join(import.meta.dirname, '../../shared/data');
  const file = join(data, 'catalogue/bestbuy-categories.json.gz');

  /** A retailer's categories as paths of ours: a slash parts them, and one of them has no name. */
  function paths(): readonly string[] {
    const categories: Json[] = JSON.parse(gunzipSync(readFileSync(file)).toString());
    return categories.map(({ path }) =>
      path.map(({ id, name }: Json) => (name ?? id).replaceAll('/', '-').trim()).join('/'),
    );
  }

  itWhere(existsSync(file), 'the categories of a retailer are not in DATASETS_DIR')(
    'of a large retailer come out as the tree that went in',
    async () => {
      const top = `t${randomUUID().slice(0, 8)}`;
      const all = paths().map((path) => `${top}/${path}`);
      expect(all.length).toBeGreaterThan(4_000);
      const rows = all.map((path, i) => `${top}-${i},Product ${i} ${top},,"${path.replaceAll('"', '""')}",1.00,GBP,0`);
      const content = `sku,name,description,category,price,currency,stock\n${rows.join('\n')}\n`;
      const raw = { type: 'text/csv', content };
      const report = await shop.expect(200, 'POST /api/v1/products/import', { ...staff(), raw });
      expect(report).toMatchObject({ accepted: all.length, rejected: 0 });

      const expected = new Map<string, number>();
      for (const path of all) {
        const parts = path.split('/');
        for (let depth = 1; depth <= parts.length; depth++) {
          const above = parts.slice(0, depth).join('/');
          expected.set(above, (expected.get(above) ?? 0) + 1);
        }
      }
      const { items } = await shop.expect(200, 'GET /api/v1/categories');
      const shown = new Map<string, number>();
      const walk = (node: Json, above: string): void => {
        expect(node.path).toBe(above === '' ? node.name : `${above}/${node.name}`);
        shown.set(node.path, node.count);
        for (const child of node.children) walk(child, node.path);
      };
      walk(
        items.find(({ name }: Json) => name === top),
        '',
      );
      expect(Object.fromEntries(shown)).toEqual(Object.fromEntries(expected));

      // What the tree counts is what a category finds, by itself and as a facet.
      for (const path of all.filter((_, i) => i % 400 === 0)) {
        const query = `category=${encodeURIComponent(path)}&limit=100`;
        const page = await shop.expect(200, `GET /api/v1/products?q=${top}&${query}`);
        expect(page.items).toHaveLength(Math.min(100, expected.get(path) ?? 0));
        expect(page.facets.category).toContainEqual({ value: path, count: expected.get(path) });
        expect((await shop.expect(200, `GET /api/v1/products?${query}`)).items).toHaveLength(page.items.length);
      }
    },
  );
});
