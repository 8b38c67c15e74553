// Goal: nobody notices when a node dies. kill -9 of any node of a service that has two or more, under 200 requests a second,
// costs no failed request for keyed calls and reads; SIGTERM costs nothing at all; a service with one node answers 503 with
// Retry-After until its supervisor has it back.
// Method: a whole cluster of processes; traffic at a fixed rate that reaches every service: orders, carts, accounts, logins,
// lists, events, analytics. One node after another is killed within one run, each with a verdict of its own by the time of
// its kill. At the end every order that was answered with 201 is there, once, paid once, no piece was sold twice, and no
// event was lost or counted twice.

import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import { itWhere } from '../../toolchain/it-where.ts';
import { type Json, missingServers, startTestCluster, type TestCluster, until } from './cluster.fixture.ts';
import { type People, type Sent, startTraffic, summary, type Traffic } from './traffic.fixture.ts';

const PER_SECOND = 200;
/** A quarter of the traffic places orders. */
const EVERY_NTH = 4;
const PRODUCTS = 20;
const PIECES = 100_000;
const CALM_MS = 500;
const AFTERWARDS_MS = 1_500;
/** A node needs a second at the least to be back: to the service least asked go 20 calls/s. */
const CALLS_WHILE_AWAY = 10;
const PAID_WITHIN_MS = 60_000;
const CUSTOMERS = 6;
/** Enough of them that either node has some. */
const CARTS = 8;
/** Node and services; all of them twice. Those of the last line share a process, because each takes room. */
const NODES = {
  orders: ['orders'],
  inventory: ['inventory'],
  payments: ['payments'],
  carts: ['carts'],
  products: ['products'],
  users: ['users'],
  api: ['api'],
  others: ['activity', 'analytics', 'notifications'],
} as const;
type Name = keyof typeof NODES;
const KILLED = (Object.keys(NODES) as Name[]).filter((name) => name !== 'api');
/** One that answers at once, one that keeps actors, and the gateway: a stop is the same code in all. */
const ROLLED: readonly Name[] = ['orders', 'carts', 'api'];

const reason = missingServers();
const shown = itWhere(reason === undefined, reason ?? '', 'fetched');

let cluster: TestCluster;
let products: { readonly id: string; readonly sku: string }[];
let people: People;
const accepted: string[] = [];
/** Events that were answered with 202, and all that were sent. */
const events = { taken: 0, sent: 0 };

beforeAll(async () => {
  if (reason !== undefined) return;
  cluster = await startTestCluster({
    nodes: [1, 2].flatMap((n) =>
      Object.entries(NODES).map(([name, services]) => ({ id: `${name}-${n}`, service: services.join(',') })),
    ),
  });
  products = [];
  for (let n = 0; n < PRODUCTS; n++) products.push(await cluster.product('1.25', PIECES));
  const customers = await Promise.all(Array.from({ length: CUSTOMERS }, () => cluster.account()));
  people = {
    customers,
    refreshTokens: new Map(customers.map(({ id, refreshToken }) => [id, refreshToken])),
    carts: await Promise.all(Array.from({ length: CARTS }, () => cluster.expect(201, 'POST /api/v1/carts'))),
  };
}, 120_000);

afterAll(() => cluster?.stop(), 60_000);

/** Traffic, in the middle of which something happens. */
async function under(name: string, happening: (traffic: Traffic) => Promise<void>): Promise<readonly Sent[]> {
  const traffic = startTraffic(cluster, { perSecond: PER_SECOND, everyNth: EVERY_NTH, products, name, people });
  const flowsFor = (ms: number, from = performance.now()) =>
    until('traffic flows', () => performance.now() - from > ms && traffic.sent.length > 0, ms + 10_000);
  await flowsFor(CALM_MS);
  await happening(traffic);
  await flowsFor(AFTERWARDS_MS);
  const sent = await traffic.stop();
  console.log(`${name}: ${summary(sent)}`);
  for (const { kind, target, answer } of sent) {
    if (kind === 'order' && answer?.status === 201) accepted.push(answer.body.id);
    if (target !== 'POST /api/v1/events') continue;
    events.sent += 1;
    events.taken += answer?.status === 202 ? answer.body.accepted : 0;
  }
  return sent;
}

/** What no caller should have seen. */
function failures(sent: readonly Sent[]): readonly string[] {
  return sent
    .filter(({ answer }) => answer === undefined || ![200, 201, 202].includes(answer.status))
    .map(
      ({ target, answer, error }) => `${target}: ${answer === undefined ? error : `${answer.status} ${answer.text}`}`,
    );
}

describe('a service with two nodes', () => {
  /** When each was killed, when it was back, and when the next one was killed. */
  const kills = new Map<Name, { readonly from: number; readonly back: number; to: number }>();
  let all: readonly Sent[] = [];

  shown('is sold from while one node after another is killed', async () => {
    all = await under('kills', async (traffic) => {
      for (const name of KILLED) {
        const from = performance.now();
        await cluster.isBack(`${name}-1`, cluster.signal(`${name}-1`, 'SIGKILL'));
        const back = performance.now();
        // Its verdict is its own: what it left unanswered ends before the next kill.
        await until('what was sent meanwhile is answered', () => traffic.sent.some(({ at }) => at > back));
        kills.set(name, { from, back, to: performance.now() });
      }
    });
    const first = Math.min(...[...kills.values()].map(({ from }) => from));
    expect(failures(all.filter(({ at, tookMs }) => at + tookMs < first))).toEqual([]);
    const last = Math.max(...[...kills.values()].map(({ to }) => to));
    expect(failures(all.filter(({ at }) => at >= last))).toEqual([]);
  });

  for (const name of KILLED) {
    shown(`loses one of ${NODES[name].join(', ')} by kill -9, and no caller notices`, () => {
      const { from, back, to } = kills.get(name) ?? { from: 0, back: 0, to: 0 };
      expect(failures(all.filter(({ at, tookMs }) => at < to && at + tookMs >= from))).toEqual([]);
      // Were there any callers who could have noticed?
      const away = all.filter(({ at }) => at >= from && at < back);
      const callsTo = NODES[name].map((service) => [service, away.filter((it) => it.reaches.includes(service)).length]);
      expect(callsTo.filter(([, calls]) => Number(calls) < CALLS_WHILE_AWAY)).toEqual([]);
    });
  }

  shown('stops nodes one after another by SIGTERM, gateways too, at no cost at all', async () => {
    const sent = await under('rolling', async () => {
      for (const service of ROLLED) {
        const pid = cluster.signal(`${service}-2`, 'SIGTERM');
        await cluster.isBack(`${service}-2`, pid);
      }
    });
    expect(failures(sent)).toEqual([]);
  });

  shown('loses one node to a pause of five seconds, and no caller notices', async () => {
    const sent = await under('paused', async () => {
      const pid = cluster.signal('orders-2', 'SIGSTOP');
      const pausedAt = performance.now();
      await until('five seconds are over', () => performance.now() - pausedAt > 5_000, 6_000);
      process.kill(pid, 'SIGCONT');
    });
    expect(failures(sent)).toEqual([]);
  });
});

describe('a gateway', () => {
  shown('that is killed breaks its own connections only: the same key gets the same order', async () => {
    const sent = await under('kill-api', async () => {
      const pid = cluster.signal('api-1', 'SIGKILL');
      await cluster.isBack('api-1', pid);
    });
    const answered = failures(sent.filter(({ answer }) => answer !== undefined));
    expect(answered).toEqual([]);
  });
});

describe('a service with one node', () => {
  shown('answers 503 with Retry-After while it is away, and is back by itself', async () => {
    const event = () => ({
      user_id: 'u',
      product_id: 'p',
      event_type: 'view',
      timestamp: new Date().toISOString(),
    });
    const send = () => {
      events.sent += 1;
      return cluster.call('POST /api/v1/events', { body: event() });
    };
    cluster.signal('others-2', 'SIGKILL');
    await cluster.supervisor.hold('others-2');
    expect((await send()).status).toBe(202);
    const pid = cluster.signal('others-1', 'SIGKILL');
    const refused = await until('a known route has no node', async () => {
      const answer = await send();
      return answer.status === 202 ? undefined : answer;
    });
    expect([refused.status, refused.body.code]).toEqual([503, 'unavailable']);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    await cluster.isBack('others-1', pid);
    await until('events are taken again', async () => (await send()).status === 202);
    cluster.supervisor.release('others-2');
  });
});

describe('afterwards', () => {
  shown('every accepted order is there, once, and paid once; no piece is missing', async () => {
    expect(accepted.length).toBeGreaterThan(500);
    expect(new Set(accepted).size).toBe(accepted.length);
    await until(
      'every order is paid',
      async () => {
        const { items } = await cluster.expect(200, 'GET /api/v1/orders?limit=1&status=AWAITING_PAYMENT', {
          token: cluster.staff.token,
        });
        const waiting = await cluster.expect(200, 'GET /api/v1/orders?limit=1&status=AWAITING_STOCK', {
          token: cluster.staff.token,
        });
        return items.length === 0 && waiting.items.length === 0;
      },
      PAID_WITHIN_MS,
    );
    const headers = { Authorization: `Bearer ${cluster.staff.token}` };
    const exported = await (await fetch(`${cluster.url}/api/v1/orders/export?format=jsonl`, { headers })).text();
    const lines = exported
      .trim()
      .split('\n')
      .map((line): Json => JSON.parse(line));
    const byId = new Map(lines.map((order) => [order.id, order]));
    expect(
      [...Map.groupBy(accepted, (id) => String(byId.get(id)?.status))].map(([status, all]) => [status, all.length]),
    ).toEqual([['PAID', accepted.length]]);
    const sold = Map.groupBy(lines, ({ lines: [{ sku }] }) => sku);
    for (const { sku } of products) {
      const stock = await cluster.stockOf(sku);
      const pieces = (sold.get(sku) ?? []).filter(({ status }) => status === 'PAID').length;
      expect({ sku, sold: stock.sold, reserved: stock.reserved, onHand: stock.onHand }).toEqual({
        sku,
        sold: pieces,
        reserved: 0,
        onHand: PIECES - pieces,
      });
    }
    const { charges } = cluster.ledger();
    const captured = Map.groupBy(
      charges.filter(({ status }) => status === 'succeeded'),
      ({ orderId }) => orderId,
    );
    expect([...captured].filter(([, all]) => all.length > 1)).toEqual([]);
    expect(accepted.filter((id) => !captured.has(id))).toEqual([]);
    expect(cluster.givenUp).toEqual([]);
  });

  shown('every event that was taken is counted once, whichever node has counted', async () => {
    expect(events.taken).toBeGreaterThan(100);
    await until('what was taken is counted', async () => (await counted()) >= events.taken, PAID_WITHIN_MS);
    // An event whose answer was lost may be there too; none is there twice.
    expect(await counted()).toBeLessThanOrEqual(events.sent);
  });
});

/** Events that analytics has seen as such, each once. */
async function counted(): Promise<number> {
  const { body } = await cluster.call('GET /health/ready');
  const { counted: inWindows, late } = body.checks.analytics?.events ?? { counted: 0, late: 0 };
  return inWindows + late;
}
