// What requests of a gateway have in common, and what is known of one of them on its way.

import type { KeyObject } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Context, ServiceBroker } from 'moleculer';
import type { Principal } from '../../mixins/caller.ts';
import type { Tokens } from '../../mixins/tokens.ts';
import type { Allowances } from './allowances.ts';
import type { Outcome } from './answers.ts';
import type { ConcurrencyLimit } from './concurrency-limit.ts';
import type { Metrics, RouteMetrics } from './metrics.ts';
import type { Route } from './route.ts';
import type { Running } from './running.ts';
import type { Streams } from './sse.ts';
import type { Validation } from './validation.ts';

/** What all requests of a gateway share. */
export interface Gateway {
  readonly broker: ServiceBroker;
  readonly tokens: Tokens;
  readonly fingerprintKey: KeyObject;
  readonly allowances: Allowances;
  readonly running: Running<Outcome>;
  readonly streams: Streams;
  readonly metrics: Metrics;
  /** The server stops: connections are not used again. */
  stopping: boolean;
  /** Takes what was thrown and is nobody's business outside. */
  readonly logFault: (error: unknown, particulars: object) => void;
}

/** A request as moleculer-web hands it over (`mergeParams: false`). */
export interface GatewayRequest extends IncomingMessage {
  readonly $ctx: Context;
  readonly $params?: { readonly params?: Record<string, unknown> };
  readonly originalUrl: string;
}

export type Params = Record<string, unknown>;

/** A line of the route table, ready for requests. */
export interface Line {
  readonly gateway: Gateway;
  readonly route: Route;
  readonly validation: Validation;
  readonly metrics: RouteMetrics;
  readonly concurrency: ConcurrencyLimit;
}

/** A request that is admitted: who, what, under which names. */
export interface Admitted {
  readonly request: GatewayRequest;
  readonly principal: Principal;
  readonly path: Params;
  readonly body: unknown;
  readonly requestId: string;
  readonly commandId: string;
  readonly fingerprint: string;
  readonly keyed: boolean;
  /** When its caller's patience ends, by `performance.now()`: all calls for it share the time of one. */
  readonly endsAt: number;
}
