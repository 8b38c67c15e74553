// Parts of one campaign as a whole: of one commit, with the same faults, and each run once.

import type { Profile } from '../profiles.ts';
import { machinesOf, toldRestricted } from './caveats.ts';
import { toldNumbers } from './numbers.ts';
import type { Result } from './result.ts';

/** Whether every run of its profile was asked for, and every kind of fault let in; else it is held against less. */
export function isWhole(
  { wanted, restricted }: Pick<Result, 'wanted' | 'restricted'>,
  { runs, loadMs }: Pick<Profile, 'runs' | 'loadMs'>,
): boolean {
  // The hour of load is one more than the runs.
  const all = Array.from({ length: runs + (loadMs > 0 ? 1 : 0) }, (_, i) => i + 1);
  return restricted === undefined && all.every((number) => wanted.includes(number));
}

/**
 * Parts of one campaign as a whole.
 * @throws Error if they are of several campaigns, of several commits, differ in what may go wrong, or have a run twice
 */
export function merged(parts: readonly Result[]): Result {
  const [first] = parts;
  if (first === undefined) throw new Error('there is nothing to put together: name the JSON files of the parts');
  for (const { profile, seed } of parts) {
    if (profile !== first.profile || seed !== first.seed)
      throw new Error(
        `parts of one campaign share profile and seed; these are ${first.profile} ${first.seed} and ${profile} ${seed}`,
      );
  }
  demandOne(parts, 'their commit', ({ commit }) => `of ${commit === '' ? 'an unknown commit' : commit}`);
  demandOne(parts, 'what may go wrong in them', (part) => `with ${toldRestricted(inOrder(part).restricted)}`);
  const runs = parts.flatMap((part) => part.runs).toSorted((a, b) => a.number - b.number);
  const twice = runs.find(({ number }, i) => runs[i + 1]?.number === number);
  if (twice !== undefined) throw new Error(`run ${twice.number} is in two parts; give each run once`);
  const machines = [...new Map(parts.flatMap(machinesOf).map((one) => [JSON.stringify(one), one])).values()];
  return {
    ...first,
    began: parts.map(({ began }) => began).toSorted()[0] as string,
    tookMs: parts.reduce((sum, { tookMs }) => sum + tookMs, 0),
    ...(machines.length > 1 && { machines }),
    wanted: [...new Set(parts.flatMap(({ wanted }) => wanted))].toSorted((a, b) => a - b),
    runs,
  };
}

/** Kinds may be named in any order. */
function inOrder({ restricted }: Result): Pick<Result, 'restricted'> {
  if (restricted?.kinds === undefined) return restricted === undefined ? {} : { restricted };
  return { restricted: { ...restricted, kinds: [...new Set(restricted.kinds)].toSorted() } };
}

/** @throws Error that says of each part how it differs */
function demandOne(parts: readonly Result[], what: string, sayOf: (part: Result) => string): void {
  if (new Set(parts.map(sayOf)).size === 1) return;
  const told = parts.map((part) => `runs ${toldNumbers(part.runs.map(({ number }) => number))} ${sayOf(part)}`);
  throw new Error(`parts of one campaign share ${what}: ${told.join('; ')}`);
}
