// What a reader of a result must know besides its verdict: which code it is of, what was left out, and what was impossible.

import type { FaultKind } from '../faults/fault.ts';
import type { Machine, Restricted, Result, RunResult } from './result.ts';

/** Kinds that need root, a network or a disk of their own. Whatever else is impossible is a mistake of the campaign. */
const NEED_RIGHTS: ReadonlySet<FaultKind> = new Set(['link-down', 'slow-disk', 'full-disk']);

/** Kinds that could not be tried in any run, and why. */
export function impossibleKinds(runs: readonly RunResult[]): ReadonlyMap<FaultKind, string> {
  const tried = new Set(runs.flatMap(({ faults }) => faults.map(({ kind }) => kind)));
  const all = runs.flatMap(({ impossible = [] }) => impossible);
  return new Map(
    all.filter(({ kind }) => NEED_RIGHTS.has(kind) && !tried.has(kind)).map(({ kind, why }) => [kind, why]),
  );
}

/** Kinds and their reasons, as words. */
export const toldImpossible = (kinds: ReadonlyMap<FaultKind, string>): string =>
  [...kinds].map(([kind, why]) => `${kind} (${why})`).join(', ');

/** All machines that runs were made on. */
export const machinesOf = ({ machine, machines = [machine] }: Result): readonly Machine[] => machines;

/** What may go wrong, as words. */
export function toldRestricted(restricted: Restricted | undefined): string {
  if (restricted === undefined) return 'all faults';
  const { kinds, target } = restricted;
  return `only faults${kinds === undefined ? '' : ` of ${kinds.join(', ')}`}${target === undefined ? '' : ` at ${target}`}`;
}

/** In sentences; empty: there is nothing to add. */
export function caveatsOf(result: Result): readonly string[] {
  const { commit, restricted, runs } = result;
  const impossible = impossibleKinds(runs);
  return [
    ...(commit === '' ? ['Of an unknown commit.'] : []),
    ...(commit.endsWith('-dirty') ? [`Of ${commit}: there were changes that nobody has committed.`] : []),
    ...(restricted === undefined ? [] : [`With ${toldRestricted(restricted)}: a part, whatever its runs.`]),
    ...(impossible.size === 0 ? [] : [`Impossible here, so nothing is known of it: ${toldImpossible(impossible)}.`]),
  ];
}
