import { afterAll, expect, it } from '@jest/globals';
import type * as money from '../../actors/money.ts';
import type * as orders from '../../actors/order.ts';
import { changedCopies } from './changed-copies.ts';

const copies = changedCopies();
afterAll(() => copies.remove());

const minus = { file: 'actors/money.ts', from: `const sign = tenThousandths < 0 ? '-' : '';`, to: `const sign = '+';` };

it('a changed copy does what it says, and leaves the file and other copies alone', async () => {
  const changed = await copies.copy(['actors/money.ts'], [minus]).load<typeof money>('actors/money.ts');
  const unchanged = await copies.copy(['actors/money.ts']).load<typeof money>('actors/money.ts');
  expect([changed.formatExact(25_500), unchanged.formatExact(25_500)]).toEqual(['+2.55', '2.55']);
});

it('a copy has all that its files import, as copies too', async () => {
  const from = `const divisor = 10n **`;
  const copy = copies.copy(
    ['actors/order.ts'],
    [{ file: 'actors/money.ts', from, to: `throw new RangeError('copied'); ${from}` }],
  );
  const { orderActor } = await copy.load<typeof orders>('actors/order.ts');
  const line = { productId: 'p', sku: 's', name: 'n', quantity: 1, unitPrice: 1, partition: 'main' };
  const data = {
    email: 'a@b.c',
    currency: 'GBP',
    lines: [line],
    payment: { method: 'simulated', sealed: '' },
    deadlineMs: 1,
  };
  expect(() => orderActor.decide(orderActor.initial, { type: 'Place', data, at: 1 })).toThrow('copied');
});

it('a change that does not fit exactly once is refused: no bug goes stale unnoticed', () => {
  const change = (from: string) => () => copies.copy(['actors/money.ts'], [{ ...minus, from }]);
  expect(change('no such text')).toThrow('actors/money.ts holds this 0 times instead of once: no such text');
  expect(change('return')).toThrow(/holds this \d+ times instead of once: return/);
});
