// A node that says it has started can be called by all others. By itself Moleculer tells what services a node has a second
// after it has started them; whoever replaces nodes one by one had stopped the next one by then, and there was none.
//
//   services started ─► INFO to all ─► PING to each, behind it on the same way ─► all have answered ─► the start is over

import type { Middleware, ServiceBroker } from 'moleculer';

/** How long others may take to answer, in milliseconds: one that is gone, and not yet known to be, never does. */
export const ANNOUNCED_WITHIN_MS = 1_000;

/** The middleware. */
export function announced(): Middleware {
  return {
    name: 'Announced',
    async started(broker: ServiceBroker) {
      if (broker.transit === undefined || broker.transit === null) return;
      await broker.registry.discoverer.sendLocalNodeInfo();
      const others = broker.registry.getNodeList({ onlyAvailable: true, withServices: false });
      const ids = others.map(({ id }: { readonly id: string }) => id).filter((id: string) => id !== broker.nodeID);
      // Asked for by name: a ping of nobody would wait for its whole time.
      if (ids.length > 0) await broker.ping(ids, ANNOUNCED_WITHIN_MS);
    },
  };
}
