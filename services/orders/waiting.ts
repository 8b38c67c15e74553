// Waits until an order has reached a point, without asking the database all the time: the commits of this node wake the
// waiters, and because the news may arrive at another node, the store is read again every now and then.

import type { Order, OrderCommand } from '../../actors/order.ts';
import type { Host } from '../../mixins/host.ts';
import type { Database } from '../../mixins/postgres/database.ts';
import { actorReader } from '../../mixins/postgres/reads.ts';

/** How often the store is read while waiting, in milliseconds. */
const REREAD_MS = 250;

/** An order with its version, as it is stored. */
export interface Versioned {
  readonly order: Order;
  readonly version: number;
}

export interface Waiting {
  /**
   * Resolves with the first stored state that satisfies `reached`, or with undefined after `timeoutMs`. `from`: the
   * state that the caller knows already.
   */
  until(
    id: string,
    from: Versioned,
    reached: (order: Order) => boolean,
    timeoutMs: number,
  ): Promise<Versioned | undefined>;
  /** Calls back with every new version of the order that this node commits. Returns the way to stop. */
  watch(id: string, changed: (now: Versioned) => void): () => void;
}

/** Reads an order from the primary; undefined: there is none. */
export type ReadOrder = (id: string) => Promise<Versioned | undefined>;

/** A reader of committed orders; all who ask at a time share a query. */
export function createReader(database: Pick<Database, 'kysely'>): ReadOrder {
  const ask = actorReader<Order>(database);
  return async (id) => {
    const found = (await ask([id])).get(id);
    return found === undefined ? undefined : { order: found.state, version: found.version };
  };
}

/** The waiters of one orders service. */
export function createWaiting(host: Host<Order, OrderCommand>, readOrder: ReadOrder): Waiting {
  const watchers = new Map<string, Set<(now: Versioned) => void>>();
  host.onCommitted((committed) => {
    for (const { id, state, version } of committed) {
      for (const changed of watchers.get(id) ?? []) changed({ order: state, version });
    }
  });

  function watch(id: string, changed: (now: Versioned) => void): () => void {
    const all = watchers.get(id) ?? new Set();
    watchers.set(id, all.add(changed));
    return () => {
      all.delete(changed);
      if (all.size === 0) watchers.delete(id);
    };
  }

  function until(
    id: string,
    from: Versioned,
    reached: (order: Order) => boolean,
    timeoutMs: number,
  ): Promise<Versioned | undefined> {
    if (reached(from.order)) return Promise.resolve(from);
    return new Promise((resolve) => {
      const finish = (found: Versioned | undefined) => {
        unwatch();
        clearInterval(reread);
        clearTimeout(timeout);
        resolve(found);
      };
      const check = (now: Versioned) => {
        if (reached(now.order)) finish(now);
      };
      const unwatch = watch(id, check);
      const reread = setInterval(() => {
        // An absent database is no reason to stop waiting: the time-out decides.
        readOrder(id).then(
          (now) => now !== undefined && check(now),
          () => undefined,
        );
      }, REREAD_MS);
      const timeout = setTimeout(() => finish(undefined), timeoutMs);
    });
  }

  return { until, watch };
}
