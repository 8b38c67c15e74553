// `npm run migrate`: brings the schema of every context up to date, as the shop itself does when it starts. With `DB_URL`
// in that PostgreSQL, otherwise in the embedded one, which is started for it.

import { globSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Migrations, openDatabase } from '../../mixins/postgres/database.ts';
import { BadSetting, readSettings } from '../../mixins/settings.ts';
import { StoreUnavailable } from '../../mixins/store.ts';
import { openDataDir, StartRefused } from './data-dir.ts';
import { startPostgres } from './postgres.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** Migrations by schema, oldest first: the context's folder bears the name of its schema; the embedded log has `log`. */
async function migrationsOfAll(): Promise<ReadonlyMap<string, Migrations>> {
  const all = new Map<string, Migrations>();
  for (const path of globSync('{services,mixins}/*/migrations/*.ts', { cwd: ROOT }).toSorted()) {
    const folder = path.split('/')[1] ?? '';
    const schema = folder === 'embedded-log' ? 'log' : folder;
    const exported = Object.values((await import(resolve(ROOT, path))) as Record<string, Migrations[number]>);
    all.set(schema, [...(all.get(schema) ?? []), ...exported]);
  }
  return all;
}

async function migrateAll(url: string): Promise<number> {
  const all = await migrationsOfAll();
  for (const [schema, migrations] of all) {
    await (await openDatabase({ url, schema, migrations })).close();
    console.log(`  ${schema}: ${migrations.map(({ name }) => name).join(', ')}`);
  }
  return all.size;
}

/** The embedded PostgreSQL, for as long as it is needed. */
async function withEmbedded<T>(folder: string, work: (url: string) => Promise<T>): Promise<T> {
  const dataDir = openDataDir(folder);
  try {
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

try {
  const { dataDir } = readSettings(process.env);
  const url = process.env['DB_URL'] ?? '';
  const count = await (url === '' ? withEmbedded(resolve(dataDir), migrateAll) : migrateAll(url));
  console.log(`Migrate: ${count} schemas are up to date.`);
} catch (error) {
  const isPlain = [StartRefused, BadSetting, StoreUnavailable].some((kind) => error instanceof kind);
  if (!isPlain) throw error;
  console.error(`Migrate: ${(error as Error).message}`);
  process.exitCode = 1;
}
