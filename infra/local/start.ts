// `npm start`: a shop on this machine. Shows what starts, then the address and three things to try; Ctrl-C drains and stops.

import { parseArgs } from 'node:util';
import { BadSetting, readSettings, unknownSettings } from '../../mixins/settings.ts';
import { unusedSettings } from '../../mixins/unused-settings.ts';
import { StartRefused } from './data-dir.ts';
import { type Shop, startShop } from './shop.ts';
import { createTerminal, withUsage } from './terminal.ts';

/** A stop that takes longer than this is cut short: the data are safe at any moment. In milliseconds. */
const STOP_MAX_MS = 5_000;
/** Without its database the shop has nothing to finish: it says so to whoever waits, and ends. In milliseconds. */
const BROKEN_STOP_MAX_MS = 1_000;

const USAGE = 'Usage: npm start, with settings before it, as in PORT=4000 npm start; docs/configuration.md lists them.';

const terminal = createTerminal(process.stdout);
const startedAt = performance.now();
let shop: Shop | undefined;
let ending = false;

async function end(reason: string, code: number, withinMs: number = STOP_MAX_MS): Promise<void> {
  // Ctrl-C reaches the whole process group, often twice: the second one changes nothing.
  if (ending) return;
  ending = true;
  terminal.step(`${reason}: finishing what is under way`);
  setTimeout(() => process.exit(code), withinMs).unref();
  await shop?.stop();
  terminal.done('Stopped. Everything is in the data folder; npm start goes on from here.');
  process.exit(code);
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void end(signal, 0));

try {
  withUsage(USAGE, () => parseArgs({ options: { help: { type: 'boolean', default: false } } }).values);
  for (const hint of [...unknownSettings(process.env), ...unusedSettings(process.env, 'start')]) terminal.step(hint);
  shop = await startShop({
    settings: readSettings(process.env),
    progress: terminal.step,
    onBroken: (message) => void end(message, 1, BROKEN_STOP_MAX_MS),
  });
  if (!ending) terminal.welcome(shop, performance.now() - startedAt);
} catch (error) {
  if (!(error instanceof StartRefused || error instanceof BadSetting)) throw error;
  terminal.fail(error.message);
  process.exit(1);
}
