// `npm run migrate` on a server that runs elsewhere, as the administrator of a cluster types it.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { openDatabase } from '../../mixins/postgres/database.ts';
import { contexts, contextUrl, databaseKey } from '../../mixins/postgres/roles.ts';
import { allKeys } from '../node/key-names.ts';
import { type OwnPostgres, ownPostgres } from './own-postgres.fixture.ts';

jest.setTimeout(60_000);

let server: OwnPostgres;
let folder: string;
let environment: Readonly<Record<string, string>>;
const children: ChildProcess[] = [];

beforeAll(async () => {
  server = await ownPostgres();
  folder = mkdtempSync(join(tmpdir(), 'souk-migrate-'));
  const { port, username, password, searchParams } = new URL(server.url);
  environment = {
    DATA_DIR: folder,
    KEYS_DIR: '',
    DB_HOST: searchParams.get('host') as string,
    DB_PORT: port,
    DB_NAME: 'souk',
    DB_USER: username,
    DB_PASSWORD: password,
  };
});
afterAll(async () => {
  for (const child of children) if (child.exitCode === null) child.kill('SIGKILL');
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

async function migrate(words: readonly string[] = [], more: Readonly<Record<string, string>> = {}) {
  const program = fileURLToPath(new URL('migrate.ts', import.meta.url));
  const env = { ...process.env, NODE_OPTIONS: '', ...environment, ...more };
  const child = spawn(process.execPath, [program, ...words], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, said: said.trim().split(/\s*\n\s*/) };
}

const keyOf = (keys: string, context: (typeof contexts)[number]) =>
  readFileSync(join(keys, databaseKey(context)), 'utf8').trim();

/** Opens every context as a node with these keys does. */
async function openAll(keys: string): Promise<void> {
  const { DB_HOST: host = '', DB_PORT: port } = environment;
  const settings = { host, port: Number(port), name: 'souk', user: undefined, password: undefined };
  for (const context of contexts) {
    const url = contextUrl(settings, context, () => keyOf(keys, context));
    const migrations = server.migrations.get(context) ?? [];
    await (await openDatabase({ url, schema: context, migrations, migrate: false })).close();
  }
}

describe('npm run migrate', () => {
  it('makes roles, keys and schemas, and says so; then nodes can open them', async () => {
    const { code, said } = await migrate();
    // A line for each context, one for the probe, and the sum.
    expect([code, said.length]).toEqual([0, contexts.length + 2]);
    expect(said).toContainEqual(expect.stringMatching(/probe: role souk_probe made; may read orders, inventory, /));
    for (const context of contexts)
      expect(said).toContainEqual(
        expect.stringMatching(`${context}: role souk_${context} made; schema made; migrations`),
      );
    expect(said.at(-1)).toBe('Migrate: 8 schemas are up to date, those of the contexts each in the hands of its role.');
    for (const name of allKeys) {
      const file = join(folder, 'keys', name);
      expect([statSync(file).mode & 0o777, readFileSync(file, 'utf8')]).toEqual([
        0o600,
        expect.stringMatching(/^\w{64}\n$/),
      ]);
    }
    await openAll(join(folder, 'keys'));
  });

  it('finds nothing to do the second time, whichever way the server is named', async () => {
    const { code, said } = await migrate([], { DB_HOST: 'unused.example', DB_URL: server.url });
    expect(code).toBe(0);
    expect(said.map((line) => line.trim()).slice(0, -1)).toEqual(
      contexts.map((context) => `${context}: is up to date.`),
    );
  });

  it('gives the roles new passwords when there are new keys', async () => {
    const keys = join(folder, 'others');
    expect((await migrate([], { KEYS_DIR: keys })).code).toBe(0);
    expect(keyOf(keys, 'orders')).not.toBe(keyOf(join(folder, 'keys'), 'orders'));
    await openAll(keys);
    await expect(openAll(join(folder, 'keys'))).rejects.toThrow('is not admitted to the schema');
  });

  it('can be left without roles', async () => {
    const { code, said } = await migrate(['--no-roles']);
    expect([code, said.at(-1)]).toEqual([0, 'Migrate: 9 schemas are up to date.']);
  });

  it.each([
    ['a word it does not know', ['--role'], {}, 'Usage: npm run migrate -- [--roles | --no-roles]'],
    ['a server that is not there', [], { DB_PORT: '1' }, 'PostgreSQL: connect ENOENT'],
    ['a wrong password', [], { DB_PASSWORD: 'wrong' }, 'may not prepare the database: password authentication failed'],
    [
      'a database that is not there',
      [],
      { DB_NAME: 'nowhere' },
      'may not prepare the database: database "nowhere" does',
    ],
  ] as const)('says what is wrong with %s', async (_, words, more, expected) => {
    const { code, said } = await migrate(words, more);
    expect([code, said.join('\n')]).toEqual([1, expect.stringContaining(expected)]);
    expect(said.join('\n')).not.toMatch(/^at /m);
    expect(existsSync(join(folder, 'postgres'))).toBe(false);
  });

  it('makes the roles of the embedded one when told to', async () => {
    const embedded = mkdtempSync(join(tmpdir(), 'souk-migrate-embedded-'));
    try {
      const { code, said } = await migrate(['--roles'], { DATA_DIR: embedded, DB_HOST: '' });
      expect([code, said.at(-1)]).toEqual([
        0,
        'Migrate: 9 schemas are up to date, those of the contexts each in the hands of its role.',
      ]);
      expect(existsSync(join(embedded, 'keys', databaseKey('orders')))).toBe(true);
    } finally {
      rmSync(embedded, { recursive: true, force: true });
    }
  });
});
