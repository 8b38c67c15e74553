// Goal: a retailer's day survives the worst. The shop and its client are killed in the middle of the replay; the shop starts
// again on the same data, the replay runs again, and everything the shop answers equals the file. A third run changes nothing.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from '@jest/globals';
import { freePort } from '../infra/local/processes.ts';
import { type ShopProcess, startShopProcess } from '../infra/local/shop-process.ts';

const REPLAY = fileURLToPath(new URL('replay.ts', import.meta.url));
const dataDir = mkdtempSync(join(tmpdir(), 'souk-replay-'));
let shop: ShopProcess | undefined;

afterAll(async () => {
  await shop?.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

function replay(url: string): ChildProcess {
  const env = { ...process.env, DATA_DIR: dataDir, NODE_OPTIONS: '' };
  return spawn(process.execPath, [REPLAY, '--url', url], { env, stdio: ['ignore', 'pipe', 'inherit'] });
}

/** Runs a replay to its end. */
async function replayed(url: string): Promise<{ readonly code: number | null; readonly text: string }> {
  const client = replay(url);
  let text = '';
  client.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const [code] = (await once(client, 'close')) as [number | null];
  return { code, text };
}

/** Resolves once the client has said so in its output. */
function said(client: ChildProcess, words: RegExp): Promise<void> {
  let text = '';
  return new Promise((resolve, reject) => {
    client.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (words.test(text)) resolve();
    });
    client.once('close', () => reject(new Error(`the replay ended before it said ${words}:\n${text}`)));
  });
}

it('equals the file, though shop and client were killed in the middle of it', async () => {
  const port = await freePort();
  shop = await startShopProcess({ dataDir, port, log: () => {} });
  const client = replay(shop.url);
  await said(client, /placing orders: [3-9]\d of/);
  client.kill('SIGKILL');
  await shop.kill('tree');

  shop = await startShopProcess({ dataDir, port, log: () => {} });
  const second = await replayed(shop.url);
  expect(second).toMatchObject({ code: 0, text: expect.stringMatching(/GBP 58960\.79: equal to the file/) });
  expect(second.text).toMatch(/placed in .* s, ([3-9]\d|1[0-3]\d) were there already/);
  expect(await replayed(shop.url)).toMatchObject({ code: 0, text: expect.stringContaining('0 orders placed in') });
});
