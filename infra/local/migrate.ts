// `npm run migrate`: brings the schema of every context up to date.
//
//   DB_URL or DB_HOST   a server of a cluster: a role for each context, which owns its schema
//   neither             the embedded PostgreSQL, started for it; `--roles` makes the roles there too
//
// With the roles it makes what is missing of the keys of the installation, the passwords of the roles among them: nodes find
// them in the same folder, and do not start without theirs.

import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { openDatabase, UnpreparedDatabase } from '../../mixins/postgres/database.ts';
import { prepareContexts } from '../../mixins/postgres/prepare.ts';
import { contexts, databaseKey, databaseUrl, type Holder } from '../../mixins/postgres/roles.ts';
import { BadSetting, readSettings, type Settings } from '../../mixins/settings.ts';
import { StoreUnavailable } from '../../mixins/store.ts';
import { endLeftBehind } from './cluster/left-behind.ts';
import { openDataDir, StartRefused } from './data-dir.ts';
import { allKeys } from '../node/key-names.ts';
import { keyOf, makeKeys } from '../node/keys.ts';
import { LOG_SCHEMA, migrationsOfAll } from './migrations.ts';
import { startPostgres } from './postgres.ts';

const USAGE = 'Usage: npm run migrate -- [--roles | --no-roles]';

const say = (line: string) => console.log(`  ${line}`);

/** The administrator's address of a server that runs elsewhere; undefined: the embedded one is meant. */
function serverOf({ database }: Settings): string | undefined {
  const url = process.env['DB_URL'] ?? '';
  if (url !== '') return url;
  const { host, user = 'postgres', password = '' } = database;
  return host === undefined ? undefined : databaseUrl(database, user, password);
}

/** As one user, whose everything is: what the embedded mode does when it starts. */
async function migrateSchemas(url: string, which: (schema: string) => boolean): Promise<number> {
  let count = 0;
  for (const [schema, migrations] of await migrationsOfAll()) {
    if (!which(schema)) continue;
    await (await openDatabase({ url, schema, migrations })).close();
    say(`${schema}: ${migrations.map(({ name }) => name).join(', ')}`);
    count++;
  }
  return count;
}

/** Each context as its own role. */
async function prepare(url: string, { keysDir, dataDir }: Settings): Promise<number> {
  const keys = keysDir ?? join(resolve(dataDir), 'keys');
  makeKeys(keys, allKeys);
  const passwordOf = (holder: Holder) => keyOf(keys, databaseKey(holder)).toString('hex');
  await prepareContexts({ url, migrations: await migrationsOfAll(), passwordOf, log: say });
  return contexts.length;
}

/** The embedded PostgreSQL, for as long as it is needed. */
async function withEmbedded<T>(folder: string, work: (url: string) => Promise<T>): Promise<T> {
  const dataDir = openDataDir(folder);
  try {
    await endLeftBehind(dataDir.path, say);
    const postgres = await startPostgres({ dataDir });
    try {
      return await work(postgres.url);
    } finally {
      await postgres.stop();
    }
  } finally {
    dataDir.close();
  }
}

function readRoles(): boolean | undefined {
  try {
    return parseArgs({ options: { roles: { type: 'boolean' } }, allowNegative: true }).values.roles;
  } catch (error) {
    throw new BadSetting(`${(error as Error).message}\n${USAGE}`);
  }
}

async function migrateAll(): Promise<string> {
  const settings = readSettings(process.env);
  const server = serverOf(settings);
  const withRoles = readRoles() ?? server !== undefined;
  const upToDate = (count: number) =>
    `${count} schemas are up to date${withRoles ? ', those of the contexts each in the hands of its role' : ''}.`;
  if (server !== undefined)
    return upToDate(await (withRoles ? prepare(server, settings) : migrateSchemas(server, () => true)));
  return withEmbedded(resolve(settings.dataDir), async (url) => {
    if (!withRoles) return upToDate(await migrateSchemas(url, () => true));
    return upToDate((await prepare(url, settings)) + (await migrateSchemas(url, (schema) => schema === LOG_SCHEMA)));
  });
}

try {
  console.log(`Migrate: ${await migrateAll()}`);
} catch (error) {
  const isPlain = [StartRefused, BadSetting, StoreUnavailable, UnpreparedDatabase].some(
    (kind) => error instanceof kind,
  );
  if (!isPlain) throw error;
  console.error(`Migrate: ${(error as Error).message}`);
  process.exitCode = 1;
}
