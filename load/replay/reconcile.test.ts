// What a reconciliation finds: one thing is spoiled at a time, and must be named.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  noteDifferences,
  orderDifferences,
  refundDifferences,
  stockDifferences,
  takeDifferences,
} from './differences.ts';
import { invoiceOf, lineOf } from './made-up.fixture.ts';
import { expectedOf, factsOf, type Movement, movementDifferences } from './oracle.ts';
import { listUnreplayed } from './run.ts';
import type { Refund, ShopOrder } from './shop.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'souk-reconcile-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const gbp = (amount: string) => ({ amount });
const invoice = invoiceOf('1', '7', 'A 2 2.55', 'B 1 0.855', 'A -4 0.0');
const order: ShopOrder = {
  id: 'o-1',
  status: 'PAID',
  email: 'customer-7@customers.example',
  reference: '1',
  lines: [
    { productId: 'p-a', sku: 'A@2.55', quantity: 2, unitPrice: gbp('2.55') },
    { productId: 'p-b', sku: 'B@0.855', quantity: 1, unitPrice: gbp('0.855') },
  ],
  total: gbp('5.96'),
  exactTotal: gbp('5.955'),
  refunded: gbp('0.00'),
};
const [first, second] = order.lines as [ShopOrder['lines'][number], ShopOrder['lines'][number]];

describe('an order', () => {
  it('equals its invoice, with what of it is written off', () => {
    expect(orderDifferences(invoice, order, factsOf(invoice))).toEqual([]);
    const guest = invoiceOf('2', '-', 'A 1 1.0');
    const lines = [{ productId: 'p', sku: 'A@1.0', quantity: 1, unitPrice: gbp('1.00') }];
    const its = { ...order, email: 'guest-2@customers.example', lines, total: gbp('1.00'), exactTotal: gbp('1.00') };
    expect(orderDifferences(guest, its, factsOf(guest))).toEqual([]);
  });

  it.each<readonly [string, Partial<ShopOrder>, RegExp]>([
    ['was not paid', { status: 'PAYMENT_FAILED' }, /is PAYMENT_FAILED, not PAID/],
    ['is a thousandth short', { exactTotal: gbp('5.954') }, /total GBP 5.954, expected GBP 5.955/],
    ['lost a line', { lines: [first] }, /line 2: nothing, the file says 1 × B@0.855/],
    ['has a line more', { lines: [first, second, second] }, /3 lines, the file says 2/],
    [
      'has other pieces',
      { lines: [{ ...first, quantity: 1 }, second] },
      /line 1: 1 × A@2.55, the file says 2 × A@2.55/,
    ],
    ['is of somebody else', { email: 'customer-8@customers.example' }, /customerId "8", expected "7"/],
    [
      'has lines that cost something else',
      { lines: [{ ...first, unitPrice: gbp('2.50') }, second] },
      /come to GBP 5.855/,
    ],
  ])('that %s is a difference', (_what, spoilt, words) => {
    expect(orderDifferences(invoice, { ...order, ...spoilt }, factsOf(invoice)).join('\n')).toMatch(words);
  });
});

describe('refunded money', () => {
  const refund = (...lines: readonly (readonly [ShopOrder['lines'][number], number])[]): Refund => ({
    refundId: 'r',
    requestId: 'r',
    restock: true,
    lines: lines.map(([{ productId, sku }, quantity]) => ({ productId, sku, quantity })),
  });

  it('is the total less what remains, rounded once', () => {
    // 3.405 remain: 3.41, and not 5.96 less 2.55.
    expect(refundDifferences({ ...order, refunded: gbp('2.55') }, [refund([first, 1])])).toEqual([]);
    expect(refundDifferences({ ...order, refunded: gbp('0.86') }, [refund([second, 1])])).toEqual([]);
    expect(refundDifferences({ ...order, refunded: gbp('0.85') }, [refund([second, 1])])).toEqual([
      'order o-1 (invoice 1): GBP 0.85 refunded, expected GBP 0.86',
    ]);
  });

  it('is all of it only when no piece is left', () => {
    const whole = { ...order, status: 'REFUNDED', refunded: gbp('5.96') };
    expect(refundDifferences(whole, [refund([first, 2], [second, 1])])).toEqual([]);
    expect(refundDifferences({ ...whole, status: 'PAID' }, [refund([first, 2], [second, 1])])[0]).toMatch('no piece');
    expect(refundDifferences(order, [refund([first, 3])]).join()).toMatch('1 × A@2.55 too many came back');
  });
});

describe('a credit note', () => {
  const note = invoiceOf('C2', '7', 'A -2 2.55', 'Z -1 9.99');
  const take = { orderId: 'o-1', sku: 'A@2.55', quantity: 2, line: lineOf('A -2 2.55') };
  const unreplayed = [{ invoiceNo: 'C2', line: lineOf('Z -1 9.99'), reason: 'never bought' }];

  it('is what came back and what is listed, to the penny', () => {
    expect(noteDifferences({ invoice: note, takes: [take], unreplayed }, factsOf(note))).toEqual([]);
    expect(noteDifferences({ invoice: note, takes: [take], unreplayed: [] }, factsOf(note))).toEqual([
      'invoice C2: units "-2", expected "-3"',
      'invoice C2: total GBP -5.10, expected GBP -15.09',
    ]);
  });

  it('takes from an order what the rule says', () => {
    const its = { invoice: note, takes: [take], unreplayed };
    const came = (quantity: number): Refund[] => [
      { refundId: 'r', requestId: 'r', restock: true, lines: [{ productId: 'p', sku: 'A@2.55', quantity }] },
    ];
    expect(takeDifferences(its, 'o-1', [take], came(2))).toEqual([]);
    expect(takeDifferences(its, 'o-1', [take], came(1))).toEqual([
      'credit note C2: 1 × A@2.55 came back from order o-1, the rule says 2',
    ]);
    expect(takeDifferences(its, 'o-1', [take], [])).toHaveLength(1);
  });
});

describe('a stock row', () => {
  const row = { received: 9, onHand: 4, reserved: 1, available: 3, sold: 4, returned: 1, writtenOff: 2 };
  const should = { sold: 4, reserved: 1, returned: 1, writtenOff: 2 };

  it('equals the orders, and loses no piece', () => {
    expect(stockDifferences('A@1', row, should, false)).toEqual([]);
    expect(stockDifferences('A@1', { ...row, sold: 5 }, should, false)).toEqual([
      'stock of A@1: 5 pieces sold, expected 4',
      expect.stringMatching('pieces are not conserved'),
    ]);
  });

  it('may have lost more in months that were not given, never less', () => {
    const more = { ...row, writtenOff: 3, onHand: 3 };
    expect(stockDifferences('A@1', more, should, true)).toEqual([]);
    expect(stockDifferences('A@1', more, should, false)).toHaveLength(1);
    expect(stockDifferences('A@1', { ...row, writtenOff: 1, onHand: 5 }, should, true)).toHaveLength(1);
  });
});

describe('what is expected', () => {
  const invoices = [invoiceOf('1', '7', 'A 2 2.55', 'A -1 0.0'), invoiceOf('C2', '7', 'A -1 2.55')];
  const path = () => join(folder, 'month.csv');
  const oracle = (...rows: readonly string[]) => {
    const head = 'invoice_no,kind,customer_id,country,first_minute,last_minute,lines,distinct_skus,units,total_gbp';
    writeFileSync(join(folder, 'oracle-invoices.csv.gz'), gzipSync(`${[head, ...rows].join('\n')}\n`));
  };
  const minute = '2010-12-01T08:26:00,2010-12-01T08:26:00';

  it('is what the file says where there is no oracle', async () => {
    const expected = await expectedOf([{ path: '/nowhere/month.csv', invoices }]);
    expect(expected.source).toBe('file');
    expect(expected.invoices.get('1')).toEqual({
      kind: 'sale',
      customerId: '7',
      lines: 2,
      codes: 1,
      units: 1,
      total: 51_000n,
    });
    expect([...expected.movements]).toEqual([['2010-12 A', { sold: 2, cancelled: -1, other: -1, gbp: 25_500n }]]);
  });

  it('is what the oracle beside the file says, and each must know the invoices of the other', async () => {
    oracle(`1,sale,7,UK,${minute},3,1,1,5.1`, `C2,cancellation,7,UK,${minute},1,1,-1,-2.55`);
    const expected = await expectedOf([{ path: path(), invoices }]);
    expect([expected.source, expected.notes]).toEqual(['oracle', []]);
    expect(expected.invoices.get('1')).toMatchObject({ lines: 3, total: 51_000n });
    oracle(`1,sale,7,UK,${minute},3,1,1,5.1`);
    expect((await expectedOf([{ path: path(), invoices }])).notes).toEqual([
      'invoice C2: oracle-invoices.csv.gz does not have it',
    ]);
    const late = { ...invoiceOf('9', '7', 'A 1 1.0'), date: '2010-12-01T09:00:00' };
    oracle(
      `1,sale,7,UK,${minute},3,1,1,5.1`,
      `C2,cancellation,7,UK,${minute},1,1,-1,-2.55`,
      '5,sale,7,UK,2010-12-01T08:30:00,2010-12-01T08:30:00,1,1,1,1.0',
      '9,sale,7,UK,2010-12-01T09:00:00,2010-12-01T09:00:00,1,1,1,1.0',
    );
    const { notes } = await expectedOf([{ path: path(), invoices: [...invoices, late] }]);
    expect(notes).toEqual([`invoice 5: ${path()} does not have it, oracle-invoices.csv.gz does`]);
  });

  it('differs by month and code in either direction', () => {
    const one: Movement = { sold: 2, cancelled: -1, other: 0, gbp: 25_500n };
    expect(movementDifferences(new Map([['m A', one]]), new Map([['m A', { ...one }]]))).toEqual([]);
    expect(movementDifferences(new Map([['m A', one]]), new Map([['m B', one]]))).toEqual([
      'stock code m A: 2 sold, -1 cancelled, 0 other, GBP 2.55; expected 0 sold, 0 cancelled, 0 other, GBP 0.00',
      'stock code m B: 0 sold, 0 cancelled, 0 other, GBP 0.00; expected 2 sold, -1 cancelled, 0 other, GBP 2.55',
    ]);
  });
});

it('what is not replayed is listed by reason with its exact sum', () => {
  const of = (invoiceNo: string, line: string, reason: string) => ({ invoiceNo, line: lineOf(line), reason });
  expect(
    listUnreplayed([of('A1', 'B 1 -11062.06', 'no trade'), of('C2', 'P -3 0.001', 'x'), of('C3', 'P -1 0.1', 'x')]),
  ).toEqual([
    'Not replayed (adjustment: no trade): 1 lines, 1 pieces, GBP -11062.06.',
    'Not replayed (cancellation: x): 2 lines, -4 pieces, GBP -0.103.',
  ]);
});
