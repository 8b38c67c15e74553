// Brings the schema of a context up to date. Any number of nodes may start at once: one migrates, the others wait.
// Migrations may take long, so they run in a session without the usual time limits, in one transaction.

import { type Migration, Migrator } from '@mikro-orm/migrations';
import { type Constructor, MikroORM } from '@mikro-orm/postgresql';
import { connectTo, type Pool } from './connection.ts';

/** The table, in each schema, that names the migrations done. */
const TABLE = 'migrations';
const PATIENT_SESSION = { lock_timeout: '0', statement_timeout: '0', timezone: 'UTC' };

/** Migrations of one context, oldest first. They name no schema: `search_path` does. */
export type Migrations = readonly Constructor<Migration>[];

export interface MigrateOptions {
  readonly url: string;
  readonly schema: string;
  readonly migrations: Migrations;
  /** Serves to see whether there is anything to do. */
  readonly pool: Pool;
}

/** Runs the migrations that were not run yet. */
export async function migrate({ url, schema, migrations, pool }: MigrateOptions): Promise<void> {
  if (await isCurrent(pool, schema, migrations)) return;
  const orm = new MikroORM({
    ...connectTo(url, schema, PATIENT_SESSION),
    entities: [],
    extensions: [Migrator],
    migrations: {
      migrationsList: [...migrations],
      tableName: TABLE,
      snapshot: false,
      silent: true,
      disableForeignKeys: false,
    },
  });
  try {
    const own = (await orm.driver.getConnection().getNativeClient()) as Pool;
    const lock = await own.connect();
    try {
      await lock.query(`select pg_advisory_lock(hashtext('migrate'), hashtext('${schema}'))`);
      await makeSchema(own, schema);
      await orm.migrator.up();
    } finally {
      lock.release(true);
    }
  } finally {
    await orm.close(true);
  }
}

async function isCurrent(pool: Pool, schema: string, migrations: Migrations): Promise<boolean> {
  const [table] = (await pool.query('select to_regclass($1) as name', [`${schema}.${TABLE}`])).rows;
  if (!table?.['name']) return false;
  const done = new Set((await pool.query(`select name from ${schema}.${TABLE}`)).rows.map((row) => row['name']));
  return migrations.every(({ name }) => done.has(name));
}

/** Asked first, because `create schema if not exists` demands the right to create even where nothing is to be done. */
async function makeSchema(pool: Pool, schema: string): Promise<void> {
  const { rows } = await pool.query('select 1 from pg_namespace where nspname = $1', [schema]);
  if (rows.length === 0) await pool.query(`create schema ${schema}`);
}
