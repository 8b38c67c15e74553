// Goal: a cluster whose Kafka has three brokers does not notice that one of them is killed: no order is refused or lost, and
// events are taken and paid orders confirmed all the while.
// Method: a whole cluster, orders and events at a fixed rate, each broker killed (-9) once, one after another.

import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect } from '@jest/globals';
import { itWhere } from '../../toolchain/it-where.ts';
import { missingServers, startTestCluster, type TestCluster, until } from './cluster.fixture.ts';
import { startTraffic, summary } from './traffic.fixture.ts';

const PER_SECOND = 40;
const EVERY_NTH = 2;
const CALM_MS = 2_000;
const PAID_WITHIN_MS = 30_000;

const reason = missingServers();
const shown = itWhere(reason === undefined, reason ?? '', 'fetched');

let cluster: TestCluster;
let products: { readonly id: string; readonly sku: string }[];

beforeAll(async () => {
  if (reason !== undefined) return;
  cluster = await startTestCluster({ kafkaNodes: 3 });
  products = [await cluster.product('1.25', 100_000), await cluster.product('2.50', 100_000)];
}, 120_000);

afterAll(() => cluster?.stop(), 60_000);

shown(
  'each of three brokers is killed, and no order notices',
  async () => {
    const name = randomUUID();
    const traffic = startTraffic(cluster, { perSecond: PER_SECOND, everyNth: EVERY_NTH, products, name });
    const passes = (ms: number, from = performance.now()) =>
      until(`${ms} ms are over`, () => performance.now() - from > ms, ms + 5_000);
    await passes(CALM_MS);
    for (const broker of ['kafka-1', 'kafka-2', 'kafka-3']) {
      const pid = cluster.signal(broker, 'SIGKILL');
      await cluster.isBack(broker, pid);
      await passes(CALM_MS);
    }
    const sent = await traffic.stop();
    console.log(summary(sent));
    expect(sent.filter(({ answer }) => ![200, 201].includes(answer?.status ?? 0))).toEqual([]);
    const orders = sent.filter(({ kind }) => kind === 'order').map(({ answer }) => answer?.body.id as string);
    expect(orders.length).toBeGreaterThan(PER_SECOND);
    for (const id of orders) await cluster.reaches(id, 'PAID', PAID_WITHIN_MS);
    const captured = cluster.ledger().charges.filter(({ status }) => status === 'succeeded');
    expect(captured.map(({ orderId }) => orderId).toSorted()).toEqual(orders.toSorted());
  },
  300_000,
);
