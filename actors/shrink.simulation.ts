// Makes a failing run small: of all that was drawn and wished in it, only what the failure needs is kept.
//
//   draws of the seed ──► wishes left out ──► draws made quiet ──► draws taken out ──► smaller ones ──┐
//                              ▲                                                                       │
//                              └────────────── as long as the run gets smaller, and fails alike ◄──────┘
//
// A quiet draw is the dullest there is: no fault, the first of a choice, no delay. Each step is delta debugging (A. Zeller
// and R. Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002) on what the run draws from instead of what
// it does (D. MacIver and A. Donaldson, "Test-Case Reduction via Test-Case Generation", 2020): whatever is tried is a run.
//
// It asks for one run after another (`yield`) and is told how large it was, so that runs may take place anywhere.

import type { Chance } from './scheduler.simulation.ts';

/** In a schedule: the dullest draw. */
export const QUIET = -1;
/** Runs that are tried at most. */
const TRIES_MAX = 4_000;

/** Everything that decides a run. */
export interface Schedule {
  /** What is drawn, one after another; after the last, everything is quiet. */
  readonly draws: readonly number[];
  /** Wishes of people that are not made. */
  readonly without: readonly string[];
}

/** How large a run was; the first figure that differs decides. */
export type Size = readonly number[];

/** Draws as another chance does, and remembers what. */
export function recording(chance: Chance): Chance & { readonly draws: readonly number[] } {
  const draws: number[] = [];
  const below = (limit: number): number => {
    const drawn = chance.below(limit);
    draws.push(drawn);
    return drawn;
  };
  return chanceOver(below, (likelihood) => below(100) < likelihood, draws);
}

/** Draws what stands in a schedule, and is quiet when it has come to its end. */
export function replaying(draws: readonly number[]): Chance & { readonly draws: readonly number[] } {
  let at = 0;
  const next = (): number => draws[at++] ?? QUIET;
  return chanceOver(
    (limit) => Math.min(Math.max(next(), 0), limit - 1),
    (likelihood) => {
      const drawn = next();
      return drawn !== QUIET && drawn < likelihood;
    },
    draws,
  );
}

function chanceOver(below: Chance['below'], percent: Chance['percent'], draws: readonly number[]) {
  return { below, percent, pick: <T>(items: readonly T[]) => items[below(items.length)] as T, draws };
}

/**
 * Shrinks the schedule of a run that fails. `wishes` are the names of what people wanted in it. What is yielded is to be
 * run; the answer is the size of that run if it failed alike, else undefined. Returns the smallest that was found.
 */
export function* shrinking(
  schedule: Schedule,
  wishes: readonly string[],
  size: Size,
  triesMax: number = TRIES_MAX,
): Generator<Schedule, Schedule, Size | undefined> {
  let best = schedule;
  let bestSize = size;
  let tries = 0;

  /** Whether the schedule fails alike and is smaller: then it is the best so far. */
  function* isBetter(candidate: Schedule): Generator<Schedule, boolean, Size | undefined> {
    if (tries++ >= triesMax) return false;
    const found = yield candidate;
    if (found === undefined || !isLess(found, bestSize)) return false;
    [best, bestSize] = [candidate, found];
    return true;
  }

  const withDraws = (draws: readonly number[]): Schedule => ({ ...best, draws: trimmed(draws) });

  /** Whatever comes after so many draws is quiet. */
  function* cutShort(): Generator<Schedule, void, Size | undefined> {
    for (let length = best.draws.length >> 1; length > 0; length >>= 1) {
      while (best.draws.length > length && (yield* isBetter(withDraws(best.draws.slice(0, -length))))) continue;
    }
  }

  /** Takes draws out, so that those after them move up. */
  function* takeOut(): Generator<Schedule, void, Size | undefined> {
    for (let length = 8; length > 0; length >>= 1) {
      for (let at = best.draws.length - length; at >= 0; at--) {
        yield* isBetter(withDraws(best.draws.toSpliced(at, length)));
      }
    }
  }

  function* lower(): Generator<Schedule, void, Size | undefined> {
    for (let at = 0; at < best.draws.length; at++) {
      for (const smaller of [0, (best.draws[at] as number) >> 1]) {
        if (smaller < (best.draws[at] as number)) yield* isBetter(withDraws(best.draws.with(at, smaller)));
      }
    }
  }

  for (let before: Size | undefined; before === undefined || isLess(bestSize, before); ) {
    before = bestSize;
    const made = wishes.filter((wish) => !best.without.includes(wish));
    yield* minimise(made, (kept) => isBetter({ ...best, without: wishes.filter((wish) => !kept.includes(wish)) }));
    yield* cutShort();
    const loud = best.draws.flatMap((draw, at) => (draw === QUIET ? [] : [at]));
    yield* minimise(loud, (kept) => {
      const isKept = new Set(kept);
      return isBetter(withDraws(best.draws.map((draw, at) => (isKept.has(at) ? draw : QUIET))));
    });
    if (best.draws.length <= SHORT) yield* takeOut();
    if (best.draws.length <= SHORT) yield* lower();
  }
  return best;
}

/** Of longer schedules not every draw is tried by itself. */
const SHORT = 1_000;

/**
 * Leaves out parts of a list, halves first, then ever smaller ones, until none can be left out alone (`ddmin`, by its
 * complements).
 */
function* minimise<T>(
  items: readonly T[],
  isEnough: (kept: readonly T[]) => Generator<Schedule, boolean, Size | undefined>,
): Generator<Schedule, void, Size | undefined> {
  let kept = items;
  for (let parts = 1; kept.length > 0; ) {
    const length = Math.ceil(kept.length / parts);
    let isSmaller = false;
    for (let at = kept.length - 1 - ((kept.length - 1) % length); at >= 0; at -= length) {
      const rest = kept.toSpliced(at, length);
      if (!(yield* isEnough(rest))) continue;
      kept = rest;
      isSmaller = true;
    }
    if (length === 1 && !isSmaller) return;
    if (!isSmaller || length > kept.length) parts = Math.min(parts * 2, Math.max(kept.length, 1));
  }
}

function isLess(size: Size, other: Size): boolean {
  const at = size.findIndex((figure, i) => figure !== other[i]);
  return at >= 0 && (size[at] as number) < (other[at] ?? Number.POSITIVE_INFINITY);
}

/** Without the quiet draws at the end, which would come anyway. */
function trimmed(draws: readonly number[]): readonly number[] {
  return draws.slice(0, draws.findLastIndex((draw) => draw !== QUIET) + 1);
}

/** A schedule as words of a command line: each draw that is not quiet with its place. */
export function wordsOf({ draws, without }: Schedule): { readonly keep: string; readonly without: string } {
  const loud = draws.flatMap((draw, at) => (draw === QUIET ? [] : [`${at}:${draw}`]));
  return { keep: loud.join(), without: without.join() };
}

/**
 * The schedule that such words tell.
 * @throws RangeError if they tell none
 */
export function scheduleOf(words: { readonly keep: string; readonly without: string }): Schedule {
  const draws: number[] = [];
  for (const word of words.keep.split(',').filter(Boolean)) {
    const [at, draw] = /^\d+:\d+$/.test(word) ? (word.split(':').map(Number) as [number, number]) : [-1, -1];
    if (!isPlace(at) || !isPlace(draw)) throw new RangeError(`a draw is told as place:number, not "${word}"`);
    while (draws.length < at) draws.push(QUIET);
    draws[at] = draw;
  }
  return { draws, without: words.without.split(',').filter(Boolean) };
}

/** Places of a schedule are counted; more draws than this no run makes. */
const DRAWS_MAX = 10_000_000;
const isPlace = (number: number): boolean => number >= 0 && number < DRAWS_MAX;
