import { describe, expect, it } from '@jest/globals';
import { pageOf } from './page.ts';
import { drawPictures } from './pictures.ts';
import { type OrderSeen, summarize } from './summary.ts';

const orders: readonly OrderSeen[] = [
  {
    id: 'o-1',
    status: 'REFUNDED',
    reference: '541431',
    lines: [{ quantity: 74_215 }],
    exactTotal: { amount: '77183.60' },
    refunded: { amount: '77183.60' },
  },
  {
    id: 'o-2',
    status: 'PAID',
    reference: '541432',
    customerId: 'c-1',
    lines: [{ quantity: 1 }, { quantity: 2 }],
    exactTotal: { amount: '1.001' },
    refunded: { amount: '0.00' },
  },
];
const dates = new Map([
  ['541431', '2011-01-18T10:01:00'],
  ['541432', '2011-02-01T08:00:00'],
]);
const summary = summarize(orders, dates);

describe('the page of a summary', () => {
  const timeline = [
    { at: '2026-11-21T10:00:00.000Z', type: 'Placed' },
    { at: '2026-11-21T10:00:02.500Z', type: 'Paid' },
  ];
  const page = pageOf({ summary, timeline, pictures: 'months', command: 'npm run report' });

  it('has a row for each month and one for all, to the last thousandth', () => {
    expect(page).toContain('| 2011-01 | 1 | 1 | 74,215 | 77,183.60 | 77,183.60 | 0.00 |');
    expect(page).toContain('| **all** | 2 | 3 | 74,218 | 77,184.601 | 77,183.60 | 1.001 |');
  });

  it('tells the life of the largest order', () => {
    expect(page).toContain('## The order of 74,215 pieces');
    expect(page).toContain('1. Placed (after 0 ms)\n2. Paid (after 2.5 s)');
  });

  it('shows each picture that is drawn', async () => {
    const pictures = await drawPictures(summary, orders);
    for (const [file, text] of Object.entries(pictures)) {
      expect(page).toContain(`](months/${file})`);
      expect(text).toMatch(/^<svg [^]*<\/svg>\n$/);
    }
    // Both days, and the empty ones between them.
    expect(pictures['orders-per-day.svg']?.match(/aria-roledescription="bar"/g)).toHaveLength(15);
  });
});
