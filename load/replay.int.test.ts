// Goal: a real day of a real shop, replayed through the REST API, ends equal to the file, whatever is killed on the way.
// Method: `npm run replay` against `npm start`. First both are killed in the middle; then the shop alone, which the replay
// waits for; then nothing is left to do. Each time the replay itself compares what the shop answers with the file.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { freePort } from '../infra/local/processes.ts';
import { treeOf } from '../infra/local/process-tree.ts';
import { until } from '../infra/local/shop.fixture.ts';
import { type ShopProcess, startShopProcess } from '../infra/local/shop-process.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SALES = 136;
const EQUAL = 'Replay: 136 orders, 3081 lines, 27007 pieces, GBP 58960.79: equal to the file.';
const WITHIN_MS = 60_000;

let folder: string;
let port: number;
let shop: ShopProcess;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'souk-replay-'));
  port = await freePort();
  shop = await start();
});
afterAll(async () => {
  await shop.kill('tree');
  rmSync(folder, { recursive: true, force: true });
});

const start = () => startShopProcess({ dataDir: folder, port, log: () => {} });

/** `npm run replay` as a person types it. */
function replay() {
  const child = spawn('npm', ['run', 'replay', '--', '--url', shop.url], {
    cwd: ROOT,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, DATA_DIR: folder, NODE_OPTIONS: '' },
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const closed = once(child, 'close') as Promise<[number | null]>;
  return {
    /** Waits until some orders were placed, not all of them. */
    async midway(share: number): Promise<void> {
      const placed = () =>
        Math.max(0, ...[...said.matchAll(/placing orders: (\d+) of/g)].map(([, count]) => Number(count)));
      await until(`${share} of the orders are placed`, () => placed() >= SALES * share, WITHIN_MS);
      expect(placed()).toBeLessThan(SALES);
    },
    async kill(): Promise<void> {
      for (const pid of treeOf(child.pid as number)) process.kill(pid, 'SIGKILL');
      await closed;
    },
    async ends() {
      const [code] = await closed;
      return { code, last: said.trim().split('\n').at(-1), said };
    },
  };
}

it('is killed together with the shop, and goes on', async () => {
  const first = replay();
  await first.midway(0.2);
  await shop.kill('tree');
  await first.kill();
  shop = await start();
});

it('waits for a shop that is killed under it, and compares equal', async () => {
  const second = replay();
  await second.midway(0.6);
  await shop.kill('tree');
  shop = await start();
  expect(await second.ends()).toMatchObject({ code: 0, last: EQUAL });
});

it('run again has nothing to do, and compares equal', async () => {
  const { code, last, said } = await replay().ends();
  expect([code, last]).toEqual([0, EQUAL]);
  expect(said).toMatch(/^0 orders placed in [\d.]+ s, 136 were there already\.$/m);
});
