// Orders of earlier runs are settled: whatever still happens to one is seen, of every kind.

import { expect, it } from '@jest/globals';
import type { LateBooks } from '../books/books.ts';
import type { Evidence } from './checker.ts';
import { type Mutable, planted, storyOf, wrongs } from './evidence.testing.ts';
import { checkLate } from './late.ts';

const none = { charges: [], refunds: [], mails: [], entries: [] };

function aRun(late?: Partial<LateBooks>): Evidence {
  const story = storyOf();
  story.place('ada', [[story.product(), 2]]);
  story.settle();
  return planted(story.evidence(), ({ books }) => {
    if (late !== undefined) books.late = { ...none, ...late } as Mutable<LateBooks>;
  });
}

it('finds nothing wrong where nothing happened to older orders, or there were none', () => {
  for (const late of [{}, undefined]) {
    const findings = checkLate(aRun(late));
    expect(wrongs(findings)).toEqual([]);
    expect(findings.map(({ invariant, looked }) => [invariant, looked > 0])).toEqual([
      ['I3', true],
      ['I9', true],
    ]);
  }
});

it('says so if there was nothing to look at', () => {
  expect(checkLate(storyOf().evidence())).toMatchObject([{ looked: 0 }, { looked: 0 }]);
});

const amount = { amount: '2.50', currency: 'GBP' };
const entry = { version: 9, index: 0, commandId: 'c', at: 0 };

it.each<readonly [string, Partial<LateBooks>, string]>([
  [
    'a charge',
    { charges: [{ id: 'ch-1', paymentId: 'pay_o', orderId: 'o', amount, status: 'succeeded', at: 0 }] as never },
    'I3: order o, of an earlier run, was charged 2.50 GBP (ch-1, succeeded)',
  ],
  [
    'a refund',
    { refunds: [{ refundId: 'r', paymentId: 'pay_o', amount, at: 0 }] as never },
    'I3: payment pay_o, of an earlier run, gave back 2.50 GBP (r)',
  ],
  [
    'a mail',
    { mails: [{ messageId: 'order.o.2@souk' }] as never },
    'I9: the mail order.o.2@souk is about an order of an earlier run',
  ],
  [
    'an event',
    { entries: [{ ...entry, context: 'orders', id: 'o', type: 'Cancelled', data: {} }] },
    'I9: orders: Cancelled happened to o, of an earlier run, at version 9',
  ],
  [
    'a movement',
    { entries: [{ ...entry, context: 'inventory', id: 'main', type: 'Released', data: { orderId: 'o' } }] },
    'I9: inventory: Released happened to order o, of an earlier run, at version 9',
  ],
])('sees %s', (_, late, sentence) => {
  expect(wrongs(checkLate(aRun(late)))).toEqual([sentence]);
});
