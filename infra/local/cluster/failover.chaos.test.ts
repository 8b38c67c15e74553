// Goal: nobody notices when a node dies. kill -9 of any node of a service that has two or more, under 200 requests a second,
// costs no failed request for keyed calls and reads; SIGTERM costs nothing at all; a service with one node answers 503 with
// Retry-After until its supervisor has it back.
// Method: a whole cluster of processes, traffic at a fixed rate, one node after another ended. At the end every order that
// was answered with 201 is there, once, paid once, and no piece was sold twice.

import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import { itWhere } from '../../toolchain/it-where.ts';
import { type Json, missingServers, startTestCluster, type TestCluster, until } from './cluster.fixture.ts';
import { type Sent, startTraffic, summary, type Traffic } from './traffic.fixture.ts';

const PER_SECOND = 200;
/** A quarter of the traffic places orders. */
const EVERY_NTH = 4;
const PRODUCTS = 20;
const PIECES = 100_000;
const CALM_MS = 500;
const AFTERWARDS_MS = 1_500;
const PAID_WITHIN_MS = 60_000;
const TWICE = ['orders', 'inventory', 'payments', 'carts', 'products', 'users'] as const;

const reason = missingServers();
const shown = itWhere(reason === undefined, reason ?? '', 'fetched');

let cluster: TestCluster;
let products: { readonly id: string; readonly sku: string }[];
const accepted: string[] = [];

beforeAll(async () => {
  if (reason !== undefined) return;
  cluster = await startTestCluster({ nodes: [...TWICE, 'api'].map((name) => `${name}=2`).join(',') });
  products = [];
  for (let n = 0; n < PRODUCTS; n++) products.push(await cluster.product('1.25', PIECES));
}, 120_000);

afterAll(() => cluster?.stop(), 60_000);

/** Traffic, in the middle of which something happens. */
async function under(name: string, happening: (traffic: Traffic) => Promise<void>): Promise<readonly Sent[]> {
  const traffic = startTraffic(cluster, { perSecond: PER_SECOND, everyNth: EVERY_NTH, products, name });
  const flowsFor = (ms: number, from = performance.now()) =>
    until('traffic flows', () => performance.now() - from > ms && traffic.sent.length > 0, ms + 10_000);
  await flowsFor(CALM_MS);
  await happening(traffic);
  await flowsFor(AFTERWARDS_MS);
  const sent = await traffic.stop();
  console.log(`${name}: ${summary(sent)}`);
  for (const { answer } of sent) if (answer?.status === 201) accepted.push(answer.body.id);
  return sent;
}

/** What no caller should have seen. */
function failures(sent: readonly Sent[]): readonly string[] {
  return sent
    .filter(({ answer }) => answer === undefined || ![200, 201, 202].includes(answer.status))
    .map(({ kind, answer, error }) => `${kind}: ${answer === undefined ? error : `${answer.status} ${answer.text}`}`);
}

describe('a service with two nodes', () => {
  for (const service of TWICE) {
    shown(`loses one of ${service} by kill -9, and no caller notices`, async () => {
      const sent = await under(`kill-${service}`, async () => {
        const pid = cluster.signal(`${service}-1`, 'SIGKILL');
        await cluster.isBack(`${service}-1`, pid);
      });
      expect(failures(sent)).toEqual([]);
    });
  }

  shown('stops nodes one after another by SIGTERM, gateways too, at no cost at all', async () => {
    const sent = await under('rolling', async () => {
      for (const service of [...TWICE, 'api']) {
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
    await cluster.expect(202, 'POST /api/v1/events', { body: event() });
    const pid = cluster.signal('activity-1', 'SIGKILL');
    const refused = await until('a known route has no node', async () => {
      const answer = await cluster.call('POST /api/v1/events', { body: event() });
      return answer.status === 202 ? undefined : answer;
    });
    expect([refused.status, refused.body.code]).toEqual([503, 'unavailable']);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    await cluster.isBack('activity-1', pid);
    await until('events are taken again', async () => {
      return (await cluster.call('POST /api/v1/events', { body: event() })).status === 202;
    });
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
});
