// `npm run repl`: a terminal inside the running shop. It joins the shop as a node of its own, over the socket in the data
// folder; Moleculer's commands (`nodes`, `services`, `actions`, `call`, `bench` …) and the shop's (`help` lists them) act there.
//
// Leaving it changes nothing in the shop. Commands may come through a pipe: each is run to its end before the next.

import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { REPLEval, REPLServer } from 'node:repl';
import { type CallingOptions, type Middleware, ServiceBroker } from 'moleculer';
import startRepl from 'moleculer-repl';
import { brokerOptions } from '../../moleculer.config.ts';
import { BadSetting, readSettings } from '../../mixins/settings.ts';
import { operator, replCommands } from './repl-commands.ts';
import { replSocket } from './repl-server.ts';
import { fitsSocket, SocketNode } from './socket-transporter.ts';

const JOIN_WITHIN_MS = 5_000;

function refuse(sentence: string): never {
  console.error(`\n  ${sentence}\n`);
  process.exit(1);
}

async function join(path: string, onClosed: () => void): Promise<ServiceBroker> {
  const settings = readSettings(process.env);
  const broker = new ServiceBroker({
    ...brokerOptions(settings, ''),
    nodeID: `repl-${process.pid}`,
    logger: { type: 'Console', options: { level: 'error' } },
    transporter: new SocketNode(path, onClosed),
    transit: { disableReconnect: true },
    middlewares: [{ name: 'operator', call: asOperator }],
  });
  await broker.start();
  await broker.waitForServices(['repl', 'orders', 'inventory'], JOIN_WITHIN_MS, 10);
  return broker;
}

type Call = ServiceBroker['call'];

/** Every call is the operator's, unless it says otherwise. The declared type of this hook forgets that it wraps. */
const asOperator = ((next: Call) => (action: string, params: object, options?: CallingOptions) =>
  next(action, params, { ...options, meta: { ...operator(), ...options?.meta } })) as unknown as NonNullable<
  Middleware['call']
>;

/** One command at a time, also when they come faster than they are done; the end waits for the last one. */
function oneByOne(repl: REPLServer, end: () => Promise<void>): void {
  const evaluate = repl.eval;
  let last = Promise.resolve();
  async function runAfter(before: Promise<void>, ...[text, context, file, done]: Parameters<REPLEval>): Promise<void> {
    await before;
    const [error, result] = await new Promise<[Error | null, unknown]>((ended) => {
      evaluate.call(repl, text, context, file, (...outcome) => ended(outcome));
    });
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
  const dataDir = resolve(readSettings(process.env).dataDir);
  const path = replSocket(dataDir);
  if (!fitsSocket(path))
    refuse(`The path ${path} is too long for a socket: start the shop with a DATA_DIR that lies less deep.`);
  if (!existsSync(path))
    refuse(`No shop is running on the data in ${dataDir}: npm start, or set DATA_DIR to the shop's.`);

  const broker = await join(path, () => refuse('The shop has stopped.'));
  const repl = startRepl(broker, { delimiter: 'souk $', customCommands: replCommands(console.log) });
  oneByOne(repl, async () => {
    await broker.stop();
    process.exit(0);
  });
} catch (error) {
  if (error instanceof BadSetting) refuse(error.message);
  if ((error as NodeJS.ErrnoException).code === 'ECONNREFUSED')
    refuse('No shop is running here: its socket was left by one that was killed. Type npm start.');
  if ((error as NodeJS.ErrnoException).code === 'EACCES') refuse('The shop belongs to another user of this machine.');
  throw error;
}
