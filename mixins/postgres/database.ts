// The PostgreSQL of one context: its schema (migrated, or found to be), its entities, and its connections.
//
//   em(), kysely ──► pool ──► administration, lists, exports
//   lane() ───────► a connection of its own ──► prepared statements of a store

import type { EntityManager, EntityName, Kysely } from '@mikro-orm/postgresql';
import { MikroORM } from '@mikro-orm/postgresql';
import { backOffWhenRefused } from './backoff.ts';
import { type Client, connectTo, type Pool, SESSION } from './connection.ts';
import { sqlState, storeError } from './errors.ts';
import { type Lane, openLane } from './lane.ts';
import { demandMigrated, migrate, type Migrations, UnpreparedDatabase } from './migrate.ts';
import { keepPartitions, type PartitionKeeper } from './partitions.ts';

export type { Lane } from './lane.ts';
export { type Migrations, UnpreparedDatabase } from './migrate.ts';

/** The server gives up first (statement_timeout); this is for servers and networks that are frozen. */
const ANSWER_TIMEOUT_MS = 5_000;
/** Connections that the lanes of a store take from the pool for good. */
const LANES = 2;
const POOL_MAX = 4;
const RETENTION_DAYS = 8;
/** Wrong password or unknown role; no way in for it; no right to do it; no such schema, or none that may be entered. */
const NOT_ADMITTED = ['28P01', '28000', '42501', '3F000'];

export interface DatabaseOptions {
  /** `postgres://user:password@host:port/database` */
  readonly url: string;
  /** The schema of the context. */
  readonly schema: string;
  readonly entities?: readonly EntityName[];
  readonly migrations?: Migrations;
  /** True, the default: makes the schema and runs what is missing. False: demands that `npm run migrate` did. */
  readonly migrate?: boolean;
  /** Most connections of the pool, those of lanes not counted. */
  readonly poolMax?: number;
  readonly applicationName?: string;
  /** How long inbox rows and delivered outbox rows are kept. */
  readonly retentionDays?: number;
  /** Takes what went wrong in the background, as a sentence. */
  readonly warn?: (message: string) => void;
}

/** An open context. */
export interface Database {
  readonly schema: string;
  readonly orm: MikroORM;
  // oxlint-disable-next-line typescript/no-explicit-any -- tables differ by context: whoever queries names its own
  readonly kysely: Kysely<any>;
  /** A fresh unit of work. */
  em(): EntityManager;
  /** A connection of its own; see `openLane` for what `deferred` gives up. */
  lane(options?: { readonly deferred?: boolean }): Lane;
  /** Ends all connections, those of lanes included. Safe to call twice. */
  close(): Promise<void>;
}

/**
 * Opens a context: migrates its schema or demands that it is, makes room in its partitioned tables, and connects.
 * @throws StoreUnavailable if the database cannot be reached.
 * @throws UnpreparedDatabase if nothing may be migrated and the schema is behind, or the role is not admitted.
 */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const { url, schema, migrations = [], retentionDays = RETENTION_DAYS, warn = () => {} } = options;
  const orm = createOrm(options);
  const lanes: Lane[] = [];
  let partitions: PartitionKeeper | undefined;
  let closing: Promise<void> | undefined;
  async function close(): Promise<void> {
    await partitions?.stop();
    for (const lane of lanes) lane.close();
    await orm.close(true);
  }
  try {
    const pool = (await orm.driver.getConnection().getNativeClient()) as Pool;
    if (options.migrate ?? true) await migrate({ url, schema, migrations, pool });
    else await demandMigrated(pool, schema, migrations);
    partitions = await keepPartitions({ pool, schema, retentionDays, warn });
    return {
      schema,
      orm,
      kysely: orm.em.getKysely(),
      em: () => orm.em.fork(),
      lane(laneOptions) {
        const lane = openLane(pool, laneOptions);
        lanes.push(lane);
        return lane;
      },
      close: () => (closing ??= close()),
    };
  } catch (error) {
    await close();
    throw openingError(error, options);
  }
}

/** A role that is not admitted was not made, or has another password: as much a person's affair as a missing migration. */
function openingError(error: unknown, { url, schema, migrate: mayMigrate = true }: DatabaseOptions): unknown {
  if (error instanceof UnpreparedDatabase) return error;
  if (mayMigrate || !NOT_ADMITTED.includes(sqlState(error) ?? '')) return storeError(error);
  return new UnpreparedDatabase(
    `The role ${new URL(url).username} is not admitted to the schema ${schema}: ${(error as Error).message}. ` +
      'Run npm run migrate with the keys that this node has (KEYS_DIR), then start this node again.',
    { cause: error },
  );
}

function createOrm({
  url,
  schema,
  entities = [],
  poolMax = POOL_MAX,
  applicationName,
  warn,
}: DatabaseOptions): MikroORM {
  const connection = connectTo(url, schema, SESSION);
  return new MikroORM({
    ...connection,
    entities: [...entities] as [],
    logger: warn ?? (() => {}),
    driverOptions: {
      ...connection.driverOptions,
      application_name: applicationName ?? `souk ${schema}`,
      max: poolMax + LANES,
      query_timeout: ANSWER_TIMEOUT_MS,
      onPoolCreated(pool: Pool) {
        backOffWhenRefused(pool);
        pool.on('connect', abandonWhenFrozen);
      },
    },
  });
}

/** A connection whose answer never came may still get it, for the wrong question: it is not used again. */
function abandonWhenFrozen(client: Client): void {
  const ask = client.query.bind(client) as (...question: unknown[]) => unknown;
  client.query = (...question: unknown[]): never => {
    const answer = ask(...question);
    if (answer instanceof Promise) {
      answer.catch((error: Error) => {
        if (error.message === 'Query read timeout') client.connection.stream.destroy();
      });
    }
    return answer as never;
  };
}
