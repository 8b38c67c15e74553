// One broker configuration for every mode, from the environment. The embedded mode has one node and no transporter.

import type { BrokerOptions } from 'moleculer';
import type { Settings } from './mixins/settings.ts';

/** How long a call may take before its caller gives up, in milliseconds; well above every wait of our own. */
const REQUEST_TIMEOUT_MS = 15_000;

/** Options of this node's broker. Logs are JSON lines in `logFile`; the terminal belongs to people. */
export function brokerOptions(settings: Settings, logFile: string): BrokerOptions {
  return {
    namespace: 'souk',
    nodeID: 'souk',
    logger: { type: 'Pino', options: { level: settings.logLevel, pino: { options: {}, destination: logFile } } },
    requestTimeout: REQUEST_TIMEOUT_MS,
    // Parameters are checked at the gateway and by `receive`, each by a schema of its own.
    validator: false,
    metrics: false,
    tracing: false,
    // The start program decides in which order things end.
    skipProcessEventRegistration: true,
  };
}
