// A connection of our own to the shop's PostgreSQL, as its administrator, that only reads: beside every store of the shop.
//
//   openBookDatabase(url) ─► ask(one question)        snapshot(ask ─► …): all answers are of one moment, across schemas

import { MikroORM } from '@mikro-orm/postgresql';
import { type Client, connectTo, type Pool } from '../../../mixins/postgres/connection.ts';

/** Every statement names its schema. */
const NO_SCHEMA = 'pg_catalog';
/** A run of an hour is read in less. */
const ANSWER_MS = 60_000;
/** One who reads, one who waits for quiet. */
const CONNECTIONS = 2;
const READ_ONLY: Readonly<Record<string, string>> = {
  default_transaction_read_only: 'on',
  lock_timeout: '0',
  statement_timeout: '0',
  timezone: 'UTC',
};

// oxlint-disable-next-line typescript/no-explicit-any -- what a question brings is known where it stands
export type BookRow = Readonly<Record<string, any>>;
export type Ask = (text: string, values?: readonly unknown[]) => Promise<readonly BookRow[]>;

export interface BookDatabase {
  readonly ask: Ask;
  /** Everything that is asked within is of one moment. */
  snapshot<T>(work: (ask: Ask) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

type BookPool = Pool & { on(event: 'error', listener: () => void): void };

/** Opens nothing before it is asked. A question that is not answered within `answerMs` is an error. */
export function openBookDatabase(url: string, answerMs = ANSWER_MS): BookDatabase {
  const connection = connectTo(url, NO_SCHEMA, READ_ONLY);
  const orm = new MikroORM({
    ...connection,
    entities: [],
    logger: () => {},
    driverOptions: {
      ...connection.driverOptions,
      application_name: 'souk books',
      max: CONNECTIONS,
      connectionTimeoutMillis: answerMs,
      query_timeout: answerMs,
    },
  });
  let pool: BookPool | undefined;

  async function connect(): Promise<Client> {
    if (pool === undefined) {
      pool = (await orm.driver.getConnection().getNativeClient()) as BookPool;
      // A connection may lose its server at any time, also while it rests: the next question takes another one.
      pool.on('error', () => {});
      pool.on('connect', (client) => client.on('error', () => {}));
    }
    return await pool.connect();
  }

  async function withClient<T>(work: (ask: Ask) => Promise<T>): Promise<T> {
    const client = await connect();
    let isSound = false;
    try {
      const result = await work(async (text, values = []) => (await client.query(text, values)).rows);
      isSound = true;
      return result;
    } finally {
      // Its answer may still come, for the wrong question.
      if (!isSound) client.connection.stream.destroy();
      client.release(!isSound);
    }
  }

  return {
    ask: (text, values) => withClient((ask) => ask(text, values)),
    snapshot: (work) =>
      withClient(async (ask) => {
        await ask('begin isolation level repeatable read read only');
        const result = await work(ask);
        await ask('commit');
        return result;
      }),
    close: () => orm.close(true),
  };
}

/** How times are read: milliseconds since 1970. */
export const msOf = (column: string): string => `(extract(epoch from ${column}) * 1000)::float8`;
