// I6 by what clients were told: pieces that were brought, thrown away and ordered, against the balances and the movements.
// What was granted counts, what was refused does not, and of what nobody told each may have happened or not.
//
//   granted ≤ received ≤ granted + unknown        the same of written off, and of all that was ever reserved

import { examine, type Finding } from '../../../mixins/finding.ts';
import { type Operation, outcomeOf } from '../history/operation.ts';
import type { Evidence } from './checker.ts';
import { granted, outcomeOfWish, type Wish, wishesOf } from './wishes.ts';

type Told = Map<string, { least: number; most: number }>;
type Pieces = readonly { readonly sku: string; readonly quantity: number }[];

/** What the balances of each SKU may be, by the history. */
export function checkTold(
  evidence: Evidence,
  rows: ReadonlyMap<string, { readonly received: number; readonly writtenOff: number }>,
): Finding {
  const { history, products } = evidence;
  const fits = examine('I6', 'balances are what clients were told, unknown outcomes either way', 'SKUs');
  const received: Told = new Map();
  const discarded: Told = new Map();
  for (const wish of wishesOf(history, 'receive-stock', 'create-product').values()) count(wish, received);
  for (const wish of wishesOf(history, 'write-off-stock').values()) count(wish, discarded);
  const ordered = orderedOf(evidence);
  const reserved = reservedOf(evidence);
  for (const { sku } of products) {
    const row = rows.get(sku);
    const accounts: readonly (readonly [string, number, Told])[] = [
      ['received', row?.received ?? 0, received],
      ['written off', row?.writtenOff ?? 0, discarded],
      ...(reserved === undefined ? [] : [['ever reserved', reserved.get(sku) ?? 0, ordered] as const]),
    ];
    fits.look(1);
    for (const [name, is, told] of accounts) {
      const { least, most } = told.get(sku) ?? { least: 0, most: 0 };
      if (is < least || is > most)
        fits.wrong(
          `${sku}: ${is} pieces are ${name}, clients were told ${least === most ? least : `${least} to ${most}`}`,
        );
    }
  }
  return fits.finding(reserved === undefined ? 'without orders: there is no journal of stock' : undefined);
}

function add(told: Told, pieces: Pieces, isCertain: boolean): void {
  for (const { sku, quantity } of pieces) {
    const sum = told.get(sku) ?? { least: 0, most: 0 };
    sum.most += quantity;
    if (isCertain) sum.least += quantity;
    told.set(sku, sum);
  }
}

function count(wish: Wish, told: Told): void {
  const outcome = outcomeOfWish(wish);
  if (outcome === 'fail') return;
  const that = wish.attempts.filter((attempt) => outcomeOf(attempt) === outcome);
  // Another body under the same key may have come first, unless one was granted: then it was that one.
  const pieces = outcome === 'ok' ? that.slice(0, 1).flatMap(piecesOf) : mostOf(that);
  add(told, pieces, outcome === 'ok');
}

const piecesOf = ({ skus = [] }: Operation): Pieces => skus;

/** The largest quantity of each SKU that any of the attempts may have moved. */
function mostOf(attempts: readonly Operation[]): Pieces {
  const most = new Map<string, number>();
  for (const attempt of attempts) {
    const sums = new Map<string, number>();
    for (const { sku, quantity } of piecesOf(attempt)) sums.set(sku, (sums.get(sku) ?? 0) + quantity);
    for (const [sku, quantity] of sums) most.set(sku, Math.max(most.get(sku) ?? 0, quantity));
  }
  return [...most].map(([sku, quantity]) => ({ sku, quantity }));
}

/** Pieces that orders have reserved at some time, by what their clients know. */
function orderedOf({ history, books }: Evidence): Told {
  const told: Told = new Map();
  const stored = new Map<string, Pieces>();
  for (const { id, state } of books.orders) {
    stored.set(id, state.lines);
    if (state.reference !== undefined) stored.set(state.reference, state.lines);
  }
  for (const wish of wishesOf(history, 'place-order').values()) {
    const { attempts } = wish;
    const isRejected = attempts.some(({ ending }) => ending?.answer?.code === 'insufficient-stock');
    if (isRejected) continue;
    const shown = attempts.find(
      (attempt) => outcomeOf(attempt) === 'ok' && Array.isArray(attempt.ending?.answer?.lines),
    );
    if (shown !== undefined) {
      const { status, lines } = granted(shown);
      // An order may also have expired, or been cancelled, before stock could answer.
      add(told, lines as Pieces, status === 'AWAITING_PAYMENT');
      continue;
    }
    if (outcomeOfWish(wish) === 'fail') continue;
    // Of a cart the client does not know all that it held: what was stored of the wish tells it.
    const kept = attempts.map(({ ending, body }) => stored.get(ending?.answer?.id) ?? stored.get(body?.reference));
    add(told, kept.find((lines) => lines !== undefined) ?? mostOf(attempts), false);
  }
  return told;
}

/** Pieces that were ever reserved, by the movements; undefined: nobody can tell. */
function reservedOf({ books }: Evidence): ReadonlyMap<string, number> | undefined {
  const journal = books.contexts.inventory?.journal;
  if (journal === undefined) return undefined;
  const sums = new Map<string, number>();
  for (const { type, data } of journal) {
    if (type !== 'Reserved') continue;
    for (const { sku, quantity } of data.lines as Pieces) sums.set(sku, (sums.get(sku) ?? 0) + quantity);
  }
  return sums;
}
