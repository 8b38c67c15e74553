import { expect, it } from '@jest/globals';
import { accountIdOf, normaliseEmail } from './account-id.ts';

const KEY = Buffer.alloc(32, 1);

it('is the same however the address is typed', () => {
  expect(normaliseEmail(' Ada@Example.ORG ')).toBe('ada@example.org');
  expect(accountIdOf(KEY, 'Ada@Example.org')).toBe(accountIdOf(KEY, 'ada@example.org'));
});

it('is another one for another address, or in another shop', () => {
  expect(accountIdOf(KEY, 'ada@example.org')).not.toBe(accountIdOf(KEY, 'ada@example.com'));
  expect(accountIdOf(KEY, 'ada@example.org')).not.toBe(accountIdOf(Buffer.alloc(32, 2), 'ada@example.org'));
});
