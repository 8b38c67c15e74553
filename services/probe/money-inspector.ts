// Looks at money, the newest first, and everything in rounds:
//
//   newest charges and refunds of the provider ─┐
//   newest orders, once they have settled ──────┤
//   what looked wrong before ───────────────────┼─► all sides of these payments ─► judge
//   the next slice of all orders ───────────────┤
//   the next page of all charges, all refunds ──┘ (only what the shop does not know so)
//
// From the orders' side no charge can hide that an order has, from the provider's side none that no order has.

import { paymentIdOf } from '../../actors/payment.ts';
import type { Reader } from '../../mixins/postgres/reader.ts';
import type { ListedCharge, ListedRefund, ProviderListing } from '../../mixins/provider-listing.ts';
import { type Graces, judge, type Sides, weigh } from './money.ts';
import { type MoneyBooks, moneyBooks } from './money-books.ts';
import { newestOrders } from './newest-orders.ts';
import { rounds } from './rounds.ts';
import { type Inspector, type Look, type Suspicion, together } from './suspicion.ts';

/** Orders, and payments, of one query: some milliseconds of PostgreSQL's and the provider's time each. */
export const SLICE = 100;
/** Rows of one page of the provider's book. */
const PAGE = 200;
/** The provider's rows that count as new when the probe begins, and when there are more new ones than it can follow. */
const NEWEST_ROWS = 100;

/** What a whole round over the orders added up, in minor units. */
export interface MoneySum {
  readonly currency: string;
  readonly orders: number;
  readonly owed: number;
  readonly held: number;
  /** Held or owed of orders and refunds that are under way: the two need not be equal there. */
  readonly heldUnderWay: number;
  readonly owedUnderWay: number;
}

export interface MoneyInspector extends Inspector {
  /** Of the last whole round. */
  sums(): readonly MoneySum[];
}

export interface MoneyInspectorOptions {
  readonly reader: Reader;
  readonly listing: ProviderListing;
  readonly graces: Graces;
}

/** Begins to look. */
export function inspectMoney({ reader, listing, graces }: MoneyInspectorOptions): MoneyInspector {
  const books = moneyBooks(reader, listing);
  const orders = rounds<string | null>(null);
  const charges = rounds(0);
  const refunds = rounds(0);
  const newest = newestOrders(reader, SLICE);
  const newestCharges = follow((after, limit) => listing.charges(after, limit));
  const newestRefunds = follow((after, limit) => listing.refunds(after, limit));
  let adding = new Map<string, MoneySum>();
  let added: readonly MoneySum[] = [];

  async function newestRows(): Promise<readonly string[]> {
    const [made, back] = [await newestCharges(), await newestRefunds()];
    return [...made, ...back].map(({ paymentId }) => paymentId);
  }

  async function nextOrders(now: number): Promise<readonly string[]> {
    const after = orders.at();
    const rows = await reader.read<{ id: string }>(
      `select id from orders.actors where (?::text is null or id < ?::text collate "C") and status is not null
       order by id desc limit ?`,
      [after, after, SLICE],
    );
    orders.reached(rows.length < SLICE ? undefined : rows.at(-1)?.id, now);
    return rows.map(({ id }) => paymentIdOf(id));
  }

  /** Charges whose order does not know them under this id. */
  async function nextCharges(now: number): Promise<readonly string[]> {
    const page = await listing.charges(charges.at(), PAGE);
    charges.reached(page.length < PAGE ? undefined : page.at(-1)?.seq, now);
    const captured = page.filter(({ status }) => status === 'succeeded');
    const known = await existing(captured.map(({ orderId }) => orderId));
    const isStrange = ({ orderId, paymentId }: ListedCharge) =>
      paymentId !== paymentIdOf(orderId) || !known.has(orderId);
    return captured.filter(isStrange).map(({ paymentId }) => paymentId);
  }

  /** Refunds that their payment does not know. */
  async function nextRefunds(now: number): Promise<readonly string[]> {
    const page = await listing.refunds(refunds.at(), PAGE);
    refunds.reached(page.length < PAGE ? undefined : page.at(-1)?.seq, now);
    const known = await knownRefunds(page);
    return page.filter(({ refundId }) => !known.has(refundId)).map(({ paymentId }) => paymentId);
  }

  async function existing(ids: readonly string[]): Promise<ReadonlySet<string>> {
    if (ids.length === 0) return new Set();
    const rows = await reader.read<{ id: string }>(
      `select o.id from json_array_elements_text(?::json) w join orders.actors o on o.id = w.value collate "C" where status is not null`,
      [JSON.stringify(ids)],
    );
    return new Set(rows.map(({ id }) => id));
  }

  async function knownRefunds(page: readonly ListedRefund[]): Promise<ReadonlySet<string>> {
    if (page.length === 0) return new Set();
    const rows = await reader.read<{ id: string }>(
      `select refund as id from (select distinct value collate "C" as id from json_array_elements_text(?::json)) w
       join payments.actors p using (id) cross join lateral jsonb_object_keys(p.state::jsonb->'refunds') refund`,
      [JSON.stringify(page.map(({ paymentId }) => paymentId))],
    );
    return new Set(rows.map(({ id }) => id));
  }

  /** Judges some payments; what may be explained by messages that wait to leave is looked at once more, with them. */
  async function look(ids: readonly string[], add: boolean): Promise<Look> {
    const sides = await books.of(ids);
    if (add) for (const side of sides) addTo(adding, side);
    const wrong = sides.filter((side) => judge(side, graces).length > 0);
    const unsent = wrong.length === 0 ? new Set<string>() : await unsentOf(books, wrong);
    const suspicions = wrong.flatMap((side): readonly Suspicion[] => judge(side, graces, unsent.has(side.paymentId)));
    return { subjects: ids, suspicions, checked: countsOf(sides) };
  }

  return {
    name: 'money',
    async step(again, now) {
      const fresh = new Set([...again, ...(await newestRows()), ...(await newest(now)).map(paymentIdOf)]);
      const next = await nextOrders(now);
      for (const id of [...(await nextCharges(now)), ...(await nextRefunds(now))]) fresh.add(id);
      for (const id of next) fresh.delete(id);
      const looks = [await look(next, true)];
      for (const some of slices([...fresh])) looks.push(await look(some, false));
      if (orders.at() === null) {
        added = [...adding.values()];
        adding = new Map();
      }
      return together(looks);
    },
    lastCycleMs() {
      const all = [orders.lastMs(), charges.lastMs(), refunds.lastMs()];
      return all.some((ms) => ms === undefined) ? undefined : Math.max(...(all as number[]));
    },
    sums: () => added,
  };
}

const unsentOf = (books: MoneyBooks, wrong: readonly Sides[]) => books.unsent(wrong.map(({ paymentId }) => paymentId));

function countsOf(sides: readonly Sides[]): Look['checked'] {
  const captures = sides.reduce((sum, { charges }) => sum + charges.length, 0);
  const weighed = sides.filter((side) => weigh(side)?.settled === true).length;
  const awaiting = sides.filter(({ order }) => order?.status === 'AWAITING_PAYMENT').length;
  return { I3: captures, I4: sides.length, I7: weighed, I8: awaiting };
}

function addTo(sums: Map<string, MoneySum>, side: Sides): void {
  const weighed = weigh(side);
  if (weighed === undefined) return;
  const { currency, owed, held, settled } = weighed;
  const known = sums.get(currency) ?? { currency, orders: 0, owed: 0, held: 0, heldUnderWay: 0, owedUnderWay: 0 };
  sums.set(currency, {
    currency,
    orders: known.orders + 1,
    owed: known.owed + owed,
    held: known.held + held,
    heldUnderWay: known.heldUnderWay + (settled ? 0 : held),
    owedUnderWay: known.owedUnderWay + (settled ? 0 : owed),
  });
}

function slices<T>(items: readonly T[]): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(items.length / SLICE) }, (_, i) => items.slice(i * SLICE, (i + 1) * SLICE));
}

type After<T> = (seq: number, limit: number) => Promise<readonly T[]>;

/** The rows of a list that are new, a slice at a time; of more than that, the newest: the others are left to the rounds. */
function follow<T extends { readonly seq: number }>(after: After<T>): () => Promise<readonly T[]> {
  let seen: number | undefined;
  return async () => {
    seen ??= Math.max(0, (await lastOf(after)) - NEWEST_ROWS);
    const rows = await after(seen, SLICE);
    const last = rows.at(-1)?.seq ?? seen;
    seen = rows.length < SLICE ? last : Math.max(last, (await lastOf(after, last)) - NEWEST_ROWS);
    return rows;
  };
}

/** The last place of a list that only tells what comes after a place: by doubling, then by halving. `from`: there is one. */
export async function lastOf(after: After<{ readonly seq: number }>, from = 0): Promise<number> {
  let [low, step] = [from, 1];
  for (let [row] = await after(low, 1); row !== undefined; [row] = await after(low + step, 1)) {
    low = Math.max(low + step, row.seq);
    step *= 2;
  }
  // Nothing comes after `low + step`; something may after `low`.
  for (let high = low + step; low < high; ) {
    const middle = Math.floor((low + high) / 2);
    const [row] = await after(middle, 1);
    if (row === undefined) high = middle;
    else low = Math.max(middle + 1, row.seq);
  }
  return low;
}
