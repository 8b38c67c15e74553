// `npm run reset`: deletes the data folder, with everything the shop knows, after asking. `-- --yes` does not ask.
//
//   is it a shop's? ─► does no shop live on it? ─► yes? ─► a cluster or PostgreSQL left behind is ended ─► gone

import { existsSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { parseArgs } from 'node:util';
import { BadSetting, readSettings } from '../../mixins/settings.ts';
import { endLeftBehind } from './cluster/left-behind.ts';
import { openDataDir, StartRefused } from './data-dir.ts';
import { endOrphans } from './postgres-orphans.ts';

/** Says yes only to `yes`; where nobody can be asked, the answer is no. */
async function isAgreed(folder: string): Promise<boolean> {
  if (!process.stdin.isTTY) {
    console.log(`Nobody is there to be asked: npm run reset -- --yes deletes ${folder} at once.`);
    return false;
  }
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await terminal.question(`Delete ${folder} with all orders, customers and products in it? Type yes: `);
  terminal.close();
  return answer.trim().toLowerCase() === 'yes';
}

/** @returns what was done, as a sentence; undefined: nothing, and the person was told why */
async function reset(folder: string, yes: boolean): Promise<string | undefined> {
  if (!existsSync(folder)) return `There is nothing to delete: ${folder} does not exist.`;
  // Every shop makes this file first: a folder without it holds something else.
  if (!existsSync(join(folder, 'lock'))) {
    throw new StartRefused(`${folder} is no data folder of a shop: nothing was deleted. Check DATA_DIR.`);
  }
  const dataDir = openDataDir(folder);
  try {
    if (!yes && !(await isAgreed(dataDir.path))) return undefined;
    await endLeftBehind(dataDir.path, console.log);
    await endOrphans(join(dataDir.path, 'postgres'));
    rmSync(dataDir.path, { recursive: true, force: true });
    return `Deleted: ${dataDir.path}. The next npm start begins anew.`;
  } finally {
    dataDir.close();
  }
}

try {
  const { values } = parseArgs({ options: { yes: { type: 'boolean', default: false } } });
  const done = await reset(resolve(readSettings(process.env).dataDir), values.yes);
  console.log(done ?? 'Nothing was deleted.');
  process.exitCode = done === undefined ? 1 : 0;
} catch (error) {
  if (!(error instanceof StartRefused || error instanceof BadSetting)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
