// A context of its own for a test file: a fresh schema in the PostgreSQL of the run (`infra/local/jest-postgres.ts`).

import { randomBytes } from 'node:crypto';
import { Migration } from '@mikro-orm/migrations';
import { actorTables, type ActorTablesOptions } from './actor-tables.ts';
import { type Database, type DatabaseOptions, openDatabase } from './database.ts';
import type { Migrations } from './migrate.ts';

export interface TestDatabase extends Database {
  readonly url: string;
  /** The same context as another node sees it. Closed with the first one. */
  again(options?: Partial<DatabaseOptions>): Promise<Database>;
}

/** Where the PostgreSQL of this run is. */
export function testPostgresUrl(): string {
  const url = process.env['TEST_POSTGRES_URL'];
  if (url === undefined)
    throw new Error('TEST_POSTGRES_URL is not set: infra/local/jest-postgres.ts, a globalSetup of Jest, does it');
  return url;
}

/** The one migration of a context that has nothing but its actors. */
export function actorMigrations(options: ActorTablesOptions = {}): Migrations {
  class ActorTables extends Migration {
    override up(): void {
      for (const statement of actorTables(options)) this.addSql(statement);
    }
  }
  return [ActorTables];
}

/** Opens a context in a schema that nobody else uses; `close` removes it. */
export async function testDatabase(options: Partial<DatabaseOptions> = {}): Promise<TestDatabase> {
  const url = testPostgresUrl();
  const schema = `test_${randomBytes(6).toString('hex')}`;
  const settings: DatabaseOptions = { migrations: actorMigrations(), ...options, url, schema };
  const database = await openDatabase(settings);
  const others: Database[] = [];
  return {
    ...database,
    url,
    async again(more = {}) {
      const other = await openDatabase({ ...settings, ...more });
      others.push(other);
      return other;
    },
    async close() {
      await Promise.all(others.map((other) => other.close()));
      await database.orm.em.execute(`set statement_timeout = 0; drop schema ${schema} cascade`);
      await database.close();
    },
  };
}
