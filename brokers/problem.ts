// Errors as part of the interface (RFC 9457): a slug that stays, a status, and a sentence that says what was wrong,
// where, and what would be right. Any service throws a `Problem`; the gateway turns it into application/problem+json.

import { Errors } from 'moleculer';
import { isRefusal, type Refusal } from '../actors/actor.ts';

/** One particular of a problem: where in the request (JSON pointer), and what. Further members are allowed. */
export interface ProblemDetail {
  readonly pointer?: string;
  readonly code: string;
  readonly detail: string;
  readonly [member: string]: unknown;
}

/** HTTP status of every slug that this project answers with. A slug that is not listed is a bug (500). */
export const statusOfSlug: Readonly<Record<string, number>> = {
  'malformed-json': 400,
  'malformed-utf8': 400,
  'malformed-request': 400,
  'bad-signature': 400,
  unauthenticated: 401,
  'bad-credentials': 401,
  'token-expired': 401,
  'token-reused': 401,
  forbidden: 403,
  'not-found': 404,
  'method-not-allowed': 405,
  'request-timeout': 408,
  'wrong-state': 409,
  'insufficient-stock': 409,
  'sku-exists': 409,
  'email-exists': 409,
  'request-in-progress': 409,
  'too-many-pieces': 409,
  'cart-is-frozen': 409,
  'precondition-failed': 412,
  'body-too-large': 413,
  'unsupported-media-type': 415,
  'invalid-request': 422,
  'idempotency-key-reused': 422,
  'unknown-product': 422,
  'empty-cart': 422,
  'mixed-currencies': 422,
  'total-too-large': 422,
  'too-old': 422,
  'too-many-requests': 429,
  'headers-too-large': 431,
  'internal-error': 500,
  overloaded: 503,
  unavailable: 503,
};

/**
 * Members of a problem's data that callers see beside `errors`. Everything else (a cause, a state) is for the log:
 * what leaves is listed, so that nothing leaves by oversight.
 */
export const membersShown = ['orderId'] as const;

/** An error meant for the caller. Local and remote nodes throw it alike: it travels as a Moleculer error. */
export class Problem extends Errors.MoleculerError {
  constructor(slug: string, detail: string, errors?: readonly ProblemDetail[], more: object = {}) {
    super(detail, statusOfSlug[slug] ?? 500, slug, { ...more, ...(errors === undefined ? {} : { errors }) });
    this.name = 'Problem';
    this.retryable = slug === 'overloaded' || slug === 'unavailable';
  }

  /** The problem that a refusal of an actor becomes. */
  static of(refusal: Refusal, more: object = {}): Problem {
    return new Problem(refusal.refused, refusal.detail, refusal.errors as readonly ProblemDetail[] | undefined, more);
  }
}

/** Whether an error is a problem, thrown here or on another node (where it arrives by name, without its class). */
export function isProblem(error: unknown): error is Problem {
  if (!(error instanceof Error) || error.name !== 'Problem') return false;
  const { type } = error as { readonly type?: unknown };
  return typeof type === 'string' && Object.hasOwn(statusOfSlug, type);
}

/** What a node answers that takes nothing new because it stops; nothing was done, so another node can be asked. */
export function nodeIsStopping(): Problem {
  return new Problem('unavailable', 'this node is stopping: try again', undefined, { isNodeStopping: true });
}

/** Whether an error is `nodeIsStopping`, of this node or another. */
export function isNodeStopping(error: unknown): boolean {
  return isProblem(error) && (error.data as { readonly isNodeStopping?: unknown } | undefined)?.isNodeStopping === true;
}

/** Throws the refusal as a problem, passes anything else through. */
export function orThrow<T extends { readonly refused?: Refusal | undefined }>(told: T): T {
  if (isRefusal(told.refused)) throw Problem.of(told.refused);
  return told;
}
