// A server that has just refused a connection is left alone for a moment. It starts a process for every attempt, also to say
// that it cannot be used yet: after a crash the attempts of a whole cluster cost it the processor that its recovery needs.

import type { Pool, PooledClient } from './connection.ts';
import { sqlState } from './errors.ts';

/** How long after a refusal nobody knocks again, in milliseconds. */
export const BACKOFF_MS = 500;

/** Shutting down, ended by a crash, starting or recovering; no connection left. */
const REFUSALS = ['57P01', '57P02', '57P03', '53300'];

/** Whether the server itself, or the machine that it is to run on, said no. Silence and a broken way are no answer. */
function isRefusal(error: Error): boolean {
  return REFUSALS.includes(sqlState(error) ?? '') || ('code' in error && error.code === 'ECONNREFUSED');
}

/**
 * Makes a pool back off: for `BACKOFF_MS` after a refusal, what would open a connection fails at once with that refusal;
 * then a single attempt is made, and more only when it succeeds or the time is over again. Open connections are not touched.
 * `now` gives milliseconds of a clock that only goes forward.
 */
export function backOffWhenRefused(pool: Pool, now: () => number = () => performance.now()): void {
  let refused: { readonly by: Error; readonly until: number } | undefined;
  pool.Client = class extends pool.Client {
    override connect(done: Parameters<PooledClient['connect']>[0]): void {
      if (refused !== undefined) {
        if (now() < refused.until) {
          setImmediate(done, refused.by);
          return;
        }
        refused = { by: refused.by, until: now() + BACKOFF_MS };
      }
      super.connect((error) => {
        if (!error) refused = undefined;
        else if (isRefusal(error)) refused = { by: error, until: now() + BACKOFF_MS };
        done(error);
      });
    }
  };
}
