// The event log of the embedded mode: PostgreSQL tables in a schema of their own, no server to install.

import type { LogStorage } from '../../brokers/log-storage.ts';
import { createStoredLog, type StoredLog } from '../../brokers/stored-log.ts';
import { openDatabase } from '../postgres/database.ts';
import { Migration0001Log } from './migrations/0001-log.ts';
import { Migration0002Traces } from './migrations/0002-traces.ts';
import { Migration0003Redrive } from './migrations/0003-redrive.ts';
import { postgresStorage } from './storage.ts';

/** Beside the connections of its lanes it asks nothing. */
const POOL_MAX = 1;

/** Migrations of the log's schema, oldest first. */
export const logMigrations = [Migration0001Log, Migration0002Traces, Migration0003Redrive] as const;

export interface EmbeddedLogOptions {
  /** `postgres://user:password@host:port/database` */
  readonly url: string;
  readonly alert: (what: string, particulars: object) => void;
}

/** Opens the storage of the log: migrates its schema and makes the partitions that the catalogue lists. */
export async function openLogStorage(url: string): Promise<LogStorage> {
  const database = await openDatabase({ url, schema: 'log', migrations: logMigrations, poolMax: POOL_MAX });
  try {
    return await postgresStorage(database);
  } catch (error) {
    await database.close();
    throw error;
  }
}

/** Opens the log of one node. Nodes over one database share the log. */
export async function openEmbeddedLog({ url, alert }: EmbeddedLogOptions): Promise<StoredLog> {
  return createStoredLog({ storage: await openLogStorage(url), alert });
}
