// Writes the history anew while it is read: nothing is emptied, and every list stays right all the time.
//
//   remember every order ─► table there? ─► nodes read the log from its beginning ─► what the log does not hold: from PostgreSQL ─► done
//
// From the first step on an order is shown as PostgreSQL has it, until the history has it again.

import { setTimeout as delay } from 'node:timers/promises';
import type { ServiceBroker } from 'moleculer';
import type { Behind } from './unprojected.ts';

/** How often is asked how far it is, in milliseconds. */
const LOOK_MS = 250;
/** Nothing became less for so long: what is left stays where it is. In milliseconds. */
const PATIENCE_MS = 60_000;
/** A page, or a table that is made; in milliseconds. */
const CALL = { timeout: 30_000 };

export interface Rebuilt {
  /** Partitions of the log that were put back to their beginning. */
  readonly partitions: number;
  /** Orders that the history still does not have, and lists read from PostgreSQL. */
  readonly left: number;
}

/** There is no history to rebuild. */
export class NoHistory extends Error {
  override name = 'NoHistory';
}

/**
 * Rebuilds the history of the cluster that the broker belongs to.
 * @param progress is told how many orders the history does not have yet
 * @throws NoHistory if the orders service keeps none; errors of Moleculer if it is away
 */
export async function rebuildHistory(
  broker: ServiceBroker,
  { progress, patienceMs = PATIENCE_MS }: { progress: (orders: number) => void; patienceMs?: number },
): Promise<Rebuilt> {
  const call = <T>(action: string, params = {}, more = {}): Promise<T> =>
    broker.call(`orders.${action}`, params, { ...CALL, ...more });
  if ((await call<Behind | null>('historyBehind')) === null)
    throw new NoHistory('The orders service keeps no history here: its lists come from PostgreSQL.');

  for (let after: string | null = ''; after !== null; ) after = await call<string | null>('rememberHistory', { after });
  const rememberedAt = performance.now();
  await call('makeHistory');
  const counts = await Promise.all(nodesOf(broker).map((nodeID) => call<number>('rewindHistory', {}, { nodeID })));

  let least = Number.POSITIVE_INFINITY;
  for (let lessAt = rememberedAt; ; await delay(LOOK_MS)) {
    const askedAt = performance.now();
    const { orders, oldestMs } = await call<Behind>('historyBehind');
    progress(orders);
    // What has changed since it was remembered is the projection's daily work.
    if (orders === 0 || oldestMs < askedAt - rememberedAt - 1) return { partitions: sum(counts), left: 0 };
    if (orders < least) [least, lessAt] = [orders, askedAt];
    if (askedAt - lessAt > patienceMs) return { partitions: sum(counts), left: orders };
  }
}

/** The nodes that run the orders service. */
function nodesOf(broker: ServiceBroker): readonly string[] {
  const services = broker.registry.getServiceList({ onlyAvailable: true }) as { name: string; nodeID: string }[];
  return [...new Set(services.filter(({ name }) => name === 'orders').map(({ nodeID }) => nodeID))];
}

function sum(counts: readonly number[]): number {
  return counts.reduce((all, count) => all + count, 0);
}
