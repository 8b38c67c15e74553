// A history as figures to draw: what happened in each second, and how soon a fault was forgotten.

import type { FaultRecord } from '../faults/fault.ts';
import { type History, type Operation, outcomeOf } from '../history/operation.ts';
import type { Second } from './result.ts';

/** How long keyed operations are watched at once, in milliseconds. */
const WINDOW_MS = 1_000;
/** So many of the share that succeeded before must succeed again: hot articles are sold out meanwhile, and that is no fault. */
const AS_BEFORE = 0.9;
/** Fewer operations say nothing of a share. */
const SOME = 5;

const isRefused = ({ ending }: Operation) => ending?.status === 503 || ending?.status === 429;

/** Answers of each second of a run. */
export function secondsOf(history: History, from: number, to: number): readonly Second[] {
  const ended = history.filter(({ ending }) => ending !== undefined && ending.endedAt >= from && ending.endedAt <= to);
  const bySecond = Map.groupBy(ended, ({ ending }) => Math.floor(((ending?.endedAt ?? from) - from) / 1_000));
  return Array.from({ length: Math.ceil((to - from) / 1_000) }, (_, at) => {
    const all = bySecond.get(at) ?? [];
    const took = all
      .flatMap(({ at: began, ending }) => (ending?.status === undefined ? [] : [ending.endedAt - began]))
      .toSorted((a, b) => a - b);
    const share = (part: number) => Math.round(took[Math.floor((took.length - 1) * part)] ?? 0);
    const count = (is: (operation: Operation) => boolean) => all.filter(is).length;
    return {
      at,
      ok: count((operation) => outcomeOf(operation) === 'ok'),
      fail: count((operation) => outcomeOf(operation) === 'fail' && !isRefused(operation)),
      refused: count(isRefused),
      unknown: count(({ ending }) => ending?.status === undefined),
      p50: share(0.5),
      p99: share(0.99),
    };
  });
}

/** What a caller may rely on: keyed, or harmless to repeat. */
const isReliable = ({ key, method }: Operation) => key !== undefined || method === 'GET';
/** Answered, also by a refusal that a rule demands, and neither sent away nor failed. */
const isServed = (operation: Operation) => (operation.ending?.status ?? 500) < 500 && !isRefused(operation);

function servedShare(history: History, from: number, to: number): number | undefined {
  const begun = history.filter((operation) => operation.at >= from && operation.at < to && isReliable(operation));
  return begun.length < SOME ? undefined : begun.filter(isServed).length / begun.length;
}

/**
 * Milliseconds from the moment a fault was taken away until what callers may rely on was served as before it; undefined: never seen.
 * Looked at in windows of a second that begin every tenth of one.
 */
export function recoveryOf(
  history: History,
  { from, to, lifted = to }: Pick<FaultRecord, 'from' | 'to' | 'lifted'>,
  until: number,
): number | undefined {
  const near = history.filter(({ at }) => at >= from - 5 * WINDOW_MS && at < until);
  const before = servedShare(near, from - 5 * WINDOW_MS, from) ?? 1;
  for (let at = lifted; at + WINDOW_MS <= until; at += WINDOW_MS / 10) {
    const share = servedShare(near, at, at + WINDOW_MS);
    if (share !== undefined && share >= before * AS_BEFORE) return at - lifted;
  }
  return undefined;
}
