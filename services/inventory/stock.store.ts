// Opens the database of the stock, and reads balances from it: always the committed rows, never a host's cache.

import type { SkuRow } from '../../actors/stock.ts';
import { skuKey } from '../../actors/stock.ts';
import type { Platform } from '../../mixins/platform.ts';
import type { Database } from '../../mixins/postgres/database.ts';
import { read } from '../../mixins/postgres/reads.ts';
import { postgresStore } from '../../mixins/postgres/store.ts';
import type { ActorStore } from '../../mixins/store.ts';
import { Migration0001Inventory } from './migrations/0001-inventory.ts';

/** The store; the database stays with the service, which closes it. */
export async function openStockStore(service: { database: Database }, platform: Platform): Promise<ActorStore> {
  service.database = await platform.database({
    schema: 'inventory',
    entities: [],
    migrations: [Migration0001Inventory],
  });
  return postgresStore({ database: service.database, actor: 'stock', rowsActor: true });
}

/** The balance of a SKU; undefined: it has had no movement yet. */
export async function readSku(database: Database, partition: string, sku: string): Promise<SkuRow | undefined> {
  const [row] = await rowsOf(database, partition, [sku]);
  return row === undefined ? undefined : (JSON.parse(row.data) as SkuRow);
}

/** Available pieces by SKU; a SKU without movements has none. */
export async function availableOf(
  database: Database,
  partition: string,
  skus: readonly string[],
): Promise<Readonly<Record<string, number>>> {
  const found = new Map(
    (await rowsOf(database, partition, skus)).map(({ key, data }) => [key, JSON.parse(data) as SkuRow]),
  );
  return Object.fromEntries(
    skus.map((sku) => {
      const row = found.get(skuKey(sku));
      return [sku, row === undefined ? 0 : row.onHand - row.reserved];
    }),
  );
}

async function rowsOf(
  { kysely }: Database,
  partition: string,
  skus: readonly string[],
): Promise<readonly { key: string; data: string }[]> {
  if (skus.length === 0) return [];
  const query = kysely
    .selectFrom('rows')
    .select(['key', 'data'])
    .where('actor_id', '=', partition)
    .where('key', 'in', skus.map(skuKey));
  return (await read(query.execute())) as { key: string; data: string }[];
}
