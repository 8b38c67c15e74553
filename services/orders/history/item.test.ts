import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import type { Order } from '../../../actors/order.ts';
import { type OrderUpdated, orderUpdated } from '../../../actors/public-events.ts';
import { fromItem, itemOfEvent, itemOfOrder, type Position, sortKey, toItem } from './item.ts';

const AT = 1_700_000_000_000;
const line = { productId: 'p', sku: 'CUP', name: 'A cup', quantity: 3, unitPrice: 3_333, partition: 'main' };
const order: Order = {
  customerId: 'ada',
  email: 'ada@example.org',
  currency: 'GBP',
  status: 'PAID',
  lines: [line],
  exactTotal: 9_999,
  total: 100,
  refunded: 0,
  reserved: ['main'],
  shortages: [],
  refunds: {},
  deadline: AT + 1,
  createdAt: AT,
  updatedAt: AT + 5,
};
const shippingAddress = { name: 'Ada', line1: 'Street 1', city: 'London', postcode: 'N1', country: 'GB' };

describe('an order in the history', () => {
  it.each([
    ['plain', order],
    ['with everything', { ...order, reference: 'r-1', shippingAddress, cartId: 'c', refunded: 7, currency: 'JPY' }],
    ['with an empty reference', { ...order, reference: '' }],
  ])('is the same by the log and from PostgreSQL, and stays so in DynamoDB: %s', (_, state) => {
    const fromPostgres = itemOfOrder('o-1', 'ada', 4, state);
    // As the log hands it over: JSON, with the version that the host adds.
    const { data } = orderUpdated('o-1', state, 'ada');
    const event = JSON.parse(JSON.stringify({ ...data, version: 4 })) as OrderUpdated & { version: number };
    expect(itemOfEvent(event)).toStrictEqual(fromPostgres);
    const stored = toItem(fromPostgres);
    expect(stored).toBeDefined();
    expect(fromItem(stored ?? {})).toStrictEqual({ position: [AT, 'o-1'], order: fromPostgres.order });
  });

  it('of many lines is deflated; one that no item may hold is none', () => {
    const many = (name: () => string) => Array.from({ length: 2_000 }, () => ({ ...line, name: name() }));
    const plain = itemOfOrder('o', 'ada', 1, { ...order, lines: many(() => 'A cup of the usual kind') });
    expect(toItem(plain)?.['shown']?.B).toBeDefined();
    const random = itemOfOrder('o', 'ada', 1, { ...order, lines: many(() => randomBytes(300).toString('base64')) });
    expect(toItem(random)).toBeUndefined();
  });
});

describe('sort keys', () => {
  it('sort as lists do: by time, then by id', () => {
    const places: readonly Position[] = [
      [0, 'a'],
      [9, 'z'],
      [10, 'Z'],
      [10, 'a'],
      [AT, '0'],
      [AT, 'a'],
      [Date.parse('9999-12-31T23:59:59.999Z'), ''],
    ];
    const keys = places.map((place) => sortKey(...place));
    expect(keys.toSorted()).toEqual(keys);
    expect(new Set(keys).size).toBe(keys.length);
  });

  it('of a time alone stand before its orders and after all earlier ones', () => {
    expect(sortKey(AT) < sortKey(AT, '')).toBe(true);
    expect(sortKey(AT) > sortKey(AT - 1, 'zzz')).toBe(true);
    expect(sortKey(-5)).toBe(sortKey(0));
  });
});
