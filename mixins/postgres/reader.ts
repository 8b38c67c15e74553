// A connection that can only read: for those who look over contexts' shoulders without being one of them (ADR 30).
//
//   one connection, read-only ──► read(sql)         one statement, one snapshot
//                             └─► snapshot(work)    several statements over the same committed rows

import { type EntityManager, IsolationLevel, MikroORM } from '@mikro-orm/postgresql';
import { connectTo, SESSION } from './connection.ts';
import { storeError } from './errors.ts';

/** Who looks, looks at one thing at a time. */
const CONNECTIONS = 1;
/** The server gives up first (statement_timeout); this is for servers and networks that are frozen. */
const ANSWER_TIMEOUT_MS = 5_000;

export interface Reader {
  /**
   * What a statement finds; `?` stands for a value. Tables are named with their schema.
   * @throws StoreUnavailable if the database does not answer
   */
  read<T extends object>(text: string, values?: readonly unknown[]): Promise<readonly T[]>;
  /** Runs `work` over one snapshot of what is committed; there `search_path` is the schema. */
  snapshot<T>(schema: string, work: (em: EntityManager) => Promise<T>): Promise<T>;
  /** Safe to call twice. */
  close(): Promise<void>;
}

/** Connects when it is first asked, and again after a connection was lost. */
export function openReader({ url, applicationName }: { url: string; applicationName: string }): Reader {
  const connection = connectTo(url, 'pg_catalog', { ...SESSION, default_transaction_read_only: 'on' });
  const orm = new MikroORM({
    ...connection,
    entities: [],
    logger: () => {},
    driverOptions: {
      ...connection.driverOptions,
      application_name: applicationName,
      max: CONNECTIONS,
      query_timeout: ANSWER_TIMEOUT_MS,
    },
  });
  let closing: Promise<void> | undefined;
  return {
    async read<T extends object>(text: string, values: readonly unknown[] = []) {
      return await orm.em
        .fork()
        .execute<T[]>(text, [...values])
        .catch(asStoreError);
    },
    async snapshot(schema, work) {
      return await orm.em
        .fork()
        .transactional(
          async (em) => {
            await em.execute(`set local search_path to ${schema}`);
            return await work(em);
          },
          { isolationLevel: IsolationLevel.REPEATABLE_READ, readOnly: true },
        )
        .catch(asStoreError);
    },
    close: () => (closing ??= orm.close(true)),
  };
}

function asStoreError(error: unknown): never {
  throw storeError(error);
}
