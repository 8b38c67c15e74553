// Reads on behalf of callers (and single writes of what no actor is), on the pool: they do not stand in the way of commits,
// which have a connection of their own.

import type { Kysely } from '@mikro-orm/postgresql';
import { Problem } from '../../brokers/problem.ts';
import { type Ask, coalesce } from '../coalesce.ts';
import { StoreUnavailable } from '../store.ts';
import type { Database } from './database.ts';
import { isConflict, storeError } from './errors.ts';

/**
 * What a query brings.
 * @throws Problem `unavailable` (503) if the database does not answer, or somebody held what the query needed for longer than
 * it may wait: on a slow disk a commit holds its rows longer than that. Other errors of PostgreSQL as they are.
 */
export async function read<T>(query: Promise<T>): Promise<T> {
  try {
    return await query;
  } catch (error) {
    if (isConflict(error))
      throw new Problem('unavailable', 'others keep the database busy with this: try again', undefined, {
        cause: (error as Error).message,
      });
    const seen = storeError(error);
    if (!(seen instanceof StoreUnavailable)) throw seen;
    throw new Problem('unavailable', 'the database does not answer: try again', undefined, { cause: seen.message });
  }
}

interface Tables {
  readonly actors: { readonly id: string; readonly version: string; readonly state: string };
}

/** An actor as it is stored. */
export interface Stored<S> {
  readonly version: number;
  readonly state: S;
}

/** Reads committed actors by id; all who ask at a time share a query. Actors without a state are absent. */
export function actorReader<S>(database: Pick<Database, 'kysely'>): Ask<string, Stored<S>> {
  const kysely = database.kysely as Kysely<Tables>;
  return coalesce(async (ids) => {
    const query = kysely
      .selectFrom('actors')
      .select(['id', 'version', 'state'])
      .where('id', 'in', ids)
      .where('state', 'is not', null);
    const rows = await read(query.execute());
    return new Map(
      rows.map(({ id, version, state }) => [id, { version: Number(version), state: JSON.parse(state) as S }]),
    );
  });
}

/** The same for those who need no version. */
export function stateReader<S>(database: Pick<Database, 'kysely'>): Ask<string, S> {
  const ask = actorReader<S>(database);
  return async (ids) => new Map([...(await ask(ids))].map(([id, { state }]) => [id, state]));
}
