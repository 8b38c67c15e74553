// The products service on a real broker and PostgreSQL, beside stock with its real rules (kept in memory).

import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { loadCatalogue, sampleRows } from '../../infra/local/catalogue/load.ts';
import type { Caller } from '../../mixins/caller.ts';
import { AVAILABLE_AGE_MAX_MS } from './availability.ts';
import type { ImportReport } from './import.ts';
import { productIdOf } from './product-id.ts';
import type { ProductView } from './product.view.ts';
import { openTestShop, type TestShop } from './products.testing.ts';
import type { Quote } from './products.list.ts';

let shop: TestShop;
beforeAll(async () => {
  shop = await openTestShop();
});
afterAll(() => shop.close());

const price = (amount: string, currency = 'GBP') => ({ amount, currency });
const wish = (more: object = {}) => ({
  sku: `sku-${randomUUID()}`,
  name: 'LANTERN',
  price: price('3.39'),
  stock: 10,
  ...more,
});

async function create(more: object = {}, meta: Partial<Caller> = {}) {
  return await shop.call<ProductView>('create', wish(more), meta);
}

interface Page {
  readonly items: readonly ProductView[];
  readonly next: string | null;
}

describe('a product', () => {
  it('is created, shown, edited and deleted', async () => {
    const meta: Partial<Caller> = {};
    const product = await create({ sku: 'A b@1', description: 'High', category: 'Garden/Lights' }, meta);
    expect(product).toEqual({
      id: productIdOf('A b@1'),
      sku: 'A b@1',
      name: 'LANTERN',
      description: 'High',
      category: 'Garden/Lights',
      price: price('3.39'),
      available: 10,
      updatedAt: expect.any(String),
    });
    expect(meta).toMatchObject({ $statusCode: 201, $location: `/api/v1/products/${product.id}` });

    const { id } = product;
    await expect(shop.call('get', { id })).resolves.toEqual(product);
    const edited = await shop.call<ProductView>('update', {
      id,
      price: price('0.001', 'EUR'),
      description: null,
      category: '',
    });
    expect(edited).toMatchObject({ price: price('0.001', 'EUR'), name: 'LANTERN' });
    expect(edited).not.toHaveProperty('description');
    expect(edited).not.toHaveProperty('category');

    const removed: Partial<Caller> = {};
    await shop.call('remove', { id }, removed);
    expect(removed.$statusCode).toBe(204);
    await expect(shop.call('get', { id })).rejects.toMatchObject({ type: 'not-found' });
    await expect(shop.call('update', { id, name: 'X' })).rejects.toMatchObject({ type: 'not-found' });
    await shop.call('remove', { id });
    await expect(shop.deletionOf(id)).resolves.toEqual({ productId: id, sku: 'A b@1', version: 3 });
  });

  it('is answered when stock has taken its pieces, once', async () => {
    const { sku } = await create({ stock: 7 });
    expect(await shop.received(sku)).toBe(7);
    await shop.settled();
    expect(await shop.received(sku)).toBe(7);
  });

  it('exists once by its SKU, and can be created anew when it was deleted', async () => {
    const { id, sku } = await create();
    await expect(create({ sku })).rejects.toMatchObject({ type: 'sku-exists', code: 409 });
    await shop.call('remove', { id });
    await expect(create({ sku, name: 'NEW' })).resolves.toMatchObject({ id, name: 'NEW', available: 20 });
  });

  it('of many wishes for one SKU is created by one', async () => {
    const sku = randomUUID();
    const all = await Promise.allSettled(Array.from({ length: 20 }, () => create({ sku, stock: 5 })));
    expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await shop.received(sku)).toBe(5);
  });

  it('answers a repeated creation with the same, also after it was deleted, and receives nothing twice', async () => {
    const meta = { keyed: true, commandId: randomUUID(), fingerprint: 'f-1' };
    const sku = randomUUID();
    const first = await create({ sku }, meta);
    await shop.call('update', { id: first.id, name: 'OTHER' });
    await expect(create({ sku }, meta)).resolves.toEqual(first);
    await shop.call('remove', { id: first.id });
    await expect(create({ sku }, meta)).resolves.toEqual(first);
    await expect(create({ sku }, { ...meta, fingerprint: 'f-2' })).rejects.toMatchObject({
      type: 'idempotency-key-reused',
    });
    await expect(shop.call('answered', { commandId: meta.commandId })).resolves.toEqual({
      fingerprint: 'f-1',
      status: 201,
      headers: { Location: `/api/v1/products/${first.id}` },
      body: first,
    });
    await expect(shop.call('answered', { commandId: randomUUID() })).resolves.toBeNull();
    await shop.settled();
    expect(await shop.received(sku)).toBe(10);
  });

  it('whose creation was interrupted before stock had its pieces gives them before the answer is repeated', async () => {
    const meta = { keyed: true, commandId: randomUUID(), fingerprint: 'f' };
    const sku = randomUUID();
    await shop.withoutStock(async () => {
      await expect(create({ sku }, meta)).rejects.toMatchObject({ type: 'unavailable' });
    });
    await expect(shop.call('answered', { commandId: meta.commandId })).resolves.toMatchObject({ status: 201 });
    expect(await shop.received(sku)).toBe(10);
  });

  it('is edited only from the revision that the editor saw, whatever stock did meanwhile', async () => {
    const { id, sku } = await create();
    const read: Partial<Caller> = {};
    await shop.call('get', { id }, read);
    await shop.take(sku, 3);
    // `available` may be so old, and no older.
    await pause(AVAILABLE_AGE_MAX_MS + 1);
    const later: Partial<Caller> = {};
    await expect(shop.call('get', { id }, later)).resolves.toMatchObject({ available: 7 });
    expect(later.etag).not.toBe(read.etag);
    await shop.call('update', { id, name: 'ONE' }, { ifMatch: String(read.etag) });
    await expect(shop.call('update', { id, name: 'TWO' }, { ifMatch: String(read.etag) })).rejects.toMatchObject({
      type: 'precondition-failed',
    });
    await expect(shop.call('remove', { id }, { ifMatch: String(read.etag) })).rejects.toMatchObject({
      type: 'precondition-failed',
    });
  });

  it.each([
    [{ price: price('1.00001') }, '/price/amount'],
    [{ price: price('1', 'XQZ') }, '/price/currency'],
    [{ category: 'A//B' }, '/category'],
  ])('that makes no sense is refused by field: %j', async (more, pointer) => {
    await expect(create(more)).rejects.toMatchObject({ type: 'invalid-request', data: { errors: [{ pointer }] } });
  });
});

describe('the list', () => {
  const tag = randomUUID();
  const names = ['Cup', 'ant', 'Bowl', 'Bowl', 'Ant'];
  beforeAll(async () => {
    for (const [i, name] of names.entries()) {
      await create({
        sku: `${tag}-${i}`,
        name: `${name} ${tag}`,
        price: price(String(10 - i)),
        category: i < 2 ? `${tag}/Small` : tag,
        stock: i,
      });
    }
    const gone = await create({ sku: `${tag}-9`, name: `Gone ${tag}`, category: tag });
    await shop.call('remove', { id: gone.id });
  });

  async function all(params: object): Promise<readonly ProductView[]> {
    const items: ProductView[] = [];
    for (let cursor: string | null | undefined; cursor !== null; ) {
      const page: Page = await shop.call<Page>('list', {
        ...params,
        limit: 2,
        ...(cursor === undefined ? {} : { cursor }),
      });
      expect(page.items.length).toBeLessThanOrEqual(2);
      items.push(...page.items);
      cursor = page.next;
    }
    return items;
  }

  const numbers = (items: readonly ProductView[]) => items.map(({ sku }) => Number(sku.slice(-1))).join('');

  it.each([
    [undefined, '01234'],
    ['sku', '01234'],
    ['price', '43210'],
    ['-price', '01234'],
    ['updatedAt', '01234'],
    ['-updatedAt', '43210'],
  ])('pages through everything once, sorted by %s', async (sort, expected) => {
    expect(numbers(await all({ q: tag, ...(sort === undefined ? {} : { sort }) }))).toBe(expected);
  });

  it('sorts by name, equals in the order of their ids, and backwards exactly the other way', async () => {
    const byName = await all({ q: tag, sort: 'name' });
    expect(byName.map(({ name }) => name.split(' ')[0])).toEqual(['Ant', 'Bowl', 'Bowl', 'Cup', 'ant']);
    expect(await all({ q: tag, sort: '-name' })).toEqual(byName.toReversed());
  });

  it('finds by text in name or SKU, whatever its case, and takes no character for a pattern', async () => {
    expect(numbers(await all({ q: `ANT ${tag.toUpperCase()}` }))).toBe('14');
    // The whole SKU comes first; that a word begins with 3 may be true of the others as well.
    expect(numbers(await all({ q: `${tag}-3` }))).toMatch(/^3/);
    expect(numbers(await all({ q: `%${tag}` }))).toBe('01234');
    expect(await all({ q: `_nt ${tag}` })).toEqual([]);
    expect(await all({ q: '\\' })).toEqual([]);
  });

  it('finds by SKU exactly, and by category with all below it', async () => {
    expect(numbers(await all({ sku: `${tag}-2` }))).toBe('2');
    expect(await all({ sku: `${tag}-2`.toUpperCase() })).toEqual([]);
    expect(numbers(await all({ category: tag }))).toBe('01234');
    expect(numbers(await all({ category: `${tag}/Small` }))).toBe('01');
    expect(await all({ category: tag.slice(0, -1) })).toEqual([]);
  });

  it('says how many pieces an order could have', async () => {
    expect((await all({ q: tag })).map(({ available }) => available)).toEqual([0, 1, 2, 3, 4]);
  });

  it('gives out cursors that are good for the same order only', async () => {
    const { next } = await shop.call<Page>('list', { q: tag, limit: 2, sort: 'name' });
    await expect(shop.call('list', { q: tag, cursor: next })).rejects.toMatchObject({ type: 'invalid-request' });
    await expect(shop.call('list', { cursor: 'made-up' })).rejects.toMatchObject({ type: 'invalid-request' });
  });

  it('has its categories as a tree', async () => {
    const { items } = await shop.call<{ items: readonly { name: string }[] }>('categories', {});
    expect(items.find(({ name }) => name === tag)).toEqual({
      name: tag,
      path: tag,
      count: 5,
      children: [{ name: 'Small', path: `${tag}/Small`, count: 2, children: [] }],
    });
  });
});

describe('a quote', () => {
  it('prices products in the order asked for, knows the deleted ones, and has null for what is none', async () => {
    const [live, gone] = [await create(), await create()];
    await shop.call('remove', { id: gone.id });
    const ids = [gone.id, 'nonsense', live.id, randomUUID(), live.id];
    const quotes = await shop.call<readonly (Quote | null)[]>('quote', {
      items: ids.map((productId) => ({ productId })),
    });
    expect(quotes.map((quote) => quote?.deleted ?? null)).toEqual([true, null, false, null, false]);
    expect(quotes[2]).toEqual({
      productId: live.id,
      sku: live.sku,
      name: 'LANTERN',
      unitPrice: 33_900,
      currency: 'GBP',
      partition: 'main',
      deleted: false,
    });
    await expect(shop.call('quote', { items: [] })).resolves.toEqual([]);
  });

  it('sees what was committed before it was asked', async () => {
    const { id } = await create();
    for (let pence = 1; pence <= 20; pence++) {
      await shop.call('update', { id, price: price(`0.${String(pence).padStart(2, '0')}`) });
      const [quote] = await shop.call<readonly Quote[]>('quote', { items: [{ productId: id }] });
      expect(quote?.unitPrice).toBe(pence * 100);
    }
  });
});

describe('an import', () => {
  const header = 'sku,name,description,category,price,currency,stock\n';
  const importText = (csv: string) => shop.call<ImportReport>('import', {}, {}, Readable.from([Buffer.from(csv)]));

  it('creates, edits and leaves alone; pieces are received once', async () => {
    const tag = randomUUID();
    const rows = (amount: string) =>
      `${header}${tag}-1,ONE,,A/B,${amount},GBP,5\n${tag}-2,TWO,"in\r\ntwo lines",,0.001,,\n`;
    await expect(importText(rows('1.50'))).resolves.toEqual({ accepted: 2, rejected: 0, errors: [] });
    expect(await shop.received(`${tag}-1`)).toBe(5);
    await expect(importText(rows('1.50'))).resolves.toMatchObject({ accepted: 2 });
    await expect(importText(rows('1.75'))).resolves.toMatchObject({ accepted: 2 });
    await shop.settled();
    expect(await shop.received(`${tag}-1`)).toBe(5);
    expect(await shop.journal(productIdOf(`${tag}-1`))).toEqual(['Created', 'Edited']);
    expect(await shop.journal(productIdOf(`${tag}-2`))).toEqual(['Created']);
    const { items } = await shop.call<Page>('list', { q: tag });
    expect(items).toMatchObject([
      { price: price('1.75'), category: 'A/B', available: 5 },
      { price: price('0.001'), description: 'in\r\ntwo lines', available: 0 },
    ]);
  });

  it('takes the later of two rows with one SKU', async () => {
    const sku = randomUUID();
    await importText(`${header}${sku},FIRST,,,1,,\n${sku},SECOND,,,2,,\n`);
    await expect(shop.call('get', { id: productIdOf(sku) })).resolves.toMatchObject({
      name: 'SECOND',
      price: price('2.00'),
    });
  });

  it('names bad rows and takes the others; a bad header is refused whole', async () => {
    const tag = randomUUID();
    const report = await importText(`${header}${tag},,,,1,,\n${tag},OK,,,1,,\n${tag}-2,OK,,,x,,\n`);
    expect(report).toMatchObject({
      accepted: 1,
      rejected: 2,
      errors: [
        { line: 2, code: 'missing-name' },
        { line: 4, code: 'bad-price' },
      ],
    });
    await expect(importText('sku,colour\n')).rejects.toMatchObject({ type: 'invalid-request' });
    await expect(shop.call('import', {})).rejects.toMatchObject({ type: 'invalid-request' });
  });

  it('does not break the connection of a file that it gives up', async () => {
    const stream = Readable.from([Buffer.from('sku,colour\n'), Buffer.from('x\n')]);
    await expect(shop.call('import', {}, {}, stream)).rejects.toMatchObject({ type: 'invalid-request' });
    expect(stream.destroyed).toBe(false);
  });

  it('takes an export unchanged', async () => {
    await create({ name: 'say "hi", you', description: 'a\nb', category: 'A' });
    const meta: Partial<Caller> = {};
    const csv = await text(await shop.call<Readable>('export', {}, meta));
    expect(meta.$responseType).toContain('text/csv');
    const before = await text(await shop.call<Readable>('export', { format: 'jsonl' }));
    const report = await importText(csv);
    expect(report).toMatchObject({ rejected: 0, accepted: before.trimEnd().split('\n').length });
    expect(await text(await shop.call<Readable>('export', { format: 'jsonl' }))).toBe(before);
  });
});

describe('the sample catalogue', () => {
  it('is loaded once, whole, although the first attempt was cut off', async () => {
    const fresh = await openTestShop();
    try {
      await expect(fresh.call('ready', {})).resolves.toEqual({ ready: false });
      await fresh.call('importRows', { rows: (await sampleRows()).slice(0, 700) });
      await expect(loadCatalogue(fresh.broker, () => undefined)).resolves.toBe(3_619);
      await expect(loadCatalogue(fresh.broker, () => undefined)).resolves.toBe(3_619);
      await expect(fresh.call('ready', {})).resolves.toEqual({ ready: true });
      await fresh.settled();
      expect(await fresh.received('10002')).toBe(1_000);
      const { items } = await fresh.call<Page>('list', { category: 'Gift vouchers' });
      expect(items.length).toBeGreaterThan(0);
      const lines = (await text(await fresh.call<Readable>('export', {}))).trimEnd().split('\n');
      expect(lines).toHaveLength(3_620);
    } finally {
      await fresh.close();
    }
  });
});
