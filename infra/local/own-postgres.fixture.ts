// A PostgreSQL server of a test's own, for what concerns a whole server: roles, and who may sign in.

import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MikroORM } from '@mikro-orm/postgresql';
import { connectTo, type Pool } from '../../mixins/postgres/connection.ts';
import type { Migrations } from '../../mixins/postgres/database.ts';
import { sqlState } from '../../mixins/postgres/errors.ts';
import { prepareContexts } from '../../mixins/postgres/prepare.ts';
import { type Context, type Holder, PROBE, PROBE_ROLE, roleOf, signedInAs } from '../../mixins/postgres/roles.ts';
import { openDataDir } from './data-dir.ts';
import { migrationsOfAll } from './migrations.ts';
import { startPostgres } from './postgres.ts';

export interface OwnPostgres {
  /** Of the administrator. */
  readonly url: string;
  readonly migrations: ReadonlyMap<string, Migrations>;
  /** Of the role of a context. */
  as(context: Context): string;
  /** Of the role of the probe. */
  readonly asProbe: string;
  /** Makes roles and schemas; resolves to what it says. */
  prepare(url?: string): Promise<readonly string[]>;
  /** Connections that are closed with the server. */
  pool(url: string, schema: string): Promise<Pool>;
  /** The first column of what a statement finds. */
  column(pool: Pool, text: string): Promise<readonly (string | null | undefined)[]>;
  close(): Promise<void>;
}

/** Starts the server, which has no roles of contexts yet. */
export async function ownPostgres(): Promise<OwnPostgres> {
  const folder = mkdtempSync(join(tmpdir(), 'souk-own-postgres-'));
  const dataDir = openDataDir(folder);
  const { url, stop } = await startPostgres({ dataDir });
  const migrations = await migrationsOfAll();
  const passwordOf = (holder: Holder) => createHash('sha256').update(`${folder} ${holder}`).digest('hex');
  const orms: MikroORM[] = [];
  return {
    url,
    migrations,
    as: (context) => signedInAs(url, roleOf(context), passwordOf(context)),
    asProbe: signedInAs(url, PROBE_ROLE, passwordOf(PROBE)),
    async prepare(as = url) {
      const said: string[] = [];
      await prepareContexts({ url: as, migrations, passwordOf, log: (line) => said.push(line) });
      return said;
    },
    async pool(as, schema) {
      const settings = connectTo(as, schema, { timezone: 'UTC' });
      // One connection: what is asked at the same time is answered in turn, which costs less than to sign in each time.
      const driverOptions = { ...settings.driverOptions, max: 1 };
      const orm = new MikroORM({ ...settings, driverOptions, entities: [], logger: () => {} });
      orms.push(orm);
      return (await orm.driver.getConnection().getNativeClient()) as Pool;
    },
    async column(pool, text) {
      return (await pool.query(text)).rows.map((row) => Object.values(row)[0]);
    },
    async close() {
      for (const orm of orms) await orm.close(true);
      await stop();
      dataDir.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** How PostgreSQL refuses a statement: its SQLSTATE; undefined if it does not. */
export async function refusal(pool: Pool, text: string): Promise<string | undefined> {
  try {
    await pool.query(text);
    return undefined;
  } catch (error) {
    return sqlState(error) ?? String(error);
  }
}

/** Tries statements, each alone and none for good, and resolves to those for which permission is not denied. */
export async function notDenied(pool: Pool, wishes: readonly string[]): Promise<string> {
  // On the server, because the tests of roles have many wishes. What is granted after all is undone by the exception.
  const text = `do $body$ declare
      wish text; found text := '';
    begin
      foreach wish in array string_to_array($wishes$${wishes.join('\n')}$wishes$, chr(10)) loop
        begin
          execute wish;
          found := found || chr(10) || wish;
        exception
          when insufficient_privilege then null;
          when others then found := found || chr(10) || wish || ': ' || sqlerrm;
        end;
      end loop;
      raise exception 'not denied:%', found;
    end $body$`;
  const answer = await pool.query(text).then(
    () => '',
    (error: Error) => error.message,
  );
  if (!answer.startsWith('not denied:')) throw new Error(`The wishes could not be tried: ${answer}`);
  return answer.replace('not denied:', '').trim();
}
