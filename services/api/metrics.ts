// What the gateway counts: requests by route and status, and how long they took, in the Prometheus text format.

import type { Route } from './route.ts';

/** Upper bounds of the histogram, in seconds. */
const BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;

export interface RouteMetrics {
  observe(status: number, seconds: number): void;
}

export interface Metrics {
  /** The counters of one route; requests to no route count as `unmatched`. */
  of(route: Pick<Route, 'method' | 'path'>): RouteMetrics;
  text(): string;
}

interface Counters {
  readonly labels: string;
  readonly statuses: Map<number, number>;
  /** Per bound, not cumulated; the last one is for everything slower. */
  readonly buckets: Float64Array;
  sum: number;
}

/** Counters at zero. */
export function createMetrics(): Metrics {
  const all: Counters[] = [];
  return {
    of({ method, path }) {
      const counters: Counters = {
        labels: `method="${method}",route="${path}"`,
        statuses: new Map(),
        buckets: new Float64Array(BOUNDS.length + 1),
        sum: 0,
      };
      all.push(counters);
      return {
        observe(status, seconds) {
          counters.statuses.set(status, (counters.statuses.get(status) ?? 0) + 1);
          counters.sum += seconds;
          let i = 0;
          while (i < BOUNDS.length && seconds > (BOUNDS[i] as number)) i += 1;
          (counters.buckets[i] as number) += 1;
        },
      };
    },
    text: () => [...requests(all), ...durations(all), ''].join('\n'),
  };
}

function* requests(all: readonly Counters[]): Generator<string> {
  yield '# HELP souk_http_requests_total Requests answered by the gateway.';
  yield '# TYPE souk_http_requests_total counter';
  for (const { labels, statuses } of all) {
    for (const [status, count] of statuses) yield `souk_http_requests_total{${labels},status="${status}"} ${count}`;
  }
}

function* durations(all: readonly Counters[]): Generator<string> {
  const name = 'souk_http_request_duration_seconds';
  yield `# HELP ${name} Time until the answer began, by route.`;
  yield `# TYPE ${name} histogram`;
  for (const { labels, buckets, sum } of all) {
    let count = 0;
    const lines = BOUNDS.map(
      (bound, i) => `${name}_bucket{${labels},le="${bound}"} ${(count += buckets[i] as number)}`,
    );
    count += buckets[BOUNDS.length] as number;
    if (count === 0) continue;
    yield* lines;
    yield `${name}_bucket{${labels},le="+Inf"} ${count}`;
    yield `${name}_sum{${labels}} ${sum}`;
    yield `${name}_count{${labels}} ${count}`;
  }
}
