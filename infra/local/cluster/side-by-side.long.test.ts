// Goal: a release is replaced by the next one while the shop is open, and may be taken back. Nodes of both work on the newer
// schema side by side; no request fails, and each finds what the other has done, at once.
// Method: a whole cluster of the code from before the newest migration, taken from git. Under traffic `npm run migrate` of
// this checkout, then one node of each service replaced, then the others, then some of them by the old code again. While
// there are both, an order is placed by one and shipped, listed and delivered by the other. At the end the books agree.

import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import type { Principal } from '../../../mixins/caller.ts';
import { randomCommandId } from '../../../services/api/command-id.ts';
import type { Behind } from '../../../services/orders/history/unprojected.ts';
import { itWhere } from '../../toolchain/it-where.ts';
import { commandLine } from '../process-tree.ts';
import { type AskNode, joinCluster } from './ask-node.fixture.ts';
import { heldByOrder, minorOf } from './books.fixture.ts';
import {
  type Account,
  type Answer,
  type Call,
  type Json,
  missingServers,
  startTestCluster,
  type TestCluster,
  until,
} from './cluster.fixture.ts';
import type { NodePlan } from './plan.ts';
import { current, findPrevious, missingMigrations, type Release, unpack } from './releases.fixture.ts';
import { type Shopper, startShopper } from './shoppers.fixture.ts';
import { startTraffic, summary, type Traffic } from './traffic.fixture.ts';

const PER_SECOND = 30;
/** Every so many requests of the traffic one places an order. */
const EVERY_NTH = 6;
const PRODUCTS = 4;
const PIECES = 100_000;
const CUSTOMERS = 3;
/** Orders of each customer that both releases have their hands on. */
const ROUNDS = 3;
/** Every service has two nodes; those of the last line share theirs, because each process takes time to start. */
const NODES = {
  orders: 'orders',
  inventory: 'inventory',
  payments: 'payments',
  api: 'api',
  others: 'products,users,carts,notifications,activity,analytics',
} as const;
/** Which of them an operator takes back. */
const BACK = ['orders-1', 'payments-1', 'api-1'];
/** Nodes that are replaced at the same time, of different services; each leaves the machine idle now and then. */
const AT_A_TIME = 2;
/** Orders that are looked up at the same time. */
const LOOK_UP = 10;
const SETTLED_WITHIN_MS = 60_000;
const TEST_MS = 180_000;

const previous = findPrevious();
const lacking = missingServers();
const shown =
  lacking === undefined
    ? itWhere(typeof previous !== 'string', typeof previous === 'string' ? previous : '', 'found')
    : itWhere(false, lacking, 'fetched');

const nodes = (n: 1 | 2): readonly NodePlan[] =>
  Object.entries(NODES).map(([name, service]) => ({ id: `${name}-${n}`, service }));

/** Nodes that this checkout's code runs on; all others run the code from before. */
const newer = new Set<string>();
let old: ReturnType<typeof unpack> | undefined;
let cluster: TestCluster;
let asking: AskNode | undefined;
let products: { readonly id: string; readonly sku: string }[];
let customers: Account[];
let traffic: Traffic | undefined;
let shoppers: Shopper[] = [];
/** Gateways of the release before may close an idle connection on which a request is on its way; those of this one do not. */
let oldGatewayStops = false;
let repeated = 0;
/** Orders that were placed at a node by name. */
const handed: Json[] = [];

beforeAll(async () => {
  if (lacking !== undefined || typeof previous === 'string') return;
  const release = (old = unpack(previous));
  const packages = previous.hasOtherPackages ? '; its packages were others, it runs with those of now' : '';
  console.log(
    `the release before is ${previous.commit.slice(0, 7)}, without ${previous.migrations.join(', ')}${packages}`,
  );
  cluster = await startTestCluster({
    nodes: [...nodes(1), ...nodes(2)],
    migrate: async (where) => void (await release.migrate(where)),
    programOf: (node) => (newer.has(node) ? undefined : release.program),
  });
  asking = await joinCluster(cluster);
  products = [];
  for (let n = 0; n < PRODUCTS; n++) products.push(await cluster.product('1.25', PIECES));
  customers = await Promise.all(Array.from({ length: CUSTOMERS }, () => cluster.account()));
}, TEST_MS);

afterAll(async () => {
  await Promise.all([traffic?.stop(), ...shoppers.map((shopper) => shopper.stop())]);
  await asking?.close();
  await cluster?.stop();
  old?.remove();
}, 60_000);

const ask = <T = Json>(...question: Parameters<AskNode['ask']>): Promise<T> => (asking as AskNode).ask<T>(...question);
/** As every caller of a shop must: what broke with an idle connection that was being closed is sent again, once. */
async function call(target: string, options?: Call): Promise<Answer> {
  try {
    return await cluster.call(target, options);
  } catch (error) {
    if (!oldGatewayStops || (error as Error).message !== 'fetch failed') throw error;
    repeated += 1;
    return cluster.call(target, options);
  }
}

const staff: Principal = { kind: 'user', id: 'staff', role: 'staff' };
const get = (node: string, id: string): Promise<Json> => ask(node, 'orders.get', { id }, staff);
const buyer = (id: string): Principal => ({ kind: 'user', id, role: 'customer' });
/** The newest orders of a customer, as this node has them. */
const list = async (node: string, who: Principal): Promise<readonly Json[]> =>
  (await ask(node, 'orders.list', { limit: 100 }, who)).items;
const behind = (node: string): Promise<Behind> => ask(node, 'orders.historyBehind', {}, staff);

/** Ends nodes by SIGTERM, and has them started again with the code of this release; never two of a service at a time. */
async function replace(names: readonly string[], release: Release): Promise<void> {
  const waiting = [...names];
  const lane = async () => {
    for (let node = waiting.shift(); node !== undefined; node = waiting.shift()) {
      const isGateway = node.startsWith('api-');
      if (isGateway) oldGatewayStops = !newer.has(node);
      if (release === current) newer.add(node);
      else newer.delete(node);
      await cluster.isBack(node, cluster.signal(node, 'SIGTERM'));
      if (isGateway) oldGatewayStops = false;
      const words = commandLine(cluster.pidOf(node));
      if (words.length > 0) expect(words).toContain(release.program);
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, lane));
}

/** The history has taken up its work: lists of customers come from it, but for what was changed a moment ago. */
const historyWorks = (node: string) =>
  until('the history knows what was before', async () => (await behind(node)).oldestMs < 2_000, SETTLED_WITHIN_MS);

/** An order that both releases have their hands on: what one has done, the other one shows at once. */
async function handOver({ id: customerId }: Account, n: number, before: string, after: string): Promise<void> {
  const principal = buyer(customerId);
  const wish = {
    lines: [{ productId: products[n % PRODUCTS]!.id, quantity: 1 }],
    payment: { method: 'simulated', token: 'tok_ok' },
  };
  const listed = async (node: string, id: string) =>
    (await list(node, principal)).find((order) => order.id === id)?.status ?? 'not listed';
  const commandId = randomCommandId();
  const order = await ask(before, 'orders.place', wish, principal, commandId);
  handed.push(order);
  expect(await listed(after, order.id)).toMatch(/^(AWAITING_(STOCK|PAYMENT)|PAID)$/);
  expect((await ask(after, 'orders.place', wish, principal, commandId)).id).toBe(order.id);
  await until(`${order.id} is paid`, async () => (await get(after, order.id)).status === 'PAID', SETTLED_WITHIN_MS);
  await ask(before, 'orders.ship', { id: order.id }, staff);
  expect(await listed(after, order.id)).toBe('SHIPPED');
  await ask(after, 'orders.deliver', { id: order.id }, staff);
  expect(await listed(before, order.id)).toBe('DELIVERED');
  expect(await listed(after, order.id)).toBe('DELIVERED');
}

async function handOrdersOver(before: string, after: string): Promise<void> {
  await historyWorks(after);
  await Promise.all(
    customers.map(async (customer, n) => {
      for (let round = 0; round < ROUNDS; round++) await handOver(customer, n + round, before, after);
    }),
  );
}

describe('a release', () => {
  shown(
    'brings its schema while the release before serves',
    async () => {
      traffic = startTraffic(
        { ...cluster, call },
        { perSecond: PER_SECOND, everyNth: EVERY_NTH, products, name: 'upgrade' },
      );
      shoppers = [undefined, ...customers.slice(0, 2)].map((customer, n) =>
        startShopper(
          { ...cluster, call },
          { name: `shopper-${n}`, products, ...(customer === undefined ? {} : { customer }) },
        ),
      );
      for (const { bought } of shoppers) await until('shoppers buy', () => bought.length > 1, SETTLED_WITHIN_MS);
      expect(await missingMigrations(cluster.postgresUrl)).toHaveLength(
        (previous as { readonly migrations: readonly string[] }).migrations.length,
      );
      await current.migrate({ postgresUrl: cluster.postgresUrl, keysDir: join(cluster.dataDir, 'keys') });
      expect(await missingMigrations(cluster.postgresUrl)).toEqual([]);
      for (const { bought } of shoppers) {
        const { length } = bought;
        await until('shoppers go on', () => bought.length > length + 1, SETTLED_WITHIN_MS);
      }
    },
    TEST_MS,
  );

  shown(
    'works side by side with the one before, a node of each service of either',
    async () => {
      await replace(
        nodes(2).map(({ id }) => id),
        current,
      );
      await handOrdersOver('orders-1', 'orders-2');
    },
    TEST_MS,
  );

  shown(
    'replaces it to the last node, and may be taken back: old nodes start again on the newer schema',
    async () => {
      await replace(
        nodes(1).map(({ id }) => id),
        current,
      );
      await replace(BACK, old as Release);
      await handOrdersOver('orders-1', 'orders-2');
    },
    TEST_MS,
  );
});

describe('afterwards', () => {
  shown(
    'no request has failed, each list has shown what its reader had done, and both releases find every order whole',
    async () => {
      const sent = (await traffic?.stop()) ?? [];
      await Promise.all(shoppers.map((shopper) => shopper.stop()));
      const looks = shoppers.reduce((sum, shopper) => sum + shopper.looks(), 0);
      const bought = shoppers.flatMap((shopper) => shopper.bought);
      console.log(
        `upgrade and way back: ${summary(sent)}; ${bought.length} orders of shoppers, ${looks} looks at lists, ${repeated} requests sent twice`,
      );
      expect(
        sent.flatMap(({ kind, answer: { status = 0, text = '' } = {}, error = '' }) =>
          [200, 201, 202].includes(status) ? [] : [`${kind}: ${status} ${text}${error}`],
        ),
      ).toEqual([]);
      expect(shoppers.flatMap(({ failures }) => failures)).toEqual([]);
      expect(shoppers.flatMap(({ missed }) => missed)).toEqual([]);
      expect(looks).toBeGreaterThan(20);
      expect(cluster.givenUp).toEqual([]);
      const placed = sent.flatMap(({ kind, answer }) => (kind === 'order' ? [answer?.body] : []));
      expect(placed.length).toBeGreaterThan(20);
      const cancelled = new Set(bought.filter((it) => it.cancelled).map(({ order }) => order.id));
      await demandBooks([...placed, ...handed, ...bought.map(({ order }) => order)], cancelled);
      await demandLists();
    },
    TEST_MS,
  );
});

/** What the history has of orders that either release has changed is what PostgreSQL has. */
async function demandLists(): Promise<void> {
  await until('the history has everything', async () => (await behind('orders-2')).orders === 0, SETTLED_WITHIN_MS);
  for (const { id } of customers) expect(await list('orders-2', buyer(id))).toEqual(await list('orders-1', buyer(id)));
}

/** Every order is there as it was answered, seen by either release, in its last state; stock and the provider agree. */
async function demandBooks(orders: readonly Json[], cancelled: ReadonlySet<string>): Promise<void> {
  expect(new Set(orders.map(({ id }) => id)).size).toBe(orders.length);
  const found: Json[] = [];
  for (let i = 0; i < orders.length; i += LOOK_UP)
    found.push(...(await Promise.all(orders.slice(i, i + LOOK_UP).map(({ id }) => settled(id, cancelled.has(id))))));
  for (const [i, order] of found.entries()) {
    const { lines, total, createdAt } = orders[i];
    if (lines !== undefined) expect(order).toMatchObject({ lines, total, createdAt });
  }
  const kept = found.filter(({ id }) => !cancelled.has(id));
  for (const [n, { sku, id }] of products.entries()) {
    const pieces = kept.filter(({ lines: [line] }) => line.productId === id).length;
    expect({ n, pieces }).not.toEqual({ n, pieces: 0 });
    await cluster.stockReaches(sku, { onHand: PIECES - pieces, reserved: 0 });
  }
  // Money that comes for an order that was cancelled goes back in its own time.
  await until(
    'the provider holds what is paid and not given back of each order, and has charged none of them twice',
    () => {
      const held = heldByOrder(cluster.ledger());
      return found.every(({ id, total }) => {
        const { charges = 0, minor = 0 } = held.get(id) ?? {};
        return charges <= 1 && minor === (cancelled.has(id) ? 0 : minorOf(total));
      });
    },
    SETTLED_WITHIN_MS,
  );
}

/** The order, once nothing more becomes of it by itself: the same at both releases, its history too. */
function settled(id: string, isCancelled: boolean): Promise<Json> {
  const last = isCancelled ? /^(CANCELLED|REFUNDED)$/ : /^(PAID|DELIVERED)$/;
  return until(
    `${id} is settled, and seen the same by both releases`,
    async () => {
      const [one, other] = await Promise.all(['orders-1', 'orders-2'].map((node) => get(node, id)));
      if (!last.test(one.status) || JSON.stringify(one) !== JSON.stringify(other)) return undefined;
      const [story, same] = await Promise.all(
        ['orders-1', 'orders-2'].map((node) => ask(node, 'orders.timeline', { id }, staff)),
      );
      return JSON.stringify(story) === JSON.stringify(same) ? one : undefined;
    },
    SETTLED_WITHIN_MS,
  );
}
