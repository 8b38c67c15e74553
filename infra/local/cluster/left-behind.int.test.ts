// Goal: whatever opens the data folder of a cluster whose supervisor was killed ends what still works on it, and says so.
// Method: a process that carries the folder's mark stands for a server that survived.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { openDataDir } from '../data-dir.ts';
import { endMarked, MARK, marked, markOf } from '../servers/orphans.ts';
import { startTestShop } from '../shop.fixture.ts';
import { writeAddresses } from './addresses.ts';

let folder: string;
let survivor: ChildProcess;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'souk-left-behind-'));
  openDataDir(folder).close();
  writeAddresses(folder, { url: 'http://127.0.0.1:1', natsUrl: 'nats://127.0.0.1:1', kafkaBrokers: ['127.0.0.1:1'] });
  const env = { ...process.env, NODE_OPTIONS: '', [MARK]: markOf(folder) };
  survivor = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'], { env, stdio: 'ignore' });
  await once(survivor, 'spawn');
  expect(marked(markOf(folder))).toEqual([survivor.pid]);
});
afterEach(async () => {
  survivor.kill('SIGKILL');
  if (existsSync(folder)) await endMarked(markOf(folder));
  rmSync(folder, { recursive: true, force: true });
});

/** A command as a person types it. */
async function run(file: string, ...words: string[]): Promise<string> {
  const env = { ...process.env, NODE_OPTIONS: '', DATA_DIR: folder };
  const child = spawn(process.execPath, [fileURLToPath(new URL(file, import.meta.url)), ...words], { env });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
  await once(child, 'close');
  return said;
}

const hasEnded = () => survivor.exitCode !== null || survivor.signalCode !== null;

it('a shop that opens ends it first', async () => {
  const shop = await startTestShop({ dataDir: folder });
  try {
    expect([hasEnded(), existsSync(join(folder, 'cluster.json'))]).toEqual([true, false]);
  } finally {
    await shop.stop();
  }
});

it.each([
  ['reset', '--yes'],
  ['migrate', '--no-roles'],
])('npm run %s ends it first, with a sentence', async (command, word) => {
  const said = await run(`../${command}.ts`, word);
  expect(hasEnded()).toBe(true);
  expect(said).toContain(`Ended what a killed cluster had left running on ${folder} (processes ${survivor.pid}).`);
  expect(existsSync(join(folder, 'cluster.json'))).toBe(false);
});
