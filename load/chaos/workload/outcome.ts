// What an answer says of the effect: it took place (`ok`), it did not (`fail`), or nobody knows.
//
//   2xx, 304 ─► ok     429, other 4xx ─► fail     503 ─► nothing was changed by a question; a change may have been    500 ─► so too
//
// 429 is answered before anything is done (services/api/allowances.ts). A 4xx of a change is the decision of its actor, and
// waits for the confirmation of its version; what an earlier attempt under the same key has led to comes before it. A 503 may
// come from a queue in front of everything, but also after a first node took the request and fell silent: it cannot be told
// from outside, so it is unknown.

import type { Outcome } from '../history/operation.ts';

/** The outcome of a request with this method that was answered so; `status` undefined: it was not. */
export function outcomeOfAnswer(method: string, status: number | undefined): Outcome {
  if (status === undefined) return 'unknown';
  if ((status >= 200 && status < 300) || status === 304) return 'ok';
  if (status >= 400 && status < 500) return 'fail';
  return method === 'GET' ? 'fail' : 'unknown';
}

/** Whether the same request may succeed a moment later. */
export function isPassing(status: number | undefined): boolean {
  return status === undefined || status === 429 || status >= 500;
}
