// Keyed requests that are running on this node. A repeat joins the attempt that is under way and gets its answer; a
// different request under the same key is told to wait.

import { Problem } from '../../brokers/problem.ts';

/** Keyed requests that may run at a time on one node. */
export const RUNNING_MAX = 10_000;

export interface Running<T> {
  /**
   * Runs the attempt, or joins the one that runs under this command id.
   * @throws Problem `request-in-progress` (409) if that is another request; `overloaded` if too many are running.
   */
  join(commandId: string, fingerprint: string, attempt: () => Promise<T>): Promise<T>;
  readonly size: number;
}

/** An empty map of running requests. */
export function createRunning<T>(limit: number = RUNNING_MAX): Running<T> {
  const running = new Map<string, { readonly fingerprint: string; readonly outcome: Promise<T> }>();
  return {
    get size() {
      return running.size;
    },
    join(commandId, fingerprint, attempt) {
      const known = running.get(commandId);
      if (known !== undefined) {
        if (known.fingerprint === fingerprint) return known.outcome;
        return Promise.reject(
          new Problem('request-in-progress', 'another request with this Idempotency-Key is still running'),
        );
      }
      if (running.size >= limit) return Promise.reject(new Problem('overloaded', 'too many requests are running'));
      const outcome = attempt().finally(() => running.delete(commandId));
      running.set(commandId, { fingerprint, outcome });
      return outcome;
    },
  };
}
