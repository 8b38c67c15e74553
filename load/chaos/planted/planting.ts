// Plants bugs into copies of the shop, runs it by one seed after another, and tells which invariant a checker first found
// broken, by which seed and how fast.

import { changedCopies, type Copies } from '../../../infra/toolchain/changed-copies.ts';
import type { Finding } from '../../../mixins/finding.ts';
import type { PlantedBug } from '../../../mixins/planted-bugs.testing.ts';
import { wrongIn } from '../simulation/judging.ts';
import { runSeed } from '../simulation/run-seed.ts';
import { shopOf } from '../simulation/seams.ts';
import { type Workshop, workshopOf } from '../simulation/shop.ts';

/** A bug that no seed of so many shows has survived. */
const SEEDS_MAX = 20;
/** What a finding says, in a table. */
const WORDS_SHOWN = 140;

/** A bug of the shop: the checkers must find it by what clients saw and what the stores hold. */
export interface SeededBug extends PlantedBug {
  /** The seed that showed it last is tried first; none: the first seed showed it. */
  readonly seed?: number;
}

/** A bug that was found. */
export interface Catch {
  readonly bug: SeededBug;
  readonly seed: number;
  /** Every invariant that was found broken by that seed. */
  readonly invariants: readonly string[];
  /** What the first of them said. */
  readonly words: string;
  /** From the copy to the finding, in milliseconds. */
  readonly ms: number;
}

/** What something was seen by. That there was nothing to look at is wrong of a run, and shows no bug. */
const telling = ({ looked }: Finding): boolean => looked > 0;

/** What is wrong after a run of the seed. */
async function wrongBy(workshop: Workshop, seed: number): Promise<readonly Finding[]> {
  return wrongIn((await runSeed(workshop, seed)).evidence);
}

function* seedsFor({ seed = 1 }: SeededBug): Generator<number> {
  yield seed;
  for (let other = 1; other <= SEEDS_MAX; other++) if (other !== seed) yield other;
}

/** Copies of the shop, with bugs and without. Remove them in the end. */
export function planting() {
  const copies: Copies = changedCopies();
  return {
    copies,
    /** The first seed by which the checkers find the bug; undefined: it was not found. */
    async findBug(bug: SeededBug): Promise<Catch | undefined> {
      const from = performance.now();
      const workshop = workshopOf(await shopOf(copies, bug.changes));
      for (const seed of seedsFor(bug)) {
        const wrong = (await wrongBy(workshop, seed)).filter(telling);
        const [first] = wrong;
        if (first === undefined) continue;
        const invariants = [...new Set(wrong.map(({ invariant }) => invariant))];
        return { bug, seed, invariants, words: `${first.claim}: ${first.wrong[0]}`, ms: performance.now() - from };
      }
      return undefined;
    },
    /** What is found in the unchanged shop by these seeds: nothing. */
    async findInUnchanged(seeds: Iterable<number>): Promise<readonly string[]> {
      const workshop = workshopOf(await shopOf(copies));
      const found: string[] = [];
      for (const seed of seeds)
        for (const { invariant, claim, wrong } of await wrongBy(workshop, seed))
          found.push(`seed ${seed}: ${invariant} ${claim}: ${wrong.join('; ')}`);
      return found;
    },
  };
}

/** The catches as a table, one line each. */
export function tableOf(catches: readonly Catch[]): string {
  const lines = catches.map(({ bug: { number, bug }, seed, invariants, words, ms }) => {
    const which = number === undefined ? ' ·' : String(number).padStart(2);
    const by = invariants.join(' ');
    return `  ${which} │ ${bug} │ seed ${seed} │ ${ms.toFixed(0)} ms │ ${by} │ ${words.slice(0, WORDS_SHOWN)}`;
  });
  return `${lines.join('\n')}\n`;
}
