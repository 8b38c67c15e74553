// Opens the database of the orders and the store of their actors in it.

import type { Platform } from '../../mixins/platform.ts';
import type { Database } from '../../mixins/postgres/database.ts';
import { postgresStore } from '../../mixins/postgres/store.ts';
import type { ActorStore } from '../../mixins/store.ts';
import { Migration0001Orders } from './migrations/0001-orders.ts';
import { Migration0002Unprojected } from './migrations/0002-unprojected.ts';
import { OrderRow, readColumns } from './orders.entities.ts';

/** The store; the database stays with the service, which closes it. */
export async function openOrderStore(service: { database: Database }, platform: Platform): Promise<ActorStore> {
  service.database = await platform.database({
    schema: 'orders',
    entities: [OrderRow],
    migrations: [Migration0001Orders, Migration0002Unprojected],
  });
  return postgresStore({ database: service.database, actor: 'order', readColumns });
}
