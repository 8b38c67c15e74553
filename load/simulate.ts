// Runs the seeded simulation of the whole checkout for as many seeds as you like, and says in one line what was shown.
//
//   npm run simulate -- --seeds 1000000 --seed 1
//
// A seed that fails is shrunk to the shortest run that fails alike, which is told step by step, with the words that tell it
// again (`--keep`, `--without`); the exit status is then 1.

import type { Rules } from '../actors/checkout.simulation.ts';
import { orderActor } from '../actors/order.ts';
import { paymentActor } from '../actors/payment.ts';
import { stockActor } from '../actors/stock.ts';
import { simulateSeeds } from './chaos/simulation/seeds.ts';

const rules: Rules = { order: orderActor, stock: stockActor, payment: paymentActor };
const { isTTY } = process.stderr;
const wipe = (): boolean => isTTY && process.stderr.write('\r\u001b[K');

process.exitCode = simulateSeeds(process.argv.slice(2), rules, {
  say(line) {
    wipe();
    console.log(line);
  },
  complain: (line) => console.error(line),
  progress: (line) => void process.stderr.write(isTTY ? `\r\u001b[K${line}` : `${line}\n`),
});
wipe();
