// Goal: whatever of the shop is killed, and whenever, `npm start` goes on from there: an acknowledged order is found with
// the same content, is paid once, and nothing is oversold.
// Method: customers who never give up place keyed orders while the shop is killed and started again and again: the
// whole process tree, the node process alone, PostgreSQL alone; in between the payment provider, without which it goes on.
// At the end stock and the provider's own book are compared with the orders.

import { createServer } from 'node:net';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Answer, type CallOptions, type Client, createClient } from '../../load/client.ts';
import { staffSession } from '../../load/staff.ts';
import { freePort } from './processes.ts';
import { readLedger } from './provider/ledger.ts';
import { type ShopProcess, startShopProcess, type Victim } from './shop-process.ts';

/** Enough for each kind of kill to come twice; `npm run test:long` makes it twenty. */
const RESTARTS = process.env['RUNS'] === undefined ? 7 : 20;
const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
const CUSTOMERS = 8;
/** A customer's pause between orders, in milliseconds. */
const BREATH_MS = 25;
/** How long the shop lives between two kills, at most, in milliseconds. */
const LIFE_MS = 1_000;
const PLENTY = 1_000_000;
const SCARCE = 30;
const SETTLED_WITHIN_MS = 20_000;
const READS_AT_ONCE = 8;
const ERRORS_SHOWN = 10;
/** Bars of the product, in milliseconds. */
const BARS = { laterStart: 4_000, stop: 5_000 };
const KILLS: readonly Victim[] = ['tree', 'node', 'postgres'];

interface Money {
  readonly amount: string;
  readonly currency: string;
}

interface Order {
  readonly id: string;
  readonly status: string;
  readonly email: string;
  readonly lines: readonly { readonly sku: string; readonly quantity: number }[];
  readonly total: Money;
  readonly createdAt: string;
  readonly accessToken: string;
}

/** An order that somebody was told of, and what it should come to. */
interface Acknowledged {
  readonly order: Order;
  readonly expected: string;
}

let folder: string;
let port: number;
let shop: ShopProcess;
let client: Client;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'souk-restarts-'));
  port = await freePort();
  client = createClient(`http://127.0.0.1:${port}`);
  shop = await start();
});
afterAll(async () => {
  client.close();
  await shop.kill('tree').catch(() => {});
  rmSync(folder, { recursive: true, force: true });
});

const start = (dataDir = folder, on = port) => startShopProcess({ dataDir, port: on, log: () => {} });

/** Random numbers from a seed: mulberry32. */
function chanceOf(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

async function each<T>(items: Iterable<T>, work: (item: T) => Promise<void>): Promise<void> {
  const queue = items[Symbol.iterator]();
  const take = async () => {
    for (let next = queue.next(); next.done !== true; next = queue.next()) await work(next.value);
  };
  await Promise.all(Array.from({ length: READS_AT_ONCE }, take));
}

const readOrder = ({ id, accessToken }: Order): Promise<Order> =>
  client.expect<Order>([200], `/api/v1/orders/${id}`, { token: accessToken });

/** What must never change of an order. */
const contentOf = ({ id, email, lines, total, createdAt }: Order) => ({ id, email, lines, total, createdAt });

/** Customers who place one order after another and ask until there is an answer, under the same key. */
function crowd(products: { readonly plenty: string; readonly scarce: string }, chance: (below: number) => number) {
  const acknowledged: Acknowledged[] = [];
  const surprises: string[] = [];
  let refused = 0;
  let isClosing = false;

  /** 202 says that the answer takes longer: the same question again has it. */
  async function ask(question: CallOptions): Promise<Answer<Order>> {
    for (;;) {
      const answer = await client.call<Order>('/api/v1/orders', question);
      if (answer.status !== 202) return answer;
    }
  }

  async function customer(n: number): Promise<void> {
    for (let i = 0; !isClosing; i++) {
      const wants = chance(10) < 2 ? products.scarce : products.plenty;
      const [token, expected] = (
        [
          ['tok_declined', 'PAYMENT_FAILED'],
          ['tok_timeout_then_ok', 'PAID'],
          ['tok_error_then_ok', 'PAID'],
        ] as const
      )[chance(20)] ?? ['tok_ok', 'PAID'];
      const { status, body } = await ask({
        method: 'POST',
        key: `customer-${n}-order-${i}`,
        body: {
          email: `customer-${n}@customers.example`,
          lines: [{ productId: wants, quantity: 1 + chance(3) }],
          payment: { method: 'simulated', token },
        },
      });
      if (status === 201) acknowledged.push({ order: body, expected });
      else if (status === 409) refused += 1;
      else surprises.push(`POST /orders answered ${status}: ${JSON.stringify(body)}`);
      await pause(BREATH_MS);
    }
  }

  const customers = Promise.all(Array.from({ length: CUSTOMERS }, (_, n) => customer(n)));
  return {
    acknowledged,
    surprises,
    refused: () => refused,
    async close(): Promise<void> {
      isClosing = true;
      await customers;
    },
  };
}

async function newProduct(token: () => Promise<string>, sku: string, price: string, stock: number): Promise<string> {
  const body = { sku, name: sku, price: { amount: price, currency: 'GBP' }, stock };
  return (
    await client.expect<{ id: string }>([201], '/api/v1/products', {
      method: 'POST',
      token: await token(),
      key: sku,
      body,
    })
  ).id;
}

/** All orders of the shop. */
async function allOrders(token: () => Promise<string>): Promise<readonly Order[]> {
  const orders: Order[] = [];
  for (let cursor = ''; ; ) {
    const page: { items: readonly Order[]; next: string | null } = await client.expect(
      [200],
      `/api/v1/orders?limit=100${cursor}`,
      { token: await token() },
    );
    orders.push(...page.items);
    if (page.next === null) return orders;
    cursor = `&cursor=${encodeURIComponent(page.next)}`;
  }
}

const byText = (a: unknown, b: unknown) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);

/** What the shop's log says went wrong, to explain a surprise. */
function errorsLogged(): readonly string[] {
  const lines = readFileSync(join(folder, 'souk.log'), 'utf8').split('\n');
  return lines.filter((line) => /"level":[56]0/.test(line)).slice(-ERRORS_SHOWN);
}

describe('a shop that is killed again and again', () => {
  it(`goes on ${RESTARTS} times, and loses, repeats and oversells nothing (seed ${SEED})`, async () => {
    const chance = chanceOf(SEED);
    const token = staffSession(client, { DATA_DIR: folder });
    const products = {
      plenty: await newProduct(token, 'plenty', '2.55', PLENTY),
      scarce: await newProduct(token, 'scarce', '0.85', SCARCE),
    };
    const { acknowledged, surprises, refused, close } = crowd(products, chance);
    const startedMs: number[] = [];
    const killed: Record<string, number> = {};

    for (let n = 0; n < RESTARTS; n++) {
      await pause(chance(LIFE_MS));
      if (n % 4 === 3) {
        await shop.kill('provider');
        killed['provider'] = (killed['provider'] ?? 0) + 1;
        await pause(chance(LIFE_MS));
      }
      const victim = KILLS[n % KILLS.length] as Victim;
      await shop.kill(victim);
      killed[victim] = (killed[victim] ?? 0) + 1;
      // It noticed by itself, and said why.
      if (victim === 'postgres') expect(shop.printed()).toContain('PostgreSQL ended by itself (ended by SIGKILL)');
      shop = await start();
      startedMs.push(shop.tookMs);
      await each([...acknowledged], async ({ order }) =>
        expect(contentOf(await readOrder(order))).toEqual(contentOf(order)),
      );
    }
    await close();
    expect(surprises.length === 0 ? [] : [...surprises, ...errorsLogged()]).toEqual([]);

    const settledBy = Date.now() + SETTLED_WITHIN_MS;
    const settled: { readonly order: Order; readonly expected: string }[] = [];
    await each(acknowledged, async ({ order, expected }) => {
      let now = await readOrder(order);
      for (; now.status.startsWith('AWAITING') && Date.now() < settledBy; now = await readOrder(order)) await pause(50);
      settled.push({ order: now, expected });
    });
    expect(settled.filter(({ order, expected }) => order.status !== expected)).toEqual([]);

    // Every order of the shop is one that somebody was told of, or that stock refused.
    const orders = await allOrders(token);
    const ids = new Set(acknowledged.map(({ order }) => order.id));
    expect(ids.size).toBe(acknowledged.length);
    expect(orders.filter(({ id, status }) => !ids.has(id) && status !== 'CANCELLED')).toEqual([]);
    expect(orders).toHaveLength(acknowledged.length + refused());

    const paid = settled.filter(({ expected }) => expected === 'PAID').map(({ order }) => order);
    for (const sku of ['plenty', 'scarce'] as const) {
      const sold = paid
        .flatMap(({ lines }) => lines)
        .filter((line) => line.sku === sku)
        .reduce((sum, { quantity }) => sum + quantity, 0);
      const stock = await client.expect<Record<string, number>>([200], `/api/v1/stock/${sku}`, {
        token: await token(),
      });
      const received = sku === 'plenty' ? PLENTY : SCARCE;
      expect(stock).toMatchObject({ received, sold, reserved: 0, onHand: received - sold, returned: 0, writtenOff: 0 });
      expect(sold).toBeLessThanOrEqual(received);
    }

    const { charges, refunds } = readLedger(join(folder, 'provider', 'ledger.sqlite'));
    const captured = charges.filter(({ status }) => status === 'succeeded');
    expect(new Set(captured.map(({ orderId }) => orderId)).size).toBe(captured.length);
    const charged = captured.map(({ orderId, amount }) => [orderId, amount]).toSorted(byText);
    expect(charged).toEqual(paid.map(({ id, total }) => [id, total]).toSorted(byText));
    expect(refunds).toEqual([]);

    const inOrder = startedMs.toSorted((a, b) => a - b);
    const median = inOrder[inOrder.length >> 1] as number;
    process.stdout.write(
      `  ${RESTARTS} restarts, kills ${JSON.stringify(killed)}: ${acknowledged.length} orders acknowledged, ${paid.length} paid, ${refused()} refused by stock; ` +
        `start ${inOrder.map((ms) => (ms / 1_000).toFixed(1)).join(' ')} s\n`,
    );
    // A run in which nothing happened shows nothing.
    expect(Math.min(acknowledged.length, paid.length, refused(), settled.length - paid.length)).toBeGreaterThan(0);
    expect(median).toBeLessThanOrEqual(BARS.laterStart);
  }, 240_000);
});

describe('a living shop', () => {
  it('refuses a second one on the same data, with a sentence that names it', async () => {
    await expect(start(folder, await freePort())).rejects.toThrow(
      /The shop did not start\. The data folder .* is in use by another running shop \(process \d+\)\. Stop that one first/,
    );
  });

  it('does not mind a second one on other data that wants its port: that one is told', async () => {
    const other = mkdtempSync(join(tmpdir(), 'souk-other-'));
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const on = (taken.address() as { readonly port: number }).port;
    await expect(start(other, on)).rejects.toThrow(
      `Port ${on} on 127.0.0.1 is taken by another program: end it, or choose another port, as in PORT=${on + 1} npm start.`,
    );
    taken.close();
    rmSync(other, { recursive: true, force: true });
  });

  it('drains and stops within 5 s, however impatient the finger on Ctrl-C', async () => {
    const tookMs = await shop.stop({ twice: true });
    expect(shop.printed()).toContain('Stopped. Everything is in the data folder; npm start goes on from here.');
    expect(tookMs).toBeLessThanOrEqual(BARS.stop);
    process.stdout.write(`  stopped in ${(tookMs / 1_000).toFixed(1)} s\n`);
  });
});
