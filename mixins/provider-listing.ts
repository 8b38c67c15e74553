// What the payment provider has in its own book, as it lists it over HTTP: what was captured and what was given back, page
// by page. It is read under a key that opens nothing else, and only by the probe (ADR 30).
//
//   GET /v1/charges?after=seq&limit=n[&payments=…] ─► { charges: […], next }      refunds likewise
//
// Whatever comes is checked: a probe that takes nonsense for money would raise nonsense alerts.

import { request } from 'node:http';
import type { Money } from '../actors/money.ts';

/** One page, from asking to the last byte. In milliseconds. */
export const LISTING_TIMEOUT_MS = 2_000;
/** Rows of a page at most, and payments that one question may name, both as the provider has them. */
export const LISTING_PAGE_MAX = 500;
export const LISTING_PAYMENTS_MAX = 100;
/** Bytes of a page: 500 rows of the longest ids, names and amounts. */
const ANSWER_BYTES_MAX = 1_000_000;
/** Pages that one question about some payments may take; more rows than these hold nobody pays in. */
const PAGES_MAX = 20;

/** A charge as the provider has it. */
export interface ListedCharge {
  /** Its place: later charges have higher ones. */
  readonly seq: number;
  readonly paymentId: string;
  readonly orderId: string;
  readonly amount: Money;
  readonly status: string;
}

/** A refund as the provider has it. */
export interface ListedRefund {
  readonly seq: number;
  readonly refundId: string;
  readonly paymentId: string;
  readonly amount: Money;
}

export interface ProviderListing {
  /** Charges after a place, in order; fewer than `limit`: there are no more yet. */
  charges(after: number, limit: number): Promise<readonly ListedCharge[]>;
  refunds(after: number, limit: number): Promise<readonly ListedRefund[]>;
  /** All charges and refunds of these payments. */
  of(
    paymentIds: readonly string[],
  ): Promise<{ readonly charges: readonly ListedCharge[]; readonly refunds: readonly ListedRefund[] }>;
  /** Gives up what is under way, and asks nothing more. */
  close(): void;
}

/** The listing cannot be read just now, or holds what nobody understands. */
export class ListingUnavailable extends Error {
  override readonly name = 'ListingUnavailable';
}

export interface ProviderListingOptions {
  /** Where the provider listens, such as `http://127.0.0.1:4010`. */
  readonly url: string;
  /** The key that lists, and does nothing else. */
  readonly key: string;
  readonly timeoutMs?: number;
}

/** The listing of the provider at this address. Nothing connects before the first call. */
export function providerListing({ url, key, timeoutMs = LISTING_TIMEOUT_MS }: ProviderListingOptions): ProviderListing {
  const closing = new AbortController();

  async function page<T>(what: 'charges' | 'refunds', query: string, read: (row: Row) => T): Promise<readonly T[]> {
    const { status, text } = await get(`${url}/v1/${what}?${query}`, key, timeoutMs, closing.signal);
    if (status !== 200) throw new ListingUnavailable(`The provider answered ${status} when it was asked for ${what}.`);
    const rows = parsed(text)?.[what];
    if (!Array.isArray(rows)) throw new ListingUnavailable(`The provider's list of ${what} is not understood.`);
    return rows.map((row: unknown, i) => {
      try {
        return read(isRow(row) ? row : {});
      } catch (error) {
        throw new ListingUnavailable(
          `Row ${i} of the provider's ${what} is not understood: ${(error as Error).message}`,
        );
      }
    });
  }

  /** Every row of some payments; the pages are as long as the provider makes them. */
  async function all<T extends { readonly seq: number }>(
    what: 'charges' | 'refunds',
    ids: readonly string[],
    read: (row: Row) => T,
  ): Promise<readonly T[]> {
    const found: T[] = [];
    for (let from = 0; from < ids.length; from += LISTING_PAYMENTS_MAX) {
      const payments = ids
        .slice(from, from + LISTING_PAYMENTS_MAX)
        .map(encodeURIComponent)
        .join(',');
      for (let [pages, after] = [1, 0]; ; pages++) {
        const rows = await page(what, `payments=${payments}&after=${after}&limit=${LISTING_PAGE_MAX}`, read);
        found.push(...rows);
        if (rows.length < LISTING_PAGE_MAX) break;
        if (pages === PAGES_MAX) throw new ListingUnavailable(`The provider lists ever more ${what} of some payments.`);
        after = rows.at(-1)?.seq ?? after;
      }
    }
    return found;
  }

  return {
    charges: (after, limit) => page('charges', `after=${after}&limit=${limit}`, toCharge),
    refunds: (after, limit) => page('refunds', `after=${after}&limit=${limit}`, toRefund),
    async of(paymentIds) {
      return {
        charges: await all('charges', paymentIds, toCharge),
        refunds: await all('refunds', paymentIds, toRefund),
      };
    },
    close: () => closing.abort(),
  };
}

type Row = Readonly<Record<string, unknown>>;

const isRow = (value: unknown): value is Row => typeof value === 'object' && value !== null;

function toCharge(row: Row): ListedCharge {
  return {
    seq: place(row),
    paymentId: word(row, 'paymentId'),
    orderId: word(row, 'orderId'),
    amount: money(row),
    status: word(row, 'status'),
  };
}

function toRefund(row: Row): ListedRefund {
  return { seq: place(row), refundId: word(row, 'refundId'), paymentId: word(row, 'paymentId'), amount: money(row) };
}

function word(row: Row, name: string): string {
  const value = row[name];
  if (typeof value === 'string' && value !== '') return value;
  throw new Error(`"${name}" must be a text`);
}

function place({ seq }: Row): number {
  if (Number.isSafeInteger(seq) && (seq as number) > 0) return seq as number;
  throw new Error('"seq" must be a whole number above zero');
}

function money({ amount }: Row): Money {
  const { amount: digits, currency } = isRow(amount) ? amount : {};
  if (typeof digits === 'string' && typeof currency === 'string') return { amount: digits, currency };
  throw new Error('"amount" must be an amount and its currency');
}

function parsed(text: string): Row | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isRow(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function get(
  url: string,
  key: string,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const fail = (why: string) => reject(new ListingUnavailable(`The provider's book cannot be read: ${why}.`));
    const call = request(url, { headers: { authorization: `Bearer ${key}` }, signal }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        text += part;
        if (text.length > ANSWER_BYTES_MAX) call.destroy(new Error('the answer is too long'));
      });
      response.on('error', ({ message }) => fail(message));
      response.on('end', () => {
        clearTimeout(timer);
        resolve({ status: response.statusCode ?? 0, text });
      });
    });
    const timer = setTimeout(() => call.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    call.on('error', ({ message }) => {
      clearTimeout(timer);
      fail(message);
    });
    call.end();
  });
}
