import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { exactOf, exactly, pounds, toPence, worthOf } from './amounts.ts';
import { BadFile, codeOf, exactTotalOf, kindOf, numberOf, partsOf, readInvoices, skuOf } from './invoices.ts';
import { fileOf, HEADER, invoiceOf, lineOf } from './made-up.fixture.ts';
import { productsOf } from './products.ts';
import { writeOffsOf } from './write-offs.ts';

const ONE_DAY = fileURLToPath(new URL('../../infra/local/catalogue/online-retail-2010-12-01.csv.gz', import.meta.url));

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'souk-invoices-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('a file of invoices', () => {
  it.each(['day.csv', 'day.csv.gz'])('is put together from its lines: %s', async (name) => {
    const invoices = await readInvoices(fileOf(folder, name, '1 A 2 2.55 7', '2 B 1 1.00', '1 C 3 0.85 7'));
    expect(
      invoices.map(({ invoiceNo, customerId, date, lines }) => [invoiceNo, customerId, date, lines.map(skuOf)]),
    ).toEqual([
      ['1', '7', '2010-12-01T08:26:00', ['A@2.55', 'C@0.85']],
      ['2', '', '2010-12-01T08:26:00', ['B@1.00']],
    ]);
    expect(invoices[0]?.lines[0]?.description).toBe('A "fine" A');
  });

  it.each([
    ['0.5', '1 A 0.5 2.55', 'line 2: quantity is "0.5", but must be a whole number'],
    ['an invoice number', 'B1 A 1 2.55', 'line 2: invoice_no is "B1", but must be a number, or C or A and a number'],
    ['a price', '1 A 1 2,55', 'line 2'],
    ['a price in words', '1 A 1 free', 'line 2: unit_price is "free", but must be a decimal'],
    ['a date', '1 A 1 2.55 7 yesterday', 'line 2: invoice_date is "yesterday:00", but must be a minute such as'],
    ['a customer', '1 A 1 2.55 a@b', 'line 2: customer_id is "a@b", but must be empty, or'],
  ])('that has something else for %s is refused by its line', async (_what, line, words) => {
    const wrong = readInvoices(fileOf(folder, 'wrong.csv', line));
    await expect(wrong).rejects.toThrow(BadFile);
    await expect(wrong).rejects.toThrow(words);
  });

  it('that is no such file says so', async () => {
    const there = (name: string, content: string | Buffer) => {
      const path = join(folder, name);
      writeFileSync(path, content);
      return readInvoices(path);
    };
    await expect(there('other.csv', 'a,b\n1,2\n')).rejects.toThrow('there is no column invoice_no, stock_code');
    await expect(readInvoices(join(folder, 'nowhere.csv'))).rejects.toThrow('nowhere.csv: there is no such file');
    await expect(readInvoices(folder)).rejects.toThrow(BadFile);
    await expect(there('plain.csv.gz', 'not zipped')).rejects.toThrow('its name ends in .gz, but it is not gzip');
    const zipped = gzipSync(`${HEADER}\n1,1,A,a,1,2010-12-01T08:26:00,2.55,7,UK\n`);
    await expect(there('half.csv.gz', zipped.subarray(0, -12))).rejects.toThrow('the gzip data ends too early');
    await expect(there('short.csv', `${HEADER}\n1,1,A\n`)).rejects.toThrow(/short\.csv: .*line 2/);
    await expect(there('head.csv', `${HEADER}\n`)).rejects.toThrow('there is no row in it');
  });

  it('of the day that ships with the shop says what it is known to say', async () => {
    const invoices = await readInvoices(ONE_DAY);
    const parts = invoices.map(partsOf);
    const sales = parts.filter(({ ordered }) => ordered.length > 0);
    const lines = sales.flatMap(({ ordered }) => ordered);
    expect([sales.length, lines.length]).toEqual([136, 3_081]);
    expect(lines.reduce((sum, { quantity }) => sum + quantity, 0)).toBe(27_007);
    expect(exactTotalOf(lines)).toBe(589_607_900n);
    expect(parts.flatMap(({ takenBack, writtenOff, others }) => [...takenBack, ...writtenOff, ...others])).toHaveLength(
      27,
    );
    const sold = invoices.filter((invoice) => partsOf(invoice).ordered.length > 0);
    expect(productsOf(sold)).toHaveLength(1_890);
  });
});

describe('an invoice', () => {
  it('is a sale, a cancellation or an adjustment by its letter, and has its place in time by its number', () => {
    expect(['536365', 'C536379', 'A563185'].map(kindOf)).toEqual(['sale', 'cancellation', 'adjustment']);
    expect(['536365', 'C536379', 'A563185'].map(numberOf)).toEqual([536_365, 536_379, 563_185]);
  });

  it('of a sale is ordered where it sells, free pieces included, and written off where it loses', () => {
    const { ordered, writtenOff, others } = partsOf(invoiceOf('1', '7', 'A 2 2.55', 'A 1 0.0', 'B -3 0.0', 'C 0 1.0'));
    expect(ordered.map(skuOf)).toEqual(['A@2.55', 'A@0.0']);
    expect(writtenOff.map(skuOf)).toEqual(['B@0.0']);
    expect(others.map(({ reason }) => reason)).toEqual(['a line without pieces']);
  });

  it.each([
    ['A1', 'B 1 -11062.06', 'accounting adjustments are no trade'],
    ['1', 'B 1 -5.00', 'no product has a negative price'],
    ['1', 'B 1000001 5.00', 'a line has at most 1000000 pieces'],
    ['1', `${'B'.repeat(63)} 1 5.00`, 'a SKU has at most 64 characters'],
    ['C1', 'B 1 5.00', 'a cancellation of a negative quantity'],
  ])('%s with %s is not replayed', (invoiceNo, line, reason) => {
    const { others, ...rest } = partsOf(invoiceOf(invoiceNo, '7', line));
    expect(others).toEqual([{ invoiceNo, line: lineOf(line), reason }]);
    expect(Object.values(rest).flat()).toEqual([]);
  });

  it('with more lines than an order may have is not replayed at all', () => {
    const { ordered, others } = partsOf(invoiceOf('1', '7', ...Array.from({ length: 2_001 }, () => 'A 1 1.0')));
    expect([ordered.length, others.length]).toEqual([0, 2_001]);
  });

  it('of a cancellation takes pieces back', () => {
    expect(partsOf(invoiceOf('C2', '7', 'A -2 2.55')).takenBack).toEqual([lineOf('A -2 2.55')]);
  });
});

describe('the products', () => {
  it('are one per code and price as printed, whatever the case, with the pieces that orders still take', () => {
    const invoices = [
      invoiceOf('1', '7', 'A 2 2.55'),
      invoiceOf('2', '7', 'A 3 2.55', 'A 1 2.10', 'a 1 2.55'),
      invoiceOf('3', '7', 'A 1 2.1'),
      invoiceOf('4', '-', 'A -9 2.1', 'B -4 0.0'),
      invoiceOf('C5', '7', 'D -1 1.0'),
    ];
    const shown = (book?: { has: (reference: string) => boolean }) =>
      productsOf(invoices, book).map(({ sku, price, pieces, lost }) => [sku, price, pieces, lost]);
    expect(shown()).toEqual([
      ['A@2.55', '2.55', 5, 0],
      ['A@2.10', '2.10', 1, 0],
      ['a@2.55', '2.55', 1, 0],
      ['A@2.1', '2.1', 1, 9],
      ['B@0.0', '0.0', 0, 4],
    ]);
    expect(shown({ has: (reference) => reference === '2' }).map(([, , pieces]) => pieces)).toEqual([2, 0, 0, 1, 0]);
    expect(codeOf('A@b@2.10')).toBe('A@b');
  });

  it('are called after the first description that is not empty, else after the SKU', () => {
    const sale = (...descriptions: readonly string[]) => ({
      ...invoiceOf('1', '7'),
      lines: descriptions.map((description) => ({ ...lineOf('A 1 1.0'), description })),
    });
    expect(productsOf([sale('', '  TEA \t POT ', 'OTHER')])[0]?.name).toBe('TEA POT');
    expect(productsOf([sale(' ')])[0]?.name).toBe('A@1.0');
  });

  it('are written off under a key for each line', () => {
    const lost = invoiceOf('9', '-', 'A -2 0.0', 'B 1 1.0', 'A -2 0.0');
    expect(writeOffsOf([lost])).toEqual([
      { sku: 'A@0.0', quantity: 2, reason: '9 Fine A', key: 'replay-9-1' },
      { sku: 'A@0.0', quantity: 2, reason: '9 Fine A', key: 'replay-9-2' },
    ]);
  });
});

describe('money', () => {
  it.each([
    ['2.55', 25_500n],
    ['0.001', 10n],
    ['-11062.06', -110_620_600n],
    ['0.00001', undefined],
    ['--1', undefined],
    ['1e3', undefined],
  ])('%s is exactly %s ten-thousandths', (amount, value) => {
    expect(exactOf(amount)).toBe(value);
    if (value === undefined) expect(() => exactly(amount)).toThrow('at most four decimals');
  });

  it('is summed without a rounding, and shown with the decimals that say something', () => {
    expect(pounds(worthOf([lineOf('A 3 0.001'), lineOf('B -1 0.1'), lineOf('C 1 0.2')]))).toBe('0.103');
    expect(pounds(worthOf(Array.from({ length: 10 }, () => lineOf('A 1 0.1'))))).toBe('1.00');
  });

  it('is rounded half up to pence, as an order is', () => {
    expect([49n, 50n, 149n, 150n, 0n].map(toPence)).toEqual([0n, 100n, 100n, 200n, 0n]);
  });
});
