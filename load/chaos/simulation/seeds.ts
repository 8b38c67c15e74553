// The command `npm run simulate`: many seeds of the checkout, and the shortest story of the first that fails.
//
//   --seeds 1000000 --seed 1           seeds one after another ─► fails? shrink ─► story, and the words that tell it again
//   --keep 3:1,17:4 --without o2.Place.1                           one schedule ─► story

import { parseArgs } from 'node:util';
import { type Report, type Rules, simulate } from '../../../actors/checkout.simulation.ts';
import { failureOf, shrink, type Shrunk } from '../../../actors/failure.simulation.ts';
import { scheduleOf, wordsOf } from '../../../actors/shrink.simulation.ts';

const SEEDS_DEFAULT = 10_000;
/** Seeds are 32 bits. */
const SEED_LIMIT = 2 ** 32;
/** How much of a failed run is shown: what led to it comes last. */
const TRACE_LINES_MAX = 60;
const PROGRESS_EVERY_MS = 1_000;

const figure = new Intl.NumberFormat('en');

export interface Saying {
  readonly say: (line: string) => void;
  readonly complain: (line: string) => void;
  /** Shown now and then, and gone when something is said. */
  readonly progress?: (line: string) => void;
}

/**
 * Runs what the words of the command line ask for.
 * @returns the exit status: 0 nothing is wrong, 1 something is, 2 the words are not understood
 */
export function simulateSeeds(words: readonly string[], rules: Rules, saying: Saying): 0 | 1 | 2 {
  try {
    const wanted = understand(words);
    return wanted.schedule === undefined ? seedsFrom(wanted, rules, saying) : replay(wanted, rules, saying);
  } catch (error) {
    if (!(error instanceof Misunderstood)) throw error;
    saying.complain(`simulate: ${error.message}`);
    return 2;
  }
}

class Misunderstood extends Error {}

interface Wanted {
  readonly seeds: number;
  readonly first: number;
  readonly schedule?: ReturnType<typeof scheduleOf>;
}

function understand(words: readonly string[]): Wanted {
  const text = { type: 'string' } as const;
  const options = { seeds: text, seed: text, keep: text, without: text };
  try {
    const { seeds, seed, keep, without } = parseArgs({ args: [...words], options }).values;
    const wanted = {
      seeds: wholeNumber('seeds', seeds, SEEDS_DEFAULT, Number.MAX_SAFE_INTEGER),
      first: wholeNumber('seed', seed, Math.floor(Math.random() * SEED_LIMIT), SEED_LIMIT),
    };
    if (keep === undefined && without === undefined) return wanted;
    return { ...wanted, schedule: scheduleOf({ keep: keep ?? '', without: without ?? '' }) };
  } catch (error) {
    throw new Misunderstood((error as Error).message);
  }
}

/** A whole number from the command line. @throws RangeError, a sentence that says what is wrong with it */
function wholeNumber(name: string, text: string | undefined, otherwise: number, limit: number): number {
  const value = text === undefined ? otherwise : Number(text);
  if (Number.isSafeInteger(value) && value >= 0 && value < limit) return value;
  throw new RangeError(`--${name} takes a whole number from 0 to ${figure.format(limit - 1)}, not "${text}"`);
}

function replay({ first, schedule }: Wanted, rules: Rules, { say }: Saying): 0 | 1 {
  const failure = failureOf(first, rules, schedule);
  if (failure === undefined) {
    say('simulate: this schedule does not fail; nothing is wrong with it');
    return 0;
  }
  for (const line of failure.story) say(line);
  say(`simulate: FAILED: ${failure.message}`);
  return 1;
}

const sum = (counts: Readonly<Record<string, number>>): number => Object.values(counts).reduce((all, n) => all + n, 0);

function seedsFrom({ seeds, first }: Wanted, rules: Rules, saying: Saying): 0 | 1 {
  const { say, progress = () => {} } = saying;
  const started = performance.now();
  const totals = { commits: 0, orders: 0, faults: 0 };
  const endings: Record<string, number> = {};
  let shownAt = started;

  function count(report: Report): void {
    totals.commits += report.commits;
    totals.orders += sum(report.orders);
    totals.faults += sum(report.faults);
    for (const [status, orders] of Object.entries(report.orders)) endings[status] = (endings[status] ?? 0) + orders;
  }

  if (seeds === 0) {
    say('simulate: no seed was run, so nothing was shown');
    return 1;
  }
  for (let done = 0; done < seeds; done++) {
    const seed = (first + done) % SEED_LIMIT;
    try {
      count(simulate(seed, rules));
    } catch (error) {
      tell(seed, done, error as Error, rules, saying);
      return 1;
    }
    if (performance.now() - shownAt > PROGRESS_EVERY_MS) {
      shownAt = performance.now();
      progress(`simulate: ${figure.format(done + 1)} of ${figure.format(seeds)} seeds`);
    }
  }
  const seconds = (performance.now() - started) / 1_000;
  const ends = Object.entries(endings).map(([status, orders]) => `${figure.format(orders)} ${status}`);
  say(
    `simulate: ${figure.format(seeds)} seeds from ${first} in ${seconds.toFixed(1)} s: ${figure.format(totals.orders)} orders (${ends.join(', ')}), ` +
      `${figure.format(totals.commits)} commits, ${figure.format(totals.faults)} faults; stock and money conserved, every order settled`,
  );
  return 0;
}

/** The shortest story that fails as this seed does, and how to hear it again. */
function tell(seed: number, done: number, error: Error, rules: Rules, { say, progress }: Saying): void {
  progress?.('simulate: a seed fails; looking for the shortest run that fails alike');
  const whole = failureOf(seed, rules);
  const shrunk = shrink(seed, rules);
  if (whole !== undefined && shrunk !== undefined) {
    for (const line of shrunk.failure.story.slice(-TRACE_LINES_MAX)) say(line);
    say('');
  }
  say(error.stack ?? error.message);
  say(
    `simulate: FAILED after ${figure.format(done)} seeds: ${error.message}; npm run simulate -- --seeds 1 --seed ${seed}`,
  );
  if (whole === undefined || shrunk === undefined) return;
  const { keep, without } = wordsOf(shrunk.schedule);
  say(`simulate: shrunk from ${partsOf(whole)} to ${partsOf(shrunk.failure)}: ${shrunk.failure.message}`);
  say(`npm run simulate -- --seed ${seed} --keep ${keep === '' ? "''" : keep} --without ${without || "''"}`);
}

function partsOf({ wishes, faults, story }: Shrunk['failure']): string {
  const orders = wishes.filter((wish) => wish.includes('.Place.')).length;
  return `${orders} orders, ${faults} faults, ${story.length} steps`;
}
