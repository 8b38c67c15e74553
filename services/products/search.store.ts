// The statements of search, all on the primary. They read `search`, a narrow row for each live product, which the commit of
// the product itself writes (migration 0002); `docs/search.md` has what each costs.

import type { Pool } from '../../mixins/postgres/connection.ts';
import type { Database } from '../../mixins/postgres/database.ts';
import { read } from '../../mixins/postgres/reads.ts';
import type { RangeCount } from './facets.ts';
import type { Tier } from './search-query.ts';
import type { Candidate } from './search-typos.ts';

/** What narrows a result. Prices in ten-thousandths. */
export interface Narrowing {
  readonly sku?: string;
  /** With all categories below it. */
  readonly category?: string;
  /** Inclusive. */
  readonly priceFrom?: number;
  /** Exclusive. */
  readonly priceTo?: number;
  readonly currency?: string;
}

/** How a query begins: what its words are, which SKUs it is exactly, and how often the catalogue has changed. */
export interface Opening {
  readonly change: number;
  readonly words: readonly string[];
  readonly exact: readonly string[];
}

/** SKUs that differ only in case, accents or apostrophes. */
const EXACT_MAX = 10;

/** A number that each change of a product raises: between two equal ones nothing has changed. */
export async function readOpening(database: Database, q: string): Promise<Opening> {
  const [row] = await query(
    database,
    // Materialized, because without statistics the order of SKUs looks like the quicker way, and is a way through all.
    `with same as materialized (select sku from search where fold(sku) = fold($1))
     select (select change from catalogue) as change, words_of($1) as words,
       array(select sku from same order by sku limit ${EXACT_MAX}) as exact`,
    [q],
  );
  return { change: Number(row?.['change']), words: row?.['words'] as string[], exact: row?.['exact'] as string[] };
}

/** Words of the catalogue that are like each of these, by trigrams. */
export async function readAlike(
  database: Database,
  words: readonly string[],
): Promise<readonly (readonly Candidate[])[]> {
  const rows = await query(
    database,
    'select asked.n, c.word, c.similarity from unnest($1::text[]) with ordinality as asked(word, n), alike(asked.word) c',
    [words],
  );
  const alike: Candidate[][] = words.map(() => []);
  for (const { n, word, similarity } of rows)
    alike[Number(n) - 1]?.push({ word: word as string, similarity: similarity as number });
  return alike;
}

/** Whether anything matches. */
export async function readWhether(database: Database, every: string): Promise<boolean> {
  const [row] = await query(database, 'select exists (select from search where words @@ $1::tsquery) as found', [
    every,
  ]);
  return row?.['found'] === true;
}

/** What a page is sorted by, and how its value travels in a cursor. */
const orders = {
  relevance: { by: 'length', value: 'length::float8', given: '::int' },
  sku: { by: 'sku', value: 'sku', given: '::text' },
  name: { by: 'name', value: 'name', given: '::text' },
  price: { by: 'unit_price', value: 'unit_price::float8', given: '::bigint' },
  updatedAt: { by: 'updated_at', value: 'extract(epoch from updated_at)::float8 * 1000', given: '' },
} as const;
export type Order = keyof typeof orders;

/** Where a page ends: in which tier, and after what. */
export interface Place {
  readonly tier: number;
  readonly value: string | number;
  readonly sku: string;
}

/** A product on a page. */
export interface Listed extends Place {
  readonly id: string;
  readonly name: string;
  readonly description: string | null;
  readonly category: string | null;
  readonly unitPrice: number;
  readonly currency: string;
  readonly updatedAt: Date;
}

export interface PageQuestion {
  /** Their products come one tier after the other: tier 1 is the first of these. */
  readonly tiers: readonly Tier[];
  /** SKUs that come before all of them, as tier 0. */
  readonly first: readonly string[];
  readonly narrowing: Narrowing;
  readonly order: Order;
  readonly isBackwards: boolean;
  readonly after: Place | undefined;
  readonly limit: number;
}

/** Products by tier, in it in their order, equals by SKU. A tier is read only as far as those before left room. */
export async function readPage(database: Database, question: PageQuestion): Promise<readonly Listed[]> {
  const { tiers, first, narrowing, order, isBackwards, after, limit } = question;
  const { by, value, given } = orders[order];
  const values: unknown[] = [];
  const put: Put = (item) => `$${values.push(item)}`;
  const matches = ({ column, query: words }: Tier) => `${column} @@ ${put(words)}::tsquery`;
  const way = isBackwards ? 'desc' : 'asc';
  const most = put(limit);
  const sections: string[] = [];
  const add = (tier: number, conditions: readonly string[]): void => {
    const all = [...conditions, ...narrowed(narrowing, put)];
    if (after?.tier === tier) {
      const place = put(after.value);
      const bound = order === 'updatedAt' ? `to_timestamp(${place}::float8 / 1000)` : `${place}${given}`;
      all.push(`(${by}, sku) ${isBackwards ? '<' : '>'} (${bound}, ${put(after.sku)})`);
    }
    const room = sections.map((_, i) => ` - (select count(*) from part_${i})`).join('');
    sections.push(`part_${sections.length} as materialized (
      select ${tier} as tier, sku, ${value} as value
      from search where ${all.join(' and ')}
      order by ${by} ${way}, sku ${way} limit greatest(0, ${most}::bigint${room})
    )`);
  };
  const isAhead = (tier: number) => after === undefined || tier >= after.tier;
  if (first.length > 0 && isAhead(0)) add(0, [`sku = any(${put(first)})`]);
  for (const [i, tier] of tiers.entries()) {
    if (!isAhead(i + 1)) continue;
    const isFirst = first.length === 0 ? [] : [`sku <> all(${put(first)})`];
    add(i + 1, [matches(tier), ...tiers.slice(0, i).map((before) => `not ${matches(before)}`), ...isFirst]);
  }
  const rows = await query(
    database,
    `with ${sections.join(', ')}
     select p.tier, p.value, a.id, a.sku, a.name, a.description, a.category, a.unit_price::float8 as unit_price, a.currency,
       extract(epoch from a.updated_at)::float8 * 1000 as updated_at
     from (${sections.map((_, i) => `select * from part_${i}`).join(' union all ')}) p
     -- One by one: without statistics, as after a first import, a plain join reads all products.
     cross join lateral (select * from actors a where a.sku = p.sku and a.status = 'live' limit 1) a
     order by p.tier, p.value ${way}, p.sku ${way}`,
    values,
  );
  return rows.map(({ unit_price: unitPrice, updated_at: updatedAt, ...row }) => ({
    ...(row as unknown as Listed),
    unitPrice: unitPrice as number,
    updatedAt: new Date(updatedAt as number),
  }));
}

/** How many products of a result there are in each category (by its number) and range of prices. */
export interface Counts {
  readonly all: number;
  readonly categories: readonly { readonly category: number; readonly count: number }[];
  readonly prices: readonly RangeCount[];
}

/** Counts in one pass; categories leave the filter on categories aside, prices the one on prices. */
export async function readCounts(
  database: Database,
  every: string | undefined,
  { sku, category, ...prices }: Narrowing,
): Promise<Counts> {
  const values: unknown[] = [];
  const put: Put = (item) => `$${values.push(item)}`;
  const counted = (narrowing: Narrowing) => {
    const conditions = narrowed(narrowing, put);
    return conditions.length === 0 ? 'null' : `count(*) filter (where ${conditions.join(' and ')})`;
  };
  const where = [
    ...(every === undefined ? [] : [`words @@ ${put(every)}::tsquery`]),
    ...narrowed(sku === undefined ? {} : { sku }, put),
  ];
  const rows = await query(
    database,
    `select grouping(category, currency) as kind, category, currency, price_range, count(*) as everything,
       ${counted(prices)} as in_prices, ${counted(category === undefined ? {} : { category })} as in_category
     from search ${where.length === 0 ? '' : `where ${where.join(' and ')}`}
     group by grouping sets ((category), (currency, price_range), ())`,
    values,
  );
  // `grouping` has a bit for each column that a row is not grouped by.
  const ofKind = (kind: number, count: string) =>
    rows
      .filter((row) => row['kind'] === kind)
      .map((row) => ({ ...row, count: Number(row[count] ?? row['everything']) }) as Counted)
      .filter(({ count: found }) => found > 0);
  return {
    all: ofKind(3, 'everything')[0]?.count ?? 0,
    categories: ofKind(1, 'in_prices').flatMap(({ category: number, count }) =>
      number === null ? [] : { category: number, count },
    ),
    prices: ofKind(2, 'in_category').map(({ currency, price_range: range, count }) => ({ currency, range, count })),
  };
}

/** Paths of categories by their numbers, which never change. */
export async function readPaths(database: Database, numbers: readonly number[]): Promise<ReadonlyMap<number, string>> {
  const rows = await query(database, 'select number, path from categories where number = any($1)', [numbers]);
  return new Map(rows.map(({ number, path }) => [number as number, path as string]));
}

interface Counted {
  readonly category: number | null;
  readonly currency: string;
  readonly price_range: number;
  readonly count: number;
}

type Put = (value: unknown) => string;

function narrowed({ sku, category, priceFrom, priceTo, currency }: Narrowing, put: Put): readonly string[] {
  const conditions: string[] = [];
  if (sku !== undefined) conditions.push(`sku = ${put(sku)}`);
  if (category !== undefined) {
    // Everything below a path sorts between `path/` and `path0`, because `0` follows `/`.
    const [itself, from, to] = [category, `${category}/`, `${category}0`].map(put);
    const paths = `path = ${itself} or (path >= ${from} and path < ${to})`;
    conditions.push(`category = any(array(select number from categories where ${paths}))`);
  }
  if (priceFrom !== undefined) conditions.push(`unit_price >= ${put(priceFrom)}`);
  if (priceTo !== undefined) conditions.push(`unit_price < ${put(priceTo)}`);
  if (currency !== undefined) conditions.push(`currency = ${put(currency)}`);
  return conditions;
}

async function query(
  database: Database,
  text: string,
  values: readonly unknown[],
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const pool = (await database.orm.driver.getConnection().getNativeClient()) as Pool;
  return (await read(pool.query(text, values))).rows;
}
