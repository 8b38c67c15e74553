// The embedded PostgreSQL as its shop meets it: first and later starts, every way of being killed, root and ordinary users.
import { itWhere } from '../toolchain/it-where.ts';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { MikroORM } from '@mikro-orm/postgresql';
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { type DataDir, openDataDir } from './data-dir.ts';
import { serverAccount } from './postgres-account.ts';
import { findBinaries } from './postgres-binaries.ts';
import { surroundings } from './postgres-cluster.ts';
import { endOrphans } from './postgres-orphans.ts';
import { type Postgres, type PostgresOptions, startPostgres } from './postgres.ts';

jest.setTimeout(60_000);

const isRoot = process.getuid?.() === 0;
const asRoot = itWhere(isRoot && process.platform === 'linux', 'it needs to be root on Linux'); // what only root meets
const NOBODY = { uid: 65534, gid: 65534 };

let folder: string;
let dataDir: DataDir | undefined;
let postgres: Postgres | undefined;
let others: ChildProcess[];
let notes: string[];

const cluster = () => join(folder, 'postgres');

/** Starts it in this process, on the folder of the test. */
async function start(options: Partial<PostgresOptions> = {}): Promise<Postgres> {
  dataDir ??= openDataDir(folder);
  postgres = await startPostgres({ dataDir, log: (note) => notes.push(note), ...options });
  return postgres;
}

async function query<T = Record<string, unknown>>({ url }: { url: string }, sql: string): Promise<T[]> {
  const orm = new MikroORM({ entities: [], clientUrl: url, discovery: { warnWhenNoEntities: false } });
  try {
    return await orm.em.getConnection().execute<T[]>(sql);
  } finally {
    await orm.close(true);
  }
}

/** The process id of the backend that runs a query with this text, as soon as there is one. */
async function running(server: { url: string }, text: string): Promise<number> {
  for (;;) {
    // Not one of those who have asked this, the one before among them, which may not be quite gone.
    const find = `select pid from pg_stat_activity where query like '%${text}%' and query not like '%pg_stat_activity%'`;
    const [backend] = await query<{ pid: number }>(server, find);
    if (backend) return backend.pid;
  }
}

type Shop = { readonly shop: ChildProcess; readonly pid: number; readonly url: string; readonly refused?: string };

/** Starts it in another process, which says `{pid, url}` or `{refused}` and stays, unless told otherwise. */
async function startElsewhere(options: SpawnOptions = {}, then = 'setInterval(() => {}, 1e6)'): Promise<Shop> {
  const code = `
    const { openDataDir } = await import('${import.meta.dirname}/data-dir.ts');
    const { startPostgres } = await import('${import.meta.dirname}/postgres.ts');
    try {
      const { pid, url } = await startPostgres({ dataDir: openDataDir('${folder}') });
      console.log(JSON.stringify({ pid, url }));
    } catch (error) { console.log(JSON.stringify({ refused: error.message })); }
    ${then}`;
  const shop = spawn(process.execPath, ['--input-type=module', '-e', code], {
    ...options,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  others.push(shop);
  const lines = createInterface({ input: shop.stdout as NodeJS.ReadableStream });
  const [line] = await Promise.race([once(lines, 'line'), once(lines, 'close').then(() => ['{"refused":"killed"}'])]);
  return { shop, ...JSON.parse(line) };
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

async function until(isTrue: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 10_000; !isTrue(); await delay(5)) {
    if (Date.now() > deadline) throw new Error('waited for too long');
  }
}

/** Gone, or dead and only not yet collected by its parent. */
function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return process.platform === 'linux' && /^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return true;
  }
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'souk-postgres-'));
  others = [];
  notes = [];
});

afterEach(async () => {
  await postgres?.stop();
  await Promise.all(others.map(kill));
  postgres = undefined;
  dataDir?.close();
  dataDir = undefined;
  if (existsSync(cluster())) await endOrphans(cluster());
  rmSync(folder, { recursive: true });
});

describe('a start', () => {
  it('creates a durable database in UTF-8, and finds it again', async () => {
    const steps: string[] = [];
    const began = performance.now();
    const first = await start({ onProgress: (step) => steps.push(step) });
    const firstMs = performance.now() - began;
    expect(steps).toEqual(['creating the database', 'starting PostgreSQL']);
    expect(await query(first, 'select current_database() as database, current_user as user')).toEqual([
      { database: 'souk', user: 'souk' },
    ]);
    for (const setting of ['fsync', 'synchronous_commit', 'full_page_writes', 'data_checksums']) {
      expect(await query(first, `show ${setting}`)).toEqual([{ [setting]: 'on' }]);
    }
    expect(await query(first, `show server_encoding`)).toEqual([{ server_encoding: 'UTF8' }]);
    await query(first, `create table kept as select 'ä€😀' as text`);
    await Promise.all([first.stop(), first.stop()]);
    expect(isGone(first.pid)).toBe(true);

    const again = performance.now();
    const second = await start({ onProgress: (step) => steps.push(step) });
    const laterMs = performance.now() - again;
    expect(await query(second, 'select text, lower(text) as lower, upper(text) as upper from kept')).toEqual([
      { text: 'ä€😀', lower: 'ä€😀', upper: 'Ä€😀' },
    ]);
    expect(steps.slice(2)).toEqual(['starting PostgreSQL']);
    expect(notes).toEqual([]);
    // Goals are 2.5 s and 0.3 s; a loaded machine gets some grace.
    expect(firstMs).toBeLessThan(10_000);
    expect(laterMs).toBeLessThan(3_000);
  });

  it('lets only the shop in: on loopback, with its password, without the power to harm the system', async () => {
    const shop = await start();
    expect(await query(shop, 'show listen_addresses')).toEqual([{ listen_addresses: '127.0.0.1' }]);
    expect(await query(shop, 'select rolsuper from pg_roles where rolname = current_user')).toEqual([
      { rolsuper: false },
    ]);
    await expect(query(shop, `copy (select 1) to program 'true'`)).rejects.toThrow('permission denied');
    const wrong = shop.url.replace(shop.password, 'wrong');
    await expect(query({ url: wrong }, 'select 1')).rejects.toThrow('password authentication failed');
    const superuser = shop.url.replace('souk:', 'postgres:');
    await expect(query({ url: superuser }, 'select 1')).rejects.toThrow('no pg_hba.conf entry');
    expect(statSync(join(folder, 'keys', 'postgres')).mode & 0o777).toBe(0o600);
    expect(statSync(cluster()).mode & 0o777).toBe(0o700);
  });

  it('takes as many connections as it is told', async () => {
    expect(await query(await start(), 'show max_connections')).toEqual([{ max_connections: '60' }]);
    await postgres?.stop();
    expect(await query(await start({ connections: 200 }), 'show max_connections')).toEqual([
      { max_connections: '200' },
    ]);
  });

  it('lets in the roles of contexts, which it may make, by their passwords and to its own database', async () => {
    const shop = await start();
    await query(shop, `create role souk_orders login password 'known'`);
    const [orders, elsewhere] = ['souk', 'postgres'].map(
      (database) => `postgres://souk_orders:known@127.0.0.1:${shop.port}/${database}`,
    ) as [string, string];
    expect(await query({ url: orders }, 'select current_user::text as role')).toEqual([{ role: 'souk_orders' }]);
    await expect(query({ url: elsewhere }, 'select 1')).rejects.toThrow('no pg_hba.conf entry');
    await query(shop, `create role stranger login password 'known'`);
    await expect(query({ url: orders.replace('souk_orders', 'stranger') }, 'select 1')).rejects.toThrow(
      'no pg_hba.conf',
    );
  });

  it('lets them in on the files of an earlier release, too', async () => {
    await (await start()).stop();
    // What that release made: a role that may make no others, the only one that is let in.
    writeFileSync(
      join(cluster(), 'pg_hba.conf'),
      'local all souk scram-sha-256\nhost all souk 127.0.0.1/32 scram-sha-256\n',
    );
    const { postgres: program } = await findBinaries();
    const account = await serverAccount(dataDir!, cluster(), dirname(program));
    const single = spawn(program, ['--single', '-D', cluster(), 'postgres'], {
      ...surroundings(account),
      stdio: 'pipe',
    });
    single.stdin.end('alter role souk nocreaterole\n');
    expect(await once(single, 'exit')).toEqual([0, null]);
    const shop = await start();
    await query(shop, `create role souk_orders login password 'known'`);
    const orders = `postgres://souk_orders:known@127.0.0.1:${shop.port}/souk`;
    expect(await query({ url: orders }, 'select current_user::text as role')).toEqual([{ role: 'souk_orders' }]);
  });

  it('takes a new password when its key file was removed', async () => {
    const before = await start();
    await before.stop();
    rmSync(join(folder, 'keys', 'postgres'));
    const after = await start();
    expect(after.password).not.toBe(before.password);
    expect(await query(after, 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  it('keeps the log of this run and of the one before', async () => {
    await (await start()).stop();
    await (await start()).stop();
    await (await start()).stop();
    for (const name of ['postgres.log', 'postgres.log.1']) {
      const log = readFileSync(join(folder, name), 'utf8');
      expect(log.match(/ready to accept connections/g)).toHaveLength(1);
    }
  });

  it('shows the end of the log when it fails', async () => {
    await (await start()).stop();
    writeFileSync(join(cluster(), 'PG_VERSION'), '9.4\n');
    await expect(start()).rejects.toThrow(/PostgreSQL did not start \(exit status 1\)[^]*incompatible with server/);
  });
});

describe('a running server', () => {
  it('is not reached by Ctrl-C in the terminal of its shop', async () => {
    const shop = await startElsewhere({ detached: true }, `process.on('SIGINT', () => process.exit(0))`);
    const exited = once(shop.shop, 'exit');
    process.kill(-(shop.shop.pid as number), 'SIGINT'); // what a terminal does: the whole group gets it
    await exited;
    expect(await query(shop, 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  it('does not keep its shop alive', async () => {
    const { shop } = await startElsewhere({}, '');
    if (shop.exitCode === null) await once(shop, 'exit');
    expect(shop.exitCode).toBe(0);
  });

  it('tells when it ends by itself, and only then', async () => {
    const ends: string[] = [];
    let ended = () => {};
    const end = new Promise<void>((resolve) => (ended = resolve));
    const onExit = (how: string) => {
      ends.push(how);
      ended();
    };
    await (await start({ onExit })).stop();
    expect(ends).toEqual([]);
    process.kill((await start({ onExit })).pid, 'SIGKILL');
    await end;
    expect(ends).toEqual([expect.stringContaining('PostgreSQL ended by itself (ended by SIGKILL)')]);
    await start(); // collects the shared memory that the killed one left
  });

  it('stops while clients are connected and busy', async () => {
    const server = await start();
    const busy = query(server, 'select pg_sleep(60)').catch((error: Error) => error.message);
    await running(server, 'pg_sleep(60)');
    const began = performance.now();
    await server.stop();
    expect(performance.now() - began).toBeLessThan(5_000);
    expect(await busy).toMatch(/terminat/);
  });
});

describe('after a kill', () => {
  it('ends the server that outlived its shop, and keeps what it had committed', async () => {
    const before = await startElsewhere();
    await query(before, 'create table kept as select 42 as answer');
    await kill(before.shop);
    expect(isGone(before.pid)).toBe(false);
    const after = await start();
    expect(isGone(before.pid)).toBe(true);
    expect(notes).toEqual([expect.stringContaining(`process ${before.pid}`)]);
    expect(await query(after, 'select answer from kept')).toEqual([{ answer: 42 }]);
  });

  it('ends an orphan whose process id file was removed', async () => {
    const before = await startElsewhere();
    await kill(before.shop);
    rmSync(join(cluster(), 'postmaster.pid'));
    await start();
    expect(isGone(before.pid)).toBe(true);
  });

  it('ends an orphan that does not react', async () => {
    const before = await startElsewhere();
    await kill(before.shop);
    process.kill(before.pid, 'SIGSTOP');
    await start();
    expect(isGone(before.pid)).toBe(true);
  });

  it('recovers when the whole tree was killed', async () => {
    const before = await startElsewhere();
    await query(before, 'create table kept as select 42 as answer');
    const backends = await query<{ pid: number }>(before, 'select pid from pg_stat_activity');
    for (const pid of [before.shop.pid as number, before.pid, ...backends.map((backend) => backend.pid)]) {
      if (!isGone(pid)) process.kill(pid, 'SIGKILL');
    }
    const after = await start();
    expect(await query(after, 'select answer from kept')).toEqual([{ answer: 42 }]);
    expect(readFileSync(join(folder, 'postgres.log'), 'utf8')).toContain('was not properly shut down');
  });

  it('ends a busy backend that outlived its postmaster', async () => {
    const before = await startElsewhere();
    const busy = query(before, 'select count(*) from generate_series(1, 1e12)').catch(() => 'cut');
    const backend = await running(before, '1e12');
    process.kill(before.pid, 'SIGKILL');
    await kill(before.shop);
    expect(isGone(backend)).toBe(false);
    await start();
    expect(isGone(backend)).toBe(true);
    expect(await busy).toBe('cut');
  });

  it('starts anew when the first start was cut short', async () => {
    const starting = startElsewhere();
    await until(() => readdirSync(folder).some((name) => name.startsWith('postgres.new-')));
    await kill(others[0] as ChildProcess);
    expect((await starting).refused).toBe('killed');
    const server = await start();
    expect(await query(server, 'select 1 as one')).toEqual([{ one: 1 }]);
    expect(readdirSync(folder).filter((name) => name.startsWith('postgres.new-'))).toEqual([]);
  });

  it('leaves a foreign process alone that has the process id of the dead server', async () => {
    await (await start()).stop();
    const { uid, gid } = statSync(cluster());
    const foreign = spawn('sleep', ['1000'], { stdio: 'ignore', ...(isRoot && { uid, gid }) });
    others.push(foreign);
    writeFileSync(join(cluster(), 'postmaster.pid'), `${foreign.pid}\n${cluster()}\n1\n1\n\n\n\nready\n`);
    if (isRoot) chownSync(join(cluster(), 'postmaster.pid'), uid, gid);
    const server = await start();
    expect(await query(server, 'select 1 as one')).toEqual([{ one: 1 }]);
    expect(isGone(foreign.pid as number)).toBe(false);
    expect(notes).toEqual([]);
  });

  /** Sockets cannot be copied, and the lock must not be touched. */
  const isCopied = (path: string) => !/\/lock$|\/\.s\.PGSQL\./.test(path);

  it('leaves the server of a copied folder alone', async () => {
    const original = await startElsewhere();
    const first = folder;
    folder = `${first}-copy`;
    cpSync(first, folder, { recursive: true, filter: isCopied });
    if (!isRoot) chmodSync(cluster(), 0o700);
    const copy = await start(); // its postmaster.pid names the server of the original
    expect(isGone(original.pid)).toBe(false);
    expect(await query(copy, 'select 1 as one')).toEqual([{ one: 1 }]);
    expect(await query(original, 'select 1 as one')).toEqual([{ one: 1 }]);
    await copy.stop();
    dataDir?.close();
    dataDir = undefined;
    rmSync(folder, { recursive: true });
    folder = first;
  });
});

describe('as root', () => {
  asRoot('runs the server as another user', async () => {
    const { pid } = await start();
    expect(statSync(`/proc/${pid}`).uid).not.toBe(0);
    expect(statSync(`/proc/${pid}`).uid).toBe(statSync(cluster()).uid);
  });

  asRoot('names the folder that is closed to that user, and what to do', async () => {
    const closed = folder;
    folder = join(closed, 'open', 'data');
    mkdirSync(join(closed, 'open'));
    await expect(start()).rejects.toThrow(
      new RegExp(`cannot enter ${closed} \\(mode 700\\)\\. Open that folder .*chmod o\\+x '${closed}'.*ordinary user`),
    );
    expect(existsSync(cluster())).toBe(false);
    chmodSync(closed, 0o711);
    await start();
    await postgres?.stop();
    folder = closed;
  });

  asRoot('takes over a database that was restored as root', async () => {
    await (await start()).stop();
    const takeBack = (path: string) => {
      lchownSync(path, 0, 0);
      if (statSync(path).isDirectory()) for (const name of readdirSync(path)) takeBack(join(path, name));
    };
    takeBack(cluster());
    await start();
    expect(statSync(join(cluster(), 'PG_VERSION')).uid).not.toBe(0);
  });

  asRoot('runs as the user whose data it is', async () => {
    chownSync(folder, NOBODY.uid, NOBODY.gid);
    const { pid } = await start();
    expect(statSync(`/proc/${pid}`).uid).toBe(NOBODY.uid);
  });

  asRoot('leaves room for an ordinary user: the same as such', async () => {
    chownSync(folder, NOBODY.uid, NOBODY.gid);
    const first = await startElsewhere(NOBODY);
    expect(first.refused).toBeUndefined();
    expect(statSync(`/proc/${first.pid}`).uid).toBe(NOBODY.uid);
    await query(first, 'create table kept as select 42 as answer');
    await kill(first.shop);
    const second = await startElsewhere(NOBODY); // ends the orphan with the rights of its own user
    expect(second.refused).toBeUndefined();
    expect(isGone(first.pid)).toBe(true);
    expect(await query(second, 'select answer from kept')).toEqual([{ answer: 42 }]);
  });

  asRoot('asks for a named user', async () => {
    const unnamed = 43_210;
    chownSync(folder, unnamed, unnamed);
    const { refused } = await startElsewhere({ uid: unnamed, gid: unnamed });
    expect(refused).toContain(`user ${unnamed} has none. Add a line for it to /etc/passwd`);
  });
});
