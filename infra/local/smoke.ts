// `npm run smoke`: what a newcomer does, and then the worst that can happen. On a data folder and a port of its own:
//
//   npm start ─► buy over HTTP ─► paid ─► kill -9 of the whole process tree ─► npm start ─► the order is there
//   ─► kill -9 of the node process alone ─► npm start ─► the order is there ─► Ctrl-C ─► stopped within 5 s

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type Client, createClient } from '../../load/client.ts';
import { freePort } from './processes.ts';
import { type ShopProcess, startShopProcess } from './shop-process.ts';

/** Bars of the product, in milliseconds. */
const BARS = { firstStart: 20_000, laterStart: 4_000, stop: 5_000, paid: 10_000 };
const POLL_MS = 50;

const dataDir = mkdtempSync(join(tmpdir(), 'souk-smoke-'));
const port = await freePort();
const key = `smoke-${process.pid}`;
let checks = 0;

function check(holds: boolean, sentence: string): void {
  if (!holds) throw new Error(`not shown: ${sentence}`);
  checks += 1;
  console.log(`  ✓ ${sentence}`);
}

interface Bought {
  readonly id: string;
  readonly accessToken: string;
}

async function buy(client: Client): Promise<Bought> {
  const { items } = await client.expect<{ items: { id: string }[] }>([200], '/api/v1/products?limit=1');
  return await client.expect<Bought>([201], '/api/v1/orders', {
    method: 'POST',
    key,
    body: {
      email: 'smoke@customers.example',
      lines: [{ productId: items[0]?.id, quantity: 2 }],
      payment: { method: 'simulated', token: 'tok_ok' },
    },
  });
}

async function statusOf(client: Client, { id, accessToken }: Bought): Promise<string> {
  return (await client.expect<{ status: string }>([200], `/api/v1/orders/${id}`, { token: accessToken })).status;
}

async function paid(client: Client, order: Bought): Promise<boolean> {
  const deadline = Date.now() + BARS.paid;
  while (Date.now() < deadline) {
    if ((await statusOf(client, order)) === 'PAID') return true;
    await pause(POLL_MS);
  }
  return false;
}

let shop: ShopProcess | undefined;
const log = (text: string) => process.stdout.write(text.replaceAll(/^/gm, '    '));
const client = createClient(`http://127.0.0.1:${port}`);
try {
  shop = await startShopProcess({ dataDir, port, log });
  check(
    shop.tookMs <= BARS.firstStart,
    `first start to first answered request ≤ ${BARS.firstStart / 1000} s: ${(shop.tookMs / 1000).toFixed(1)} s`,
  );
  const order = await buy(client);
  check(await paid(client, order), 'an order is taken and paid');

  await shop.kill('tree');
  shop = await startShopProcess({ dataDir, port, log });
  check((await statusOf(client, order)) === 'PAID', 'kill -9 of the whole process tree: the order is there');
  check(
    shop.tookMs <= BARS.laterStart,
    `later start ≤ ${BARS.laterStart / 1000} s: ${(shop.tookMs / 1000).toFixed(1)} s`,
  );

  await shop.kill('node');
  shop = await startShopProcess({ dataDir, port, log });
  check(
    (await statusOf(client, order)) === 'PAID',
    'kill -9 of the node process alone, PostgreSQL left running: the order is there',
  );
  check((await buy(client)).id === order.id, 'the same Idempotency-Key is the same order, over both kills');

  const tookMs = await shop.stop();
  check(tookMs <= BARS.stop, `Ctrl-C stops everything within ${BARS.stop / 1000} s: ${(tookMs / 1000).toFixed(1)} s`);
  console.log(`Smoke test: ${checks} of ${checks} points shown.`);
} catch (error) {
  console.error(`Smoke test: ${(error as Error).message}`);
  process.exitCode = 1;
  await shop?.kill('tree');
} finally {
  client.close();
  rmSync(dataDir, { recursive: true, force: true });
}
