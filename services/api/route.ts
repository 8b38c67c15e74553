// A line of the route table: everything the gateway knows about one call of the REST contract. What happens to a request,
// what is validated and what the OpenAPI document says are all made from these lines, so they cannot disagree.

import { idFromCommand } from '../../mixins/ids.ts';
import type { Admitted } from './gateway.ts';

/** A JSON Schema (2020-12 as far as OpenAPI 3.1 and Ajv agree on it). */
export type Schema = Readonly<Record<string, unknown>>;

export const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;
export type Method = (typeof methods)[number];

/**
 * Who may call. Each admits what the services can tell apart; whose object it is, they decide themselves.
 *
 *   public     everybody; credentials are not asked for, and bad ones are not held against the caller
 *   anyone     guests (with or without a cart) and signed-in callers; bad credentials are refused
 *   cart       the bearer of a guest cart's token, and signed-in callers
 *   order      the bearer of a guest order's token, and signed-in callers
 *   customer   signed-in callers        staff   roles staff and admin        admin   role admin
 */
export const audiences = ['public', 'anyone', 'cart', 'order', 'customer', 'staff', 'admin'] as const;
export type Audience = (typeof audiences)[number];

/**
 * What the body is and what comes back.
 *
 *   json     a JSON object (or none) in, JSON out           events   one event or an array of them in
 *   csv      text/csv in, streamed to the action             raw      any bytes in, as they came (they are signed)
 *   export   a stream of text out                            sse      text/event-stream out
 */
export type RouteKind = 'json' | 'events' | 'csv' | 'raw' | 'export' | 'sse';

export interface Route {
  readonly method: Method;
  /** OpenAPI's spelling: `/api/v1/orders/{id}`. */
  readonly path: string;
  /** The Moleculer action that answers; also the operation's id. */
  readonly action: string;
  /** A few words for the OpenAPI document. */
  readonly summary: string;
  readonly who: Audience;
  readonly kind: RouteKind;
  /** Statuses of success; the first one is sent unless the action sets another. */
  readonly statuses: readonly [number, ...number[]];
  /** Name of the answer's schema in `answers.schemas.ts`; absent if there is no body. */
  readonly answer?: string;
  /** Refusals beyond those that follow from the rest of the line (409, mostly). */
  readonly refusals: readonly number[];
  /** JSON Schemas of path parameters and query parameters by name, and of the body. */
  readonly params: Readonly<Record<string, Schema>>;
  readonly query: Readonly<Record<string, Schema>>;
  readonly body?: Schema;
  /** What the OpenAPI document says of the body, where the gateway itself asks for less. */
  readonly documentedBody?: Schema;
  /** The body may be left out; then it is `{}`. */
  readonly bodyOptional: boolean;
  /** The answer has an ETag, so that who has it already gets 304. */
  readonly tagged: boolean;
  /** An Idempotency-Key makes a repeat harmless. */
  readonly idempotent: boolean;
  /** The action that knows what earlier keyed requests have led to. */
  readonly lookup?: string;
  /**
   * Whether it is asked before anything else. It has to be where the action cannot see by itself that the key was used,
   * because what it makes is not named by the key. Elsewhere the action recognises its repeat, and the lookup is asked
   * only when a request is refused: that comes to the same, and spares the common case a read.
   */
  readonly lookupFirst: boolean;
  /** How long the action may take, in milliseconds; 0: as long as it likes. */
  readonly timeoutMs: number;
  /** The actor that the call is about: it goes to the actor's node; none: to each node in turn. */
  readonly shard?: (call: Sharded) => string | undefined;
  /** Which allowance the call uses up. Probes use none. */
  readonly allowance: 'ordinary' | 'credentials' | 'none';
}

/** What is known of a request when its node is chosen. */
export type Sharded = Pick<Admitted, 'path' | 'principal' | 'commandId'>;

/** The thing in the path is the actor. */
export const byId = ({ path }: Sharded): string | undefined => path['id'] as string | undefined;
/** What the call makes is the actor: its id is known before it is made. */
export const byCommand = ({ commandId }: Sharded): string => idFromCommand(commandId);
/** The caller is the actor. */
export const byCaller = ({ principal }: Sharded): string | undefined =>
  principal.kind === 'user' ? principal.id : undefined;

/** How long an ordinary action may take before the caller is told to come back, in milliseconds. */
export const ACTION_TIMEOUT_MS = 10_000;

type Given = Pick<Route, 'action' | 'summary' | 'who'> & Partial<Omit<Route, 'method' | 'path'>>;

/** A line of the table: what is not said is the ordinary case (JSON in and out, 200, path parameters are ids). */
export function route(call: `${Method} /${string}`, given: Given): Route {
  const [method, path] = call.split(' ') as [Method, string];
  const names = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1] as string);
  const kind = given.kind ?? 'json';
  const byPath = names.includes('id') ? { shard: byId } : {};
  return {
    method,
    path,
    kind,
    statuses: [200],
    refusals: [],
    query: {},
    bodyOptional: given.body === undefined,
    tagged: false,
    idempotent: false,
    lookupFirst: false,
    timeoutMs: kind === 'csv' || kind === 'export' || kind === 'sse' ? 0 : ACTION_TIMEOUT_MS,
    allowance: 'ordinary',
    ...byPath,
    ...given,
    params: { ...Object.fromEntries(names.map((name) => [name, idParameter])), ...given.params },
  };
}

/** Ids are the services' own: what is no id of theirs is simply not found. */
const idParameter: Schema = { type: 'string', minLength: 1, maxLength: 128 };
