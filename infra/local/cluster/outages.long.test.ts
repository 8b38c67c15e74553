// Goal: servers go away and come back, and no accepted order is lost. With Kafka away (20 s) orders are still taken and events
// are refused with a clear 503; with NATS or PostgreSQL away (5 s) both are. Everything drains within 30 s of the return.
// Method: a whole cluster, orders and events at a fixed rate, one server after another killed (-9) and kept down.

import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { MikroORM } from '@mikro-orm/postgresql';
import { afterAll, beforeAll, expect } from '@jest/globals';
import { topics } from '../../../brokers/topics.ts';
import { kafkajsClient } from '../../../mixins/kafka-log/kafkajs-client.ts';
import { itWhere } from '../../toolchain/it-where.ts';
import { treeOf } from '../process-tree.ts';
import {
  type Account,
  type Answer,
  missingServers,
  startTestCluster,
  type TestCluster,
  until,
} from './cluster.fixture.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const ORDERS_MS = 50;
const EVENTS_MS = 100;
const DRAINED_WITHIN_MS = 30_000;
const CALM_MS = 1_000;
const WARM_MS = 6_000;
/** Shorter than the time limits of statements (2 s) and of requests to DynamoDB (3 s). */
const STANDS_STILL_MS = 1_900;

const reason = missingServers();
const shown = itWhere(reason === undefined, reason ?? '', 'fetched');

let cluster: TestCluster;
let product: { readonly id: string; readonly sku: string };

beforeAll(async () => {
  if (reason !== undefined) return;
  cluster = await startTestCluster({ nodes: 'orders=2,products=2,carts=2' });
  product = await cluster.product('3.75', 1_000_000);
}, 120_000);

afterAll(() => cluster?.stop(), 60_000);

interface Seen {
  readonly at: number;
  readonly answer: Answer;
}

const event = () => ({
  user_id: 'u-1',
  product_id: product.id,
  event_type: 'view',
  timestamp: new Date().toISOString(),
});

/** Sends again and again, each when it is due, until it is told to stop. */
function keepSending(everyMs: number, send: () => Promise<Answer>) {
  const seen: Seen[] = [];
  const underWay = new Set<Promise<unknown>>();
  const timer = setInterval(() => {
    const at = performance.now();
    const request = send()
      .then((answer) => seen.push({ at, answer }))
      .finally(() => underWay.delete(request));
    underWay.add(request);
  }, everyMs);
  return {
    seen,
    async stop() {
      clearInterval(timer);
      await Promise.all(underWay);
      return seen;
    },
  };
}

/** Kills servers, keeps them down, and tells what callers saw before, meanwhile and afterwards. */
async function outage(servers: readonly string[], awayMs: number) {
  const orders = keepSending(ORDERS_MS, () =>
    cluster.call('POST /api/v1/orders', cluster.wish([[product, 1]], { key: randomUUID() })),
  );
  const events = keepSending(EVENTS_MS, () => cluster.call('POST /api/v1/events', { body: event() }));
  const own = watchOwnWrites(await cluster.account());
  const passes = (ms: number, from = performance.now()) =>
    until(`${ms} ms are over`, () => performance.now() - from > ms, ms + 5_000);
  await passes(CALM_MS);
  const from = performance.now();
  for (const name of servers) {
    cluster.signal(name, 'SIGKILL');
    await cluster.supervisor.hold(name);
  }
  await passes(awayMs, from);
  for (const name of servers) cluster.supervisor.release(name);
  const to = performance.now();
  for (const name of servers)
    await until(
      `${name} is back`,
      () => cluster.supervisor.states().some((s) => s.name === name && s.state === 'ready'),
      30_000,
    );
  // Taken again, both of them.
  await until(
    'orders are taken again',
    () => orders.seen.some(({ at, answer }) => at > to && answer.status === 201),
    30_000,
  );
  await until(
    'events are taken again',
    () => events.seen.some(({ at, answer }) => at > to && answer.status === 202),
    30_000,
  );
  const takenAgainMs = performance.now() - to;
  const all = { orders: await orders.stop(), events: await events.stop() };
  expect(await own.stop()).toEqual([]);
  expect(own.seen()).toBeGreaterThan(0);
  const accepted = all.orders
    .filter(({ answer }) => answer.status === 201)
    .map(({ answer }) => answer.body.id as string);
  await until(
    'every accepted order is paid',
    async () => (await waiting()) === 0,
    Math.max(1, DRAINED_WITHIN_MS - (performance.now() - to)),
  );
  const drainedMs = performance.now() - to;
  for (const id of accepted) expect((await cluster.orderOf(id)).status).toBe('PAID');
  const during = (seen: readonly Seen[]) =>
    Object.fromEntries(
      [
        ...Map.groupBy(
          seen.filter(({ at }) => at > from + 250 && at < to),
          ({ answer }) => answer.status,
        ),
      ].map(([status, { length }]) => [status, length]),
    );
  const told = { orders: during(all.orders), events: during(all.events) };
  console.log(
    `${servers.join(', ')} away for ${awayMs / 1_000} s: ${accepted.length} orders accepted in all, meanwhile ${JSON.stringify(told)}; ` +
      `taken again ${(takenAgainMs / 1_000).toFixed(1)} s after the return, drained after ${(drainedMs / 1_000).toFixed(1)} s`,
  );
  const statuses = new Set([...all.orders, ...all.events].map(({ answer }) => answer.status));
  expect([...statuses].filter((status) => ![201, 202, 503].includes(status))).toEqual([]);
  for (const { answer } of [...all.orders, ...all.events]) {
    if (answer.status !== 503) continue;
    expect(answer.body.code).toMatch(/^(unavailable|overloaded)$/);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
  }
  return told;
}

/** A customer who looks for each order in her list as soon as it is placed. `stop` tells which she did not find. */
function watchOwnWrites({ token }: Pick<Account, 'token'>) {
  const missed: string[] = [];
  let found = 0;
  let running = true;
  const watching = (async () => {
    while (running) {
      const placed = await cluster.call(
        'POST /api/v1/orders',
        cluster.wish([[product, 1]], { token, key: randomUUID() }),
      );
      if (placed.status !== 201) continue;
      const list = await cluster.call('GET /api/v1/orders?limit=5', { token });
      if (list.status === 503) continue;
      const isListed = list.body.items?.some(({ id }: { id: string }) => id === placed.body.id) === true;
      if (isListed) found += 1;
      else missed.push(`${placed.body.id}: ${list.status} ${list.text.slice(0, 500)}`);
    }
  })();
  return {
    seen: () => found,
    async stop() {
      running = false;
      await watching;
      return missed;
    },
  };
}

/** Orders that wait for something. */
async function waiting(): Promise<number> {
  const token = cluster.staff.token;
  const lists = await Promise.all(
    ['AWAITING_STOCK', 'AWAITING_PAYMENT'].map((status) =>
      cluster.expect(200, `GET /api/v1/orders?status=${status}&limit=1`, { token }),
    ),
  );
  return lists.reduce((sum, { items }) => sum + items.length, 0);
}

shown(
  'a consumer that meets a poison message goes on, and the message lies with its reason among the dead letters',
  async () => {
    const poison = randomUUID();
    const client = kafkajsClient({ brokers: cluster.kafkaBrokers, clientId: 'poisoner' });
    const producer = await client.createProducer();
    try {
      for (let partition = 0; partition < topics['payment.requested'].partitions; partition++)
        await producer.send({ topic: 'payment.requested', partition }, [
          { key: Buffer.from(poison), value: Buffer.from(`{ "poison": "${poison}" `), headers: { ce_id: poison } },
        ]);
    } finally {
      await producer.close();
      client.end();
    }
    const orders = await Promise.all(Array.from({ length: 24 }, () => cluster.place([[product, 1]])));
    await Promise.all(orders.map(({ id }) => cluster.reaches(id, 'PAID', 20_000)));
    const told = await until(
      'the dead letters are listed',
      async () => {
        const { stdout } = await promisify(execFile)('npm', ['run', '--silent', 'dlq', '--', 'list'], {
          cwd: ROOT,
          env: { ...process.env, DATA_DIR: cluster.dataDir },
        });
        return stdout.includes('payment.requested') ? stdout : undefined;
      },
      20_000,
    );
    expect(told).toMatch(/payment\.requested.*\b8\b/);
  },
  120_000,
);

shown(
  'the history of customers keeps up with 50 orders a second, and has everything soon after',
  async () => {
    const customers = await Promise.all(Array.from({ length: 5 }, () => cluster.account()));
    const orm = new MikroORM({
      entities: [],
      clientUrl: cluster.postgresUrl,
      discovery: { warnWhenNoEntities: false },
    });
    const lags: number[] = [];
    try {
      let n = 0;
      const behind = async () => {
        const [row] = await orm.em
          .getConnection()
          .execute<{ lag: string }[]>(
            `select coalesce(max(extract(epoch from now() - changed_at)) * 1000, 0) lag from orders.unprojected`,
          );
        return Number(row?.lag);
      };
      const orders = keepSending(20, () => {
        const { token } = customers[n++ % customers.length] as Account;
        return cluster.call('POST /api/v1/orders', cluster.wish([[product, 1]], { token, key: randomUUID() }));
      });
      const from = performance.now();
      await until(
        'it was warm for six seconds',
        async () => {
          const lag = await behind();
          // The first seconds of new processes are those of their compilers.
          if (performance.now() - from > WARM_MS) lags.push(lag);
          return performance.now() - from > WARM_MS + 6_000;
        },
        WARM_MS + 10_000,
      );
      const placed = await orders.stop();
      expect(placed.filter(({ answer }) => answer.status !== 201).map(({ answer }) => answer.text)).toEqual([]);
      const sorted = lags.toSorted((a, b) => a - b);
      const at = (share: number) => Math.round(sorted[Math.floor((sorted.length - 1) * share)] ?? 0);
      console.log(
        `${placed.length} orders of customers in 12 s: history, once warm, behind by ${at(0.5)} ms, at most ${at(1)} ms`,
      );
      // Printed and not held to a bar: whoever else uses the machine adds to it. What must be so is that it keeps up.
      await until('the history has everything', async () => (await behind()) === 0, DRAINED_WITHIN_MS);
    } finally {
      await orm.close(true);
    }
    for (const { token } of customers) {
      const { items } = await cluster.expect(200, 'GET /api/v1/orders?limit=100', { token });
      expect(items.length).toBeGreaterThan(30);
    }
  },
  60_000,
);

shown(
  'a store that stands still for some seconds is waited for by services of two nodes as by those of one',
  async () => {
    const products = await Promise.all(Array.from({ length: 12 }, () => cluster.product()));
    const carts = await Promise.all(
      Array.from({ length: 12 }, () => cluster.expect(201, 'POST /api/v1/carts', { body: {} })),
    );
    for (const [store, ask] of [
      ['postgres', (n: number) => cluster.call(`GET /api/v1/products/${products[n % products.length]?.id}`)],
      [
        'dynamodb',
        (n: number) => {
          const { id, token } = carts[n % carts.length];
          const target = `PUT /api/v1/carts/${id}/lines/${product.id}`;
          return cluster.call(target, { cartToken: token, body: { quantity: 1 + (n % 9) } });
        },
      ],
    ] as const) {
      let n = 0;
      const sending = keepSending(75, () => ask(n++));
      const passes = (ms: number, from = performance.now()) =>
        until(`${ms} ms are over`, () => performance.now() - from > ms, ms + 5_000);
      await passes(CALM_MS);
      const frozen = treeOf(cluster.pidOf(store));
      for (const pid of frozen) process.kill(pid, 'SIGSTOP');
      await passes(STANDS_STILL_MS);
      for (const pid of frozen) process.kill(pid, 'SIGCONT');
      await passes(3 * CALM_MS);
      const seen = await sending.stop();
      const statuses = Map.groupBy(seen, ({ answer }) => answer.status);
      console.log(
        `${store} still for ${STANDS_STILL_MS} ms: ${[...statuses].map(([status, { length }]) => `${length} × ${status}`).join(', ')}`,
      );
      expect([...statuses.keys()]).toEqual([200]);
    }
  },
  60_000,
);

shown(
  'Kafka away for 20 s: orders are taken all the same, events are refused clearly',
  async () => {
    const { orders, events } = await outage(['kafka'], 20_000);
    expect(orders[201]).toBeGreaterThan(100);
    expect(Object.keys(orders)).toEqual(['201']);
    expect(events[503]).toBeGreaterThan(0);
    expect(events[202] ?? 0).toBe(0);
  },
  180_000,
);

shown(
  'NATS away for 5 s: both are refused clearly',
  async () => {
    const { orders, events } = await outage(['nats'], 5_000);
    expect(orders[503]).toBeGreaterThan(0);
    expect(events[503]).toBeGreaterThan(0);
  },
  180_000,
);

shown(
  'PostgreSQL away for 5 s: orders are refused clearly; events need only the log, those with a key the database too',
  async () => {
    const keyed = keepSending(EVENTS_MS, () =>
      cluster.call('POST /api/v1/events', { body: event(), key: randomUUID() }),
    );
    const { orders, events } = await outage(['postgres'], 5_000);
    const seen = await keyed.stop();
    expect(orders[503]).toBeGreaterThan(0);
    expect(events[202]).toBeGreaterThan(0);
    expect(seen.filter(({ answer }) => answer.status === 503).length).toBeGreaterThan(0);
  },
  180_000,
);

shown(
  'DynamoDB away for 5 s: carts are refused clearly, orders of lines go on',
  async () => {
    const cart = await cluster.expect(201, 'POST /api/v1/carts', { body: {} });
    const put = () =>
      cluster.call(`PUT /api/v1/carts/${cart.id}/lines/${product.id}`, {
        cartToken: cart.token,
        body: { quantity: 2 },
      });
    cluster.signal('dynamodb', 'SIGKILL');
    await cluster.supervisor.hold('dynamodb');
    const order = await cluster.place([[product, 1]]);
    const refused = await put();
    expect([refused.status, refused.body.code]).toEqual([503, 'unavailable']);
    cluster.supervisor.release('dynamodb');
    await until('carts are there again', async () => (await put()).status === 200, 30_000);
    await cluster.reaches(order.id, 'PAID');
  },
  60_000,
);
