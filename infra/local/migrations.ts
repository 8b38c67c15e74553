// Where the migrations of each schema are: the folder of a context bears the name of its schema.

import { globSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Migrations } from '../../mixins/postgres/database.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** The schema of the embedded event log, which no node of a cluster opens. */
export const LOG_SCHEMA = 'log';

/** Migrations by schema, oldest first: those of the contexts, and those of the embedded log. */
export async function migrationsOfAll(): Promise<ReadonlyMap<string, Migrations>> {
  const all = new Map<string, Migrations>();
  for (const path of globSync('{services,mixins}/*/migrations/*.ts', { cwd: ROOT }).toSorted()) {
    const folder = path.split('/')[1] ?? '';
    const schema = folder === 'embedded-log' ? LOG_SCHEMA : folder;
    const exported = Object.values((await import(resolve(ROOT, path))) as Record<string, Migrations[number]>);
    all.set(schema, [...(all.get(schema) ?? []), ...exported]);
  }
  return all;
}
