// Opens the database of the notifications and the store of their actors in it.

import type { Platform } from '../../mixins/platform.ts';
import type { Database } from '../../mixins/postgres/database.ts';
import { postgresStore } from '../../mixins/postgres/store.ts';
import type { ActorStore } from '../../mixins/store.ts';
import { Migration0001Notifications } from './migrations/0001-notifications.ts';

/** The store; the database stays with the service, which closes it. */
export async function openNotificationStore(service: { database: Database }, platform: Platform): Promise<ActorStore> {
  service.database = await platform.database({
    schema: 'notifications',
    entities: [],
    migrations: [Migration0001Notifications],
  });
  return postgresStore({ database: service.database, actor: 'notification' });
}
