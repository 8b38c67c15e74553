import { expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { ServiceBroker } from 'moleculer';
import { loadCatalogue, sampleRows } from './load.ts';

/** Products that take what they are given, and remember what was marked. */
function products(loaded: Record<string, number> = {}) {
  const taken: object[] = [];
  const actions: Record<string, (params: never) => object> = {
    'products.loaded': () => loaded,
    'products.importRows': ({ rows }: { rows: readonly object[] }) => {
      taken.push(...rows);
      return { errors: [] };
    },
    'products.markLoaded': ({ name, products: count }: { name: string; products: number }) => {
      loaded[name] = count;
      return {};
    },
  };
  const call = (action: string, params: object) => Promise.resolve(actions[action]?.(params as never));
  return { taken, loaded, broker: { call } as unknown as ServiceBroker };
}

it('loads the products and gift vouchers that have a price, a thousand of each, and remembers it', async () => {
  const { taken, loaded, broker } = products();
  const progress: number[] = [];
  await expect(loadCatalogue(broker, (done, all) => progress.push(done / all))).resolves.toBe(3_619);
  expect(taken).toHaveLength(3_619);
  expect(taken[0]).toEqual({
    sku: '10002',
    name: 'INFLATABLE POLITICAL GLOBE',
    price: '0.85',
    currency: 'GBP',
    stock: '1000',
  });
  expect(loaded).toEqual({ 'online-retail': 3_619 });
  expect(progress.at(-1)).toBe(1);
});

it('does nothing when it was loaded before', async () => {
  const { taken, broker } = products({ 'online-retail': 3_619 });
  await expect(loadCatalogue(broker, () => undefined)).resolves.toBe(3_619);
  expect(taken).toEqual([]);
});

it('names each SKU once', async () => {
  const skus = (await sampleRows()).map(({ sku }) => sku);
  expect(new Set(skus).size).toBe(skus.length);
});

it('ships with a day of invoices', () => {
  const text = gunzipSync(readFileSync(new URL('online-retail-2010-12-01.csv.gz', import.meta.url))).toString();
  const lines = text.trimEnd().split('\n');
  expect(lines[0]).toBe('row,invoice_no,stock_code,description,quantity,invoice_date,unit_price,customer_id,country');
  expect(lines).toHaveLength(1 + 3_108);
  expect(lines.slice(1).every((line) => line.includes(',2010-12-01T'))).toBe(true);
});
