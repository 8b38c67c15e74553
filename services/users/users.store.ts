// Where accounts are kept.

import type { Platform } from '../../mixins/platform.ts';
import type { Database } from '../../mixins/postgres/database.ts';
import { postgresStore } from '../../mixins/postgres/store.ts';
import type { ActorStore } from '../../mixins/store.ts';
import { Migration0001Users } from './migrations/0001-users.ts';
import { readColumns, UserRow } from './users.entities.ts';

/** Opens the context's database, which the service closes, and its store. */
export async function openUserStore(service: { database: Database }, platform: Platform): Promise<ActorStore> {
  service.database = await platform.database({
    schema: 'users',
    entities: [UserRow],
    migrations: [Migration0001Users],
  });
  return postgresStore({ database: service.database, actor: 'user', readColumns });
}
