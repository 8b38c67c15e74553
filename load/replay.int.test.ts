// Goal: a real day of a real shop, and an invented month with everything in it that an invoice may say, replayed through the
// REST API, end equal to the file, whatever is killed on the way and whatever the shop has forgotten since.
// Method: `npm run replay` against `npm start`. First both are killed in the middle; then the shop alone, which the replay
// waits for; then nothing is left to do, also after all command ids have gone from the inboxes, as they do after days. Each
// time the replay itself compares what the shop answers with the file; at the end everything is compared once more here.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { freePort } from '../infra/local/processes.ts';
import { treeOf } from '../infra/local/process-tree.ts';
import { until } from '../infra/local/shop.fixture.ts';
import { type ShopProcess, startShopProcess } from '../infra/local/shop-process.ts';
import { openDatabase } from '../mixins/postgres/database.ts';
import { type Client, createClient } from './client.ts';
import { fileOf } from './replay/made-up.fixture.ts';
import { pages, type ShopOrder, stockOf } from './replay/shop.ts';
import { staffCredentials, staffSession } from './staff.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SALES = 136;
const EQUAL = 'Replay: 136 orders, 3081 lines, 27007 pieces, GBP 58960.79: equal to the file.';
const WITHIN_MS = 60_000;

let folder: string;
let port: number;
let shop: ShopProcess;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'souk-replay-'));
  port = await freePort();
  shop = await start();
});
afterAll(async () => {
  await shop.kill('tree');
  rmSync(folder, { recursive: true, force: true });
});

const start = () => startShopProcess({ dataDir: folder, port, log: () => {} });

/** `npm run replay` as a person types it. */
function replay(...options: readonly string[]) {
  const child = spawn('npm', ['run', 'replay', '--', '--url', shop.url, ...options], {
    cwd: ROOT,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, DATA_DIR: folder, NODE_OPTIONS: '' },
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const closed = once(child, 'close') as Promise<[number | null]>;
  return {
    /** Waits until some of a step is done, not all of it. */
    async midway(share: number, step = 'placing orders', all = SALES): Promise<void> {
      const done = () =>
        Math.max(0, ...[...said.matchAll(new RegExp(`${step}: (\\d+) of`, 'g'))].map(([, count]) => Number(count)));
      await until(`${share} of ${step} is done`, () => done() >= all * share, WITHIN_MS);
      expect(done()).toBeLessThan(all);
    },
    async kill(): Promise<void> {
      for (const pid of treeOf(child.pid as number)) process.kill(pid, 'SIGKILL');
      await closed;
    },
    async ends() {
      const [code] = await closed;
      return { code, last: said.trim().split('\n').at(-1), said };
    },
  };
}

it('is killed together with the shop, and goes on', async () => {
  const first = replay();
  await first.midway(0.2);
  await shop.kill('tree');
  await first.kill();
  shop = await start();
});

it('waits for a shop that is killed under it, and compares equal', async () => {
  const second = replay();
  await second.midway(0.6);
  await shop.kill('tree');
  shop = await start();
  expect(await second.ends()).toMatchObject({ code: 0, last: EQUAL });
});

it('run again has nothing to do, and compares equal', async () => {
  const { code, last, said } = await replay().ends();
  expect([code, last]).toEqual([0, EQUAL]);
  expect(said).toMatch(/^0 orders placed in [\d.]+ s, 136 were there already\.$/m);
});

describe('an invented month', () => {
  const CUSTOMERS = 60;
  /** Two orders and two notes each; one customer's first note takes back a whole order. */
  const customers = Array.from({ length: CUSTOMERS }, (_, n) => n);
  const lines = [
    ...customers.flatMap((n) => [
      `${1_000 + n} MUG 6 2.55 ${100 + n}`,
      `${1_000 + n} mug 2 2.55 ${100 + n}`,
      `${1_000 + n} PIN 3 0.001 ${100 + n}`,
    ]),
    '1500 FREE 2 0.0 100',
    '1501 MUG 2 2.55 -',
    '1501 MUG 1 2.55 -',
    '1502 MUG -7 0.0 -',
    '1503 MUG -7 0.0 -',
    '1504 mug -2 2.55 -',
    ...customers.map((n) => `${2_000 + n} MUG 4 2.10 ${100 + n}`),
    // Exactly that line; the rest of it, at another price and from another order; and more than was ever bought.
    ...customers.map((n) => `C${3_000 + n} MUG -4 2.10 ${100 + n}`),
    ...customers.flatMap((n) => [`C${4_000 + n} MUG -5 2.10 ${100 + n}`, `C${4_000 + n} PIN -4 0.001 ${100 + n}`]),
    'C5000 POST -1 18.00 100',
    'C5001 MUG -1 2.55 -',
    'A6000 B 1 -11062.06 -',
  ];
  const END = `Replay: 122 orders, 243 lines, 905 pieces, GBP 1735.83: equal to the file.`;
  let file: string;
  let client: Client;
  beforeAll(() => {
    file = fileOf(folder, 'month.csv.gz', ...lines);
    client = createClient(shop.url);
  });
  afterAll(() => client?.close());

  const staff = () => {
    const environment = { DATA_DIR: folder };
    return {
      token: staffSession(client, environment),
      accountId: '',
      password: staffCredentials(environment).password,
    };
  };

  /** Every order of the month and every stock row that it touches. */
  async function everything() {
    const orders: ShopOrder[] = [];
    for await (const page of pages<ShopOrder>({ client, staff: staff() }, '/api/v1/orders'))
      orders.push(...page.filter(({ reference = '' }) => reference.length === 4));
    const skus = ['MUG@2.55', 'MUG@2.10', 'mug@2.55', 'PIN@0.001', 'FREE@0.0', 'MUG@0.0'];
    const rows = await Promise.all(skus.map((sku) => stockOf({ client, staff: staff() }, sku)));
    return { orders, stock: Object.fromEntries(skus.map((sku, i) => [sku, rows[i]])) };
  }

  it('is killed while notes take back, with the shop, and goes on to the same end', async () => {
    const first = replay('--orders', file);
    await first.midway(0.1, 'taking back', 2 * CUSTOMERS + 2);
    await first.kill();
    await shop.kill('tree');
    shop = await start();
    const { code, last, said } = await replay('--orders', file).ends();
    expect({ code, last, said }).toMatchObject({ code: 0, last: END });
    expect(said).toMatch(
      '(cancellation: credit notes of more than is left of what was bought): 60 lines, -60 pieces, GBP -0.06.',
    );
    expect(said).toMatch(
      '(cancellation: credit notes of what the customer had not bought before): 1 lines, -1 pieces, GBP -18.00.',
    );
    expect(said).toMatch('(cancellation: credit notes without a customer): 1 lines, -1 pieces, GBP -2.55.');
    expect(said).toMatch('(adjustment: accounting adjustments are no trade): 1 lines, 1 pieces, GBP -11062.06.');
  });

  it('is in the shop as the rules say', async () => {
    const { orders, stock } = await everything();
    const of = (reference: string) => orders.filter((order) => order.reference === reference);
    expect(of('1500')).toMatchObject([{ status: 'PAID', total: { amount: '0.00' } }]);
    expect(of('1501')).toMatchObject([{ status: 'PAID', email: 'guest-1501@customers.example', lines: [{}, {}] }]);
    expect(of('1501')[0]).not.toHaveProperty('customerId');
    expect(of('2001')).toMatchObject([{ status: 'REFUNDED', refunded: { amount: '8.40' } }]);
    expect(of('2001')[0]).toHaveProperty('customerId');
    // 6 × 2.55 + 2 × 2.55 + 3 × 0.001 = 20.403; 3 × 2.55 = 7.65 remain.
    expect(of('1001')).toMatchObject([{ status: 'PAID', total: { amount: '20.40' }, refunded: { amount: '12.75' } }]);
    expect(stock['MUG@2.55']).toMatchObject({ sold: 363, returned: 300, writtenOff: 0 });
    expect(stock['MUG@2.10']).toMatchObject({ sold: 240, returned: 240, onHand: 240 });
    expect(stock['mug@2.55']).toMatchObject({ sold: 120, returned: 0, writtenOff: 2 });
    expect(stock['PIN@0.001']).toMatchObject({ sold: 180, returned: 180 });
    expect(stock['MUG@0.0']).toMatchObject({ sold: 0, writtenOff: 14, onHand: 0 });
  });

  it('changes nothing when it is replayed again, nor after the shop has forgotten every key', async () => {
    const before = await everything();
    expect(await replay('--orders', file).ends()).toMatchObject({ code: 0, last: END });
    expect(await everything()).toEqual(before);
    await forgetKeys();
    const { code, last, said } = await replay('--orders', file).ends();
    expect([code, last]).toEqual([0, END]);
    expect(said).toMatch('0 products imported, 0 deliveries received');
    expect(said).toMatch('0 orders cancelled and 0 refunds made');
    expect(await everything()).toEqual(before);
  });

  it('names what differs, and what is no file, and exits accordingly', async () => {
    const before = await everything();
    const other = fileOf(
      folder,
      'other.csv',
      ...lines.map((line) => line.replace('1500 FREE 2', '1500 FREE 3').replace('1501 MUG 1', '1501 MUG 2')),
    );
    const { code, last, said } = await replay('--orders', other).ends();
    expect(code).toBe(1);
    expect(said).toMatch('≠ invoice 1500, line 1: 2 × FREE@0.0, the file says 3 × FREE@0.0');
    expect(said).toMatch('≠ invoice 1501, line 2: 1 × MUG@2.55, the file says 2 × MUG@2.55');
    expect(said).toMatch('≠ invoice 1501: total GBP 7.65, expected GBP 10.20');
    expect(said).toMatch('≠ stock code 2010-12 FREE: 2 sold');
    expect(last).toMatch(/: \d differences\.$/);
    expect(await everything()).toEqual(before);
    const missing = await replay('--orders', join(folder, 'nowhere.csv')).ends();
    expect(missing).toMatchObject({ code: 1, last: `Replay: ${join(folder, 'nowhere.csv')}: there is no such file` });
  });

  it('takes no request a second time that a client repeats after its key was forgotten', async () => {
    const before = await everything();
    const token = await staff().token();
    const repeat = async (path: string, key: string, body?: object, as: string | undefined = token) =>
      await client.call(`/api/v1${path}`, {
        method: 'POST',
        key,
        ...(as === '' ? {} : { token: as }),
        ...(body === undefined ? {} : { body }),
      });
    await forgetKeys();
    const of = (reference: string) => before.orders.find((order) => order.reference === reference) as ShopOrder;
    const [guest, refunded, cancelled] = [of('1501'), of('1001'), of('2001')];
    const mug = guest.lines[0]?.productId;
    const payment = { method: 'simulated', token: 'tok_ok' };
    const lost = { quantity: 7, reason: '1502 A "fine" MUG' };
    const again = [
      await repeat(
        '/orders',
        'replay-1501',
        {
          email: guest.email,
          reference: '1501',
          lines: guest.lines.map(({ productId, quantity }) => ({ productId, quantity })),
          payment,
        },
        '',
      ),
      await repeat('/stock/MUG%400.0/write-off', 'replay-1502-1', lost),
      await repeat(`/orders/${refunded.id}/refund`, 'replay-C4001-1001', { lines: [{ productId: mug, quantity: 5 }] }),
      await repeat(`/orders/${cancelled.id}/cancel`, 'replay-C3001-2001'),
    ];
    expect(again.map(({ status }) => status)).toEqual([201, 200, 200, 200]);
    expect(again[0]?.body).toMatchObject({ id: guest.id });
    expect(await everything()).toEqual(before);
    await forgetKeys();
    const other = await repeat('/stock/MUG%400.0/write-off', 'replay-1502-1', { ...lost, quantity: 6 });
    expect(other).toMatchObject({ status: 422, body: { code: 'idempotency-key-reused' } });
  });

  it('places anew what was never paid', async () => {
    const { orders } = await everything();
    const productId = orders.find(({ reference }) => reference === '1501')?.lines[0]?.productId;
    const declined = await client.expect<{ id: string }>([201, 202], '/api/v1/orders', {
      method: 'POST',
      key: 'somebody-tried',
      body: {
        email: 'guest-1505@customers.example',
        reference: '1505',
        lines: [{ productId, quantity: 1 }],
        payment: { method: 'simulated', token: 'tok_declined' },
      },
    });
    const now = () => stateOf('1505').then((states) => states.find((state) => state.startsWith(declined.id)));
    await until('the card is declined', async () => (await now())?.endsWith('PAYMENT_FAILED'), WITHIN_MS);
    const more = fileOf(folder, 'more.csv', ...lines, '1505 MUG 1 2.55 -');
    expect(await replay('--orders', more).ends()).toMatchObject({
      code: 0,
      last: 'Replay: 123 orders, 244 lines, 906 pieces, GBP 1738.38: equal to the file.',
    });
    const statuses = (await stateOf('1505')).map((state) => state.split(' ')[1]);
    expect(new Set(statuses)).toEqual(new Set(['PAID', 'PAYMENT_FAILED']));
    expect(statuses).toHaveLength(2);
  });

  const stateOf = async (reference: string): Promise<readonly string[]> =>
    (await everything()).orders
      .filter((order) => order.reference === reference)
      .map(({ id, status }) => `${id} ${status}`);

  /** What days do to the inboxes. */
  async function forgetKeys(): Promise<void> {
    for (const schema of ['orders', 'inventory', 'payments', 'products', 'users']) {
      const database = await openDatabase({ url: shop.databaseUrl, schema, poolMax: 1 });
      try {
        await database.em().execute(`delete from ${schema}.inbox`);
      } finally {
        await database.close();
      }
    }
  }
});
