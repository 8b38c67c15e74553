// `npm run bench [-- --json FILE] [--seconds N] [--clients N]`: how many orders a second the shop takes, through HTTP, on the
// finished path, with the limits of this machine beside it. Brings up a shop of its own and takes it down.
//
//   bare node:http │ durable commits ─► shop ─► N clients, one product ─► all PAID? ─► scarce product ─► never oversold?
//
// Exit status 1 when a row is below its bar.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startShopProcess } from '../infra/local/shop-process.ts';
import { memoryOf, treeOf } from '../infra/local/process-tree.ts';
import { commitLimit, httpLimit } from './bench/calibrate.ts';
import { generate } from './bench/generate.ts';
import { type Client, createClient } from './client.ts';
import { staffSession } from './staff.ts';

/** Bars of the product: orders a second, seconds until all are paid after the last answer, bytes of the process tree. */
const BARS = { ordersPerSecond: 1_500, paidWithinS: 10, memoryMb: 600 };
const STOCK = 1_000_000;
const SCARCE = { pieces: 200, seconds: 2 };
const PAID_GIVE_UP_MS = 120_000;
const POLL_MS = 100;

interface Row {
  readonly what: string;
  readonly figure: number;
  readonly unit: string;
  /** The figure must be at least (`min`) or at most (`max`) this. */
  readonly min?: number;
  readonly max?: number;
}

interface Stock {
  readonly sold: number;
  readonly reserved: number;
  readonly available: number;
  readonly onHand: number;
}

async function product(client: Client, token: string, sku: string, stock: number): Promise<string> {
  const body = { sku, name: sku, price: { amount: '2.55', currency: 'GBP' }, stock };
  return (await client.expect<{ id: string }>([201], '/api/v1/products', { method: 'POST', body, token })).id;
}

const stockOf = (client: Client, token: string, sku: string) =>
  client.expect<Stock>([200], `/api/v1/stock/${sku}`, { token });

/** Waits until no order of the product is on its way any more. */
async function allSettled(
  client: Client,
  token: string,
  sku: string,
): Promise<{ readonly stock: Stock; readonly at: number }> {
  const giveUpAt = Date.now() + PAID_GIVE_UP_MS;
  for (;;) {
    const stock = await stockOf(client, token, sku);
    if (stock.reserved === 0 || Date.now() > giveUpAt) return { stock, at: Date.now() };
    await pause(POLL_MS);
  }
}

function orderFor(productId: string): object {
  return {
    email: 'bench@customers.example',
    lines: [{ productId, quantity: 1 }],
    payment: { method: 'simulated', token: 'tok_ok' },
  };
}

async function measure(clients: number, seconds: number): Promise<readonly Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'souk-bench-'));
  const rows: Row[] = [];
  const add = (row: Row) => {
    rows.push(row);
    console.log(
      `  ${row.what.padEnd(62)} ${row.figure.toLocaleString('en', { maximumFractionDigits: 1 }).padStart(12)} ${row.unit}`,
    );
  };
  const shop = await startShopProcess({ dataDir: folder, log: () => {} });
  const client = createClient(shop.url);
  try {
    add({ what: 'first start to first answered request', figure: shop.tookMs / 1_000, unit: 's', max: 20 });
    add({
      what: 'limit: bare node:http, POSTs of the same size',
      figure: await httpLimit(orderFor(crypto.randomUUID())),
      unit: '/s',
    });
    add({
      what: 'limit: durable one-row commits, 16 connections',
      figure: await commitLimit(shop.databaseUrl),
      unit: '/s',
    });

    const token = await staffSession(client, { ...process.env, DATA_DIR: folder })();
    const hot = await product(client, token, 'bench-hot', STOCK);
    const { statuses, tookMs, endedAt, latencyMs } = await generate({
      url: `${shop.url}/api/v1/orders`,
      clients,
      seconds,
      body: orderFor(hot),
    });
    const accepted = statuses['201'] ?? 0;
    const { stock, at } = await allSettled(client, token, 'bench-hot');
    add({
      what: `orders accepted, ${clients} clients on one product, ${seconds} s`,
      figure: (accepted / tookMs) * 1_000,
      unit: '/s',
      min: BARS.ordersPerSecond,
    });
    add({ what: 'latency of POST /orders, median', figure: latencyMs.p50, unit: 'ms' });
    add({ what: 'latency of POST /orders, 99 %', figure: latencyMs.p99, unit: 'ms' });
    add({
      what: 'answers that are not 201',
      figure: Object.entries(statuses).reduce((sum, [status, n]) => sum + (status === '201' ? 0 : n), 0),
      unit: '',
      max: 0,
    });
    add({
      what: 'all paid after the last answer',
      figure: Math.max(0, at - endedAt) / 1_000,
      unit: 's',
      max: BARS.paidWithinS,
    });
    add({
      what: 'accepted orders without a sold piece, or the other way',
      figure: Math.abs(accepted - stock.sold),
      unit: '',
      max: 0,
    });
    add({
      what: 'memory of the whole process tree (PSS)',
      figure: treeOf(shop.pid).reduce((sum, pid) => sum + memoryOf(pid), 0) / 1024 ** 2,
      unit: 'MB',
      max: BARS.memoryMb,
    });

    const scarce = await product(client, token, 'bench-scarce', SCARCE.pieces);
    const rush = await generate({
      url: `${shop.url}/api/v1/orders`,
      clients,
      seconds: SCARCE.seconds,
      body: orderFor(scarce),
    });
    const left = await allSettled(client, token, 'bench-scarce');
    add({
      what: `orders for the last ${SCARCE.pieces} pieces: accepted`,
      figure: rush.statuses['201'] ?? 0,
      unit: '',
      min: SCARCE.pieces,
      max: SCARCE.pieces,
    });
    add({
      what: `orders for the last ${SCARCE.pieces} pieces: answered 409`,
      figure: rush.statuses['409'] ?? 0,
      unit: '',
    });
    add({ what: 'pieces sold of them', figure: left.stock.sold, unit: '', min: SCARCE.pieces, max: SCARCE.pieces });
    return rows;
  } finally {
    client.close();
    await shop.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

function isBelow({ figure, min, max }: Row): boolean {
  return (min !== undefined && figure < min) || (max !== undefined && figure > max);
}

try {
  const { values } = parseArgs({
    options: {
      json: { type: 'string' },
      seconds: { type: 'string', default: '15' },
      clients: { type: 'string', default: '64' },
    },
  });
  const rows = await measure(Number(values.clients), Number(values.seconds));
  if (values.json !== undefined)
    writeFileSync(values.json, `${JSON.stringify({ at: new Date().toISOString(), rows }, undefined, 2)}\n`);
  const below = rows.filter(isBelow);
  for (const { what, figure, unit, min, max } of below)
    console.log(
      `  below its bar: ${what}: ${figure} ${unit}, wanted ${min === undefined ? '' : `≥ ${min} `}${max === undefined ? '' : `≤ ${max}`}`,
    );
  console.log(`Bench: ${rows.length} rows, ${below.length} below their bar.`);
  process.exitCode = below.length === 0 ? 0 : 1;
} catch (error) {
  console.error(`Bench: ${(error as Error).stack}`);
  process.exitCode = 1;
}
