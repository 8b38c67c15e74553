// A shop as its users start it, in a process of its own: `npm start` on a free port and a data folder of the caller's.
// For tests and measurements; everything it started ends with `stop` or `kill`.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort } from './processes.ts';
import { commandLine, treeOf } from './process-tree.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const GIVE_UP_MS = 60_000;
const POLL_MS = 25;

export interface ShopProcess {
  readonly url: string;
  /** The process that `npm start` is; the shop is below it. */
  readonly pid: number;
  /** From the command to the first answered request. */
  readonly tookMs: number;
  /** The embedded PostgreSQL, for measurements beside the shop. */
  readonly databaseUrl: string;
  /** Ctrl-C, as a terminal sends it: to the whole group. Resolves with how long it took, in milliseconds. */
  stop(): Promise<number>;
  /** kill -9 of the whole process tree, or of the node process of the shop alone. */
  kill(what: 'tree' | 'node'): Promise<void>;
}

export interface ShopProcessOptions {
  readonly dataDir: string;
  readonly port?: number;
  readonly environment?: Readonly<Record<string, string>>;
  /** Takes what the terminal would show. */
  readonly log: (text: string) => void;
}

/**
 * Runs `npm start` and waits until the shop answers.
 * @throws Error with what the shop printed if it ends, or does not answer within a minute
 */
export async function startShopProcess({
  dataDir,
  port,
  environment = {},
  log,
}: ShopProcessOptions): Promise<ShopProcess> {
  const on = port ?? (await freePort());
  const url = `http://127.0.0.1:${on}`;
  const startedAt = performance.now();
  const shop = spawn('npm', ['start'], {
    cwd: ROOT,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, PORT: String(on), DATA_DIR: dataDir, ...environment },
  });
  let printed = '';
  for (const stream of [shop.stdout, shop.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      printed = (printed + chunk.toString()).slice(-10_000);
      log(chunk.toString());
    });
  }
  const giveUpAt = Date.now() + GIVE_UP_MS;
  while (!(await answers(url))) {
    if (shop.exitCode !== null || Date.now() > giveUpAt) {
      await end(shop, treeOf(shop.pid as number));
      throw new Error(`the shop did not start:\n${printed}`);
    }
    await pause(POLL_MS);
  }
  const pid = shop.pid as number;
  return {
    url,
    pid,
    tookMs: performance.now() - startedAt,
    databaseUrl: databaseUrl(dataDir),
    async stop() {
      const at = performance.now();
      const closed = shop.exitCode === null ? once(shop, 'close') : undefined;
      if (closed !== undefined) process.kill(-pid, 'SIGINT');
      await closed;
      return performance.now() - at;
    },
    async kill(what) {
      const tree = treeOf(pid);
      await end(shop, what === 'tree' ? tree : tree.filter(isShop));
    },
  };
}

/** Ready, and a first request answered. */
async function answers(url: string): Promise<boolean> {
  try {
    return (
      (await fetch(`${url}/health/ready`)).status === 200 &&
      (await fetch(`${url}/api/v1/products?limit=1`)).status === 200
    );
  } catch {
    return false;
  }
}

async function end(shop: ChildProcess, pids: readonly number[]): Promise<void> {
  const closed = shop.exitCode === null && shop.signalCode === null ? once(shop, 'close') : undefined;
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It ended with its parent.
    }
  }
  await closed;
}

function isShop(pid: number): boolean {
  const [program = '', ...words] = commandLine(pid);
  return program.endsWith('node') && words.some((word) => word.endsWith('infra/local/start.ts'));
}

/** Where the embedded PostgreSQL of a data folder listens, from its own pid file and the key that the shop made. */
function databaseUrl(dataDir: string): string {
  const port = readFileSync(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8').split('\n')[3];
  const password = readFileSync(join(dataDir, 'keys', 'postgres'), 'utf8').trim();
  return `postgres://souk:${password}@127.0.0.1:${port}/souk`;
}
