// How this project speaks to PostgreSQL through the `pg` pool of MikroORM: what a session is, and the parts of the driver
// that are used.

/** Limits and habits of every session: nobody holds a lock while paused. */
export const SESSION: Readonly<Record<string, string>> = {
  lock_timeout: '500ms',
  statement_timeout: '2s',
  idle_in_transaction_session_timeout: '1s',
  // A plan made without looking at the values once read a whole table for a batch of 64.
  plan_cache_mode: 'force_custom_plan',
  timezone: 'UTC',
};

/** Limits and habits of a session that changes schemas: it may take its time, since nobody waits for an answer. */
export const PATIENT_SESSION: Readonly<Record<string, string>> = {
  lock_timeout: '0',
  statement_timeout: '0',
  timezone: 'UTC',
};

const CONNECT_TIMEOUT_MS = 2_000;
const IDLE_CONNECTION_MS = 10_000;

export type Row = readonly (string | null)[];

/** The part of a connection of the `pg` package that is used here. */
export interface Client {
  query(
    text: string,
    values?: readonly unknown[],
  ): Promise<{ readonly rows: readonly Record<string, string | null>[] }>;
  query(query: object): Promise<{ readonly rows: readonly Row[] }>;
  on(event: 'error', listener: (error: Error) => void): void;
  release(destroy?: boolean): void;
  readonly connection: { readonly stream: { destroy(): void } };
}

/** What a pool makes its connections of. */
export interface PooledClient {
  connect(done: (error?: Error | null) => void): void;
}

/** The part of the pool of the `pg` package that is used here. */
export interface Pool {
  Client: new (options: object) => PooledClient;
  connect(): Promise<Client>;
  query: Client['query'];
  on(event: 'connect', listener: (client: Client) => void): void;
}

/** What MikroORM needs to reach a context. */
export function connectTo(url: string, schema: string, session: Readonly<Record<string, string>>) {
  if (!/^[a-z][a-z0-9_]{0,62}$/.test(schema)) throw new Error(`"${schema}" cannot be the name of a schema`);
  const settings = Object.entries({ ...session, search_path: schema });
  return {
    dbName: decodeURIComponent(new URL(url).pathname.slice(1)),
    schema,
    colors: false,
    discovery: { warnWhenNoEntities: false },
    driverOptions: {
      connectionString: url,
      options: settings.map(([name, value]) => `-c ${name}=${value}`).join(' '),
      min: 0,
      idleTimeoutMillis: IDLE_CONNECTION_MS,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      keepAlive: true,
    },
  };
}
