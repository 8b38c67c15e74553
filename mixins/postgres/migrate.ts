// Brings the schema of a context up to date. Any number of nodes may start at once: one migrates, the others wait.
// Migrations may take long, so they run in a session without the usual time limits, in one transaction.
//
// A program knows the migrations of its own release. A schema may be ahead of it, because two releases run side by side
// while one replaces the other (docs/migrations.md); it may not be behind.

import { type Migration, Migrator } from '@mikro-orm/migrations';
import { type Constructor, MikroORM } from '@mikro-orm/postgresql';
import { connectTo, PATIENT_SESSION, type Pool } from './connection.ts';

/** The table, in each schema, that names the migrations done. */
const TABLE = 'migrations';

/** Migrations of one context, oldest first. They name no schema: `search_path` does. */
export type Migrations = readonly Constructor<Migration>[];

export interface MigrateOptions {
  readonly url: string;
  readonly schema: string;
  readonly migrations: Migrations;
  /** Serves to see whether there is anything to do. */
  readonly pool: Pool;
}

/** The database lacks what a program needs, and the program may not see to it. The message says what is to be done. */
export class UnpreparedDatabase extends Error {
  override readonly name = 'UnpreparedDatabase';
}

/**
 * Runs the migrations that were not run yet, and makes the schema where it is missing.
 * @returns the names of those that ran, oldest first.
 */
export async function migrate({ url, schema, migrations, pool }: MigrateOptions): Promise<readonly string[]> {
  if ((await missingIn(pool, schema, migrations)).length === 0) return [];
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
      return (await orm.migrator.up()).map(({ name }) => name);
    } finally {
      lock.release(true);
    }
  } finally {
    await orm.close(true);
  }
}

/**
 * Changes nothing, and demands that every migration has run. Those of a later release may have run too.
 * @throws UnpreparedDatabase naming the schema and what is missing.
 */
export async function demandMigrated(pool: Pool, schema: string, migrations: Migrations): Promise<void> {
  const missing = await missingIn(pool, schema, migrations);
  if (missing.length === 0) return;
  throw new UnpreparedDatabase(
    `The schema ${schema} is behind this program: ${missing.join(', ')} did not run. ` +
      'Run npm run migrate with the code of this release, then start this node again.',
  );
}

/** The names of migrations that did not run, oldest first; without a schema it is all of them. */
async function missingIn(pool: Pool, schema: string, migrations: Migrations): Promise<readonly string[]> {
  const [table] = (await pool.query('select to_regclass($1) as name', [`${schema}.${TABLE}`])).rows;
  const names = migrations.map(({ name }) => name);
  // Even without migrations there must be a schema to look for tables in.
  if (!table?.['name']) return names.length === 0 ? ['the first migration'] : names;
  const done = new Set((await pool.query(`select name from ${schema}.${TABLE}`)).rows.map((row) => row['name']));
  return names.filter((name) => !done.has(name));
}

/** Asked first, because `create schema if not exists` demands the right to create even where nothing is to be done. */
async function makeSchema(pool: Pool, schema: string): Promise<void> {
  const { rows } = await pool.query('select 1 from pg_namespace where nspname = $1', [schema]);
  if (rows.length === 0) await pool.query(`create schema ${schema}`);
}
