import { expect, it } from '@jest/globals';

import { decimal, sameAmount, units } from './amounts.ts';

it('counts in ten-thousandths, exactly, beyond what a float can hold', () => {
  expect(units('12.30')).toBe(123_000n);
  expect(units('0.0001')).toBe(1n);
  expect(units('999999999999999.9999')).toBe(9_999_999_999_999_999_999n);
});

it('shows two decimals, and more only where they are not zero', () => {
  expect([123_000n, 1n, 120_050n, 0n].map(decimal)).toEqual(['12.30', '0.0001', '12.005', '0.00']);
});

it('takes amounts for equal by value and currency', () => {
  expect(sameAmount({ amount: '12.3', currency: 'GBP' }, { amount: '12.3000', currency: 'GBP' })).toBe(true);
  expect(sameAmount({ amount: '12.3', currency: 'GBP' }, { amount: '12.3', currency: 'EUR' })).toBe(false);
});
