// A circuit breaker round each node, for each action, at whoever calls: Moleculer's own, with what it leaves open closed.
//
//   closed ──half of the calls unanswered──► open (nobody is sent there) ──halfOpenMs──► one call tries ──answered──► closed
//
// In Moleculer's order the breaker does not see the time-outs of calls, which is all that a silent node gives: here it
// lies outside of them. And a node that comes back gets a new circuit; Moleculer would go on with the one of its old life.

import * as moleculer from 'moleculer';
import type { BrokerOptions, Middleware, ServiceBroker } from 'moleculer';

/** Moleculer exports its middlewares, but does not declare them. */
const { Middlewares } = moleculer as unknown as {
  readonly Middlewares: { CircuitBreaker(broker: ServiceBroker): Middleware };
};

/** When a circuit opens: this share of calls unanswered, of at least so many, within so many seconds. */
export const BREAKER = { threshold: 0.5, minRequestCount: 5, windowS: 3, halfOpenMs: 2_000 };

/** The broker options of the breaker. */
export const breakerOptions: NonNullable<BrokerOptions['circuitBreaker']> = {
  enabled: true,
  threshold: BREAKER.threshold,
  minRequestCount: BREAKER.minRequestCount,
  windowTime: BREAKER.windowS,
  halfOpenTime: BREAKER.halfOpenMs,
  check: isUnanswered,
};

/** Whether a call had no answer at all. A refusal, a problem, a time-out that the node itself reports: all are answers. */
export function isUnanswered(error: Error): boolean {
  const { name, nodeID } = error as Error & { readonly nodeID?: string };
  return nodeID === undefined && (name === 'RequestTimeoutError' || name === 'RequestRejectedError');
}

interface Circuit {
  readonly ep: { readonly id: string };
  readonly cbTimer: NodeJS.Timeout | null;
}

/** The middleware; it takes the place of Moleculer's, after `Timeout`. */
export function breakers(broker: ServiceBroker): Middleware {
  const { localAction: _, created, ...breaker } = Middlewares.CircuitBreaker(broker);
  return {
    ...breaker,
    name: 'Breakers',
    created(self) {
      created?.(self);
      self.localBus.on('$node.disconnected', ({ node }: { node: { id: string } }) => forget(circuitsOf(self), node.id));
    },
  };
}

/** The circuits of a broker by node and action: `orders-1:orders.place`. */
export function circuitsOf(broker: ServiceBroker): Map<string, Circuit> {
  return (broker as unknown as { CircuitBreakerStore?: Map<string, Circuit> }).CircuitBreakerStore ?? new Map();
}

function forget(circuits: Map<string, Circuit>, nodeId: string): void {
  for (const [name, { ep, cbTimer }] of circuits) {
    if (ep.id !== nodeId) continue;
    clearTimeout(cbTimer ?? undefined);
    circuits.delete(name);
  }
}
