// Reads of the catalogue, all on the primary: pages in any of the orders there are, prices, categories, everything at once.

import type { FilterQuery, Kysely } from '@mikro-orm/postgresql';
import { parseAmount } from '../../actors/money.ts';
import type { ProductStatus } from '../../actors/product.ts';
import { Problem } from '../../brokers/problem.ts';
import type { Cursors } from '../../mixins/cursor.ts';
import type { Database } from '../../mixins/postgres/database.ts';
import { read } from '../../mixins/postgres/reads.ts';
import type { Facets } from './facets.ts';
import type { Shown } from './product.view.ts';
import { ProductRow } from './products.entities.ts';
import type { Search } from './search.ts';
import type { Narrowing } from './search.store.ts';

const sorts = { sku: 'sku', name: 'name', price: 'unitPrice', updatedAt: 'updatedAt' } as const;
type Sort = keyof typeof sorts;

export interface ListParams {
  readonly q?: string;
  readonly sku?: string;
  readonly category?: string;
  /** A decimal, inclusive. */
  readonly priceFrom?: string;
  /** A decimal, exclusive. */
  readonly priceTo?: string;
  readonly currency?: string;
  /** Default `true` with `q`, else `false`. */
  readonly facets?: 'true' | 'false';
  /** Default: what fits `q` best comes first; without `q`, `sku`. */
  readonly sort?: Sort | `-${Sort}`;
  readonly limit?: number;
  readonly cursor?: string;
}

/** A page of live products, and the cursor of the next one. */
export interface Page {
  readonly rows: readonly (Shown & { readonly id: string })[];
  readonly next: string | null;
  readonly facets?: Facets;
}

/** Where a page ends: the value it is sorted by, and the id among equals. */
type Position = readonly [value: string | number, id: string];

const LIMIT = 20;

/** Times travel in cursors as milliseconds. */
const toPosition = (value: string | number | Date) => (value instanceof Date ? value.getTime() : value);

/**
 * A page of what was searched for, or of all there is.
 * @throws Problem `invalid-request` that names the parameter.
 */
export async function listProducts(
  database: Database,
  cursors: Cursors,
  search: Search,
  params: ListParams,
): Promise<Page> {
  const { sort, limit = LIMIT, cursor, facets } = params;
  const q = params.q?.trim() ?? '';
  const narrowing = narrowingOf(params);
  if (q === '') {
    const page = await listAll(database, cursors, narrowing, { sort: sort ?? 'sku', limit, cursor });
    return facets === 'true' ? { ...page, facets: await search.facets(narrowing) } : page;
  }
  return await search.find({
    q,
    narrowing,
    order: (sort?.replace('-', '') as Sort | undefined) ?? 'relevance',
    isBackwards: sort?.startsWith('-') ?? false,
    limit,
    cursor,
    withFacets: facets !== 'false',
  });
}

function narrowingOf({ sku, category, priceFrom, priceTo, currency }: ListParams): Narrowing {
  return {
    ...(sku === undefined ? {} : { sku }),
    ...(category === undefined ? {} : { category }),
    ...(priceFrom === undefined ? {} : { priceFrom: readBound('priceFrom', priceFrom) }),
    ...(priceTo === undefined ? {} : { priceTo: readBound('priceTo', priceTo) }),
    ...(currency === undefined ? {} : { currency }),
  };
}

function readBound(name: string, amount: string): number {
  const bound = parseAmount(amount);
  if (bound !== undefined) return bound;
  const detail = `"${amount}" is not a price: write a decimal with at most four decimals, such as 2.55`;
  throw new Problem('invalid-request', detail, [{ pointer: `?${name}`, code: 'invalid', detail }]);
}

interface Paging {
  readonly sort: Sort | `-${Sort}`;
  readonly limit: number;
  readonly cursor: string | undefined;
}

async function listAll(
  database: Database,
  cursors: Cursors,
  { sku, category, priceFrom, priceTo, currency }: Narrowing,
  { sort, limit, cursor }: Paging,
): Promise<Page> {
  const list = `products?sort=${sort}`;
  const column = sorts[sort.replace('-', '') as Sort];
  const backwards = sort.startsWith('-');
  const where: FilterQuery<ProductRow>[] = [{ status: 'live' }];
  if (sku !== undefined) where.push({ sku });
  // Everything below a path sorts between `path/` and `path0`, because `0` follows `/`.
  if (category !== undefined)
    where.push({ $or: [{ category }, { category: { $gte: `${category}/`, $lt: `${category}0` } }] });
  if (priceFrom !== undefined) where.push({ unitPrice: { $gte: priceFrom } });
  if (priceTo !== undefined) where.push({ unitPrice: { $lt: priceTo } });
  if (currency !== undefined) where.push({ currency });
  if (cursor !== undefined) where.push(beyond(column, backwards, cursors.decode<Position>(list, cursor)));
  const order = backwards ? 'desc' : 'asc';
  const found = await read(
    database
      .em()
      .find(
        ProductRow,
        { $and: where },
        { orderBy: [{ [column]: order }, { id: order }], limit: limit + 1, disableIdentityMap: true },
      ),
  );
  const rows = found.slice(0, limit);
  const last = rows.at(-1);
  const next =
    found.length > limit && last !== undefined ? cursors.encode(list, [toPosition(last[column]), last.id]) : null;
  return { rows, next };
}

/** What comes after a position. The bound on the column alone is what the index is entered by. */
function beyond(column: (typeof sorts)[Sort], backwards: boolean, [position, id]: Position): FilterQuery<ProductRow> {
  const value = column === 'updatedAt' ? new Date(position) : position;
  const after = (bound: string | number | Date) => (backwards ? { $lt: bound } : { $gt: bound });
  const bound = backwards ? { $lte: value } : { $gte: value };
  return {
    [column]: bound,
    $or: [{ [column]: after(value) }, { [column]: value, id: after(id) }],
  } as FilterQuery<ProductRow>;
}

/** The columns that are read in bulk; `bigint` arrives as text. */
interface Tables {
  readonly actors: {
    readonly id: string;
    readonly sku: string;
    readonly name: string;
    readonly unit_price: string;
    readonly currency: string;
    readonly partition: string;
    readonly status: ProductStatus;
  };
  readonly search: { readonly category: number | null };
  readonly categories: { readonly number: number; readonly path: string };
}

/** Products with a category, counted by its path. */
export async function countByCategory(database: Database): Promise<readonly { path: string; count: number }[]> {
  const rows = await read(
    (database.kysely as Kysely<Tables>)
      .selectFrom(({ selectFrom }) =>
        selectFrom('search')
          .select(({ fn }) => ['category', fn.countAll<string>().as('count')])
          .groupBy('category')
          .as('counted'),
      )
      .innerJoin('categories', 'categories.number', 'counted.category')
      .select(['path', 'count'])
      .execute(),
  );
  return rows.map(({ path, count }) => ({ path, count: Number(count) }));
}

/** A product as orders and carts price it; `unitPrice` in ten-thousandths. */
export interface Quote {
  readonly productId: string;
  readonly sku: string;
  readonly name: string;
  readonly unitPrice: number;
  readonly currency: string;
  readonly partition: string;
  readonly deleted: boolean;
}

/** Quotes by product id; ids that are no product's are absent. */
export async function quoteProducts(database: Database, ids: readonly string[]): Promise<ReadonlyMap<string, Quote>> {
  const rows = await read(
    (database.kysely as Kysely<Tables>)
      .selectFrom('actors')
      .select(['id', 'sku', 'name', 'unit_price', 'currency', 'partition', 'status'])
      .where('id', 'in', ids)
      .where('status', 'in', ['live', 'deleted'])
      .execute(),
  );
  return new Map(
    rows.map(({ id, sku, name, unit_price, currency, partition, status }) => {
      const unitPrice = Number(unit_price);
      return [id, { productId: id, sku, name, unitPrice, currency, partition, deleted: status === 'deleted' }];
    }),
  );
}
