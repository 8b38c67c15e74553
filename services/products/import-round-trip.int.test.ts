// What is exported can be imported again: into the same shop, where nothing changes, and into a fresh one, which is then
// the same. The services are real, on a real broker and PostgreSQL.

import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ImportReport } from './import.ts';
import { productIdOf } from './product-id.ts';
import { openTestShop, type TestShop } from './products.testing.ts';

let shop: TestShop;
let fresh: TestShop;
beforeAll(async () => {
  shop = await openTestShop();
  fresh = await openTestShop();
});
afterAll(async () => {
  await shop?.close();
  await fresh?.close();
});

const exported = async (from: TestShop, format = 'csv') => text(await from.call<Readable>('export', { format }));
const importInto = (to: TestShop, csv: string) =>
  to.call<ImportReport>('import', {}, {}, Readable.from([Buffer.from(csv)]));

/** Texts that a file, a spreadsheet or a database might not leave alone. */
const texts = [
  'say "hi", you',
  '"quoted"',
  'two\nlines',
  'two\r\nlines\r',
  ' blanks outside ',
  '=1+1',
  '@SUM(A1)',
  '-5',
  '+44 20 7946',
  '\tTab',
  '007',
  '1e5',
  'TRUE',
  'null',
  'caf\u00e9 \ud83d\ude00 \u20ac',
  'damaged long ago: \ufffd',
  '\ufeffmark',
  "it's; a|b\\",
];
const prices = ['0.00', '0.0001', '0.001', '2.55', '900000000000.1234'];

describe('an exported catalogue', () => {
  it('imports again unchanged, whatever its texts are, and makes the same catalogue elsewhere', async () => {
    for (const [i, name] of texts.entries()) {
      const price = { amount: prices[i % prices.length] as string, currency: ['GBP', 'EUR', 'JPY'][i % 3] as string };
      // A category holds the text as well, where that can be a path.
      const category = `Odd/${name}`;
      await shop.call('create', { sku: `${name}#${i}`, name, description: name, category, price, stock: i });
    }
    const plain = { sku: 'plain', name: 'Plain', price: { amount: '1', currency: 'GBP' }, stock: 0 };
    await shop.call('create', plain);
    await shop.call('create', { ...plain, sku: 'gone' });
    await shop.call('remove', { id: productIdOf('gone') });

    const [csv, json, tree] = [
      await exported(shop),
      await exported(shop, 'jsonl'),
      await shop.call('categories', {}),
    ] as const;
    const all = { accepted: texts.length + 1, rejected: 0, errors: [] };
    expect(await importInto(shop, csv)).toEqual(all);
    expect(await exported(shop, 'jsonl')).toBe(json);
    for (const [i, name] of texts.entries())
      expect(await shop.journal(productIdOf(`${name}#${i}`))).toEqual(['Created']);

    expect(await importInto(fresh, csv)).toEqual(all);
    expect(await exported(fresh)).toBe(csv);
    expect(await fresh.call('categories', {})).toEqual(tree);
    expect(await importInto(fresh, csv)).toEqual(all);
    expect(await exported(fresh)).toBe(csv);
    for (const [i, name] of texts.entries()) {
      expect(await fresh.journal(productIdOf(`${name}#${i}`))).toEqual(['Created']);
      expect(await fresh.received(`${name}#${i}`)).toBe(i);
    }
  });

  it('has each product once and whole, although all are edited while it is written', async () => {
    const count = 2_500;
    // So long that the first piece of the file is sent before the last page is read.
    const about = 'x'.repeat(200);
    const rows = (price: string) =>
      Array.from(
        { length: count },
        (_, i) => `many-${String(i).padStart(4, '0')},Name ${price},${about},,${price},GBP,1\n`,
      );
    const header = 'sku,name,description,category,price,currency,stock\n';
    await importInto(fresh, header + rows('1.00').join(''));
    const file = await fresh.call<Readable>('export', {});
    const pieces: string[] = [];
    for await (const piece of file) {
      if (pieces.length === 0) await importInto(fresh, header + rows('2.00').join(''));
      pieces.push(String(piece));
    }
    const lines = pieces
      .join('')
      .split('\n')
      .filter((line) => line.startsWith('many-'));
    expect(new Set(lines.map((line) => line.split(',')[0])).size).toBe(count);
    expect(lines).toHaveLength(count);
    for (const line of lines) expect(line).toMatch(/,Name (1\.00|2\.00),x{200},,\1,GBP,1$/);
    // Some pages were read before the edit and some after it.
    expect(lines.some((line) => line.includes('Name 1.00'))).toBe(true);
    expect(lines.some((line) => line.includes('Name 2.00'))).toBe(true);
  });
});
