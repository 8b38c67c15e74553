// What the provider shows of its books over HTTP: charges and refunds in the order in which they were made, a page at a time.
//
//   GET /v1/charges?after=17&limit=200  ─►  { "charges": [{ "seq": 18, "id": "ch_18", … }, …], "next": 217 }
//   GET /v1/refunds?after=0             ─►  { "refunds": [{ "seq": 1, "id": "re_1", … }], "next": null }
//   GET /v1/charges?payments=pay_a,pay_b    only what belongs to these payments; refunds likewise
//
// Asked with a key of its own (`provider-listing-key`), which opens nothing else. Rows are never changed, and none appears
// at a place that was passed: whoever goes on after the last `seq` it saw has seen everything once.

import type { Ledger } from './ledger.ts';
import { id, Problem } from './requests.ts';

/** Rows of a page, if nothing else is asked for, and at most. */
export const PAGE_DEFAULT = 100;
export const PAGE_MAX = 500;
/** Payments that one question may name: their ids, at their longest, fit the head of a request. */
export const PAYMENTS_MAX = 100;

/**
 * One page. `next`: the `after` of the next page; null if there is nothing more yet: then go on after the last `seq`.
 * @throws Problem 422 for a parameter that is wrong or unknown
 */
export function listing(ledger: Ledger, what: 'charges' | 'refunds', url: string): object {
  const { searchParams } = new URL(url, 'http://provider');
  for (const name of searchParams.keys()) {
    if (name !== 'after' && name !== 'limit' && name !== 'payments')
      throw new Problem(422, 'unknown-parameter', `There is no parameter "${name.slice(0, 64)}" here.`);
  }
  const after = whole(searchParams, 'after', 0, { from: 0, to: Number.MAX_SAFE_INTEGER });
  const limit = whole(searchParams, 'limit', PAGE_DEFAULT, { from: 1, to: PAGE_MAX });
  const payments = named(searchParams);
  // One more than is shown tells whether there is a next page.
  const rows =
    what === 'charges'
      ? // When its answer leaves is the provider's own affair.
        ledger.chargesAfter(after, limit + 1, payments).map(({ readyAt: _, ...charge }) => charge)
      : ledger.refundsAfter(after, limit + 1, payments);
  const page = rows.slice(0, limit).map((row) => ({ ...row, at: new Date(row.at).toISOString() }));
  return { [what]: page, next: rows.length > limit ? (page.at(-1)?.seq ?? null) : null };
}

/** The payments that are asked about; undefined: all. */
function named(parameters: URLSearchParams): readonly string[] | undefined {
  const lists = parameters.getAll('payments');
  if (lists.length === 0) return undefined;
  const ids = lists.join(',').split(',');
  if (ids.length > PAYMENTS_MAX)
    throw new Problem(
      422,
      'bad-parameter',
      `The parameter "payments" may name ${PAYMENTS_MAX} payments, not ${ids.length}.`,
    );
  return ids.map((each) => id(each, 'payments'));
}

function whole(
  parameters: URLSearchParams,
  name: string,
  otherwise: number,
  { from, to }: { readonly from: number; readonly to: number },
): number {
  const [text, ...more] = parameters.getAll(name);
  if (text === undefined) return otherwise;
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (more.length > 0 || !(value >= from && value <= to))
    throw new Problem(422, 'bad-parameter', `The parameter "${name}" must be one whole number from ${from} to ${to}.`);
  return value;
}
