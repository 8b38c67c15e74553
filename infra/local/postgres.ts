// The embedded PostgreSQL: a real server from an npm package, on loopback, with its files in the data folder.
//
//   start   orphans ended ─► files ready (postgres-cluster.ts) ─► postgres in a group of its own, out of Ctrl-C's reach ─► ready
//   stop    fast shutdown, after 3 s an immediate one, from which the next start recovers
//
// Durability is PostgreSQL's default: fsync, full page writes, synchronous commit, checksums.

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { DataDir } from './data-dir.ts';
import { serverAccount } from './postgres-account.ts';
import { findBinaries } from './postgres-binaries.ts';
import { type Cluster, ensureCluster, flags, NAME, notRunnable, passwordOf, surroundings } from './postgres-cluster.ts';
import { clusterMark, endOrphans } from './postgres-orphans.ts';
import { freePort } from './processes.ts';

const HOST = '127.0.0.1';
const POLL_MS = 5;
/** Recovery after a crash replays at most a checkpoint's distance of log, which slow disks take a while for. */
const READY_MS = 120_000;
/** A port taken by somebody between choosing and binding, or memory of a killed server not yet given back. */
const START_ATTEMPTS = 5;
const RETRY_MS = 100;
const FAST_STOP_MS = 3_000;
const IMMEDIATE_STOP_MS = 2_000;
const LOG_TAIL_LINES = 8;
/** The address of a local socket holds 107 characters, of which `/.s.PGSQL.65535` takes 16. */
const SOCKET_FOLDER_MAX = 90;

/** Enough for the shop of one process, and for who looks into it meanwhile. */
const CONNECTIONS = 60;
const SETTINGS = {
  listen_addresses: HOST,
  shared_buffers: '64MB',
  huge_pages: 'off',
  jit: 'off',
  // One laptop, no replicas, no parallel plans: fewer processes and less log, the same durability.
  wal_level: 'minimal',
  max_wal_senders: 0,
  max_logical_replication_workers: 0,
  max_parallel_workers_per_gather: 0,
  io_method: 'sync',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_checkpoints: 'off',
};

export type PostgresOptions = {
  /** Its lock is what permits ending a server that an earlier shop left behind. */
  readonly dataDir: DataDir;
  /** To listen on the same one after a restart; default: a free one. */
  readonly port?: number;
  /** Most connections at a time; each of them costs memory when it is used. Default: 60. */
  readonly connections?: number;
  /** Takes what an operator should know, as a sentence. */
  readonly log?: (message: string) => void;
  /** Takes what is being done, in a few words, for a progress display. */
  readonly onProgress?: (step: string) => void;
  /** Called once when the server ends without `stop()`; it is not started again. The message says how and why. */
  readonly onExit?: (message: string) => void;
};

export type Postgres = {
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** Of the postmaster. */
  readonly pid: number;
  /** Disconnects everyone and shuts down, within 5 s. Safe to call twice. Never rejects. */
  stop(): Promise<void>;
};

type Server = {
  readonly child: ChildProcess;
  readonly exited: Promise<string>;
  readonly port: number;
  readonly sockets: string | undefined;
};

/**
 * Starts the server, creating the cluster with its database `souk` on first use.
 * @throws StartRefused when something the user can mend is in the way, Error with the end of the log otherwise
 */
export async function startPostgres(options: PostgresOptions): Promise<Postgres> {
  const { dataDir, log = () => {}, onProgress = () => {} } = options;
  const folder = join(dataDir.path, 'postgres');
  const binaries = await findBinaries();
  const account = await serverAccount(dataDir, folder, dirname(binaries.postgres));
  const cluster: Cluster = { folder, dataDir, keyFile: join(dataDir.path, 'keys', 'postgres'), binaries, account };

  const [orphan] = await endOrphans(folder);
  if (orphan) log(`Ended the PostgreSQL of an earlier run (process ${orphan}), which had outlived its shop.`);
  await ensureCluster(cluster, () => onProgress('creating the database'));
  onProgress('starting PostgreSQL');
  const logFile = logFileOf(dataDir);
  if (existsSync(logFile)) renameSync(logFile, `${logFile}.1`); // keeps one run before this, so the disk does not fill
  return handle(await startServer(cluster, options), passwordOf(cluster), options);
}

async function startServer(cluster: Cluster, { port, connections = CONNECTIONS }: PostgresOptions): Promise<Server> {
  for (let attempt = 1; ; attempt++) {
    const server = await spawnServer(cluster, port ?? (await freePort()), connections);
    const failure = await Promise.race([untilReady(cluster, server), server.exited]);
    if (failure === undefined) return server;
    await stopServer(server);
    const logFile = logFileOf(cluster.dataDir);
    const cause = lastLines(logFile);
    const passing = /could not bind|Address already in use|pre-existing shared memory|lock file .* already exists/i;
    if (attempt === START_ATTEMPTS || !passing.test(cause)) {
      throw new Error(`PostgreSQL did not start (${failure}). The end of ${logFile}:\n${cause}`);
    }
    await delay(RETRY_MS);
    await endOrphans(cluster.folder);
  }
}

async function spawnServer(cluster: Cluster, port: number, connections: number): Promise<Server> {
  const { folder, dataDir, binaries, account } = cluster;
  const sockets = socketFolder(folder);
  const own = {
    port,
    max_connections: connections,
    unix_socket_directories: sockets ?? '',
    cluster_name: clusterMark(folder),
  };
  const args = ['-D', folder, ...flags({ ...SETTINGS, ...own })];
  // A file, not a pipe: a server that outlives us must not fail at its next line of log.
  const out = openSync(logFileOf(dataDir), 'a', 0o600);
  const child = spawn(binaries.postgres, args, {
    ...surroundings(account),
    detached: true,
    stdio: ['ignore', out, out],
  });
  closeSync(out);
  child.unref();
  const exited = new Promise<string>((resolve, reject) => {
    child.on('error', (error) => reject(notRunnable(binaries.postgres, error)));
    child.once('exit', (code, signal) => resolve(signal ? `ended by ${signal}` : `exit status ${code}`));
  });
  return { child, exited, port, sockets };
}

/**
 * Where the server's socket lies: a local socket costs a good part less per statement than TCP on loopback. In the
 * folder of the cluster, which only its owner may enter; undefined if the path is too long or odd for one.
 */
function socketFolder(folder: string): string | undefined {
  return folder.length > SOCKET_FOLDER_MAX || /[,"\s]/.test(folder) ? undefined : folder;
}

/** The server writes its state into line 8 of postmaster.pid; a file of an earlier run carries another process id. */
async function untilReady({ folder }: Cluster, { child }: Server): Promise<string | undefined> {
  for (const deadline = Date.now() + READY_MS; Date.now() < deadline; await delay(POLL_MS)) {
    const lines = readText(join(folder, 'postmaster.pid')).split('\n');
    if (lines[0] === String(child.pid) && lines[7]?.startsWith('ready')) return undefined;
    if (child.exitCode !== null || child.signalCode !== null) break;
  }
  return `not ready within ${READY_MS / 1_000} s`;
}

function handle(server: Server, password: string, { dataDir, onExit = () => {} }: PostgresOptions): Postgres {
  const { child, port, sockets } = server;
  const host = sockets === undefined ? '' : `?host=${encodeURIComponent(sockets)}`;
  let stopping: Promise<void> | undefined;
  void server.exited.then((how) => {
    if (!stopping) onExit(`PostgreSQL ended by itself (${how}):\n${lastLines(logFileOf(dataDir))}`);
  });
  return {
    url: `postgres://${NAME}:${password}@${HOST}:${port}/${NAME}${host}`,
    host: HOST,
    port,
    user: NAME,
    password,
    database: NAME,
    pid: child.pid as number,
    stop: () => (stopping ??= stopServer(server)),
  };
}

async function stopServer({ child, exited }: Server): Promise<void> {
  const steps: [NodeJS.Signals, number][] = [
    ['SIGINT', FAST_STOP_MS],
    ['SIGQUIT', IMMEDIATE_STOP_MS],
    ['SIGKILL', IMMEDIATE_STOP_MS],
  ];
  child.ref(); // whoever waits for the end must not see the process end before
  for (const [signal, patienceMs] of steps) {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    const patience = new AbortController();
    await Promise.race([exited, delay(patienceMs, undefined, { signal: patience.signal }).catch(() => {})]);
    patience.abort();
  }
}

function logFileOf(dataDir: DataDir): string {
  return join(dataDir.path, 'postgres.log');
}

function lastLines(file: string): string {
  return readText(file).trimEnd().split('\n').slice(-LOG_TAIL_LINES).join('\n');
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
