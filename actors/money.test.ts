// Money: what the decimal strings mean, and that no sum ever loses a ten-thousandth.
import { describe, expect, it } from '@jest/globals';
import {
  exactSum,
  formatExact,
  formatMinor,
  minorDecimals,
  minorOf,
  moneyOfExact,
  moneyOfMinor,
  parseAmount,
  roundToMinor,
} from './money.ts';

describe('an amount', () => {
  it.each([
    ['2.55', 25_500],
    ['12', 120_000],
    ['0.001', 10],
    ['0.0001', 1],
    ['007', 70_000],
    ['900719925474.0991', Number.MAX_SAFE_INTEGER],
  ])('is read exactly: %s', (text, tenThousandths) => {
    expect(parseAmount(text)).toBe(tenThousandths);
  });

  it.each([
    '',
    '.',
    '1.',
    '.5',
    '-1',
    '+1',
    '1e3',
    '1,50',
    ' 1',
    '1 ',
    '0.00001',
    '１',
    '900719925474.0992',
    '1234567890123',
  ])('is nothing else: "%s"', (text) => {
    expect(parseAmount(text)).toBeUndefined();
  });

  it.each([
    [25_500, '2.55'],
    [120_000, '12.00'],
    [5_000, '0.50'],
    [10, '0.001'],
    [1, '0.0001'],
    [0, '0.00'],
    [-25_500, '-2.55'],
  ])('of %i ten-thousandths is written with two decimals, and more only where they count', (value, text) => {
    expect(formatExact(value)).toBe(text);
  });

  it.each([
    [765, 'GBP', '7.65'],
    [5, 'GBP', '0.05'],
    [-5, 'GBP', '-0.05'],
    [765, 'JPY', '765'],
    [-765, 'JPY', '-765'],
    [765, 'KWD', '0.765'],
    [12_345, 'CLF', '1.2345'],
  ])('of %i minor units of %s has the decimals of its currency', (minor, currency, text) => {
    expect(formatMinor(minor, currency)).toBe(text);
    expect(moneyOfMinor(minor, currency)).toEqual({ amount: text, currency });
  });

  it('comes back as it went', () => {
    for (const currency of ['GBP', 'JPY', 'KWD', 'CLF']) {
      for (const minor of [0, 1, 99, 100, 101, 123_456_789]) {
        expect(minorOf(moneyOfMinor(minor, currency))).toBe(minor);
      }
    }
    expect(parseAmount(moneyOfExact(1_234_567, 'GBP').amount)).toBe(1_234_567);
  });

  it('is not rounded on its way in', () => {
    expect(minorOf({ amount: '2.555', currency: 'GBP' })).toBeUndefined();
    expect(minorOf({ amount: '2.5', currency: 'JPY' })).toBeUndefined();
    expect(minorOf({ amount: 'free', currency: 'GBP' })).toBeUndefined();
  });
});

describe('a total', () => {
  it.each([
    [25_549, 'GBP', 255],
    [25_550, 'GBP', 256],
    [49, 'GBP', 0],
    [50, 'GBP', 1],
    [5_000, 'JPY', 1],
    [4_999, 'JPY', 0],
    [25_555, 'KWD', 2_556],
    [25_555, 'CLF', 25_555],
  ])('of %i ten-thousandths of %s is rounded half up, once', (exact, currency, minor) => {
    expect(roundToMinor(exact, currency)).toBe(minor);
  });

  it('is exact where floating point is not', () => {
    const lines = Array.from({ length: 1_000 }, () => ({ quantity: 3, unitPrice: 1_001 }));
    expect(exactSum(lines)).toBe(3_003_000);
  });

  it('that no safe integer holds is refused rather than rounded', () => {
    expect(exactSum([{ quantity: 1, unitPrice: Number.MAX_SAFE_INTEGER }])).toBe(Number.MAX_SAFE_INTEGER);
    expect(exactSum([{ quantity: 2, unitPrice: Number.MAX_SAFE_INTEGER }])).toBeUndefined();
    expect(exactSum([])).toBe(0);
  });
});

it('knows the minor units of ISO 4217', () => {
  expect(['GBP', 'EUR', 'JPY', 'KRW', 'BHD', 'CLF'].map(minorDecimals)).toEqual([2, 2, 0, 0, 3, 4]);
});
