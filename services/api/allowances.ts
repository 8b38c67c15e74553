// How often callers may call: a token bucket per account and one per address, in the memory of this node. Signing in and
// up has a tighter one, per address, against guessing.

import type { IncomingMessage } from 'node:http';
import type { Principal } from '../../mixins/caller.ts';
import { Problem } from '../../brokers/problem.ts';
import type { Settings } from '../../mixins/settings.ts';
import type { Route } from './route.ts';

/** So many calls at once, refilled evenly within the window. */
interface Policy {
  readonly name: string;
  readonly quota: number;
  readonly windowS: number;
}

export const policies = {
  address: { name: 'address', quota: 1_200, windowS: 60 },
  account: { name: 'account', quota: 600, windowS: 60 },
  credentials: { name: 'credentials', quota: 20, windowS: 60 },
} as const satisfies Record<string, Policy>;

/** Buckets that are remembered; beyond it the ones used longest ago are forgotten, and full again. */
const BUCKETS_MAX = 100_000;

interface Bucket {
  tokens: number;
  at: number;
}

type Headers = Record<string, string>;

export interface Allowances {
  /**
   * Uses up one call of the caller's address. Returns the headers that tell what is left.
   * @throws Problem `too-many-requests`
   */
  ofAddress(route: Route, request: IncomingMessage): Headers | undefined;
  /** The same for a signed-in caller's account. */
  ofAccount(route: Route, request: IncomingMessage, principal: Principal): Headers | undefined;
}

/** Allowances by the setting: `default` spares callers on this machine. `now` gives milliseconds. */
export function createAllowances(setting: Settings['rateLimits'], now: () => number = Date.now): Allowances {
  const buckets = new Map<string, Bucket>();

  function take(policy: Policy, who: string): Headers {
    const key = `${policy.name}:${who}`;
    const at = now();
    const bucket = buckets.get(key) ?? { tokens: policy.quota, at };
    bucket.tokens = Math.min(
      policy.quota,
      bucket.tokens + ((at - bucket.at) * policy.quota) / (policy.windowS * 1_000),
    );
    bucket.at = at;
    // The map keeps its order: what was used last stands last.
    buckets.delete(key);
    buckets.set(key, bucket);
    if (buckets.size > BUCKETS_MAX) forgetOldest(buckets);
    if (bucket.tokens < 1) {
      const retryAfterSeconds = Math.ceil(((1 - bucket.tokens) * policy.windowS) / policy.quota);
      throw new Problem(
        'too-many-requests',
        `at most ${policy.quota} calls a minute are allowed per ${policy.name === 'account' ? 'account' : 'address'} here`,
        undefined,
        {
          retryAfterSeconds,
          headers: headersOf(policy, 0, retryAfterSeconds),
        },
      );
    }
    bucket.tokens -= 1;
    return headersOf(
      policy,
      Math.floor(bucket.tokens),
      Math.ceil(((policy.quota - bucket.tokens) * policy.windowS) / policy.quota),
    );
  }

  const spares = (route: Route, { socket }: IncomingMessage): boolean =>
    route.allowance === 'none' || setting === 'off' || (setting === 'default' && isLoopback(socket.remoteAddress));

  return {
    ofAddress(route, request) {
      if (spares(route, request)) return undefined;
      return take(
        route.allowance === 'credentials' ? policies.credentials : policies.address,
        request.socket.remoteAddress ?? '',
      );
    },
    ofAccount(route, request, principal) {
      if (principal.kind !== 'user' || spares(route, request)) return undefined;
      return take(policies.account, principal.id);
    },
  };
}

/** The fields of draft-ietf-httpapi-ratelimit-headers. */
function headersOf({ name, quota, windowS }: Policy, left: number, resetS: number): Headers {
  return { 'RateLimit-Policy': `"${name}";q=${quota};w=${windowS}`, RateLimit: `"${name}";r=${left};t=${resetS}` };
}

function isLoopback(address: string | undefined): boolean {
  return address === undefined || address === '::1' || address.startsWith('127.') || address.startsWith('::ffff:127.');
}

function forgetOldest(buckets: Map<string, Bucket>): void {
  for (const key of buckets.keys()) {
    buckets.delete(key);
    return;
  }
}
