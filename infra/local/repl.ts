// `npm run repl`: a terminal inside the running shop. It joins the shop as a node of its own, an embedded one over the socket
// in the data folder, a cluster over NATS; Moleculer's commands (`nodes`, `services`, `actions`, `call`, `bench` …) and the
// shop's (`help` lists them) act there.
//
// Leaving it changes nothing in the shop. Commands may come through a pipe: each is run to its end before the next.

import type { REPLEval, REPLServer } from 'node:repl';
import startRepl from 'moleculer-repl';
import { BadSetting, readSettings } from '../../mixins/settings.ts';
import { findShop, joinShop, NoShop } from './repl/join.ts';
import { createOperator } from './repl/operator.ts';
import { replCommands } from './repl-commands.ts';

function refuse(sentence: string): never {
  console.error(`\n  ${sentence}\n`);
  process.exit(1);
}

/** One command at a time, also when they come faster than they are done; the end waits for the last one. */
function oneByOne(repl: REPLServer, quiet: () => Promise<void>, end: () => Promise<void>): void {
  const evaluate = repl.eval;
  let last = Promise.resolve();
  async function runAfter(before: Promise<void>, ...[text, context, file, done]: Parameters<REPLEval>): Promise<void> {
    await before;
    const [error, result] = await new Promise<[Error | null, unknown]>((ended) => {
      evaluate.call(repl, text, context, file, (...outcome) => ended(outcome));
    });
    await quiet();
    done(error, result);
  }
  const inTurn: REPLEval = (...given) => {
    last = runAfter(last, ...given);
  };
  Object.assign(repl, { eval: inTurn, ignoreUndefined: true });
  repl.removeAllListeners('exit');
  repl.on('exit', () => void last.then(end));
}

try {
  const settings = readSettings(process.env);
  const operator = createOperator();
  const broker = await joinShop(findShop(settings), settings, operator, () => refuse('The shop has stopped.'));
  const repl = startRepl(broker, { delimiter: 'souk $', customCommands: replCommands(console.log) });
  oneByOne(repl, operator.quiet, async () => {
    await broker.stop();
    process.exit(0);
  });
} catch (error) {
  if (error instanceof BadSetting || error instanceof NoShop) refuse(error.message);
  throw error;
}
