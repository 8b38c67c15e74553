// What is wrong in one run: a violation, and as much a run that did nothing, injected nothing or saw nothing.

import type { RunResult } from './result.ts';
import { endedIn } from './shares.ts';

/**
 * Operations that a run must bring to an end, as a share of those that were due. With an overload in it more are offered,
 * never less: such runs ended 1.6 to 2.8 times what was due without it.
 */
const RATE_MIN = 0.8;
/**
 * Looks at the stores that may fail, as a share: they do while PostgreSQL is away. Of 150 runs most had none that failed;
 * with PostgreSQL killed, or its disk slow, up to 40 in a hundred did, with three kills in a run 45. A disk that hung for two
 * minutes by mistake: 75.
 */
const LOOKS_FAILED_MAX = 0.5;

/** In sentences; empty: nothing is. */
export function wrongIn(run: RunResult): readonly string[] {
  const { number, error, findings, faults, deaths, unsettled, ownFaults = [] } = run;
  const told = (sentence: string) => `Run ${number}: ${sentence}`;
  if (error !== undefined) return [`Run ${number} broke off: ${error}`, ...ownFaults.map(told)];
  return [
    ...findings
      .filter(({ wrongCount }) => wrongCount > 0)
      .map(
        ({ invariant, claim, wrongCount, wrong }) =>
          `${invariant} (${claim}) is violated ${wrongCount} ×: ${wrong.join('; ')}`,
      ),
    ...faults.flatMap(({ kind, target, error: failed, violations = [] }) => [
      ...(failed === undefined ? [] : [`${kind} of ${target} was not over: ${failed}`]),
      ...violations.map((violation) => `${kind} of ${target}: ${violation}`),
    ]),
    ...deaths,
    ...ownFaults,
    ...unsettled.map((sentence) => `it never came to rest: ${sentence}`),
    ...tooFew(run),
    ...nothingInjected(run),
    ...blind(run),
  ].map(told);
}

/** A workload that stood still shows nothing. */
function tooFew(run: RunResult): readonly string[] {
  const seconds = (run.to - run.from) / 1_000;
  const [ended, due] = [endedIn(run), run.perSecond * seconds];
  return ended >= RATE_MIN * due
    ? []
    : [`${ended} operations ended in ${Math.round(seconds)} s, of ${Math.round(due)} that were due`];
}

/** Runs in health are meant to have no faults; all others have shown nothing without. */
function nothingInjected({ faults, scheduled = 0, impossible = [] }: RunResult): readonly string[] {
  if (faults.some(({ evidence }) => evidence.length > 0)) return [];
  if (faults.length > 0) return [`none of its ${faults.length} faults left evidence, so it shows nothing of faults`];
  return scheduled <= impossible.length
    ? []
    : [`none of the ${scheduled} faults of its schedule was injected, so it shows nothing of faults`];
}

/** What lies between beginning and end is seen by looking. */
function blind({ looks: { done, failed, reasons = [] } }: RunResult): readonly string[] {
  const all = done + failed;
  if (all === 0) return ['nobody looked at the stores during the run'];
  if (failed <= LOOKS_FAILED_MAX * all) return [];
  const why = reasons.length === 0 ? '' : `: ${reasons.join('; ')}`;
  return [
    `${failed} of ${all} looks at the stores during the run failed, so it shows little of what was between${why}`,
  ];
}
