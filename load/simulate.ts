// Runs the seeded simulation of the whole checkout for as many seeds as you like, and says in one line what was shown.
//
//   npm run simulate -- --seeds 1000000 --seed 1
//
// A seed that fails is run again with everything told that happened in it; the exit status is then 1.

import { parseArgs } from 'node:util';
import { type Report, type Rules, simulate } from '../actors/checkout.simulation.ts';
import { orderActor } from '../actors/order.ts';
import { paymentActor } from '../actors/payment.ts';
import { stockActor } from '../actors/stock.ts';

const SEEDS_DEFAULT = 10_000;
/** Seeds are 32 bits. */
const SEED_LIMIT = 2 ** 32;
/** How much of a failed run is shown: what led to it comes last. */
const TRACE_LINES_MAX = 60;
const PROGRESS_EVERY_MS = 1_000;

const rules: Rules = { order: orderActor, stock: stockActor, payment: paymentActor };
const figure = new Intl.NumberFormat('en');

/** A whole number from the command line, or a sentence that says what is wrong with it. */
function whole(name: string, text: string | undefined, otherwise: number, limit: number): number {
  const value = text === undefined ? otherwise : Number(text);
  if (Number.isSafeInteger(value) && value >= 0 && value < limit) return value;
  console.error(`simulate: --${name} takes a whole number from 0 to ${figure.format(limit - 1)}, not "${text}"`);
  return process.exit(2);
}

/** What a failed seed went through, up to its failure. */
function story(seed: number): readonly string[] {
  const lines: string[] = [];
  try {
    simulate(seed, rules, { trace: (line) => void lines.push(line()) });
  } catch {
    // That it fails is known; the story is what was asked for.
  }
  return lines.length <= TRACE_LINES_MAX ? lines : ['…', ...lines.slice(-TRACE_LINES_MAX)];
}

const sum = (counts: Readonly<Record<string, number>>): number => Object.values(counts).reduce((all, n) => all + n, 0);

const { values } = parseArgs({ options: { seeds: { type: 'string' }, seed: { type: 'string' } } });
const seeds = whole('seeds', values.seeds, SEEDS_DEFAULT, Number.MAX_SAFE_INTEGER);
const first = whole('seed', values.seed, Math.floor(Math.random() * SEED_LIMIT), SEED_LIMIT);

const started = performance.now();
const totals = { commits: 0, orders: 0, faults: 0 };
const endings: Record<string, number> = {};
let shownAt = started;
let failure: { readonly seed: number; readonly error: Error } | undefined;
let done = 0;

for (; done < seeds && failure === undefined; done++) {
  const seed = (first + done) % SEED_LIMIT;
  try {
    count(simulate(seed, rules));
  } catch (error) {
    failure = { seed, error: error as Error };
  }
  if (performance.now() - shownAt > PROGRESS_EVERY_MS) {
    shownAt = performance.now();
    const line = `simulate: ${figure.format(done + 1)} of ${figure.format(seeds)} seeds`;
    process.stderr.write(process.stderr.isTTY ? `\r${line}` : `${line}\n`);
  }
}
if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');

function count(report: Report): void {
  totals.commits += report.commits;
  totals.orders += sum(report.orders);
  totals.faults += sum(report.faults);
  for (const [status, orders] of Object.entries(report.orders)) endings[status] = (endings[status] ?? 0) + orders;
}

if (failure !== undefined) {
  console.log([...story(failure.seed), '', failure.error.stack].join('\n'));
  console.log(
    `simulate: FAILED after ${figure.format(done)} seeds: ${failure.error.message}; npm run simulate -- --seeds 1 --seed ${failure.seed}`,
  );
  process.exitCode = 1;
} else if (seeds === 0) {
  console.log('simulate: no seed was run, so nothing was shown');
  process.exitCode = 1;
} else {
  const seconds = (performance.now() - started) / 1_000;
  const ends = Object.entries(endings).map(([status, orders]) => `${figure.format(orders)} ${status}`);
  console.log(
    `simulate: ${figure.format(seeds)} seeds from ${first} in ${seconds.toFixed(1)} s: ${figure.format(totals.orders)} orders (${ends.join(', ')}), ` +
      `${figure.format(totals.commits)} commits, ${figure.format(totals.faults)} faults; stock and money conserved, every order settled`,
  );
}
