// Goal: the cluster as its users start it lives through a real day while a node of each service dies, and the books agree.
// Method: `npm run cluster`, a day of a real retailer replayed by `npm run replay`. As soon as it places orders, one node of
// each service that an order needs is killed (-9), then one of each other, by the process ids that `npm run repl` tells. Then the replay's own reconciliation, the provider's book, a
// second replay that must change nothing, and one Ctrl-C after which nothing is left running.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect } from '@jest/globals';
import { until } from '../infra/local/callers.fixture.ts';
import { missingServers } from '../infra/local/cluster/cluster.fixture.ts';
import { memoryOf, treeOf } from '../infra/local/process-tree.ts';
import { readLedger } from '../infra/local/provider/ledger.ts';
import { marked, markOf } from '../infra/local/servers/orphans.ts';
import { type ShopProcess, startShopProcess } from '../infra/local/shop-process.ts';
import { itWhere } from '../infra/toolchain/it-where.ts';
import { createClient, signIn } from './client.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** Services that customers and staff need all day have a second node. */
const NODES = 'orders=2,inventory=2,payments=2,carts=2,products=2,users=2,api=2';
/** An order is not placed and paid without them: killed while orders are placed. */
const ORDER_PATH = ['orders', 'inventory', 'payments'] as const;
const SERVICES = [
  ...ORDER_PATH,
  'carts',
  'products',
  'users',
  'notifications',
  'activity',
  'analytics',
  'api',
] as const;
/** Orders of that day. */
const ORDERS = 136;
/** Bars of the product. */
const READY_MAX_MS = 60_000;
const MEMORY_MAX_BYTES = 3.5 * 2 ** 30;
const STOP_MAX_MS = 25_000;
const BACK_WITHIN_MS = 30_000;
/** The replay reads its file and imports its products before. */
const FIRST_ORDER_WITHIN_MS = 60_000;
const ADMIN = { ADMIN_EMAIL: 'admin@shop.example', ADMIN_PASSWORD: 'a password for tests' };

const reason = missingServers();
const shown = itWhere(reason === undefined, reason ?? '', 'fetched');

let dataDir: string;
let cluster: ShopProcess;

beforeAll(async () => {
  if (reason !== undefined) return;
  dataDir = mkdtempSync(join(tmpdir(), 'souk-day-'));
  cluster = await startShopProcess({
    dataDir,
    command: ['run', 'cluster', '--', '--nodes', NODES],
    environment: ADMIN,
    log: () => {},
  });
}, 120_000);

afterAll(async () => {
  if (reason !== undefined) return;
  if (marked(markOf(dataDir)).length > 0) await cluster.kill('tree');
  rmSync(dataDir, { recursive: true, force: true });
});

/** Runs a command of the project against the cluster; what it printed, and how it ended. */
async function npm(script: string, args: readonly string[], input = ''): Promise<{ code: number; said: string }> {
  const child = spawn('npm', ['run', '--silent', script, '--', ...args], {
    cwd: ROOT,
    env: { ...process.env, ...ADMIN, DATA_DIR: dataDir },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  child.stdin.end(input);
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-50_000)));
  const [code] = (await once(child, 'close')) as [number];
  return { code, said };
}

/** An open console of the cluster. */
function openRepl() {
  const child = spawn('npm', ['run', '--silent', 'repl'], {
    cwd: ROOT,
    env: { ...process.env, ...ADMIN, DATA_DIR: dataDir },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const closed = once(child, 'close');
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  return {
    /** The process id of a node, once there is one that is not `other`. */
    pidOf(node: string, other?: number): Promise<number> {
      const line = new RegExp(`^${node} +pid (\\d+)`, 'm');
      let from = -1;
      return until(
        `the REPL knows ${node}${other === undefined ? '' : ' again'}`,
        () => {
          const [, pid] = line.exec(said.slice(Math.max(from, 0))) ?? [];
          if (pid !== undefined && from >= 0 && Number(pid) !== other) return Number(pid);
          // Asked again when the last answer is complete: the prompt stands behind it.
          if (from < 0 || said.slice(from + 1).endsWith('$ ')) {
            from = said.length;
            child.stdin.write('pids\n');
          }
          return undefined;
        },
        BACK_WITHIN_MS,
      );
    },
    async close() {
      child.stdin.end();
      await closed;
    },
  };
}

interface Kill {
  readonly node: string;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/**
 * Ends one node of each service: those of the order path together, as soon as there are orders, then each other once the
 * one before is back.
 */
async function killOneOfEach(): Promise<readonly Kill[]> {
  const repl = openRepl();
  const killed: Kill[] = [];
  const kill = (node: string, pid: number) => {
    process.kill(pid, 'SIGKILL');
    killed.push({ node, at: Date.now() });
  };
  try {
    // Asked for before: an answer takes as long as many orders.
    const pids: number[] = [];
    for (const service of ORDER_PATH) pids.push(await repl.pidOf(`${service}-1`));
    await firstOrder();
    ORDER_PATH.forEach((service, i) => kill(`${service}-1`, pids[i] as number));
    for (const [i, service] of ORDER_PATH.entries()) await repl.pidOf(`${service}-1`, pids[i]);
    for (const service of SERVICES.slice(ORDER_PATH.length)) {
      const node = `${service}-1`;
      const pid = await repl.pidOf(node);
      kill(node, pid);
      await repl.pidOf(node, pid);
    }
  } finally {
    await repl.close();
  }
  return killed;
}

/** Resolves once the shop has an order. */
async function firstOrder(): Promise<void> {
  const client = createClient(cluster.url);
  try {
    const token = await signIn(client, ADMIN.ADMIN_EMAIL, ADMIN.ADMIN_PASSWORD);
    const list = () => client.expect<{ readonly items: readonly object[] }>([200], '/api/v1/orders?limit=1', { token });
    await until('the first order is there', async () => (await list()).items.length > 0, FIRST_ORDER_WITHIN_MS);
  } finally {
    client.close();
  }
}

/** Everything the cluster runs: its own processes, and PostgreSQL, which is not marked but below it. */
const everyProcess = (): number[] => [...new Set([...treeOf(cluster.pid), ...marked(markOf(dataDir))])];

/** What the provider captured, by order, from its own book: an order that was captured twice is there twice. */
function captures(): readonly string[] {
  const { charges } = readLedger(join(dataDir, 'provider', 'ledger.sqlite'));
  return charges
    .filter(({ status }) => status === 'succeeded')
    .map(({ orderId, amount }) => `${orderId} ${amount.amount} ${amount.currency}`)
    .toSorted();
}

/** All orders, as staff exports them. */
async function exportedOrders(): Promise<readonly Exported[]> {
  const client = createClient(cluster.url);
  try {
    const token = await signIn(client, ADMIN.ADMIN_EMAIL, ADMIN.ADMIN_PASSWORD);
    const exported = await client.expect<string>([200], '/api/v1/orders/export?format=jsonl', { token });
    const orders = exported
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Exported);
    expect(orders).toHaveLength(ORDERS);
    return orders;
  } finally {
    client.close();
  }
}

/** What the shop says was captured: every order but those that cost nothing. */
const totals = (orders: readonly Exported[]): readonly string[] =>
  orders
    .filter(({ total }) => Number(total.amount) > 0)
    .map(({ id, total }) => `${id} ${total.amount} ${total.currency}`)
    .toSorted();

interface Exported {
  readonly id: string;
  /** ISO 8601. */
  readonly createdAt: string;
  readonly total: { readonly amount: string; readonly currency: string };
}

const replay = () => npm('replay', ['--url', cluster.url]);

shown(
  'is ready soon, replays a day while nodes die, and its books agree',
  async () => {
    console.log(`ready after ${(cluster.tookMs / 1_000).toFixed(1)} s`);
    expect(cluster.tookMs).toBeLessThanOrEqual(READY_MAX_MS);

    // The day is replayed again and again, each time as nothing new, until each service has lost a node.
    let over = false;
    const killing = killOneOfEach();
    const replays: { code: number; said: string }[] = [];
    const replaying = (async () => {
      do replays.push(await replay());
      while (!over);
    })();
    const killed = await killing.finally(() => (over = true));
    await replaying;
    expect(killed.map(({ node }) => node)).toEqual(SERVICES.map((service) => `${service}-1`));
    for (const { code, said } of replays) expect({ code, said }).toMatchObject({ code: 0 });
    expect(replays[0]?.said).toContain(`${ORDERS} orders placed`);

    const again = await replay();
    expect(again).toMatchObject({ code: 0, said: expect.stringContaining(`${ORDERS} were there already`) });
    expect(again.said).toContain('136 orders, 3081 lines, 27007 pieces, GBP 58960.79: equal to the file');

    const orders = await exportedOrders();
    expect(captures()).toEqual(totals(orders));
    // All orders are the first replay's: its day went on while nodes were away, and they died before it was over.
    const placedAt = orders.map(({ createdAt }) => Date.parse(createdAt));
    const [firstKill = Infinity] = killed.map(({ at }) => at);
    const lastKill = killed.findLast(({ at }) => at < Math.max(...placedAt))?.at ?? 0;
    const before = placedAt.filter((at) => at < firstKill).length;
    const after = placedAt.filter((at) => at >= firstKill).length;
    const onOrderPath = killed.slice(0, ORDER_PATH.length);
    console.log(
      `${before} orders before the first kill, ${after} after it, ${killed.filter(({ at }) => at <= lastKill).length} kills before the last order`,
    );
    expect(before).toBeGreaterThan(0);
    expect(after).toBeGreaterThan(ORDERS / 4);
    expect(onOrderPath.filter(({ at }) => at > lastKill)).toEqual([]);

    const processes = everyProcess();
    const bytes = processes.reduce((sum, pid) => sum + memoryOf(pid), 0);
    console.log(`${replays.length} replays; ${processes.length} processes, ${(bytes / 2 ** 20).toFixed(0)} MiB`);
    if (process.platform === 'linux') expect(bytes).toBeGreaterThan(0);
    expect(bytes).toBeLessThanOrEqual(MEMORY_MAX_BYTES);
  },
  300_000,
);

shown(
  'ends whole by one Ctrl-C',
  async () => {
    const mark = markOf(dataDir);
    const tookMs = await cluster.stop();
    console.log(`stopped after ${(tookMs / 1_000).toFixed(1)} s`);
    expect(tookMs).toBeLessThanOrEqual(STOP_MAX_MS);
    expect(marked(mark)).toEqual([]);
    expect(readdirSync(join(dataDir, 'postgres'))).not.toContain('postmaster.pid');
  },
  60_000,
);
