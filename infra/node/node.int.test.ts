// A node that lacks a key of the installation says so when it starts. One that made its own would sign what no other node
// accepts, and open nothing that they have sealed.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { keysOf } from './key-names.ts';
import { makeKeys } from './keys.ts';

const PROGRAM = join(import.meta.dirname, 'node.ts');
/** Nobody listens there: a node that wanted to connect would not end by itself. */
const NOWHERE = '127.0.0.1:1';
/** A node that goes on is ended after so many milliseconds. */
const REFUSES_WITHIN_MS = 20_000;

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'souk-node-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Starts a node that is to refuse; what it said. */
async function refusal(services: string, keys: string): Promise<string> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', PROGRAM], {
    env: {
      PATH: process.env['PATH'] ?? '',
      NODE_ID: 'a-1',
      SERVICES: services,
      DATA_DIR: folder,
      KEYS_DIR: keys,
      NATS_URL: `nats://${NOWHERE}`,
      KAFKA_BOOTSTRAP_SERVERS: NOWHERE,
      DB_HOST: '127.0.0.1',
      DB_PORT: '1',
      DYNAMODB_ENDPOINT: `http://${NOWHERE}`,
      PAYMENT_PROVIDER_URL: `http://${NOWHERE}`,
    },
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: REFUSES_WITHIN_MS,
    killSignal: 'SIGKILL',
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  expect({ code, said }).toMatchObject({ code: 1 });
  return said.trim();
}

it('refuses to start with a folder of keys that is not there, and makes none', async () => {
  const misspelt = join(folder, 'kyes');
  const names = keysOf(['orders']);
  const said = await refusal('orders', misspelt);
  expect(said).toContain(`KEYS_DIR is ${misspelt}, which is no folder: it lacks ${names.length} keys of this node: `);
  for (const name of names) expect(said).toContain(join(misspelt, name));
  expect(said).toMatch(/npm run migrate .* npm run cluster\.$/);
  expect(said).not.toContain('    at ');
  expect(existsSync(misspelt)).toBe(false);
});

it('names the one key that is missing, of those of its own services', async () => {
  const keys = join(folder, 'keys');
  makeKeys(
    keys,
    keysOf(['users', 'carts']).filter((name) => name !== 'user-ids'),
  );
  await expect(refusal('users,carts', keys)).resolves.toContain(`lacks a key of this node: ${join(keys, 'user-ids')}.`);
});
