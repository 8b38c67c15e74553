// The books of a real shop in one process: what is read beside it is what it says of itself, and what is planted into its
// tables is seen.

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestShop, type TestShop, until } from '../../../infra/local/shop.fixture.ts';
import type { Database } from '../../../mixins/postgres/database.ts';
import type { Books } from './books.ts';
import { readLedgerFrom } from './provider.ts';
import { type BookReader, type Mark, openBooks } from './read-books.ts';
import { createLook, type Sampler, type SamplerOptions, startSampler } from './sampler.ts';
import { settled } from './settled.ts';

let shop: TestShop;
let books: BookReader;
let postgresUrl: string;
let since: Mark;
let read: Books;
let sku: string;
let earlier: string;
const placed: string[] = [];
const samplers: Sampler[] = [];

/** Where the shop's PostgreSQL is: a service knows. */
function urlOf({ broker }: TestShop): string {
  const { database } = broker.getLocalService('orders') as unknown as { readonly database: Database };
  return database.orm.config.get<'driverOptions', { connectionString: string }>('driverOptions').connectionString;
}

const quiet = async () => expect(await settled(books)).toMatchObject({ quietAt: expect.any(Number), unsettled: [] });

beforeAll(async () => {
  shop = await startTestShop();
  postgresUrl = urlOf(shop);
  books = await openBooks({ postgresUrl, dataDir: shop.dataDir });
  const old = await shop.product();
  earlier = (await shop.place([[old, 1]])).id;
  await shop.reaches(earlier, 'PAID');
  await quiet();

  since = await books.mark();
  const product = await shop.product('2.55', 100);
  ({ sku } = product);
  const customer = await shop.account();
  for (let n = 0; n < 5; n++) placed.push((await shop.place([[product, 2]], { token: customer.token })).id);
  placed.push((await shop.place([[product, 1]], { pay: 'tok_declined' })).id);
  const short = await shop.call('POST /api/v1/orders', shop.wish([[product, 1_000]]));
  placed.push(short.body.orderId ?? short.body.id);
  await Promise.all(placed.slice(0, 5).map((id) => shop.reaches(id, 'PAID')));
  const [first = ''] = placed;
  await shop.expect(200, `POST /api/v1/orders/${first}/refund`, { token: shop.staff.token, body: { restock: true } });
  await shop.reaches(first, 'REFUNDED');
  await quiet();
  read = await books.read({ since, skus: [sku] });
});
afterAll(async () => {
  await Promise.all(samplers.map((sampler) => sampler.stop()));
  await books?.close();
  await shop?.stop();
});

function startLooking(more: Partial<SamplerOptions> = {}): Sampler {
  const sampler = startSampler({ postgresUrl, dataDir: shop.dataDir, since, everyMs: 20, ...more });
  samplers.push(sampler);
  return sampler;
}

const administer = (text: string) => {
  const { database } = shop.broker.getLocalService('orders') as unknown as { readonly database: Database };
  return database.em().execute(text);
};

describe('the books', () => {
  it('hold the orders and payments of the run, as the shop tells them, and no older ones', async () => {
    expect(read.orders.map(({ id }) => id).toSorted()).toEqual(placed.toSorted());
    for (const { id, state } of read.orders) expect(state.status).toBe((await shop.orderOf(id)).status);
    expect(read.payments.map(({ id }) => id).toSorted()).toEqual(placed.map((id) => `pay_${id}`).toSorted());
    const entries = read.contexts.orders?.journal ?? [];
    expect(new Set(entries.map(({ id }) => id))).toEqual(new Set(placed));
    expect(entries.filter(({ id }) => id === placed[0]).map(({ type }) => type)).toEqual([
      'Placed',
      'StockReserved',
      'Paid',
      'RefundRequested',
      'Refunded',
    ]);
    const whole = await books.read();
    expect(whole.orders.map(({ id }) => id).toSorted()).toEqual([...placed, earlier].toSorted());
  });

  it('hold the stock of the run: balances, reservations, movements', async () => {
    const balance = read.stock.find(({ key }) => key === `sku:${sku}`)?.row;
    const { onHand, reserved, sold, returned } = await shop.stockOf(sku);
    expect(balance).toMatchObject({ onHand, reserved, sold, returned });
    expect({ onHand, reserved, sold, returned }).toEqual({ onHand: 92, reserved: 0, sold: 10, returned: 2 });
    const reservations = read.stock.flatMap(({ key, row }) =>
      row.kind === 'reservation' ? [[key.slice('reservation:'.length), row.status]] : [],
    );
    expect(Object.fromEntries(reservations)).toEqual(
      Object.fromEntries(placed.map((id, i) => [id, i < 5 ? 'committed' : i === 5 ? 'released' : 'rejected'])),
    );
    const types = new Set(read.contexts.inventory?.journal.map(({ type }) => type));
    expect(types).toEqual(new Set(['Received', 'Reserved', 'Committed', 'Released', 'Rejected', 'Returned']));
    expect(read.stock.some(({ key }) => key.includes(earlier))).toBe(false);
  });

  it('hold the provider, the log, the groups and the mails', () => {
    expect(new Map(read.ledger.charges.map(({ orderId, status }) => [orderId, status]))).toEqual(
      new Map(placed.slice(0, 6).map((id, i) => [id, i < 5 ? 'succeeded' : 'declined'])),
    );
    expect(read.ledger.charges).toHaveLength(6);
    expect(read.ledger.refunds.map(({ paymentId }) => paymentId)).toEqual([`pay_${placed[0]}`]);
    const published = (read.contexts.orders?.outbox ?? []).filter(({ kind }) => kind === 'publish');
    expect(published.length).toBeGreaterThan(20);
    const told = new Set(read.topics.map(({ id }) => id));
    expect(published.filter(({ messageId }) => !told.has(messageId))).toEqual([]);
    expect(read.topics.filter(({ data }) => data?.orderId === earlier)).toEqual([]);
    expect(read.positions.length).toBeGreaterThan(30);
    expect(read.positions.filter(({ next, end }) => next < end)).toEqual([]);
    expect(read.mails).toHaveLength(6);
    expect(read.mails.every(({ subject }) => placed.some((id) => subject.includes(id)))).toBe(true);
  });

  it('hold nothing of older orders, to which nothing happened', () => {
    expect(read.late).toEqual({ charges: [], refunds: [], mails: [], entries: [] });
  });

  it('hold what happens to an older order: its events, its payment’s, its stock’s, its mail and its money', async () => {
    const product = await shop.product('1.00', 10);
    const { id } = await shop.place([[product, 1]]);
    await shop.reaches(id, 'PAID');
    await quiet();
    const mark = await books.mark();
    await shop.expect(200, `POST /api/v1/orders/${id}/refund`, { token: shop.staff.token, body: { restock: true } });
    await shop.reaches(id, 'REFUNDED');
    await quiet();
    const { late, orders, ledger } = await books.read({ since: mark });
    expect(orders).toEqual([]);
    expect(ledger.charges).toEqual([]);
    expect(late?.refunds).toMatchObject([{ paymentId: `pay_${id}` }]);
    expect(late?.entries.map(({ context, type }) => `${context} ${type}`)).toEqual(
      expect.arrayContaining(['orders RefundRequested', 'orders Refunded', 'inventory Returned']),
    );
    expect(late?.entries.filter(({ context, id: actor }) => context === 'orders' && actor !== id)).toEqual([]);
    // As if they had been sent and charged since: what the mark does not know is late.
    const { charges } = readLedgerFrom(shop.dataDir);
    const before = charges.findIndex(({ orderId }) => orderId === id);
    const blank = { ...mark, ledger: { ...mark.ledger, charges: before }, mails: new Set<string>() };
    const again = await books.read({ since: blank });
    expect(again.late?.charges).toMatchObject([{ orderId: id, status: 'succeeded' }]);
    expect(again.late?.mails.some(({ subject }) => subject.includes(id))).toBe(true);
    expect(again.ledger.charges).toEqual([]);
  });

  it('hold what analytics has counted since', async () => {
    const product_id = `p-${sku}`;
    const event = { user_id: 'ann', product_id, event_type: 'view', timestamp: new Date().toISOString() };
    await shop.expect(202, 'POST /api/v1/events', { body: [event, { ...event, user_id: 'bob' }, event] });
    const window = await until('the events are counted', async () => {
      const { windows } = await books.read({ since });
      return windows.find(({ productId, eventCount }) => productId === product_id && eventCount === 3);
    });
    expect(window).toMatchObject({ uniqueUsers: 2, isOpen: true });
    expect(window.from).toBe(Math.floor(Date.parse(event.timestamp) / 60_000) * 60_000);
  });
});

describe('a sample', () => {
  it('says where the money is, and balances when it is all at rest', async () => {
    const look = createLook(books.database, { dataDir: shop.dataDir, since, skus: () => [sku] });
    const sample = await look();
    expect(sample.money).toEqual([{ currency: 'GBP', held: 4 * 510, owed: 4 * 510, inFlight: 0 }]);
    expect(sample.balances).toMatchObject([{ sku, partition: 'main', onHand: 92, sold: 10 }]);
    expect(sample.outboxLag).toMatchObject({ orders: 0, payments: 0, inventory: 0 });
  });

  it('counts money that waits for something as in flight, and nothing is missing at any moment', async () => {
    const sampler = startLooking();
    const product = await shop.product('1.00', 1_000);
    // A busy shop may answer before stock has (202).
    const ordered = async () => (await shop.call('POST /api/v1/orders', shop.wish([[product, 1]]))).body.id as string;
    const orders = await Promise.all(Array.from({ length: 40 }, ordered));
    await Promise.all(
      orders.map(async (id, n) => {
        await shop.reaches(id, 'PAID');
        if (n % 2 === 0) await shop.expect(200, `POST /api/v1/orders/${id}/cancel`, { token: shop.staff.token });
      }),
    );
    await quiet();
    const samples = await sampler.stop();
    expect(sampler.skipped).toBe(0);
    const sums = samples.flatMap(({ money }) => money);
    expect(sums.filter(({ held, owed, inFlight }) => held !== owed + inFlight)).toEqual([]);
    expect(sums.filter(({ inFlight }) => inFlight !== 0).length).toBeGreaterThan(0);
    expect(sums.at(-1)).toEqual({ currency: 'GBP', held: 2_040 + 2_000, owed: 2_040 + 2_000, inFlight: 0 });
    const [[name, bytes] = ['', 0]] = Object.entries(samples[0]?.memory ?? {});
    expect(name).toMatch(/^\d+ \w/);
    expect(bytes).toBeGreaterThan(1_000_000);
  });

  it('goes on while PostgreSQL stands still', async () => {
    const sampler = startLooking({ answerMs: 1_000 });
    await until('there is a sample', () => sampler.samples.length > 0);
    const resume = shop.pauseDatabase();
    try {
      await until('a look was given up', () => sampler.skipped > 0);
    } finally {
      resume();
    }
    const before = sampler.samples.length;
    await until('there is another sample', () => sampler.samples.length > before);
    expect((await sampler.stop()).length).toBeGreaterThan(before);
  });
});

const isWaiting = ({ state }: Books['orders'][number]) => state.status === 'AWAITING_STOCK';

describe('waiting for quiet', () => {
  it('ends at its time, and says what it waits for', async () => {
    const said: string[] = [];
    const product = await shop.product();
    const resume = shop.holdStock();
    const placing = shop.place([[product, 1]]);
    const { id } = await until('the order is there', async () => (await books.read()).orders.find(isWaiting));
    const found = await settled(books, { withinMs: 300, say: (what) => said.push(what) });
    expect(found).toEqual({ unsettled: [`1 orders wait for stock, payment or a refund (${id})`] });
    expect(said).toEqual([`waiting: 1 orders wait for stock, payment or a refund (${id})`]);
    resume();
    await placing;
    await quiet();
  });

  it('sees what has not left', async () => {
    await administer(`insert into notifications.outbox (message_id, kind, target, sender, key, body, sealed, at, bucket)
      values ('stuck', 'perform', 'nothing that anybody does', 's', 's', '{}', false, now(), 0)`);
    expect((await settled(books, { withinMs: 0 })).unsettled).toEqual(['1 messages of notifications have not left']);
    const { unsettled } = await settled(books, { signal: AbortSignal.abort() });
    expect(unsettled).toEqual(['the wait was broken off', '1 messages of notifications have not left']);
    await administer(`delete from notifications.outbox where message_id = 'stuck'`);
    await quiet();
  });
});
