// Search over the products service, on PostgreSQL: what is found, in which order, with which facets; and that it is so from
// the commit of a product on, also for products that were there before there was any search.

import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createCursors } from '../../mixins/cursor.ts';
import { testDatabase } from '../../mixins/postgres/testing.ts';
import type { Facets } from './facets.ts';
import { priceRange } from './facets.ts';
import { Migration0001Products } from './migrations/0001-products.ts';
import { Migration0002Search } from './migrations/0002-search.ts';
import type { ProductView } from './product.view.ts';
import { listProducts } from './products.list.ts';
import { ProductRow } from './products.entities.ts';
import { openTestShop, type TestShop } from './products.testing.ts';
import { createSearch } from './search.ts';

let shop: TestShop;
beforeAll(async () => {
  shop = await openTestShop();
});
afterAll(() => shop.close());

interface Page {
  readonly items: readonly ProductView[];
  readonly next: string | null;
  readonly facets?: Facets;
}

interface Row {
  readonly sku?: string;
  readonly name: string;
  readonly description?: string;
  readonly category?: string;
  readonly price?: string;
  readonly currency?: string;
}

/** A word of letters that nobody else uses, and that is like no other. */
let tag = '';
beforeEach(() => {
  tag = Array.from(randomUUID().replaceAll('-', ''), (digit) => 'cdfghjklmnpqrstv'[Number.parseInt(digit, 16)]).join(
    '',
  );
});

async function have(rows: readonly Row[]): Promise<void> {
  const cell = (text: string) => `"${text.replaceAll('"', '""')}"`;
  const lines = rows.map(({ sku, name, description = '', category = '', price = '1.00', currency = 'GBP' }, i) =>
    [sku ?? `${i}-${randomUUID()}`, name, description, category, price, currency, '0'].map(cell).join(),
  );
  const file = `sku,name,description,category,price,currency,stock\n${lines.join('\n')}\n`;
  const report = await shop.call('import', {}, {}, Readable.from([Buffer.from(file)]));
  expect(report).toMatchObject({ accepted: rows.length, rejected: 0 });
}

const list = (params: object) => shop.call<Page>('list', params);
const names = async (q: string, more: object = {}) => (await list({ q, ...more })).items.map(({ name }) => name);

async function all(params: object, limit: number): Promise<readonly string[]> {
  const found: string[] = [];
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const page: Page = await list({ ...params, limit, ...(cursor === undefined ? {} : { cursor }) });
    expect(page.items.length).toBeLessThanOrEqual(limit);
    found.push(...page.items.map(({ sku }) => sku));
    cursor = page.next;
  }
  return found;
}

describe('what is found', () => {
  it('is the SKU itself first, then names with the word, names it begins, and descriptions', async () => {
    await have([
      { sku: '0', name: 'In words', description: `A thing for every ${tag}` },
      { sku: tag.toUpperCase(), name: 'By number' },
      { sku: '3', name: `Long name with ${tag} inside` },
      { sku: '2', name: `${tag}ish` },
      { sku: '1', name: `Short ${tag}` },
      { sku: '4', name: 'Beginning', description: `${tag}able` },
    ]);
    expect(await names(tag)).toEqual([
      'By number',
      `Short ${tag}`,
      `Long name with ${tag} inside`,
      `${tag}ish`,
      'In words',
      'Beginning',
    ]);
    expect(await names(`thing ${tag}`)).toEqual(['In words']);
  });

  it('has every word, wherever it stands, and the last may be unfinished', async () => {
    await have([
      { name: `Red lantern ${tag}`, description: 'Made of paper' },
      { name: `Red candle ${tag}` },
      { name: `Green lantern ${tag}` },
    ]);
    expect(await names(`${tag} lantern red`)).toEqual([`Red lantern ${tag}`]);
    expect(await names(`red ${tag} lan`)).toEqual([`Red lantern ${tag}`]);
    expect(await names(`${tag} paper red`)).toEqual([`Red lantern ${tag}`]);
    expect(await names(`red ${tag} pap`)).toEqual([`Red lantern ${tag}`]);
    expect(await names(`lan ${tag} zzzzzz`)).toEqual([]);
    for (let end = 4; end < tag.length; end += 5) expect(await names(tag.slice(0, end))).toHaveLength(3);
  });

  it('may be mistyped, wherever the slip is, but not if it is a number', async () => {
    await have([
      { sku: `${tag}-85123A`, name: `Lantern ${tag}`, description: 'Hangs from a hook' },
      { name: `Candle ${tag}` },
    ]);
    for (const typo of ['lantren', 'latern', 'lanttern', 'lamtern', 'alntern', 'lantarn', 'lantorm'])
      expect([typo, await names(`${typo} ${tag}`)]).toEqual([typo, [`Lantern ${tag}`]]);
    expect(await names(`${tag} lantre`)).toEqual([`Lantern ${tag}`]);
    expect(await names(`${tag} latern`)).toEqual([`Lantern ${tag}`]);
    expect(await names(`hnags ${tag}`)).toEqual([`Lantern ${tag}`]);
    expect(await names(`${tag}-85123B`)).toEqual([]);
    expect(await names(`xylophone ${tag}`)).toEqual([]);
    // Both words are in the catalogue, never together: then another may have been meant.
    await have([{ name: `Lantarn of ${tag}x` }]);
    expect(await names(`lantarn ${tag}`)).toEqual([`Lantarn of ${tag}x`]);
  });

  it('has no case, accents or apostrophes, and any script', async () => {
    await have([
      { name: `TÜRKRANZ Éclair ${tag}`, description: 'Straße nach Łódź, smørrebrød' },
      { name: `CHILDREN'S mug ${tag}` },
      { name: `日本語 ${tag}` },
      { name: `ελληνικά ${tag}` },
    ]);
    for (const q of ['türkranz', 'TURKRANZ', 'eclair', 'strasse', 'STRASSE', 'lodz', 'smorrebrod', 'e\u0301clair'])
      expect([q, await names(`${q} ${tag}`)]).toEqual([q, [`TÜRKRANZ Éclair ${tag}`]]);
    for (const q of ['childrens', "children's", 'children’s'])
      expect([q, await names(`${q} ${tag}`)]).toEqual([q, [`CHILDREN'S mug ${tag}`]]);
    expect(await names(`${tag} 日本`)).toEqual([`日本語 ${tag}`]);
    expect(await names(`ΕΛΛΗΝΙΚΑ ${tag}`)).toEqual([`ελληνικά ${tag}`]);
  });

  it('has a SKU by its parts and as one word, whatever stands between them', async () => {
    await have([{ sku: `AB-12 ${tag}@2.55`, name: 'Bag' }]);
    for (const q of [
      `ab-12 ${tag}`,
      `AB12${tag}`,
      `${tag}@2.55`,
      `${tag} 2 55`,
      `ab-12 ${tag}@2.55`,
      `ab 12 ${tag.slice(0, 9)}`,
    ])
      expect([q, await names(q)]).toEqual([q, ['Bag']]);
  });

  it.each([
    "'",
    '"',
    '\\',
    '%',
    '_',
    '*',
    ':*',
    '&',
    '!',
    '(',
    ')',
    '<->',
    '|',
    ';--',
    '💡',
    "a' | 'b",
    '!a & b',
    'a:*B',
    '﷽',
    'a'.repeat(200),
  ])('is never an error: %j', async (q) => {
    const { items, facets } = await list({ q });
    expect(items).toEqual([]);
    expect(facets).toEqual({ category: [], price: [] });
    await have([{ name: `Thing ${tag}` }]);
    expect((await list({ q: `${q} ${tag}` })).items.length).toBeLessThanOrEqual(1);
  });

  it('is everything when nothing is asked for', async () => {
    const everything = await list({ limit: 5 });
    expect(await list({ q: '', limit: 5 })).toEqual(everything);
    expect(await list({ q: '  ', limit: 5 })).toEqual(everything);
    expect(everything).not.toHaveProperty('facets');
  });

  it('is there with the answer to its creation, changes with it, and is gone with its deletion', async () => {
    const price = { amount: '3.00', currency: 'GBP' };
    expect(await names(tag)).toEqual([]);
    const { id } = await shop.call<ProductView>('create', { sku: randomUUID(), name: `Cup ${tag}`, price, stock: 1 });
    expect(await names(tag)).toEqual([`Cup ${tag}`]);
    await shop.call('update', { id, name: `Mug ${tag}` });
    expect(await names(`mug ${tag}`)).toEqual([`Mug ${tag}`]);
    expect(await names(`cup ${tag}`)).toEqual([]);
    await shop.call('update', { id, price: { amount: '30.00', currency: 'GBP' }, category: `${tag}/Cups` });
    expect((await list({ q: tag })).facets).toEqual({
      category: [
        { value: tag, count: 1 },
        { value: `${tag}/Cups`, count: 1 },
      ],
      price: [{ from: { amount: '20.00', currency: 'GBP' }, to: { amount: '50.00', currency: 'GBP' }, count: 1 }],
    });
    await shop.call('remove', { id });
    expect(await names(tag)).toEqual([]);
    expect((await list({ category: tag, facets: 'true' })).facets).toEqual({
      category: expect.not.arrayContaining([expect.objectContaining({ value: tag })]),
      price: [],
    });
    await shop.call('create', { sku: `again-${tag}`, name: 'Back', price, stock: 1 });
    expect(await names(tag)).toEqual(['Back']);
  });
});

describe('a page', () => {
  const sorts = [undefined, 'sku', 'name', '-name', 'price', '-price', 'updatedAt', '-updatedAt'];

  it('follows the one before without a gap or a repeat, in every order, also for what was mistyped', async () => {
    const rows = Array.from({ length: 57 }, (_, i) => ({
      sku: `${String((i * 31) % 57).padStart(2, '0')}${tag}`,
      name: `${['Lantern', 'Red lantern', 'Lanterns'][i % 3]} ${i % 5 === 0 ? '' : tag}`.trim(),
      description: `lantern ${tag}`,
      price: `${i % 4}.50`,
    }));
    await have(rows);
    for (const q of [`lantern ${tag}`, `lantren ${tag}`]) {
      for (const sort of sorts) {
        const params = { q, ...(sort === undefined ? {} : { sort }) };
        const whole = await all(params, 100);
        expect(new Set(whole).size).toBe(57);
        expect(await all(params, 7)).toEqual(whole);
        if (sort === 'sku') expect(whole).toEqual(whole.toSorted());
      }
    }
    expect(await all({ q: `lantern ${tag}`, sort: '-name' }, 7)).toEqual(
      (await all({ q: `lantern ${tag}`, sort: 'name' }, 7)).toReversed(),
    );
  });

  it('stays in its place while products before it go and come', async () => {
    await have(Array.from({ length: 9 }, (_, i) => ({ sku: `${i}${tag}`, name: `Cup ${tag}` })));
    const first = await list({ q: `cup ${tag}`, limit: 3 });
    await shop.call('remove', { id: first.items[2]?.id });
    await have([{ sku: `00${tag}`, name: `Cup ${tag}` }]);
    const second = await list({ q: `cup ${tag}`, limit: 3, cursor: first.next });
    expect(second.items.map(({ sku }) => sku)).toEqual([3, 4, 5].map((i) => `${i}${tag}`));
  });

  it('has a cursor that is good for the same query only', async () => {
    await have(Array.from({ length: 3 }, () => ({ name: `Cup ${tag}` })));
    const { next } = await list({ q: tag, limit: 2 });
    await expect(list({ q: `${tag} cup`, cursor: next })).rejects.toMatchObject({ type: 'invalid-request' });
    await expect(list({ q: tag, cursor: next, sort: 'name' })).rejects.toMatchObject({ type: 'invalid-request' });
    await expect(list({ cursor: next })).rejects.toMatchObject({ type: 'invalid-request' });
  });
});

describe('facets', () => {
  const gbp = (amount: string) => ({ amount, currency: 'GBP' });

  it('count what each value finds, and leave their own filter aside', async () => {
    await have([
      { name: `One ${tag}`, category: `${tag}/A/B`, price: '0.40' },
      { name: `Two ${tag}`, category: `${tag}/A`, price: '2.00' },
      { name: `Three ${tag}`, category: `${tag}/C`, price: '4.99' },
      { name: `Four ${tag}`, price: '5.00' },
      { name: `Five ${tag}`, category: `${tag}/C`, price: '300', currency: 'JPY' },
    ]);
    const page = await list({ q: tag, limit: 1 });
    expect(page.facets).toEqual({
      category: [
        { value: tag, count: 4 },
        { value: `${tag}/A`, count: 2 },
        { value: `${tag}/C`, count: 2 },
        { value: `${tag}/A/B`, count: 1 },
      ],
      price: [
        { from: gbp('0.00'), to: gbp('1.00'), count: 1 },
        { from: gbp('2.00'), to: gbp('5.00'), count: 2 },
        { from: gbp('5.00'), to: gbp('10.00'), count: 1 },
        { from: { amount: '200.00', currency: 'JPY' }, to: { amount: '500.00', currency: 'JPY' }, count: 1 },
      ],
    });
    for (const { value, count } of page.facets?.category ?? [])
      expect(await names(tag, { category: value })).toHaveLength(count);
    for (const { from, to, count } of page.facets?.price ?? []) {
      const range = { priceFrom: from.amount, priceTo: to.amount, currency: from.currency };
      expect(await names(tag, range)).toHaveLength(count);
    }
    const narrowed = await list({ q: tag, category: `${tag}/C`, priceFrom: '2', priceTo: '5', currency: 'GBP' });
    expect(narrowed.items.map(({ name }) => name)).toEqual([`Three ${tag}`]);
    expect(narrowed.facets).toEqual({
      category: [
        { value: tag, count: 2 },
        { value: `${tag}/A`, count: 1 },
        { value: `${tag}/C`, count: 1 },
      ],
      price: [
        { from: gbp('2.00'), to: gbp('5.00'), count: 1 },
        { from: { amount: '200.00', currency: 'JPY' }, to: { amount: '500.00', currency: 'JPY' }, count: 1 },
      ],
    });
    // The same page comes with the next ones, and what is filtered away is no reason to look for something else.
    expect((await list({ q: tag, limit: 1, cursor: page.next })).facets).toEqual(page.facets);
    expect(await names(tag, { category: 'nowhere' })).toEqual([]);
  });

  it('come with q unless they are not wanted, and without it when they are', async () => {
    await have([{ name: `One ${tag}`, category: tag }]);
    expect(await list({ q: tag, facets: 'false' })).not.toHaveProperty('facets');
    expect(await list({ category: tag })).not.toHaveProperty('facets');
    const { items, facets } = await list({ category: tag, facets: 'true' });
    expect(items).toHaveLength(1);
    expect(facets?.price).toEqual([{ from: gbp('1.00'), to: gbp('2.00'), count: 1 }]);
    expect(facets?.category).toContainEqual({ value: tag, count: 1 });
  });

  it('may be filtered by without a query', async () => {
    await have([
      { name: 'Cheap', category: tag, price: '1.00' },
      { name: 'Dear', category: tag, price: '2.00' },
    ]);
    const found = async (more: object) =>
      (await list({ category: tag, ...more })).items.map(({ name }) => name).toSorted();
    expect(await found({ priceFrom: '2' })).toEqual(['Dear']);
    expect(await found({ priceTo: '2' })).toEqual(['Cheap']);
    expect(await found({ currency: 'EUR' })).toEqual([]);
    await expect(list({ priceFrom: '999999999999' })).rejects.toMatchObject({
      type: 'invalid-request',
      data: { errors: [{ pointer: '?priceFrom' }] },
    });
  });
});

it('finds what was there before there was search, and what changes afterwards', async () => {
  const database = await testDatabase({ entities: [ProductRow], migrations: [Migration0001Products] });
  try {
    await database.em().execute(`insert into actors
      (id, version, state, sku, name, description, category, unit_price, currency, partition, status, updated_at)
      select 'p-' || i, 1, '{}', 'S-' || i, 'Éclair ' || i, case when i % 2 = 0 then 'sweet' end, case when i % 3 = 0 then 'Food/Cakes' end,
        i * 10000, 'GBP', 'main', case when i % 10 = 0 then 'deleted' else 'live' end, now() from generate_series(1, 300) i`);
    await database.em().execute(`insert into actors (id, version) values ('nothing-yet', 1)`);
    const migrations = [Migration0001Products, Migration0002Search];
    const migrated = await database.again({ entities: [ProductRow], migrations });
    const cursors = createCursors(Buffer.alloc(32));
    const search = createSearch(migrated, cursors);
    const found = async (q: string) => {
      const page = await listProducts(migrated, cursors, search, { q, limit: 100 });
      return { skus: page.rows.map(({ sku }) => sku), category: page.facets?.category };
    };
    expect((await found('eclair')).category).toEqual([
      { value: 'Food', count: 90 },
      { value: 'Food/Cakes', count: 90 },
    ]);
    expect((await found('éclair 7')).skus[0]).toBe('S-7');
    expect((await found('eclair 7')).skus).not.toContain('S-70');
    expect((await found('swete 8')).skus).toContain('S-8');
    await migrated.em().execute(`update actors set status = 'deleted' where id = 'p-7'`);
    expect((await found('eclair 7')).skus).not.toContain('S-7');
    await migrated.em().execute(`update actors set status = 'live', name = 'Tart' where id in ('p-7', 'p-10')`);
    expect((await found('tart')).skus).toEqual(['S-10', 'S-7']);
  } finally {
    await database.close();
  }
});

it('numbers ranges of prices in the database as they are shown', async () => {
  const database = await testDatabase({ migrations: [Migration0001Products, Migration0002Search] });
  try {
    for (const price of [
      0,
      1,
      99,
      100,
      199,
      200,
      9_999,
      10_000,
      49_999,
      50_000,
      123_456_789,
      Number.MAX_SAFE_INTEGER,
    ]) {
      const [{ range } = { range: -1 }] = await database
        .em()
        .execute<{ range: number }[]>(`select price_range(${price}) as range`);
      const [from, to] = priceRange(range, 'UYW');
      expect([price, from <= price && price <= to]).toEqual([price, true]);
    }
  } finally {
    await database.close();
  }
});
