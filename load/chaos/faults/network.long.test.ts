// Goal: whatever becomes of the ways between the parts of the shop, of a link, and of the disk, an order is taken or clearly
// refused, none is lost or made twice, and the shop takes orders as before within 30 s.
// Method: one whole cluster with a proxy on every edge and PostgreSQL on a disk of its own; keyed orders at a fixed rate; one
// fault after another, each with its evidence. What was refused or unanswered is asked again with its key; then pieces are counted.

import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect } from '@jest/globals';
import { type Chance, chanceOf } from '../../../actors/scheduler.simulation.ts';
import {
  type Answer,
  missingForEdges,
  startTestCluster,
  type TestCluster,
  until,
} from '../../../infra/local/cluster/cluster.fixture.ts';
import { type Connections, passedBetween } from '../../../infra/local/cluster/edge-traffic.ts';
import { missingOwnDisk } from '../../../infra/local/cluster/own-disk.ts';
import { itWhere } from '../../../infra/toolchain/it-where.ts';
import { fullDisks, slowDisks } from './disk.ts';
import type { Fault, FaultSource } from './fault.ts';
import { linksDown } from './link.ts';
import { bandwidths, halfOpens, jitters, latencies, oneWays, partitions, resets, slowCloses } from './network.ts';

const ORDERS_MS = 125;
const CALM_MS = 1_000;
const LASTS_MS = 5_000;
const TAKEN_AGAIN_WITHIN_MS = 30_000;
const SETTLED_WITHIN_MS = 60_000;
/** So many orders in a row, each within a second: as before. */
const IN_A_ROW = 5;
const PIECES = 1_000_000;
const TEST_MS = 180_000;

const reason = missingForEdges();
const noDisk = await missingOwnDisk();
const shown = itWhere(reason === undefined, reason ?? '', 'fetched');
const shownWithDisk = itWhere(reason === undefined && noDisk === undefined, reason ?? noDisk ?? '');

let cluster: TestCluster;

beforeAll(async () => {
  if (reason !== undefined) return;
  cluster = await startTestCluster({
    edges: true,
    ownDisk: noDisk === undefined,
    webhooks: 'all',
    settings: { rateLimits: 'off', paymentDeadlineMs: 20_000 },
  });
}, 180_000);

afterAll(() => cluster?.stop(), 60_000);

const world = () => ({ cluster, say: () => {}, signal: new AbortController().signal });

interface Sent {
  readonly at: number;
  readonly key: string;
  readonly tookMs: number;
  /** Missing: the connection broke. */
  readonly answer?: Answer;
}

/** Places a keyed order every so often, whatever becomes of the others. */
function keepOrdering(product: { readonly id: string }) {
  const sent: Sent[] = [];
  const underWay = new Set<Promise<void>>();
  async function send(key: string): Promise<void> {
    const at = performance.now();
    const about = () => ({ at, key, tookMs: performance.now() - at });
    try {
      const answer = await cluster.call('POST /api/v1/orders', cluster.wish([[product, 1]], { key }));
      sent.push({ ...about(), answer });
    } catch {
      sent.push(about());
    }
  }
  const timer = setInterval(() => {
    const sending = send(randomUUID()).finally(() => underWay.delete(sending));
    underWay.add(sending);
  }, ORDERS_MS);
  return {
    sent,
    async stop() {
      clearInterval(timer);
      await Promise.all(underWay);
    },
  };
}

const passes = (ms: number, from = performance.now()) =>
  until(`${ms} ms are over`, () => performance.now() - from > ms, ms + 5_000);

/** Lets one fault happen under orders, and tells what came of them. */
async function suffer(fault: Fault): Promise<void> {
  expect([fault.target, fault.impossible]).toEqual([fault.target, undefined]);
  const product = await cluster.product('3.75', PIECES);
  const orders = keepOrdering(product);
  await passes(CALM_MS);
  const from = performance.now();
  const injected = await fault.inject(world());
  await passes(LASTS_MS);
  await injected.heal();
  const to = performance.now();
  const isUsual = ({ tookMs, answer }: Sent) => answer?.status === 201 && tookMs < 1_000;
  const takenAgainMs = await until(
    `orders are taken as before, after ${fault.kind} of ${fault.target}`,
    () => {
      const after = orders.sent.filter(({ at }) => at > to).toSorted((a, b) => a.at - b.at);
      const index = after.findIndex(
        (_, i) => after.length >= i + IN_A_ROW && after.slice(i, i + IN_A_ROW).every(isUsual),
      );
      return index < 0 ? undefined : Math.max(1, (after[index]?.at ?? 0) - to);
    },
    TAKEN_AGAIN_WITHIN_MS,
  );
  await orders.stop();
  const evidence = await injected.evidence([]);
  const during = orders.sent.filter(({ at }) => at > from && at < to);
  const statuses = Map.groupBy(during, ({ answer }) => answer?.status ?? 'no answer');
  console.log(
    [
      `${fault.kind} of ${fault.target}: ${[...statuses].map(([status, all]) => `${all.length} × ${status}`).join(', ')}; as before after ${(takenAgainMs / 1_000).toFixed(1)} s`,
      ...evidence,
    ].join('\n  '),
  );
  expect(evidence).not.toEqual([]);
  for (const { answer } of orders.sent) {
    if (answer === undefined || [201, 202].includes(answer.status)) continue;
    expect([answer.status, answer.text]).toEqual([503, expect.stringMatching(/"(unavailable|overloaded)"/)]);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
  }
  await nothingIsLostOrDoubled(product, orders.sent);
}

/** Everyone gets what he asked for once, whoever was refused by asking again. */
async function nothingIsLostOrDoubled(product: { readonly id: string; readonly sku: string }, sent: readonly Sent[]) {
  const ids = await Promise.all(
    sent.map(async ({ key, answer }) => {
      const again = await cluster.expect(201, 'POST /api/v1/orders', cluster.wish([[product, 1]], { key }));
      if (answer?.status === 201 || answer?.status === 202) expect(again.id).toBe(answer.body.id);
      return again.id as string;
    }),
  );
  expect(new Set(ids).size).toBe(sent.length);
  const giveUpAt = performance.now() + SETTLED_WITHIN_MS;
  for (const id of ids) await cluster.reaches(id, 'PAID', Math.max(1_000, giveUpAt - performance.now()));
  await cluster.stockReaches(product.sku, { onHand: PIECES - ids.length, reserved: 0 });
}

const of = (source: FaultSource, target: string, chance: Chance = chanceOf(1)): Fault => {
  const found = source(world() as never, chance).find((fault) => fault.target === target);
  if (found === undefined) throw new Error(`no fault hits ${target}`);
  return found;
};
/** Draws the first of everything, or the last: requests get lost, or answers. */
const drawing = (n: number): Chance => ({ ...chanceOf(1), pick: <T>(items: readonly T[]) => items.at(n) as T });
const [first, last] = [drawing(0), drawing(-1)];

shown(
  'every edge is one that the shop uses',
  async () => {
    const { edges } = cluster;
    if (edges === undefined) throw new Error('the cluster has no edges');
    const seen = new Map<string, { before: Connections; bytes: number }>();
    const orders = keepOrdering(await cluster.product('3.75', PIECES));
    const unused = async () => {
      const { id } = await cluster.product();
      const timestamp = new Date().toISOString();
      await Promise.all([
        cluster.account(),
        cluster.expect(201, 'POST /api/v1/carts', { body: {} }),
        cluster.expect(202, 'POST /api/v1/events', {
          body: { user_id: 'u-1', product_id: id, event_type: 'view', timestamp },
          key: randomUUID(),
        }),
        cluster.call(`DELETE /api/v1/products/${id}`, { token: cluster.staff.token }),
      ]);
      for (const name of edges.names) {
        const now = (await edges.connections(name)) ?? new Map();
        const { bytes = 0 } = seen.get(name) ?? {};
        seen.set(name, { before: now, bytes: bytes + passedBetween(seen.get(name)?.before ?? new Map(), now).in });
      }
      return edges.names.filter((name) => (seen.get(name)?.bytes ?? 0) === 0);
    };
    try {
      let left: readonly string[] = edges.names;
      await until(
        'something passed on every edge',
        async () => {
          left = await unused();
          return left.length === 0;
        },
        30_000,
      ).catch((error: Error) => {
        throw new Error(`${error.message}; nothing passed on ${left.join(', ')}`, { cause: error });
      });
    } finally {
      await orders.stop();
    }
  },
  TEST_MS,
);

const cases: readonly [string, FaultSource, string, Chance?][] = [
  ['orders get their rows late', latencies, 'orders → postgres'],
  ['orders get their rows unevenly', jitters, 'orders → postgres'],
  ['orders hear nothing of their rows', halfOpens, 'orders → postgres'],
  ['statements of orders get lost', oneWays, 'orders → postgres', first],
  ['answers to statements of orders get lost', oneWays, 'orders → postgres', last],
  ['answers to statements of orders are reset', resets, 'orders → postgres', last],
  ['orders are cut off from their rows', partitions, 'orders → postgres'],
  ['stock is cut off from its rows', partitions, 'inventory → postgres'],
  ['orders hear nothing from the mesh', halfOpens, 'orders → nats'],
  ['the mesh hears nothing from orders', oneWays, 'orders → nats', first],
  ['the gateway hears nothing from the mesh', halfOpens, 'api → nats'],
  ['orders have a narrow line to the mesh', bandwidths, 'orders → nats', last],
  ['orders are cut off from the event log', partitions, 'orders → kafka'],
  ['answers of the event log to orders get lost', oneWays, 'orders → kafka', last],
  ['answers of the provider get lost', oneWays, 'payments → provider', last],
  ['answers of the provider are reset', resets, 'payments → provider', last],
  ['the provider is cut off', partitions, 'payments → provider'],
  ['webhooks are told late that they are done', slowCloses, 'provider → api'],
  ['orders are cut off from everything', partitions, 'orders → everything'],
  ['payments are cut off from everything', partitions, 'payments → everything'],
];

for (const [name, source, target, chance] of cases) {
  shown(`${name}, and nothing is lost`, () => suffer(of(source, target, chance)), TEST_MS);
}

shown(
  'the link of DynamoDB is down, and nothing is lost',
  async () => {
    const fault = of(linksDown, 'the link of dynamodb');
    if (fault.impossible === undefined) await suffer(fault);
    else console.log(`not shown: ${fault.impossible}`);
  },
  TEST_MS,
);

shownWithDisk(
  'the disk of PostgreSQL is slow, stands still and is full, and nothing is lost',
  async () => {
    const faults = [slowDisks, fullDisks].flatMap((source) => source(world() as never, chanceOf(1)));
    expect(faults).toHaveLength(3);
    for (const fault of faults) {
      if (fault.impossible === undefined) await suffer(fault);
      else console.log(`not shown: ${fault.impossible}`);
    }
  },
  3 * TEST_MS,
);
