// A connection of its own with prepared statements: what a store's hot path runs on.
//
// The statements are planned once per connection and not for each batch: that halves what a small batch costs (measured:
// 0.47 instead of 1.20 ms of PostgreSQL's CPU for a commit of one actor). Such a plan is made without looking at the values
// or, early on, at full tables. So the statements are written to leave no choice (each lookup by its whole key, in a
// lateral subquery with a limit), and no table is ever scanned.

import type { Client, Pool, Row } from './connection.ts';
import { isConnectionLost, storeError } from './errors.ts';

const LANE_SESSION = ['set plan_cache_mode = force_generic_plan', 'set enable_seqscan = off'];

/** Every value comes as PostgreSQL writes it; the store knows what it asked for. */
const AS_TEXT = { getTypeParser: () => (text: string) => text };

/** A statement by name: parsed and planned once per connection. One name stands for one text. */
export interface Prepared {
  readonly name: string;
  readonly text: string;
}

export type Parameter = Buffer | string | number | null;

export interface Lane {
  /**
   * Runs one statement in one round trip; rows are arrays of texts. A lost connection is opened again by the next run.
   * @throws StoreUnavailable if the connection failed or timed out; other errors of PostgreSQL as they are.
   */
  run(statement: Prepared, parameters: readonly Parameter[]): Promise<readonly Row[]>;
  close(): void;
}

/**
 * A lane that connects when it is first used. What a `deferred` one commits may be missing after a crash of the server
 * (a fraction of a second's worth): only for what a repeat makes good, such as acknowledgements and leases.
 */
export function openLane(pool: Pool, { deferred = false }: { readonly deferred?: boolean } = {}): Lane {
  const session = deferred ? [...LANE_SESSION, 'set synchronous_commit = off'] : LANE_SESSION;
  let current: Promise<Client> | undefined;
  let closed = false;

  function giveUp(connection: Promise<Client>): void {
    if (current !== connection) return;
    current = undefined;
    connection.then((client) => client.release(true)).catch(() => {});
  }

  function connect(): Promise<Client> {
    const connection = connectLane(pool, session);
    connection.then(
      (client) => client.on('error', () => giveUp(connection)),
      () => giveUp(connection),
    );
    return connection;
  }

  async function runNow({ name, text }: Prepared, parameters: readonly Parameter[]): Promise<readonly Row[]> {
    if (closed) throw storeError(new Error('this connection was closed'));
    const connection = (current ??= connect());
    try {
      const client = await connection;
      return (await client.query({ name, text, values: parameters, rowMode: 'array', types: AS_TEXT })).rows;
    } catch (error) {
      if (isConnectionLost(error)) giveUp(connection);
      throw storeError(error);
    }
  }

  // A connection answers one question after another; the driver wants its users to queue.
  let last: Promise<unknown> = Promise.resolve();
  return {
    run(statement, parameters) {
      const answer = last.then(() => runNow(statement, parameters));
      last = answer.catch(() => undefined);
      return answer;
    },
    close() {
      closed = true;
      if (current !== undefined) giveUp(current);
    },
  };
}

async function connectLane(pool: Pool, session: readonly string[]): Promise<Client> {
  const client = await pool.connect();
  try {
    await client.query(session.join('; '));
    return client;
  } catch (error) {
    client.release(true);
    throw error;
  }
}
