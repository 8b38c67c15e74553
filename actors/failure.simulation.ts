// A run of the checkout that fails, told step by step, and the shortest one that fails alike.
//
//   seed ─► run, everything drawn is remembered ─► Failure ─► with fewer orders? ─► shrinking ─► Schedule
//
// Orders stand in each other's way only by what is drawn for them: with the others gone, another seed may fail alike.

import { type Options, type Rules, simulate } from './checkout.simulation.ts';
import { chanceOf } from './scheduler.simulation.ts';
import { recording, replaying, type Schedule, shrinking, type Size } from './shrink.simulation.ts';

/** What a failing run was. */
export interface Failure {
  /** What was wrong, without the names and numbers of the run. */
  readonly words: string;
  readonly message: string;
  /** Everything that happened, line by line. */
  readonly story: readonly string[];
  /** Faults among it. */
  readonly faults: number;
  /** Names of what people wanted. */
  readonly wishes: readonly string[];
  /** Names of what they would have wanted as well. */
  readonly leftOut: readonly string[];
  readonly draws: readonly number[];
}

/** How the run of a seed, or of a schedule instead of it, fails; undefined: it does not. */
export function failureOf(seed: number, rules: Rules, schedule?: Schedule): Failure | undefined {
  if (schedule === undefined) return failureIn(seed, rules, recording(chanceOf(seed)), () => false);
  const without = new Set(schedule.without);
  return failureIn(seed, rules, replaying(schedule.draws), (wish) => without.has(wish));
}

function failureIn(
  seed: number,
  rules: Rules,
  chance: ReturnType<typeof recording>,
  isLeftOut: (wish: string) => boolean,
): Failure | undefined {
  const story: string[] = [];
  const wishes: string[] = [];
  const leftOut: string[] = [];
  const options: Options = {
    chance,
    trace: (line) => void story.push(line()),
    isMade(wish) {
      (isLeftOut(wish) ? leftOut : wishes).push(wish);
      return !isLeftOut(wish);
    },
  };
  try {
    simulate(seed, rules, options);
    return undefined;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const message = error.message.replace(/ \(SEED=.*\)$/, '');
    const faults = story.filter((line) => line.includes(' ! ')).length;
    const words = wordsOfFailure(error.name, message);
    return { words, message, story, faults, wishes, leftOut, draws: chance.draws };
  }
}

/** Which orders, SKUs and how many pieces differs from run to run. */
function wordsOfFailure(name: string, message: string): string {
  return `${name}: ${message}`.replaceAll(/\b(?:pay_)?o\d+(?:\/\w+)?\b|\b(?:mug|cup|hat|fez|main|north)\b|\d+/g, '…');
}

export interface Shrunk {
  readonly schedule: Schedule;
  readonly failure: Failure;
}

/** The fewest wishes, faults and steps with which a seed fails alike; undefined: the seed does not fail. */
export function shrink(seed: number, rules: Rules, triesMax?: number): Shrunk | undefined {
  const whole = failureOf(seed, rules);
  if (whole === undefined) return undefined;
  const { wishes, leftOut, draws, ...first } = withFewerOrders(seed, rules, whole) ?? whole;
  const start: Schedule = { draws, without: leftOut };
  const search = shrinking(start, [...wishes, ...leftOut], sizeOf({ wishes, ...first }, draws), triesMax);
  let next = search.next();
  while (next.done !== true) {
    const failure = failureOf(seed, rules, next.value);
    next = search.next(failure?.words === whole.words ? sizeOf(failure, next.value.draws) : undefined);
  }
  const failure = failureOf(seed, rules, next.value);
  return failure && { schedule: next.value, failure };
}

/** Seeds that are tried with fewer orders. */
const OTHER_SEEDS = 1_000;

/** A run that fails alike with as few orders as possible, of this seed or one of those after it. */
function withFewerOrders(seed: number, rules: Rules, whole: Failure): Failure | undefined {
  const orders = whole.wishes.filter((wish) => wish.includes('.Place.')).length;
  for (let kept = 1; kept < orders; kept++) {
    const isLeftOut = (wish: string): boolean => Number(/^o(\d+)\./.exec(wish)?.[1] ?? 0) > kept;
    for (let other = seed; other < seed + OTHER_SEEDS; other++) {
      const failure = failureIn(other, rules, recording(chanceOf(other)), isLeftOut);
      if (failure?.words === whole.words) return failure;
    }
  }
  return undefined;
}

function sizeOf(
  { wishes, faults, story }: Pick<Failure, 'wishes' | 'faults' | 'story'>,
  draws: readonly number[],
): Size {
  const loud = draws.filter((draw) => draw > 0);
  return [wishes.length, faults, story.length, loud.length, loud.reduce((sum, draw) => sum + draw, 0), draws.length];
}
