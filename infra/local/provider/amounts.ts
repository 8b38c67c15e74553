// Exact sums of decimal strings: integers of ten-thousandths, never a float.

import type { Amount } from './rows.ts';

const DECIMALS = 4;

/** Ten-thousandths of a decimal string that was validated on its way in. */
export function units(amount: string): bigint {
  const [whole = '0', fraction = ''] = amount.split('.');
  return BigInt(whole + fraction.padEnd(DECIMALS, '0'));
}

/** The decimal string of ten-thousandths: two decimals, more if they are not zero. */
export function decimal(tenThousandths: bigint): string {
  const digits = String(tenThousandths).padStart(DECIMALS + 1, '0');
  return `${digits.slice(0, -DECIMALS)}.${digits.slice(-DECIMALS).replace(/0{1,2}$/, '')}`;
}

/** Whether two amounts are equal, however many zeros they end with. */
export function sameAmount(a: Amount, b: Amount): boolean {
  return a.currency === b.currency && units(a.amount) === units(b.amount);
}
