// Money: exact integers only. Unit prices and exact totals are counted in ten-thousandths of the currency's unit,
// order totals in its minor unit (pence, yen, …); sums are made in BigInt and must fit a safe integer at the end.
//
//   "2.55" ──parseAmount──► 25 500 ten-thousandths ──exactSum──► 76 500 ──roundToMinor──► 765 pence ──moneyOfMinor──► "7.65"

/** Money as it travels: a decimal string and an ISO 4217 code, `{"amount":"2.55","currency":"GBP"}`. */
export interface Money {
  readonly amount: string;
  readonly currency: string;
}

const TEN_THOUSANDTHS = 10_000n;
const DECIMALS_MAX = 4;

/** Currencies whose minor unit has not two decimals (ISO 4217, list one). */
const unusual: readonly (readonly [decimals: number, currencies: string])[] = [
  [0, 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF'],
  [3, 'BHD IQD JOD KWD LYD OMR TND'],
  [4, 'CLF UYW'],
];
const decimalsOf: ReadonlyMap<string, number> = new Map(
  unusual.flatMap(([decimals, currencies]) => currencies.split(' ').map((currency) => [currency, decimals] as const)),
);

/** Decimals of the currency's minor unit (2 unless ISO 4217 says otherwise). */
export function minorDecimals(currency: string): number {
  return decimalsOf.get(currency) ?? 2;
}

/**
 * Ten-thousandths of a decimal string such as `2.55`, `0.001` or `12`.
 * @returns undefined if it is not a plain non-negative decimal with at most four decimals within the safe range.
 */
export function parseAmount(amount: string): number | undefined {
  const match = /^(\d{1,12})(?:\.(\d{1,4}))?$/.exec(amount);
  if (match === null) return undefined;
  const value = BigInt(match[1] as string) * TEN_THOUSANDTHS + BigInt((match[2] ?? '').padEnd(DECIMALS_MAX, '0'));
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : undefined;
}

/** The decimal string of ten-thousandths, unrounded: at least two decimals, no trailing zeros beyond two. */
export function formatExact(tenThousandths: number): string {
  const sign = tenThousandths < 0 ? '-' : '';
  const digits = String(Math.abs(tenThousandths)).padStart(DECIMALS_MAX + 1, '0');
  const decimals = digits.slice(-DECIMALS_MAX).replace(/0{1,2}$/, '');
  return `${sign}${digits.slice(0, -DECIMALS_MAX)}.${decimals}`;
}

/** The decimal string of an amount in minor units, with the currency's own number of decimals. */
export function formatMinor(minor: number, currency: string): string {
  const decimals = minorDecimals(currency);
  const sign = minor < 0 ? '-' : '';
  const digits = String(Math.abs(minor)).padStart(decimals + 1, '0');
  return decimals === 0 ? sign + digits : `${sign}${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`;
}

/** Minor units of an exact amount in ten-thousandths, rounded half up, once. */
export function roundToMinor(tenThousandths: number, currency: string): number {
  const divisor = 10n ** BigInt(DECIMALS_MAX - minorDecimals(currency));
  const value = BigInt(tenThousandths);
  return Number((2n * value + divisor) / (2n * divisor));
}

/**
 * The exact sum of quantity × unit price, in ten-thousandths.
 * @returns undefined if it does not fit a safe integer (about 900 billion units): nothing real costs that.
 */
export function exactSum(
  lines: Iterable<{ readonly quantity: number; readonly unitPrice: number }>,
): number | undefined {
  let sum = 0n;
  for (const line of lines) sum += BigInt(line.quantity) * BigInt(line.unitPrice);
  return sum <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(sum) : undefined;
}

/** Minor units as money that travels. */
export function moneyOfMinor(minor: number, currency: string): Money {
  return { amount: formatMinor(minor, currency), currency };
}

/** Ten-thousandths as money that travels, unrounded. */
export function moneyOfExact(tenThousandths: number, currency: string): Money {
  return { amount: formatExact(tenThousandths), currency };
}

/**
 * Minor units of money that has travelled.
 * @returns undefined if it is no amount, or finer than the currency's minor unit: money is never rounded on its way in.
 */
export function minorOf(money: Money): number | undefined {
  const exact = parseAmount(money.amount);
  if (exact === undefined) return undefined;
  const unit = 10 ** (DECIMALS_MAX - minorDecimals(money.currency));
  return exact % unit === 0 ? exact / unit : undefined;
}
