// A shop as its users start it, in a process of its own: `npm start`, or `npm run cluster`, on a free port and a data
// folder of the caller's.
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
const ANSWER_MS = 2_000;
const IMPATIENCE_MS = 100;

export interface ShopProcess {
  readonly url: string;
  /** The process that `npm start` is; the shop is below it. */
  readonly pid: number;
  /** From the command to the first answered request. */
  readonly tookMs: number;
  /** The embedded PostgreSQL, for measurements beside the shop. */
  readonly databaseUrl: string;
  /** The end of what the terminal has shown. */
  printed(): string;
  /** Ctrl-C, as a terminal sends it: to the whole group. Resolves with how long it took, in milliseconds. */
  stop(options?: { readonly twice?: boolean }): Promise<number>;
  /** kill -9. Resolves when the shop has ended, which it does by itself without PostgreSQL; without a provider it goes on. */
  kill(what: Victim): Promise<void>;
}

/** The whole process tree, the node process of the shop alone, or one of the servers below it. */
export type Victim = 'tree' | 'node' | 'provider' | 'postgres';

export interface ShopProcessOptions {
  readonly dataDir: string;
  readonly port?: number;
  readonly environment?: Readonly<Record<string, string>>;
  /** What npm is told; default `start`. */
  readonly command?: readonly string[];
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
  command = ['start'],
  log,
}: ShopProcessOptions): Promise<ShopProcess> {
  const on = port ?? (await freePort());
  const url = `http://127.0.0.1:${on}`;
  const startedAt = performance.now();
  const shop = spawn('npm', command, {
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
    printed: () => printed,
    async stop({ twice = false } = {}) {
      const at = performance.now();
      const closed = shop.exitCode === null ? once(shop, 'close') : undefined;
      if (closed !== undefined) interrupt(pid);
      if (twice) {
        // An impatient finger; signals that come together would count as one.
        await pause(IMPATIENCE_MS);
        interrupt(pid);
      }
      await closed;
      return performance.now() - at;
    },
    async kill(what) {
      const victims = treeOf(pid).filter(isVictim[what]);
      if (victims.length === 0) throw new Error(`there is no ${what} to kill`);
      if (what === 'provider') victims.forEach(killNow);
      else await end(shop, victims);
    },
  };
}

/** Somebody else's program may take the connection and say nothing. */
const soon = () => ({ signal: AbortSignal.timeout(ANSWER_MS) });

/** Ready, and a first request answered. */
async function answers(url: string): Promise<boolean> {
  try {
    return (
      (await fetch(`${url}/health/ready`, soon())).status === 200 &&
      (await fetch(`${url}/api/v1/products?limit=1`, soon())).status === 200
    );
  } catch {
    return false;
  }
}

async function end(shop: ChildProcess, pids: readonly number[]): Promise<void> {
  const closed = shop.exitCode === null && shop.signalCode === null ? once(shop, 'close') : undefined;
  pids.forEach(killNow);
  await closed;
}

const interrupt = (group: number) => signal(-group, 'SIGINT');
const killNow = (pid: number) => signal(pid, 'SIGKILL');

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It ended with its parent.
  }
}

const runs = (pid: number, program: RegExp, script = '') => {
  const [first = '', ...words] = commandLine(pid);
  return program.test(first) && (script === '' || words.some((word) => word.endsWith(script)));
};
const isVictim: Readonly<Record<Victim, (pid: number) => boolean>> = {
  tree: () => true,
  node: (pid) => runs(pid, /node$/, 'infra/local/start.ts'),
  provider: (pid) => runs(pid, /node$/, 'provider/provider.ts'),
  postgres: (pid) => runs(pid, /bin\/postgres$/),
};

/** Where the embedded PostgreSQL of a data folder listens, from its own pid file and the key that the shop made. */
function databaseUrl(dataDir: string): string {
  const port = readFileSync(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8').split('\n')[3];
  const password = readFileSync(join(dataDir, 'keys', 'postgres'), 'utf8').trim();
  return `postgres://souk:${password}@127.0.0.1:${port}/souk`;
}
