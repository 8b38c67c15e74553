// Reads of the catalogue, all on the primary: pages in any of the orders there are, prices, categories, everything at once.

import type { EntityManager, FilterQuery, Kysely } from '@mikro-orm/postgresql';
import type { ProductStatus } from '../../actors/product.ts';
import type { Cursors } from '../../mixins/cursor.ts';
import type { Database } from '../../mixins/postgres/database.ts';
import { read } from '../../mixins/postgres/reads.ts';
import { ProductRow } from './products.entities.ts';

/** Products of one query of an export. */
export const EXPORT_PAGE = 1_000;

const sorts = { sku: 'sku', name: 'name', price: 'unitPrice', updatedAt: 'updatedAt' } as const;
type Sort = keyof typeof sorts;

export interface ListParams {
  readonly q?: string;
  readonly sku?: string;
  readonly category?: string;
  readonly sort?: Sort | `-${Sort}`;
  readonly limit?: number;
  readonly cursor?: string;
}

/** Where a page ends: the value it is sorted by, and the id among equals. */
type Position = readonly [value: string | number, id: string];

/** Times travel in cursors as milliseconds. */
const toPosition = (value: string | number | Date) => (value instanceof Date ? value.getTime() : value);

/** A page of live products, and the cursor of the next one. */
export async function listProducts(
  database: Database,
  cursors: Cursors,
  { q, sku, category, sort = 'sku', limit = 20, cursor }: ListParams,
): Promise<{ readonly rows: readonly ProductRow[]; readonly next: string | null }> {
  const list = `products?sort=${sort}`;
  const column = sorts[sort.replace('-', '') as Sort];
  const backwards = sort.startsWith('-');
  const where: FilterQuery<ProductRow>[] = [{ status: 'live' }];
  if (sku !== undefined) where.push({ sku });
  // Everything below a path sorts between `path/` and `path0`, because `0` follows `/`.
  if (category !== undefined)
    where.push({ $or: [{ category }, { category: { $gte: `${category}/`, $lt: `${category}0` } }] });
  if (q !== undefined) {
    const pattern = `%${q.replaceAll(/[\\%_]/g, '\\$&')}%`;
    where.push({ $or: [{ name: { $ilike: pattern } }, { sku: { $ilike: pattern } }] });
  }
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

/** All live products in the order of their SKUs, page by page. */
export async function* allProducts(em: () => EntityManager): AsyncGenerator<readonly ProductRow[]> {
  for (let after = ''; ; ) {
    const rows = await read(
      em().find(
        ProductRow,
        { status: 'live', sku: { $gt: after } },
        { orderBy: { sku: 'asc' }, limit: EXPORT_PAGE, disableIdentityMap: true },
      ),
    );
    const last = rows.at(-1);
    if (last === undefined) return;
    yield rows;
    after = last.sku;
  }
}

/** The columns that are read in bulk; `bigint` arrives as text. */
interface Tables {
  readonly actors: {
    readonly id: string;
    readonly sku: string;
    readonly name: string;
    readonly category: string;
    readonly unit_price: string;
    readonly currency: string;
    readonly partition: string;
    readonly status: ProductStatus;
  };
}

/** Products with a category, counted by its path. */
export async function countByCategory(database: Database): Promise<readonly { path: string; count: number }[]> {
  const rows = await read(
    (database.kysely as Kysely<Tables>)
      .selectFrom('actors')
      .select(({ fn }) => ['category', fn.countAll<string>().as('count')])
      .where('status', '=', 'live')
      .where('category', 'is not', null)
      .groupBy('category')
      .execute(),
  );
  return rows.map(({ category, count }) => ({ path: category, count: Number(count) }));
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
