// Goal: at the REPL a whole cluster can be looked into: every node is asked, who is silent is named, and what is wrong is seen.
// Method: real services on four nodes over a real NATS, two of them of the same context, one in a process of its own; the
// REPL as a person types into it. Faults are real: a process that stands still, a provider that is gone, a changed row.

import { type ChildProcess, fork, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Caller } from '../../../mixins/caller.ts';
import { type Database, openDatabase } from '../../../mixins/postgres/database.ts';
import { testPostgresUrl } from '../../../mixins/postgres/testing.ts';
import type { PaymentsChecked } from '../../../services/payments/invariants.ts';
import { itWhere } from '../../toolchain/it-where.ts';
import { type Scene, startScene } from '../provider/provider.fixture.ts';
import { findNats, missingNats, type Nats, startNats } from '../servers/nats.ts';
import { markOf } from '../servers/orphans.ts';
import { stablePort } from '../servers/ports.ts';
import { until } from '../shop.fixture.ts';
import { startNode, type TestNode, type TestNodeOptions } from './node.fixture.ts';

const PROMPT = 'souk $ ';
const PROGRAM = fileURLToPath(new URL('../repl.ts', import.meta.url));
const FIXTURE = fileURLToPath(new URL('node.fixture.ts', import.meta.url));
const hasNats = findNats() !== undefined;
const withNats = itWhere(hasNats, missingNats(), 'fetched');

const folder = mkdtempSync(join(tmpdir(), 'souk-repl-'));
const children: ChildProcess[] = [];
const placed: string[] = [];
const nodes: TestNode[] = [];
let nats: Nats;
let scene: Scene;
let server: Database;
let databaseUrl: string;
let products: TestNode;
let orders: TestNode;
let payments: TestNode;
let paused: ChildProcess;

const optionsOf = (nodeId: string, services: readonly string[]): TestNodeOptions => ({
  nodeId,
  services,
  natsUrl: nats.url,
  databaseUrl,
  providerUrl: scene.url,
  providerKey: scene.key,
});

async function node(nodeId: string, ...services: string[]): Promise<TestNode> {
  const started = await startNode(optionsOf(nodeId, services));
  nodes.push(started);
  return started;
}

async function nodeApart(nodeId: string, ...services: string[]): Promise<ChildProcess> {
  const child = fork(FIXTURE, [JSON.stringify(optionsOf(nodeId, services))], { execArgv: [], stdio: 'inherit' });
  children.push(child);
  await once(child, 'message');
  return child;
}

beforeAll(async () => {
  if (!hasNats) return;
  const name = `repl_${randomUUID().replaceAll('-', '')}`;
  server = await openDatabase({ url: testPostgresUrl(), schema: name });
  await server.em().execute(`create database ${name}`);
  const url = new URL(testPostgresUrl());
  url.pathname = `/${name}`;
  databaseUrl = url.href;
  [nats, scene] = await Promise.all([startNats({ folder, mark: markOf(folder) }), startScene()]);
  products = await node('products-1', 'products', 'inventory');
  orders = await node('orders-1', 'orders');
  payments = await node('payments-1', 'payments');
  paused = await nodeApart('orders-2', 'orders');
  for (const { broker } of nodes)
    await until(
      `${broker.nodeID} sees all four nodes`,
      () => broker.registry.getNodeList({ onlyAvailable: true }).length === 4,
    );
});
afterAll(async () => {
  for (const child of children) if (child.exitCode === null) child.kill('SIGKILL');
  await Promise.all(nodes.map((each) => each.stop()));
  if (!hasNats) return;
  await scene.stop();
  await nats.stop();
  await server.em().execute(`drop database ${new URL(databaseUrl).pathname.slice(1)} with (force)`);
  await server.em().execute(`drop schema ${server.schema} cascade`);
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

function start(environment: Readonly<Record<string, string>>) {
  const env = { ...process.env, DATA_DIR: folder, HOME: folder, NODE_OPTIONS: '', NATS_URL: '', ...environment };
  const child = spawn(process.execPath, [PROGRAM], { env, stdio: ['pipe', 'pipe', 'pipe'] });
  children.push(child);
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
  return { child, said: () => stripVTControlCharacters(said) };
}

/** Everything that a REPL says to commands through a pipe. */
async function piped(commands: string, environment: Readonly<Record<string, string>> = { NATS_URL: nats.url }) {
  const { child, said } = start(environment);
  child.stdin.end(commands);
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, said: said().replaceAll(PROMPT, '') };
}

/** A person at the REPL: types a line and reads what comes before the next prompt. */
async function person() {
  const { child, said } = start({ NATS_URL: nats.url });
  const prompts = () => said().split(PROMPT).length - 1;
  await until('the REPL shows its prompt', () => prompts() > 0);
  return {
    async types(line: string): Promise<string> {
      const [before, seen] = [prompts(), said().length];
      child.stdin.write(`${line}\n`);
      await until(`the answer to ${line}`, () => prompts() > before);
      return said().slice(seen);
    },
    async leaves(): Promise<void> {
      child.stdin.end();
      await once(child, 'close');
    },
  };
}

const caller = (): Caller => ({
  principal: { kind: 'user', id: 'test', role: 'admin' },
  requestId: 'test',
  commandId: randomUUID(),
  fingerprint: '',
  keyed: false,
});

async function product(stock: number): Promise<{ readonly id: string; readonly sku: string }> {
  const params = { sku: `sku-${randomUUID()}`, name: 'Jumbo bag', price: { amount: '2.50', currency: 'GBP' }, stock };
  return await products.broker.call('products.create', params, { meta: caller() });
}

async function place({ id }: { readonly id: string }, quantity: number): Promise<string> {
  const params = {
    lines: [{ productId: id, quantity }],
    email: 'ada@people.example',
    payment: { method: 'simulated', token: 'tok_ok' },
  };
  const order = await orders.broker.call<{ readonly id: string }, object>('orders.place', params, { meta: caller() });
  placed.push(order.id);
  return order.id;
}

const reaches = (id: string, status: string) =>
  until(`order ${id} is ${status}`, async () => {
    const order = await orders.broker.call<{ readonly status: string }, object>(
      'orders.get',
      { id },
      { meta: caller() },
    );
    return order.status === status;
  });

/** Runs SQL in the schema of a context, as nobody should. */
async function tamper(schema: string, text: string, parameters: readonly unknown[]): Promise<void> {
  const context = await openDatabase({ url: databaseUrl, schema });
  try {
    await context.em().execute(text, [...parameters]);
  } finally {
    await context.close();
  }
}

describe('npm run repl on a cluster', () => {
  withNats('joins over NATS, shows an order and its stock, and what every node does', async () => {
    const bag = await product(10);
    const id = await place(bag, 3);
    await reaches(id, 'PAID');
    const { code, said } = await piped(
      `nodes\nservices\nactions\npids\norder ${id}\nstock ${bag.sku}\nactors\ncall orders.get --id ${id}\nbench orders.ready --num 20\n`,
    );
    expect(code).toBe(0);
    for (const name of ['products-1', 'orders-1', 'orders-2', 'payments-1'])
      expect(said).toMatch(new RegExp(`${name} .*ONLINE`));
    expect(said).toMatch(/orders\.place/);
    expect(said).toMatch(new RegExp(`^orders-1 +pid ${process.pid}  since \\d{4}-\\d\\d-\\d\\dT.*Z  orders$`, 'm'));
    expect(said).toMatch(new RegExp(`^orders-2 +pid ${paused.pid}  since \\d{4}-\\d\\d-\\d\\dT.*Z  orders$`, 'm'));
    expect(said).toMatch(/^products-1 +pid \d+ .* inventory, products|products, inventory$/m);
    expect(said).toMatch(new RegExp(`order ${id}  PAID  7.50 GBP  ada@people.example`));
    expect(said).toMatch(/Placed[\s\S]*StockReserved[\s\S]*Paid/);
    expect(said).toContain('waits for somebody to ship it');
    expect(said).toContain('received 10  onHand 7  reserved 0  available 7  sold 3');
    for (const name of ['orders-1', 'orders-2'])
      expect(said).toMatch(new RegExp(`^order +at orders +on ${name} +mailbox 0`, 'm'));
    expect(said).toMatch(/^stock +at inventory +on products-1/m);
    expect(said).toContain("status: 'PAID'");
    expect(said).toMatch(/20 requests in/);
  });

  withNats('finds the cluster by the file that it leaves, and says what is wrong with one', async () => {
    const file = join(folder, 'cluster.json');
    const write = (text: string) => {
      writeFileSync(file, text);
      chmodSync(file, 0o600);
    };
    write(JSON.stringify({ natsUrl: nats.url, url: 'http://127.0.0.1:3000', kafkaBrokers: [] }));
    expect((await piped('pids\n', {})).said).toMatch(/^orders-1 +pid/m);

    write('{"natsUrl": ');
    expect(await piped('pids\n', {})).toMatchObject({ code: 1, said: expect.stringContaining(`${file} is no JSON`) });
    write('{"natsUrl": 4222}');
    expect((await piped('pids\n', {})).said).toContain(
      `${file} names no NATS, as in "natsUrl": "nats://127.0.0.1:4222"`,
    );
    const nobody = `nats://127.0.0.1:${await stablePort()}`;
    write(JSON.stringify({ natsUrl: nobody }));
    const { code, said } = await piped('pids\n', {});
    expect([code, said.trim()]).toEqual([
      1,
      `There is no NATS at ${nobody}, where ${file} says that the cluster is. Was its supervisor killed? npm run cluster starts it again.`,
    ]);
    rmSync(file);
    expect((await piped('pids\n', {})).said).toContain(`No shop is running on the data in ${folder}`);
  });

  withNats('tells what waits in an outbox once, however many nodes see it, and what an order waits for', async () => {
    const ada = await person();
    scene.signal('SIGSTOP');
    try {
      const id = await place(await product(5), 1);
      // Orders of two nodes look into one outbox; no cart service takes what is sent to carts, which one row shows.
      const row = `insert into outbox (message_id, kind, target, sender, key, body, sealed, at, bucket)
        values (?, 'send', 'cart', ?, 'cart-1', '{"type":"RemoveOrdered","data":{}}', false, now() - interval '1 minute', 0)`;
      await tamper('orders', row, [`order/${id}/99/0/0`, id]);
      const outbox = await until('the charge waits for the provider', async () => {
        const told = await ada.types('outbox');
        return told.includes('charge') && told;
      });
      expect(outbox).toMatch(/^order ─send─► cart  1 waiting, the oldest for 6\d{4} ms  \(orders-1, orders-2\)$/m);
      expect(outbox.match(/─► cart /g)).toHaveLength(1);
      expect(outbox).toMatch(/^payment ─perform─► charge  1 waiting, the oldest for \d+ ms  \(payments-1\)$/m);
      const order = await ada.types(`order ${id}`);
      expect(order).toContain('waits for the payment, until its deadline');
      expect(order).toMatch(/on its way: payment\/.* ─perform─► charge/);
      expect(order.match(/on its way: .*RemoveOrdered/g)).toHaveLength(1);
      expect(await ada.types('invariants')).toMatch(/^L3 +outboxes .* VIOLATED by 1[^✗]*✗ order ─send─► cart: 1 wait/m);
      scene.signal('SIGCONT');
      await reaches(id, 'PAID');
    } finally {
      scene.signal('SIGCONT');
      await tamper('orders', `delete from outbox where target = 'cart'`, []);
    }
    await ada.leaves();
  });

  withNats('names a node that stands still, shows the others, and the circuit that opened round it', async () => {
    const ada = await person();
    expect(await ada.types('breakers')).toMatch(
      /All circuits are closed; [34] of 4 nodes have breakers towards others\./,
    );
    paused.kill('SIGSTOP');
    try {
      const options = { nodeID: 'orders-2', timeout: 100, retries: 0, meta: caller() };
      const call = () =>
        products.broker.call('orders.ready', {}, options).then(
          () => 'answered',
          (error: Error) => error.name,
        );
      expect(await Promise.all(Array.from({ length: 6 }, call))).toEqual(
        Array.from({ length: 6 }, () => 'RequestTimeoutError'),
      );
      const breakers = await ada.types('breakers');
      expect(breakers).toMatch(
        /^products-1 ─► orders-2:orders\.ready  (open|half-open)  calls without an answer \d of \d$/m,
      );
      expect(breakers).toMatch(/^payments-1 ─► payment provider  closed/m);
      expect(breakers).toContain('Circuits that are not closed: 1; ');
      expect(breakers).toMatch(/^! orders-2 (did not answer within 2 s|is gone|answered: .*)/m);
      const pids = await ada.types('pids');
      expect(pids).toMatch(/^orders-1 +pid/m);
      expect(pids).toMatch(/^! orders-2 (did not answer within 2 s|is gone|answered: .*)/m);
      // Who comes only now hears of it from the others.
      await until('the others have given it up', async () =>
        /^! orders-2 is gone: it is not heard of any more$/m.test((await piped('pids\n')).said),
      );
    } finally {
      paused.kill('SIGCONT');
    }
    await until('orders-2 is back', async () => /^orders-2 +pid/m.test(await ada.types('pids')));
    await ada.leaves();
  });
});

describe('invariants', () => {
  withNats('are counted for some of the orders, where there are too many for all', async () => {
    const bag = await product(10);
    for (const quantity of [1, 2, 3]) await reaches(await place(bag, quantity), 'PAID');
    for (const from of [...placed, 'z']) {
      const which = { deadlineMax: Number.MAX_SAFE_INTEGER, from };
      const { sums } = await orders.broker.call<PaymentsChecked, object>('payments.invariants', which);
      const counted = sums.reduce((sum, each) => sum + each.payments, 0);
      expect(counted).toBe(placed.filter((id) => id >= from).length);
    }
  });

  withNats('hold on live data, and say how much was looked at', async () => {
    await reaches(await place(await product(10), 2), 'PAID');
    const ada = await person();
    const said = await ada.types('invariants');
    expect(said).toMatch(
      /^I5 +inventory  0 ≤ reserved ≤ on hand, sold ≤ received \+ returned: holds \([1-9]\d* SKUs\)$/m,
    );
    expect(said).toMatch(
      /^I6 +inventory  received \+ returned = on hand \+ sold \+ written off: holds \([1-9]\d* SKUs\)$/m,
    );
    expect(said).toMatch(
      /^I6 +inventory  the balances of each SKU are the sum of its movements: holds \([1-9]\d* movements\)$/m,
    );
    expect(said).toMatch(/^L2 +orders  no order waits .*: holds \([1-9]\d* orders\)$/m);
    expect(said).toMatch(/^I11 +orders  .*: holds \([1-9]\d* orders\)$/m);
    expect(said).toMatch(
      /^I7 +orders ↔ payments  payments hold what customers owe: owed .* GBP, held .* GBP, .* in flight.*: holds/m,
    );
    expect(said).toMatch(/, 0 violated, /);
    expect(said).toContain('Not checked here:');
    await ada.leaves();
  });

  withNats('that are broken are named: stock by its balances and by its movements', async () => {
    const ada = await person();
    const bag = await product(10);
    const change = (onHand: number, sold: number) =>
      tamper(
        'inventory',
        `update rows set data = jsonb_set(jsonb_set(data::jsonb, '{onHand}', to_jsonb(?::int)), '{sold}', to_jsonb(?::int))::text where key = ?`,
        [onHand, sold, `sku:${bag.sku}`],
      );
    await change(11, 0);
    const told = await ada.types('invariants');
    expect(told).toMatch(/^I6 +inventory  received .*: VIOLATED by 1/m);
    expect(told).toContain(`✗ ${bag.sku}: 10 came in, 11 are there or went out`);
    expect(told).toContain(`✗ ${bag.sku}: onHand is 11, by its movements 10`);
    expect(told).toMatch(/, 2 violated, /);
    // Balances that agree among themselves, but not with what happened.
    await change(8, 2);
    const again = await ada.types('invariants');
    expect(again).toMatch(/^I6 +inventory  received .*: holds/m);
    expect(again).toContain(`✗ ${bag.sku}: sold is 2, by its movements 0`);
    await change(10, 0);
    expect(await ada.types('invariants')).toMatch(/, 0 violated, /);
    await ada.leaves();
  });

  withNats(
    'that are broken are named: money that payments do not hold, an order that waits too long, a false status',
    async () => {
      const asIf = `update actors set status = ?, state = jsonb_set(jsonb_set(state::jsonb, '{status}', to_jsonb(?::text)), '{deadline}', to_jsonb(?::bigint))::text where id = ?`;
      const [ada, bag] = await Promise.all([person(), product(10)]);
      scene.signal('SIGSTOP');
      try {
        const id = await place(bag, 1);
        await orders.broker.call('orders.cancel', { id }, { meta: caller() });
        await reaches(id, 'CANCELLED');
        const now = Date.now();
        await tamper('orders', asIf, ['PAID', 'PAID', now, id]);
        const money = await ada.types('invariants');
        expect(money).toMatch(/^I7 +orders ↔ payments .*: VIOLATED by 1[^✗]*✗ 2\.50 GBP is missing$/m);
        expect(money).toContain(`✗ order ${id} is PAID, its history says CANCELLED`);
        await tamper('orders', asIf, ['AWAITING_PAYMENT', 'AWAITING_PAYMENT', now - 31_000, id]);
        const late = await ada.types('invariants');
        expect(late).toContain(`✗ order ${id} waits still`);
        expect(late).toMatch(/^L2 +orders  no order waits .*: VIOLATED by 1/m);
        await tamper('orders', asIf, ['CANCELLED', 'CANCELLED', now, id]);
      } finally {
        scene.signal('SIGCONT');
      }
      await ada.leaves();
    },
  );
});

describe('npm run repl on a cluster without a provider', () => {
  withNats('shows that the circuit to it is open', async () => {
    const ada = await person();
    const bag = await product(50);
    await scene.stopProvider();
    const ids = await Promise.all(Array.from({ length: 25 }, () => place(bag, 1)));
    const breakers = await until('the circuit is open', async () => {
      const told = await ada.types('breakers');
      return /payment provider  (open|half-open)/.test(told) && told;
    });
    expect(breakers).toMatch(
      /^payments-1 ─► payment provider  (open|half-open)  calls without an answer in a row \d+, at it \d+, waiting \d+$/m,
    );
    expect(breakers).toMatch(/Circuits that are not closed: 1; /);
    for (const id of ids) await orders.broker.call('orders.cancel', { id }, { meta: caller() });
    await ada.leaves();
  });

  withNats('and without payments shows what orders say by themselves', async () => {
    const ada = await person();
    await payments.stop();
    nodes.splice(nodes.indexOf(payments), 1);
    const invariants = await ada.types('invariants');
    expect(invariants).toMatch(/^I11 +orders  .*: holds \([1-9]\d* orders\)$/m);
    expect(invariants).toMatch(
      /^! +payments could not be checked: Service 'payments\.invariants' is not (found|available)/m,
    );
    expect(invariants).not.toContain('orders ↔ payments');
    expect(await ada.types('breakers')).toContain(
      'No node with payments answers: the way to the payment provider is not known.',
    );
    await ada.leaves();
  });
});

it('without a NATS there is nothing to join', async () => {
  const nowhere = `nats://127.0.0.1:${await stablePort()}`;
  const { code, said } = await piped('', { NATS_URL: nowhere });
  expect([code, said.trim()]).toEqual([
    1,
    `There is no NATS at ${nowhere}, where NATS_URL says that the cluster is. Was its supervisor killed? npm run cluster starts it again.`,
  ]);
});
