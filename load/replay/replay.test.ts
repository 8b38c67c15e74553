import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { formatExact, parseAmount } from '../../actors/money.ts';
import type { CallOptions, Client } from '../client.ts';
import { compare } from './compare.ts';
import { BadFile, exactTotalOf, type Invoice, readInvoices, skuOf, splitSales } from './invoices.ts';
import { placeOrders } from './orders.ts';
import { importProducts, productsOf } from './products.ts';

const ONE_DAY = fileURLToPath(new URL('../../infra/local/catalogue/online-retail-2010-12-01.csv.gz', import.meta.url));
const HEADER = 'row,invoice_no,stock_code,description,quantity,invoice_date,unit_price,customer_id,country';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'souk-replay-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A file of invoice lines: `invoice code quantity price [customer]`. */
function file(name: string, ...lines: readonly string[]): string {
  const rows = lines.map((line, i) => {
    const [invoice, code, quantity, price, customer = ''] = line.split(' ');
    return `${i + 1},${invoice},${code},"A ""fine"" ${code}",${quantity},2010-12-01T08:26:00,${price},${customer},United Kingdom`;
  });
  const path = join(folder, name);
  const text = [HEADER, ...rows].join('\n');
  writeFileSync(path, name.endsWith('.gz') ? gzipSync(text) : text);
  return path;
}

describe('a file of invoices', () => {
  it.each(['day.csv', 'day.csv.gz'])('is put together from its lines: %s', async (name) => {
    const invoices = await readInvoices(file(name, '1 A 2 2.55 7', '2 B 1 1.00', '1 C 3 0.85 7'));
    expect(invoices.map(({ invoiceNo, customerId, lines }) => [invoiceNo, customerId, lines.map(skuOf)])).toEqual([
      ['1', '7', ['A@2.55', 'C@0.85']],
      ['2', '', ['B@1.00']],
    ]);
    expect(invoices[0]?.lines[0]?.description).toBe('A "fine" A');
  });

  it('names what is wrong with it', async () => {
    await expect(readInvoices(file('half.csv', '1 A 0.5 2.55'))).rejects.toThrow('record 2: quantity is "0.5"');
    const path = join(folder, 'other.csv');
    writeFileSync(path, 'a,b\n1,2\n');
    await expect(readInvoices(path)).rejects.toThrow(BadFile);
    await expect(readInvoices(path)).rejects.toThrow('there is no column invoice_no');
    await expect(readInvoices(join(folder, 'nowhere.csv'))).rejects.toThrow('ENOENT');
    writeFileSync(join(folder, 'broken.csv.gz'), 'not zipped');
    await expect(readInvoices(join(folder, 'broken.csv.gz'))).rejects.toThrow('header');
  });

  it('is replayed as far as it is sales: no cancellation, no write-off, no correction', async () => {
    const lines = ['1 A 2 2.55', '1 D -1 2.55', 'C2 A -2 2.55', 'A3 B 1 11062.06', '4 A 1 -11062.06', '5 A -10 0'];
    const { sales, others } = splitSales(await readInvoices(file('mixed.csv', ...lines)));
    expect(sales.map((sale) => [sale.invoiceNo, sale.lines.length])).toEqual([['1', 1]]);
    expect(others).toHaveLength(5);
  });

  it('of the day that ships with the shop says what it is known to say', async () => {
    const { sales, others } = splitSales(await readInvoices(ONE_DAY));
    const lines = sales.flatMap((sale) => sale.lines);
    expect([sales.length, lines.length, others.length]).toEqual([136, 3_081, 27]);
    expect(lines.reduce((sum, { quantity }) => sum + quantity, 0)).toBe(27_007);
    expect(exactTotalOf(lines)).toBe(589_607_900n);
    expect(productsOf(sales)).toHaveLength(1_890);
  });
});

describe('the products of a replay', () => {
  it('are one per code and price, with the pieces that all sales take', async () => {
    const sales = await readInvoices(file('two.csv', '1 A 2 2.55', '2 A 3 2.55', '2 A 1 2.10', '3 A 1 2.1'));
    expect(productsOf(sales).map(({ sku, price, pieces }) => [sku, price, pieces])).toEqual([
      ['A@2.55', '2.55', 5],
      ['A@2.10', '2.10', 1],
      ['A@2.1', '2.1', 1],
    ]);
  });

  it('are called after the first description that is not empty, else after the code', () => {
    const line = (description: string) => ({ stockCode: 'A', description, quantity: 1, unitPrice: '1.0' });
    const sale = (...lines: readonly ReturnType<typeof line>[]) => ({
      invoiceNo: '1',
      customerId: '',
      country: '',
      lines,
    });
    expect(productsOf([sale(line(''), line('  TEA \t POT '), line('OTHER'))])[0]?.name).toBe('TEA POT');
    expect(productsOf([sale(line(' '))])[0]?.name).toBe('A@1.0');
  });
});

interface Order {
  readonly id: string;
  readonly key: string;
  reference: string;
  status: string;
  lines: { sku: string; quantity: number; unitPrice: { amount: string } }[];
  exactTotal: { amount: string };
}

/** A shop that keeps what it is told; tests spoil what it answers. */
function shop() {
  const prices = new Map<string, string>();
  const orders: Order[] = [];
  const stock = new Map<
    string,
    { received: number; onHand: number; reserved: number; sold: number; returned: number; writtenOff: number }
  >();
  const calls: string[] = [];
  const post = (key: string, body: { reference: string; lines: { productId: string; quantity: number }[] }) => {
    if (orders.some((order) => order.key === key)) return;
    const lines = body.lines.map(({ productId, quantity }) => {
      const sku = productId.slice('id of '.length);
      const row = stock.get(sku);
      if (row === undefined) throw new Error(`no product ${sku}`);
      row.sold += quantity;
      row.onHand -= quantity;
      return { sku, quantity, unitPrice: { amount: prices.get(sku) ?? '' } };
    });
    const total = lines.reduce(
      (sum, { quantity, unitPrice }) => sum + quantity * (parseAmount(unitPrice.amount) ?? 0),
      0,
    );
    orders.push({
      id: `o-${orders.length}`,
      key,
      reference: body.reference,
      status: 'PAID',
      lines,
      exactTotal: { amount: formatExact(total) },
    });
  };
  const answer = (path: string, { method = 'GET', body, raw, key = '' }: CallOptions): object => {
    const url = new URL(path, 'http://shop');
    if (path.startsWith('/api/v1/products/import')) {
      const rows = (raw?.content ?? '')
        .trim()
        .split('\n')
        .slice(1)
        .map((row) => row.split(','));
      for (const [sku = '', , , , price = '', , pieces] of rows) {
        prices.set(sku, price);
        const received = Number(pieces);
        if (!stock.has(sku))
          stock.set(sku, { received, onHand: received, reserved: 0, sold: 0, returned: 0, writtenOff: 0 });
      }
      return { accepted: rows.length, errors: [] };
    }
    if (url.pathname === '/api/v1/products') {
      const skus = [...prices.keys()];
      const from = Number(url.searchParams.get('cursor') ?? 0);
      const items = skus.slice(from, from + 2).map((sku) => ({ id: `id of ${sku}`, sku }));
      return { items, next: from + 2 < skus.length ? String(from + 2) : null };
    }
    if (url.pathname.startsWith('/api/v1/stock/'))
      return stock.get(decodeURIComponent(url.pathname.slice('/api/v1/stock/'.length))) as object;
    if (method === 'POST') return (post(key, body as never), {});
    return { items: orders.filter(({ reference }) => reference === url.searchParams.get('reference')) };
  };
  const client: Client = {
    call: () => Promise.reject(new Error('not asked for')),
    async expect<T>(_statuses: readonly number[], path: string, options: CallOptions = {}) {
      calls.push(`${options.method ?? 'GET'} ${path}`);
      return answer(path, options) as T;
    },
    close: () => {},
  };
  return { client, orders, stock, calls };
}

const token = async () => 'staff';
const silent = () => {};

async function replayed(...lines: readonly string[]) {
  const { client, ...made } = shop();
  const { sales } = splitSales(await readInvoices(file('replayed.csv', ...lines)));
  const products = productsOf(sales);
  const ids = await importProducts(client, token, products, silent);
  const first = await placeOrders(client, token, sales, ids, silent);
  return {
    client,
    sales,
    products,
    ids,
    first,
    ...made,
    differences: async () => (await compare(client, token, sales, products, silent)).differences,
  };
}

describe('a replay', () => {
  const day = ['1 A 2 2.55 7', '1 B 1 0.85 7', '2 A 3 2.55', '3 A 1 2.10 7'];

  it('places each invoice once, and compares equal', async () => {
    const { client, sales, products, first, orders } = await replayed(...day);
    expect(first).toEqual({ placed: 3, known: 0 });
    expect(orders.map(({ reference }) => reference).toSorted()).toEqual(['1', '2', '3']);
    expect(await compare(client, token, sales, products, silent)).toEqual({
      orders: 3,
      lines: 4,
      units: 7,
      total: '15.70',
      differences: [],
    });
  });

  it('changes nothing when it is run again, even if the keys were forgotten', async () => {
    const { client, sales, ids, orders, differences } = await replayed(...day);
    for (const order of orders) Object.assign(order, { key: 'forgotten' });
    expect(await placeOrders(client, token, sales, ids, silent)).toEqual({ placed: 0, known: 3 });
    expect(orders).toHaveLength(3);
    expect(await differences()).toEqual([]);
  });

  it("keeps the order of a customer's invoices", async () => {
    const { orders } = await replayed(...Array.from({ length: 20 }, (_, n) => `${n + 1} A 1 1.0 ${n % 2}`));
    for (const customer of [0, 1]) {
      const own = orders.map(({ reference }) => Number(reference)).filter((n) => (n - 1) % 2 === customer);
      expect(own).toEqual(own.toSorted((a, b) => a - b));
    }
  });

  it.each<readonly [string, (made: Awaited<ReturnType<typeof replayed>>) => void, RegExp]>([
    ['an order is missing', ({ orders }) => orders.splice(0, 1), /no order/],
    ['an order is there twice', ({ orders }) => orders.push({ ...orders[0]!, id: 'again' }), /2 orders instead of one/],
    ['an order was not paid', ({ orders }) => (orders[0]!.status = 'PAYMENT_FAILED'), /is PAYMENT_FAILED, not PAID/],
    [
      'a total is a penny short',
      ({ orders }) => (orders[0]!.exactTotal = { amount: '5.94' }),
      /total 5.94, the file says 5.95/,
    ],
    [
      'a line has other pieces',
      ({ orders }) => (orders[0]!.lines[0]!.quantity = 1),
      /line 1: 1 × A@2.55, the file says 2 × A@2.55/,
    ],
    ['a line is missing', ({ orders }) => orders[0]!.lines.pop(), /line 2: nothing, the file says 1 × B@0.85/],
    ['a line is too many', ({ orders }) => orders[0]!.lines.push(orders[0]!.lines[0]!), /3 lines, the file says 2/],
    [
      'stock sold something else',
      ({ stock }) => (stock.get('A@2.55')!.sold += 1),
      /stock of A@2.55: 6 pieces sold, the file says 5/,
    ],
    [
      'pieces vanished',
      ({ stock }) => (stock.get('A@2.10')!.received += 1),
      /stock of A@2.10: pieces are not conserved/,
    ],
  ])('says so when %s', async (_what, spoil, words) => {
    const made = await replayed(...day);
    expect(made.orders[0]?.reference).toBe('1');
    spoil(made);
    expect((await made.differences()).join('\n')).toMatch(words);
  });

  it('stops when the import does not take everything', async () => {
    const { client } = shop();
    const refusing: Client = {
      ...client,
      expect: async <T>() => ({ accepted: 0, errors: [{ line: 2, code: 'wrong' }] }) as T,
    };
    const sales: readonly Invoice[] = await readInvoices(file('one.csv', '1 A 1 1.0'));
    await expect(importProducts(refusing, token, productsOf(sales), silent)).rejects.toThrow(
      'the import took 0 of 1 products: {"line":2,"code":"wrong"}',
    );
  });
});
