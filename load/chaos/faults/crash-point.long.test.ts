// Goal: nodes of a real cluster that end at the boundaries of the saga lose nothing and do nothing twice.
// Method: one cluster whose nodes tell what they pass, under a trickle of keyed orders of which some are cancelled and some
// declined; crashes at as many sorts of boundaries, in all services of the saga, as there is time for, each with its
// evidence. Then the provider's book and the stock are compared with the orders. In process every single boundary is
// tried: crash-points.sim.test.ts.

import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect } from '@jest/globals';
import { type Chance, chanceOf } from '../../../actors/scheduler.simulation.ts';
import {
  missingServers,
  startTestCluster,
  type TestCluster,
  until,
} from '../../../infra/local/cluster/cluster.fixture.ts';
import { itWhere } from '../../../infra/toolchain/it-where.ts';
import type { World } from '../world.ts';
import { CRASHING_NODE, crashPoints } from './crash-point.ts';
import type { Fault } from './fault.ts';

const SEED = Number(process.env['SEED'] ?? 1);
const PIECES = 1_000_000;
/** Orders that are under way at a time. */
const BUYERS = 6;
const TEST_MS = 420_000;
const SETTLED_WITHIN_MS = 60_000;
const ATTEMPTS_MAX = 200;
/** As many crashes as fit into this, of at most one of each sort; a slow machine shows fewer. */
const CRASHES_FOR_MS = 150_000;
const CRASHES_MIN = 6;
const SERVICES = ['orders', 'inventory', 'payments', 'notifications', 'carts'];

const reason = missingServers();
const shown = itWhere(reason === undefined, reason ?? '', 'fetched');

let cluster: TestCluster;
let world: World;

beforeAll(async () => {
  if (reason !== undefined) return;
  cluster = await startTestCluster({ settings: { paymentDeadlineMs: 20_000 }, programOf: () => CRASHING_NODE });
  world = { cluster, say: (what) => console.log(what), signal: new AbortController().signal };
}, TEST_MS);
afterAll(() => cluster?.stop(), 60_000);

/** Asks again with the same key until there is a definite answer, as clients do. */
async function definite(target: string, options: object): Promise<{ status: number; body: { id: string } }> {
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
    try {
      const answer = await cluster.call(target, options);
      if (answer.status < 500 && answer.status !== 429 && answer.status !== 202) return answer;
    } catch (error) {
      if ((error as Error).message !== 'fetch failed') throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`${target} had no definite answer after ${ATTEMPTS_MAX} attempts`);
}

/** Buys, again and again, from a cart; every tenth order is declined, every third one cancelled, most of them when paid. */
async function buy(product: { readonly id: string }, isOver: () => boolean, accepted: string[]): Promise<void> {
  const customer = await cluster.account();
  const { token } = customer;
  const mine: string[] = [];
  for (let n = 0; !isOver(); n++) {
    const cart = `/api/v1/carts/me/lines/${product.id}`;
    await definite(`PUT ${cart}`, { token, key: randomUUID(), body: { quantity: 1 + (n % 5) } });
    const pay = n % 10 === 9 ? 'tok_declined' : 'tok_ok';
    const wish = cluster.wish([[product, 1]], { token, key: randomUUID(), pay });
    const { status, body } = await definite('POST /api/v1/orders', wish);
    expect(status).toBe(201);
    accepted.push(body.id);
    mine.push(body.id);
    const cancelled = mine.at(n % 12 === 0 ? -1 : -4);
    if (n % 3 === 0 && cancelled !== undefined)
      await definite(`POST /api/v1/orders/${cancelled}/cancel`, { token, key: randomUUID() });
  }
}

/** `orders-1 after the commit of order.Place` ─► `orders after the commit`. */
const sortOf = (target: string) => target.replace(/^(\w+)-\d+ (.*) of .*$/, '$1 $2');
const serviceIn = (target: string) => target.replace(/-\d+ .*$/, '');

/** A fault that can happen and of whose sort none was tried; of the service of which the fewest were. */
function next(faults: readonly Fault[], tried: ReadonlySet<string>, chance: Chance): Fault | undefined {
  const triedOf = (service: string) => [...tried].filter((sort) => sort.startsWith(`${service} `)).length;
  const possible = faults.filter(({ target, impossible }) => impossible === undefined && !tried.has(sortOf(target)));
  const fewest = Math.min(...possible.map(({ target }) => triedOf(serviceIn(target))));
  const drawn = possible.filter(({ target }) => triedOf(serviceIn(target)) === fewest);
  return drawn.length === 0 ? undefined : chance.pick(drawn);
}

shown(
  'crashes at boundaries of every service leave books that agree',
  async () => {
    const product = await cluster.product('3.75', PIECES);
    const accepted: string[] = [];
    const began = performance.now();
    let over = false;
    const buyers = Promise.all(Array.from({ length: BUYERS }, () => buy(product, () => over, accepted)));
    const chance = chanceOf(SEED);
    const tried = new Set<string>();
    const crash = async () => {
      await until('every service has passed boundaries', () =>
        SERVICES.every((service) =>
          crashPoints(world, chance).some(
            ({ target, impossible }) => impossible === undefined && target.startsWith(service),
          ),
        ),
      );
      while (performance.now() - began < CRASHES_FOR_MS) {
        const fault = next(crashPoints(world, chance), tried, chance);
        if (fault === undefined) return;
        tried.add(sortOf(fault.target));
        const injected = await fault.inject(world);
        await injected.heal();
        const evidence = await injected.evidence([]);
        expect(evidence).not.toEqual([]);
        const s = ((performance.now() - began) / 1_000).toFixed(0);
        console.log(`after ${s} s, ${accepted.length} orders: ${evidence.join('; ')}`);
      }
    };
    try {
      await Promise.race([crash(), buyers]);
    } finally {
      over = true;
      await buyers;
    }
    console.log(`${tried.size} crashes, ${accepted.length} orders; ${[...tried].join(', ')}`);
    expect(new Set([...tried].map((sort) => sort.split(' ')[0]))).toEqual(new Set(SERVICES));
    expect(tried.size).toBeGreaterThanOrEqual(CRASHES_MIN);

    const { token } = await cluster.logIn(cluster.staff.email, cluster.staff.password);
    const statuses = new Map<string, string>();
    await until(
      'every order has come to rest',
      async () => {
        const exported = await fetch(`${cluster.url}/api/v1/orders/export?format=jsonl`, {
          headers: { Authorization: `Bearer ${token}` },
        });
        for (const line of (await exported.text()).trim().split('\n')) {
          const { id, status } = JSON.parse(line) as { id: string; status: string };
          statuses.set(id, status);
        }
        const { refunds } = cluster.ledger();
        const back = [...statuses.values()].filter((status) => status === 'REFUNDED').length;
        return refunds.length >= back && [...statuses.values()].every((status) => !status.startsWith('AWAITING'));
      },
      SETTLED_WITHIN_MS,
    );
    expect([...statuses.keys()].toSorted()).toEqual(accepted.toSorted());
    const { charges, refunds } = cluster.ledger();
    expect(new Set(charges.map(({ orderId }) => orderId)).size).toBe(charges.length);
    const refunded = new Set(refunds.map(({ paymentId }) => paymentId));
    const kept = charges.filter(({ status, paymentId }) => status === 'succeeded' && !refunded.has(paymentId));
    const paid = [...statuses].filter(([, status]) => status === 'PAID').map(([id]) => id);
    expect(kept.map(({ orderId }) => orderId).toSorted()).toEqual(paid.toSorted());
    await cluster.stockReaches(product.sku, { reserved: 0, onHand: PIECES - paid.length });
    expect(cluster.givenUp).toEqual([]);
  },
  TEST_MS,
);
