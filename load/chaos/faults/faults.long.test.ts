// Goal: every kind of fault of processes, servers, clocks, messages and load really happens, is healed, and harms nobody:
// orders are taken again, and none is lost, charged twice or sold twice.
// Method: one whole cluster under a trickle of keyed orders; one fault after another, the first target of each kind and those
// that differ in what they do. Each must leave its evidence.

import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import { chanceOf } from '../../../actors/scheduler.simulation.ts';
import {
  missingServers,
  startTestCluster,
  type TestCluster,
  until,
} from '../../../infra/local/cluster/cluster.fixture.ts';
import { itWhere } from '../../../infra/toolchain/it-where.ts';
import type { Ending, History, Operation } from '../history/operation.ts';
import type { World } from '../world.ts';
import { SKEWED_NODE } from './clock.ts';
import type { Fault, FaultKind } from './fault.ts';
import { faultSources } from './faults.ts';
import { GOODPUT_MIN, judgeOverload, type Load } from './overload.ts';
import { failuresDuring, replaceable } from './rolling.ts';

const SEED = Number(process.env['SEED'] ?? 1);
const PER_SECOND = 10;
const PIECES = 1_000_000;
/** Faults are cut to this, in milliseconds: how long one lasts is the campaign's affair. */
const LASTS_MAX_MS = 2_500;
const TAKEN_AGAIN_WITHIN_MS = 30_000;
/** The longest that a call may take. */
const ANSWERED_WITHIN_MS = 20_000;
const SETTLED_WITHIN_MS = 90_000;
const TEST_MS = 240_000;

const reason = missingServers();
const shown = itWhere(reason === undefined, reason ?? '', 'fetched');
const chance = chanceOf(SEED);

let cluster: TestCluster;
let world: World;
let product: { readonly id: string; readonly sku: string };
let usual: { stop(): Promise<void> };
const history: Operation[] = [];

const now = (): number => performance.timeOrigin + performance.now();

/** Places an order and keeps what came of it. */
async function place(process: string): Promise<void> {
  const key = randomUUID();
  const id = history.length + 1;
  const path = '/api/v1/orders';
  const begun = {
    id,
    at: now(),
    process,
    kind: 'place-order',
    principal: 'guest',
    intent: key,
    method: 'POST',
    path,
    key,
  } as const;
  history.push(begun);
  const end = (ending: Omit<Ending, 'endedAt'>) => {
    history[id - 1] = { ...begun, ending: { ...ending, endedAt: now() } };
  };
  try {
    const { status, body, headers } = await cluster.call(`POST ${path}`, cluster.wish([[product, 1]], { key }));
    const retryAfter = Number(headers.get('retry-after') ?? Number.NaN);
    const outcome = status === 201 ? 'ok' : status >= 500 ? 'unknown' : 'fail';
    end({ outcome, status, answer: body, ...(Number.isNaN(retryAfter) ? {} : { retryAfter }) });
  } catch (error) {
    const { message, cause } = error as Error & { readonly cause?: Error };
    if (message !== 'fetch failed') throw error;
    end({ outcome: 'unknown', error: `${message}: ${cause?.message ?? ''}` });
  }
}

/** Orders at a rate, whatever becomes of them. */
const load: Load = {
  perSecond: PER_SECOND,
  burst(perSecond) {
    const underWay = new Set<Promise<void>>();
    const began = performance.now();
    let sent = 0;
    const timer = setInterval(() => {
      for (; sent < ((performance.now() - began) * perSecond) / 1_000; sent++) {
        const order = place(`client-${sent % perSecond}`).finally(() => underWay.delete(order));
        underWay.add(order);
      }
    }, 10);
    return {
      async stop() {
        clearInterval(timer);
        await Promise.all(underWay);
      },
    };
  },
};

beforeAll(async () => {
  if (reason !== undefined) return;
  cluster = await startTestCluster({
    nodes: 'orders=2,products=2,api=2',
    settings: { paymentDeadlineMs: 20_000 },
    programOf: () => SKEWED_NODE,
  });
  product = await cluster.product('3.75', PIECES);
  world = { cluster, say: (what) => console.log(what), signal: new AbortController().signal, load };
  usual = load.burst(PER_SECOND);
}, TEST_MS);

afterAll(async () => {
  await usual?.stop();
  await cluster?.stop();
}, 60_000);

const faultsOf = (kind: FaultKind): readonly Fault[] => faultSources[kind](world, chance);

/** Injects a fault, heals it, and demands its evidence and that orders are taken again. */
async function go(
  fault: Fault | undefined,
): Promise<{ readonly seen: History; readonly healedAt: number; readonly evidence: readonly string[] }> {
  if (fault === undefined) throw new Error('there is no such fault');
  expect(fault.impossible).toBeUndefined();
  const from = now();
  const injected = await fault.inject(world);
  // An overload is judged by what is served while it lasts, a fault by what is served after it.
  const lasts = fault.kind === 'overload' ? fault.lastsMs : Math.min(fault.lastsMs, LASTS_MAX_MS);
  const begun = performance.now();
  await until('it has lasted', () => performance.now() - begun >= lasts, lasts + 5_000);
  await injected.heal();
  const healedAt = now();
  const taken = () => history.some(({ at, ending }) => at > healedAt && ending?.status === 201);
  await until('orders are taken again', taken, TAKEN_AGAIN_WITHIN_MS);
  const isOver = () => history.every(({ at, ending }) => at > healedAt || ending !== undefined);
  await until('what was under way has its answers', isOver, ANSWERED_WITHIN_MS);
  const seen = history.filter(({ at }) => at >= from);
  const evidence = await injected.evidence(seen);
  const recovered = history.find(({ at, ending }) => at > healedAt && ending?.status === 201)?.ending?.endedAt ?? 0;
  console.log(
    `${fault.kind}, ${fault.target}: ${((healedAt - from) / 1_000).toFixed(1)} s, taken again after ${Math.round(recovered - healedAt)} ms; ${failuresDuring(seen)}\n  ${evidence.join('\n  ')}`,
  );
  expect(evidence).not.toEqual([]);
  expect((await injected.violations?.(history)) ?? []).toEqual([]);
  return { seen, healedAt, evidence };
}

const target = (kind: FaultKind, wanted: RegExp): Fault | undefined =>
  faultsOf(kind).find((fault) => wanted.test(fault.target));

describe('each kind of fault happens, leaves its evidence and is healed', () => {
  const cases: readonly (readonly [kind: FaultKind, target: RegExp])[] = [
    ['kill', /^orders-1$/],
    ['kill', /^provider$/],
    ['pause', /^payments-1$/],
    ['nats', /^nats$/],
    ['kafka', /^kafka$/],
    ['dynamodb', /^dynamodb$/],
    ['postgres', /^postgres$/],
    ['postgres-backend', /^kill -9/],
    ['postgres-backend', /^pg_terminate/],
    ['poison', /./],
    ['rewind', /^the group orders$/],
    ['rewind', /^the group notifications$/],
  ];
  for (const [kind, wanted] of cases)
    shown(`${kind}: ${wanted.source}`, async () => void (await go(target(kind, wanted))), TEST_MS);

  shown(
    'rolling-restart: nobody notices that the nodes of services with two are replaced',
    async () => {
      const names = replaceable(world);
      expect(names).toHaveLength(6);
      const services = new Set(names.map((name) => name.replace(/-\d+$/, '')));
      for (const service of services) {
        const { seen, healedAt } = await go(target('rolling-restart', new RegExp(`^the nodes of ${service},`)));
        expect(seen.length).toBeGreaterThan(10);
        expect(seen.filter(({ at, ending }) => at <= healedAt && ending?.status !== 201)).toEqual([]);
      }
    },
    TEST_MS,
  );

  shown(
    'overload: what is too much is refused and told when to come back, the rest is done as fast as ever',
    async () => {
      const { seen, evidence } = await go(target('overload', /./));
      expect(judgeOverload(seen, 0, now()).odd).toEqual([]);
      const [, share] = /(\d+) % of it under overload/.exec(evidence.join(' ')) ?? [];
      expect(Number(share)).toBeGreaterThanOrEqual(100 * GOODPUT_MIN);
    },
    TEST_MS,
  );
});

describe('a clock that jumps', () => {
  const cases = [
    ['ahead', 'orders-1'],
    ['behind', 'orders-1'],
    ['behind', 'payments-1'],
    ['ahead', 'notifications-1'],
    ['behind', 'products-1'],
    ['behind', 'carts-1'],
    ['ahead', 'api-1'],
  ] as const;
  for (const [way, node] of cases)
    shown(`${way}, of ${node}, is borne`, async () => void (await go(skewOf(node, way))), TEST_MS);

  shown(
    'ahead, of the node that signs tokens, shuts nobody out who registers meanwhile',
    async () => {
      const injected = await skewOf('users-1', 'ahead').inject(world);
      try {
        const { token } = await cluster.account();
        await cluster.expect(200, 'GET /api/v1/customers/me', { token });
      } finally {
        await injected.heal();
      }
      expect(await injected.evidence([])).not.toEqual([]);
    },
    TEST_MS,
  );
});

/** Which skew a node gets is drawn: drawn until it goes the way that is wanted. */
function skewOf(node: string, way: string): Fault {
  for (;;) {
    const fault = target('clock-skew', new RegExp(`^${node} is (20|90|600) s ${way}`));
    if (fault !== undefined) return fault;
  }
}

describe('afterwards', () => {
  shown(
    'every accepted order is paid once, no piece is missing, and nothing was given up',
    async () => {
      await usual.stop();
      const accepted = history.flatMap(({ ending }) => (ending?.status === 201 ? [ending.answer.id as string] : []));
      const attempts = history.length;
      expect(accepted.length).toBeGreaterThan(100);
      expect(new Set(accepted).size).toBe(accepted.length);
      await until('nothing waits', async () => (await waiting()) === 0, SETTLED_WITHIN_MS);
      const headers = {
        Authorization: `Bearer ${(await cluster.logIn(cluster.staff.email, cluster.staff.password)).token}`,
      };
      const exported = await (await fetch(`${cluster.url}/api/v1/orders/export?format=jsonl`, { headers })).text();
      const orders = exported
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as { id: string; status: string });
      const statusOf = new Map(orders.map(({ id, status }) => [id, status]));
      const statuses = Object.fromEntries(
        [...Map.groupBy(accepted, (id) => statusOf.get(id) ?? 'lost')].map(([status, all]) => [status, all.length]),
      );
      console.log(`${attempts} orders were placed, ${accepted.length} answered 201: ${JSON.stringify(statuses)}`);
      expect(statuses['lost']).toBeUndefined();
      const paid = orders.filter(({ status }) => status === 'PAID');
      const { charges, refunds } = cluster.ledger();
      const refunded = new Set(refunds.map(({ paymentId }) => paymentId));
      const captured = charges.filter(({ status, paymentId }) => status === 'succeeded' && !refunded.has(paymentId));
      expect(captured.map(({ orderId }) => orderId).toSorted()).toEqual(paid.map(({ id }) => id).toSorted());
      const stock = await cluster.stockOf(product.sku);
      expect(stock).toMatchObject({ sold: paid.length, reserved: 0, onHand: PIECES - paid.length });
      expect(cluster.givenUp).toEqual([]);
    },
    TEST_MS,
  );
});

async function waiting(): Promise<number> {
  const { token } = await cluster.logIn(cluster.staff.email, cluster.staff.password);
  const lists = await Promise.all(
    ['AWAITING_STOCK', 'AWAITING_PAYMENT'].map((status) =>
      cluster.expect(200, `GET /api/v1/orders?status=${status}&limit=1`, { token }),
    ),
  );
  return lists.reduce((sum, { items }) => sum + items.length, 0);
}
