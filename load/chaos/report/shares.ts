// How much of what was asked for was done, over all runs: operations a second, and what could be decided of what was seen.

import type { RunResult } from './result.ts';

/** Operations that ended while clients were there. What is read back after a run is in its history, and is no load. */
export const endedIn = ({ seconds }: Pick<RunResult, 'seconds'>): number =>
  seconds.reduce((sum, { ok, fail, refused, unknown }) => sum + ok + fail + refused + unknown, 0);

/**
 * Operations that ended in a second, of all runs together that were asked for the whole rate (an hour of load is asked for
 * less) and had no overload; undefined: there was none.
 */
export function rateOf(runs: readonly RunResult[]): number | undefined {
  const made = runs.filter(({ error }) => error === undefined);
  const most = Math.max(...made.map(({ perSecond }) => perSecond));
  const steady = made.filter(
    ({ perSecond, faults }) => perSecond === most && faults.every(({ kind }) => kind !== 'overload'),
  );
  const seconds = steady.reduce((sum, { from, to }) => sum + (to - from) / 1_000, 0);
  return seconds === 0 ? undefined : steady.reduce((sum, run) => sum + endedIn(run), 0) / seconds;
}

/** A claim of which it is known how much could not be looked at. */
export interface Decided {
  readonly invariant: string;
  readonly claim: string;
  readonly of: string;
  readonly looked: number;
  readonly unseen: number;
  /** Of all there were; 1 if there were none. */
  readonly share: number;
}

/** How much was decided of each claim that counts it, over all runs. */
export function decidedOf(runs: readonly RunResult[]): readonly Decided[] {
  const findings = runs.flatMap((run) => run.findings).filter(({ unseen }) => unseen !== undefined);
  return [...Map.groupBy(findings, ({ invariant, claim }) => `${invariant} ${claim}`).values()].map((all) => {
    const { invariant, claim, of } = all[0] as (typeof all)[number];
    const looked = all.reduce((sum, finding) => sum + finding.looked, 0);
    const unseen = all.reduce((sum, finding) => sum + (finding.unseen ?? 0), 0);
    return { invariant, claim, of, looked, unseen, share: looked + unseen === 0 ? 1 : looked / (looked + unseen) };
  });
}
