// What callers learn of an error (RFC 9457). A problem says what its author wrote for them; everything else is a fault of
// ours, told in one sentence that never changes: what was thrown goes to the log, under the request's id.

import { isProblem, membersShown, Problem, type ProblemDetail, statusOfSlug } from '../../brokers/problem.ts';

/** Seconds after which a caller may try again when the shop cannot say it better. */
const RETRY_AFTER_S = 1;
/** Errors that mean: nobody there to answer, for now; most are Moleculer's own. By name, because they arrive from other nodes too. */
const outages = new Set([
  'ServiceNotFoundError',
  'ServiceNotAvailableError',
  'RequestTimeoutError',
  'RequestSkippedError',
  'RequestRejectedError',
  'BrokerDisconnectedError',
  // A database or a log that is away, wherever a service asked it.
  'StoreUnavailable',
  'LogUnavailable',
]);

interface Thrown {
  readonly name?: unknown;
  readonly type?: unknown;
  readonly data?: unknown;
}

/** The problem that an error is for the caller; `unforeseen` ones belong in the log. */
export function problemOf(error: unknown): { readonly problem: Problem; readonly unforeseen: boolean } {
  if (isProblem(error)) return { problem: error, unforeseen: false };
  const { name, type, data } = (error ?? {}) as Thrown;
  if (typeof name === 'string' && outages.has(name))
    return {
      problem: new Problem('unavailable', 'this part of the shop does not answer at the moment: try again'),
      unforeseen: false,
    };
  if (name === 'QueueIsFullError')
    return { problem: new Problem('overloaded', 'too many requests are waiting: try again'), unforeseen: false };
  // Thrown by moleculer-web for a path that is not percent-encoded UTF-8.
  if (type === 'UNABLE_DECODE_PARAM')
    return { problem: new Problem('malformed-utf8', 'the path is not percent-encoded UTF-8'), unforeseen: false };
  if (name === 'ValidationError') return { problem: ofValidator(data), unforeseen: false };
  return { problem: new Problem('internal-error', 'something went wrong on our side'), unforeseen: true };
}

/** A service's own check of its parameters, in the words of Moleculer's validator. */
function ofValidator(data: unknown): Problem {
  const faults = Array.isArray(data) ? (data as readonly { readonly field?: string; readonly type?: string }[]) : [];
  const errors = faults.map(({ field = '', type = 'wrong-value' }): ProblemDetail => {
    return { pointer: `/${field.replaceAll('.', '/')}`, code: type, detail: 'is not as expected' };
  });
  return new Problem('invalid-request', 'the request is not as expected', errors);
}

/** Status, headers of its own and body (problem+json) of a problem. */
export function render(
  problem: Problem,
  requestId: string,
): { readonly status: number; readonly headers: Record<string, string>; readonly body: string } {
  const status = statusOfSlug[problem.type] ?? 500;
  const data = (problem.data ?? {}) as Readonly<Record<string, unknown>>;
  const shown = membersShown.filter((name) => data[name] !== undefined).map((name) => [name, data[name]]);
  const body = JSON.stringify({
    type: `urn:souk:problem:${problem.type}`,
    title: titleOf(problem.type),
    status,
    code: problem.type,
    detail: problem.message,
    requestId,
    errors: data['errors'] ?? [],
    ...Object.fromEntries(shown),
  });
  const headers: Record<string, string> = { 'Content-Type': 'application/problem+json' };
  if (status === 401)
    headers['WWW-Authenticate'] =
      `Bearer realm="souk"${problem.type === 'token-expired' ? ', error="invalid_token"' : ''}`;
  const { retryAfterSeconds = RETRY_AFTER_S } = data as { readonly retryAfterSeconds?: number };
  if (status === 429 || status === 503) headers['Retry-After'] = String(retryAfterSeconds);
  Object.assign(headers, data['headers']);
  return { status, headers, body };
}

/** `insufficient-stock` → `Insufficient stock`. */
function titleOf(slug: string): string {
  return slug.charAt(0).toUpperCase() + slug.slice(1).replaceAll('-', ' ');
}
