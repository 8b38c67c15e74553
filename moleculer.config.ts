// One broker configuration for every mode, from the environment. The embedded mode has one node and no transporter; in the
// cluster nodes reach each other over NATS, and every call has guards (docs/guards.md lists them all).

import { type BrokerOptions, Strategies } from 'moleculer';
import { announced } from './brokers/announced.ts';
import { breakerOptions, breakers } from './brokers/breakers.ts';
import { Discoverer } from './brokers/discoverer.ts';
import { failover } from './brokers/failover.ts';
import { NatsTransporter } from './brokers/nats-transporter.ts';
import { RENDEZVOUS, RendezvousStrategy } from './brokers/rendezvous.ts';
import { timeouts } from './brokers/timeouts.ts';
import type { Settings } from './mixins/settings.ts';

/** How long a call may take before its caller gives up, in milliseconds; well above every wait of our own. */
export const REQUEST_TIMEOUT_MS = 15_000;
/** How often a node says that it is there, and after what silence it counts as gone, in seconds. */
export const HEARTBEAT_S = { interval: 1, timeout: 3 };
/** How long a node that stops waits for the calls it has taken, in milliseconds; the longest of ours wait 2 s for others. */
export const DRAIN_MS = 3_000;
/** Requests to other nodes that may be under way; two for each connection that a gateway takes. */
export const UNDER_WAY_MAX = 20_000;
/** Moleculer's retries, for actions that ask for them: a read waits out the time that NATS needs to be reached again. */
export const RETRY = { retries: 3, delay: 100, factor: 2, maxDelay: 400 };

/** Options of this node's broker. Logs are JSON lines in `logFile`; the terminal belongs to people. */
export function brokerOptions(settings: Settings, logFile: string): BrokerOptions {
  return {
    namespace: 'souk',
    nodeID: settings.nodeId,
    logger: { type: 'Pino', options: { level: settings.logLevel, pino: { options: {}, destination: logFile } } },
    requestTimeout: REQUEST_TIMEOUT_MS,
    // Parameters are checked at the gateway and by `receive`, each by a schema of its own.
    validator: false,
    metrics: false,
    tracing: false,
    // The start program decides in which order things end.
    skipProcessEventRegistration: true,
    ...(settings.natsUrl === undefined ? {} : clusterOptions(settings.natsUrl, settings.nodeId)),
  };
}

/** What a node has that others can call. */
function clusterOptions(natsUrl: string, nodeId: string): BrokerOptions {
  // By name, on every broker: a class does not travel in a schema.
  (Strategies.register as unknown as (name: string, strategy: typeof RendezvousStrategy) => void)(
    RENDEZVOUS,
    RendezvousStrategy,
  );
  return {
    transporter: new NatsTransporter(natsUrl, nodeId),
    transit: { maxQueueSize: UNDER_WAY_MAX },
    heartbeatInterval: HEARTBEAT_S.interval,
    heartbeatTimeout: HEARTBEAT_S.timeout,
    // A key belongs to its node, not to whoever asks.
    registry: { strategy: RENDEZVOUS, preferLocal: false, discoverer: new Discoverer() },
    tracking: { enabled: true, shutdownTimeout: DRAIN_MS },
    circuitBreaker: breakerOptions,
    retryPolicy: { enabled: false, ...RETRY, check: ({ name }: Error) => name === 'BrokerDisconnectedError' },
    // Moleculer's own, each wrapping those before it; only the breaker has another place. Moleculer takes functions of the
    // broker, though it declares only objects and names.
    internalMiddlewares: false,
    middlewares: [
      'ActionHook',
      'Bulkhead',
      'ContextTracker',
      timeouts as never,
      breakers as never,
      'Retry',
      'Fallback',
      'ErrorHandler',
      'Tracing',
      'Metrics',
      failover(),
      announced(),
    ],
  };
}
