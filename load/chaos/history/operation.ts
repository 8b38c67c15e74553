// What clients did and saw: the history that every checker reads. One operation is two lines of a JSON lines file, as it
// began and as it ended; one that never ended, because its client or its connection did, has an unknown outcome.
//
//   {"invoke":7,"at":…,"process":"customer-3","kind":"place-order",…}   ─►   {"end":7,"at":…,"outcome":"ok","status":201,…}
//
// Times are milliseconds since 1970 on the client's one clock, with a fraction; a process does one thing at a time.

/** What an operation is for; each names one or two routes of the REST contract. */
export const operationKinds = [
  'place-order',
  'read-order',
  'list-orders',
  'cancel-order',
  'ship-order',
  'deliver-order',
  'refund-order',
  'receive-stock',
  'write-off-stock',
  'read-stock',
  'create-product',
  'read-product',
  'create-cart',
  'read-cart',
  'change-cart',
  'merge-cart',
  'register',
  'log-in',
  'refresh-token',
  'read-account',
  'change-account',
  'send-event',
  'read-windows',
] as const;

export type OperationKind = (typeof operationKinds)[number];

/** `ok`: the effect was acknowledged. `fail`: the answer says that there was none. `unknown`: nobody told. */
export type Outcome = 'ok' | 'fail' | 'unknown';

// oxlint-disable-next-line typescript/no-explicit-any -- checkers look into bodies as they please
export type Json = any;

/** As it began. */
export interface Invocation {
  /** Counts up within a history. */
  readonly id: number;
  readonly at: number;
  /** The client: it does one thing at a time. */
  readonly process: string;
  readonly kind: OperationKind;
  /** Who asked: a customer's id, `staff`, `cart:<id>` or `guest`. */
  readonly principal: string;
  /** What the client wants, whatever it takes: attempts of one wish share it, so one intent has one effect. */
  readonly intent: string;
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly key?: string;
  readonly ifMatch?: string;
  /** What was sent; passwords and tokens are left out. */
  readonly body?: Json;
  /** SKUs whose stock the operation touches, with pieces, so that checkers need no catalogue. */
  readonly skus?: readonly { readonly sku: string; readonly quantity: number }[];
}

/** As it ended. */
export interface Ending {
  readonly endedAt: number;
  readonly outcome: Outcome;
  /** Missing: no answer came. */
  readonly status?: number;
  /** Parsed, if it was JSON; access and refresh tokens are left out. */
  readonly answer?: Json;
  readonly etag?: string;
  /** Seconds. */
  readonly retryAfter?: number;
  /** Whether the answer was a repeat of an earlier one (`Idempotency-Replayed`). */
  readonly replayed?: boolean;
  /** Why no answer came: a refused or broken connection, a time limit. */
  readonly error?: string;
}

/** One operation, whole. Without an `ending` it was under way when the history closed, and its outcome is unknown. */
export interface Operation extends Invocation {
  readonly ending?: Ending;
}

/** In the order in which they began. */
export type History = readonly Operation[];

/** The outcome, also of what never ended. */
export const outcomeOf = ({ ending }: Operation): Outcome => ending?.outcome ?? 'unknown';
