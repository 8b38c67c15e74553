// Where products are kept: their actors with read columns, what the inbox remembers of creations, and which catalogues were
// loaded whole.

import { defineEntity, type Kysely, p } from '@mikro-orm/postgresql';
import type { Platform } from '../../mixins/platform.ts';
import type { Database } from '../../mixins/postgres/database.ts';
import { read } from '../../mixins/postgres/reads.ts';
import { postgresStore } from '../../mixins/postgres/store.ts';
import type { ActorStore } from '../../mixins/store.ts';
import { Migration0001Products } from './migrations/0001-products.ts';
import { Migration0002Search } from './migrations/0002-search.ts';
import { readColumns, ProductRow } from './products.entities.ts';

/** A catalogue that was loaded whole. */
const Load = defineEntity({
  name: 'Load',
  tableName: 'loads',
  properties: { name: p.text().primary(), products: p.integer() },
});

/** Opens the context's database, which the service closes, and its store. */
export async function openProductStore(service: { database: Database }, platform: Platform): Promise<ActorStore> {
  const migrations = [Migration0001Products, Migration0002Search];
  service.database = await platform.database({ schema: 'products', entities: [ProductRow, Load], migrations });
  return postgresStore({ database: service.database, actor: 'product', readColumns });
}

/** A creation that was answered: whose, and with what. */
export interface Answered {
  readonly id: string;
  readonly version: number;
  readonly fingerprint: string | undefined;
  /** JSON text. */
  readonly answer: string;
}

/** `bigint` arrives as text. */
interface Tables {
  readonly inbox: {
    readonly command_id: string;
    readonly actor_id: string;
    readonly version: string;
    readonly fingerprint: string | null;
    readonly answer: string;
  };
}

/** The kept answer of a command, whichever product it concerned. */
export async function answeredCommand(database: Database, commandId: string): Promise<Answered | undefined> {
  const [row] = await read(
    (database.kysely as Kysely<Tables>)
      .selectFrom('inbox')
      .select(['actor_id', 'version', 'fingerprint', 'answer'])
      .where('command_id', '=', commandId)
      .where('answer', 'is not', null)
      .limit(1)
      .execute(),
  );
  if (row === undefined) return undefined;
  const { actor_id: id, version, fingerprint, answer } = row;
  return { id, version: Number(version), fingerprint: fingerprint ?? undefined, answer };
}

/** Catalogues that were loaded whole: how many products each had, by name. */
export async function finishedLoads(database: Database): Promise<Readonly<Record<string, number>>> {
  const loads = await read(database.em().find(Load, {}, { disableIdentityMap: true }));
  return Object.fromEntries(loads.map(({ name, products }) => [name, products]));
}

/** Remembers it for good; a second time changes nothing. */
export async function markLoaded(
  database: Database,
  load: { readonly name: string; readonly products: number },
): Promise<void> {
  await read(database.em().upsert(Load, load, { onConflictAction: 'ignore' }));
}
