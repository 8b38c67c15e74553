// Goal: whoever types something that a start does not know, or does not use, is told so.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { itWhere } from '../toolchain/it-where.ts';
import { startTestShop } from './shop.fixture.ts';

/** Generous: nothing is to be started, so this is the time of loading the program. In milliseconds. */
const ENDS_WITHIN_MS = 60_000;
const hasIpv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === '::1'));
const withIpv6 = itWhere(hasIpv6, 'this machine has no ::1');

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'souk-usage-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function run(file: string, words: readonly string[], environment: Readonly<Record<string, string>> = {}) {
  const dataDir = join(folder, 'data');
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [fileURLToPath(new URL(file, import.meta.url)), ...words],
    {
      env: { ...process.env, DATA_DIR: dataDir, NODE_OPTIONS: '', ...environment },
      encoding: 'utf8',
      timeout: ENDS_WITHIN_MS,
    },
  );
  expect(existsSync(dataDir)).toBe(false);
  return { status, said: stdout + stderr };
}

describe.each([
  ['start.ts', 'as in PORT=4000 npm start'],
  ['start-cluster.ts', 'as in npm run cluster -- --nodes orders=3,api=2'],
])('%s', (file, example) => {
  it('shows how it is used', () => {
    const { status, said } = run(file, ['--help']);
    expect([status, said]).toEqual([0, expect.stringMatching(/^Usage: npm .*\n$/)]);
    expect(said).toContain(example);
  });

  it.each([['--port', '4000'], ['orders=3']])(
    'refuses %s, and shows how it is used',
    (...words) => {
      const { status, said } = run(file, words);
      expect(status).toBe(1);
      expect(said).toMatch(/The shop did not start\. Un(known option|expected argument) '[^']+'\.\n/);
      expect(said).toContain(example);
      expect(said).not.toMatch(/^ +at |To specify/m);
    },
    ENDS_WITHIN_MS,
  );
});

it('npm run cluster names what is set and not used, before anything is started', () => {
  const { said } = run('start-cluster.ts', ['--nodes', ','], { NATS_URL: 'nats://127.0.0.1:4222' });
  expect(said).toContain('NATS_URL is set, but npm run cluster starts its own NATS.');
  expect(said).toContain('names no service');
});

withIpv6('a shop on an IPv6 address says where it is, as a URL, and is told of payments there', async () => {
  const shop = await startTestShop({ settings: { host: '::1', natsUrl: 'nats://127.0.0.1:1', nodeId: 'other' } });
  try {
    expect(shop.url).toMatch(/^http:\/\/\[::1\]:\d+$/);
    expect(shop.broker.nodeID).toBe('souk');
    const { id } = await shop.place([[await shop.product(), 1]]);
    await shop.reaches(id, 'PAID');
  } finally {
    await shop.stop();
  }
});
