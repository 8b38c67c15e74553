// Exact sums of a retailer's money: BigInt ten-thousandths, never floats. Prices in files may be negative; the shop's are not.

import { formatExact, parseAmount } from '../../actors/money.ts';

/**
 * Ten-thousandths of a decimal such as `2.55`, `0.001` or `-11062.06`.
 * @returns undefined if it is no plain decimal with at most four decimals.
 */
export function exactOf(amount: string): bigint | undefined {
  const isNegative = amount.startsWith('-');
  const value = parseAmount(isNegative ? amount.slice(1) : amount);
  if (value === undefined) return undefined;
  return isNegative ? -BigInt(value) : BigInt(value);
}

/** As `exactOf`, for what was checked before. @throws RangeError if it is no amount */
export function exactly(amount: string): bigint {
  const value = exactOf(amount);
  if (value === undefined) throw new RangeError(`"${amount}" is not a decimal with at most four decimals`);
  return value;
}

/** What lines are worth together, in ten-thousandths. */
export function worthOf(lines: Iterable<{ readonly quantity: number; readonly unitPrice: string }>): bigint {
  let sum = 0n;
  for (const { quantity, unitPrice } of lines) sum += BigInt(quantity) * exactly(unitPrice);
  return sum;
}

/** Pounds, unrounded: at least two decimals, none that says nothing beyond them. */
export function pounds(tenThousandths: bigint): string {
  return formatExact(Number(tenThousandths));
}

/** Ten-thousandths rounded to whole pence, half up, as the shop rounds an order's total. */
export function toPence(tenThousandths: bigint): bigint {
  return ((2n * tenThousandths + 100n) / 200n) * 100n;
}
