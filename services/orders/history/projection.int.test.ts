// The history on real servers: which orders it is told of, that the newest version stands whatever comes when, and that
// nothing but a lost second of work is lost with the log, with DynamoDB or with the table.

import { randomBytes, randomUUID } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { DeleteTableCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { afterEach, describe, expect, it } from '@jest/globals';
import { orderUpdated } from '../../../actors/public-events.ts';
import type { NewEvent } from '../../../brokers/event-log.ts';
import { until } from '../../../infra/local/shop.fixture.ts';
import { openDatabase } from '../../../mixins/postgres/database.ts';
import { testDatabase } from '../../../mixins/postgres/testing.ts';
import { StoreUnavailable } from '../../../mixins/store.ts';
import type { OrderView } from '../order.view.ts';
import { Migration0001Orders } from '../migrations/0001-orders.ts';
import { Migration0002Unprojected } from '../migrations/0002-unprojected.ts';
import { type HistoryFixture, line, openHistoryFixture } from './history.fixture.ts';
import { itemOfEvent } from './item.ts';
import { GROUP, TOPIC } from './projection.ts';

let shop: HistoryFixture;
afterEach(() => shop?.close());

const open = async () => (shop = await openHistoryFixture());
const caughtUp = () => until('the history has everything', async () => (await shop.unprojected.behind()).orders === 0);
const rows = () =>
  shop.database
    .em()
    .execute<{ id: string; customer_id: string; version: string }[]>(
      'select id, customer_id, version from unprojected order by id',
    );
type Statuses = Readonly<Record<string, string>>;
const statuses = (orders: readonly OrderView[]): Statuses =>
  Object.fromEntries(orders.map(({ id, status }) => [id, status]));
const all = (ids: readonly string[], status: string): Statuses => Object.fromEntries(ids.map((id) => [id, status]));
/** What the table itself holds: the status of each order. */
const held = async (customerId: string) =>
  statuses((await shop.table.page({ customerId }, {}, 100, undefined)).found.map(({ order }) => order));
/** What the customer is shown. */
const shown = async (customerId: string) => statuses((await shop.list(customerId)).items);
const count = (orders: Statuses) => Object.keys(orders).length;

describe('an order that changes', () => {
  it('is remembered in the same commit, if it is a customer’s, with its newest version', async () => {
    const { place, tell } = await open();
    const [ada] = [await place({ customerId: 'ada' }), await place()];
    expect(await rows()).toEqual([{ id: ada, customer_id: 'ada', version: '1' }]);
    await tell(ada, { type: 'Cancel', data: {} });
    expect(await rows()).toEqual([{ id: ada, customer_id: 'ada', version: '2' }]);
    await shop.unprojected.forget([{ id: ada, version: 1 }]);
    expect(await rows()).toHaveLength(1);
    await shop.unprojected.forget([{ id: ada, version: 2 }]);
    // The answer that is kept makes a version, but nothing that a list shows.
    const { version } = await tell(ada, { type: 'Cancel', data: {} }, () => ({}));
    expect([version, await rows()]).toEqual([3, []]);
  });

  it('from before the migration is remembered by it', async () => {
    const before = await testDatabase({ migrations: [Migration0001Orders] });
    await before
      .em()
      .execute(
        `insert into actors (id, version, state, customer_id) values ('a', 3, '{}', 'ada'), ('g', 2, '{}', null)`,
      );
    const migrations = [Migration0001Orders, Migration0002Unprojected];
    const after = await openDatabase({ url: before.url, schema: before.schema, migrations });
    expect(await after.em().execute('select id, customer_id, version from unprojected')).toEqual([
      { id: 'a', customer_id: 'ada', version: '3' },
    ]);
    await after.close();
    await before.close();
    await open();
  });

  it('while its row is deleted keeps it: a hundred races', async () => {
    const { place, tell, pay, unprojected } = await open();
    const ids = await Promise.all(Array.from({ length: 100 }, () => place({ customerId: 'ada' })));
    await Promise.all(ids.flatMap((id) => [pay(id), unprojected.forget([{ id, version: 1 }])]));
    expect((await rows()).map(({ id, version }) => [id, version])).toEqual(ids.toSorted().map((id) => [id, '3']));
    await Promise.all(
      ids.flatMap((id) => [tell(id, { type: 'Ship', data: {} }), unprojected.forget([{ id, version: 4 }])]),
    );
    for (const { version } of await rows()) expect(version).toBe('4');
  });
});

describe('a customer', () => {
  it('reads what they wrote, whether the projection runs, stands still, or has lost DynamoDB', async () => {
    const { place, tell, pay, project } = await open();
    const projection = project();
    await projection.ready;
    const first = await place({ customerId: 'ada' });
    expect(await shown('ada')).toEqual({ [first]: 'AWAITING_STOCK' });
    await pay(first);
    expect(await shown('ada')).toEqual({ [first]: 'PAID' });
    await caughtUp();
    await projection.stop();

    const second = await place({ customerId: 'ada' });
    expect(await shown('ada')).toEqual({ [first]: 'PAID', [second]: 'AWAITING_STOCK' });
    expect(await held('ada')).toEqual({ [first]: 'PAID' });
    await tell(second, { type: 'Cancel', data: {} });
    await tell(first, { type: 'Ship', data: {} });
    const want = { [first]: 'SHIPPED', [second]: 'CANCELLED' };
    expect(await shown('ada')).toEqual(want);
    expect((await shop.list('ada', { status: 'PAID' })).items).toEqual([]);

    shop.door.shut();
    expect(await shown('ada')).toEqual(want);
    shop.door.open();
    await project().ready;
    await caughtUp();
    expect(await held('ada')).toEqual(want);
    expect(await shown('bob')).toEqual({});
  });

  it('reads their writes at once, three hundred times while two nodes project', async () => {
    const { place, tell, project } = await open();
    await Promise.all([project().ready, project().ready]);
    await Promise.all(
      Array.from({ length: 10 }, async (_, n) => {
        const customerId = `c-${n}`;
        for (let i = 0; i < 10; i++) {
          const id = await place({ customerId });
          expect(await shown(customerId)).toMatchObject({ [id]: 'AWAITING_STOCK' });
          await tell(id, { type: 'RecordReserved', data: { partition: 'main' } });
          expect(await shown(customerId)).toMatchObject({ [id]: 'AWAITING_PAYMENT' });
          await tell(id, { type: 'Cancel', data: {} });
          expect(await shown(customerId)).toMatchObject({ [id]: 'CANCELLED' });
        }
      }),
    );
    expect(shop.counts.answered).toBeGreaterThan(250);
  });
});

describe('an item', () => {
  it('that is on its way to DynamoDB does not hide the order meanwhile', async () => {
    const { place, project, table } = await open();
    const [asked, mayGo] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const slow: typeof table = {
      ...table,
      async put(item) {
        asked.resolve();
        await mayGo.promise;
        return await table.put(item);
      },
    };
    await project({ table: slow }).ready;
    const id = await place({ customerId: 'ada' });
    await asked.promise;
    expect(await rows()).toHaveLength(1);
    expect(await shown('ada')).toEqual({ [id]: 'AWAITING_STOCK' });
    mayGo.resolve();
    await caughtUp();
    expect(await shown('ada')).toEqual({ [id]: 'AWAITING_STOCK' });
  });
});

describe('events', () => {
  /** The events so far under new ids, as a log repeats them that lost its positions. */
  const again = (events: readonly NewEvent[]) => events.map((event) => ({ ...event, id: randomUUID() }));

  it('that are repeated, and out of order, leave the newest version', async () => {
    const { place, pay, project, log, published, table } = await open();
    await project().ready;
    const ids = await Promise.all(Array.from({ length: 12 }, () => place({ customerId: 'ada' })));
    await Promise.all(ids.map(pay));
    await caughtUp();
    const want = all(ids, 'PAID');
    expect(await held('ada')).toEqual(want);
    await log.append(again(published));
    await log.append(again(published.toReversed()));
    await log.append(again(published.filter(({ data }) => (data as { version: number }).version === 1)));
    // What comes after them has been handled: so have they, in each partition.
    const last = await Promise.all(Array.from({ length: 40 }, () => place({ customerId: 'bob' })));
    await until('the last are projected', async () => count(await held('bob')) === last.length);
    expect(await held('ada')).toEqual(want);
    // Also where somebody has not heard that the newest version is there already.
    for (const { data } of published.toReversed())
      await table.put(itemOfEvent(data as Parameters<typeof itemOfEvent>[0]));
    expect(await held('ada')).toEqual(want);
  });

  it('that a newer one will follow are not put: it says everything', async () => {
    const { place, pay, tell, project, log, holdEvents } = await open();
    await project().ready;
    const release = holdEvents();
    const id = await place({ customerId: 'ada' });
    const { state } = await tell(id, { type: 'RecordReserved', data: { partition: 'main' } });
    await pay(id);
    const marker = await place({ customerId: 'bob' });
    const eventOf = (orderId: string, customerId: string, version: number): NewEvent => {
      const { topic, key, data } = orderUpdated(orderId, state, customerId);
      // In one partition, in which one is handled after the other.
      return { topic, key, partition: 0, id: randomUUID(), source: 'test', time: 1, data: { ...data, version } };
    };
    await log.append([eventOf(id, 'ada', 2), eventOf(marker, 'bob', 1)]);
    await until('the marker is projected', async () => count(await held('bob')) === 1);
    expect(await held('ada')).toEqual({});
    expect((await rows()).map((row) => row.id)).toEqual([id]);
    release();
    await caughtUp();
    expect(await held('ada')).toEqual({ [id]: 'PAID' });
  });

  it('of an order that no item may hold leave it with PostgreSQL, which shows it', async () => {
    const { place, project, table } = await open();
    const projection = project();
    await projection.ready;
    const name = randomBytes(250_000).toString('base64');
    const large = await place({ customerId: 'ada', lines: [line('a', 1, 1, name), line('b', 1, 1, `${name} again`)] });
    const small = await place({ customerId: 'ada' });
    await until('the small one is projected', async () => (await rows()).every(({ id }) => id !== small));
    await projection.sweep();
    expect((await rows()).map(({ id }) => id)).toEqual([large]);
    expect(await shown('ada')).toEqual(all([large, small], 'AWAITING_STOCK'));
    expect((await table.page({ customerId: 'ada' }, {}, 10, undefined)).found).toHaveLength(1);
  });
});

describe('DynamoDB', () => {
  it('that is away at the start and comes later finds all that happened meanwhile', async () => {
    const { place, project, door } = await open();
    door.shut();
    const projection = project();
    const id = await place({ customerId: 'ada' });
    expect(await shown('ada')).toEqual({ [id]: 'AWAITING_STOCK' });
    door.open();
    await projection.ready;
    await caughtUp();
    expect(await held('ada')).toEqual({ [id]: 'AWAITING_STOCK' });
  });

  it('that does not answer is not asked for each item of a batch', async () => {
    const { place, project, table } = await open();
    await Promise.all(Array.from({ length: 60 }, () => place({ customerId: 'ada' })));
    let puts = 0;
    const put = async () => {
      puts += 1;
      await turn();
      throw new StoreUnavailable('DynamoDB is away');
    };
    // A log that never opens: nothing but the sweep writes.
    const projection = project({ table: { ...table, put }, log: () => new Promise(() => {}) });
    await expect(projection.sweep()).rejects.toThrow('DynamoDB is away');
    expect(puts).toBeLessThanOrEqual(16);
    expect(await rows()).toHaveLength(60);
  });

  it('that loses the table gets another one with everything, and no list misses an order meanwhile', async () => {
    const { place, pay, project, client, tableName } = await open();
    const projection = project();
    await projection.ready;
    const ids = await Promise.all(Array.from({ length: 15 }, () => place({ customerId: 'ada' })));
    await caughtUp();
    await client.send(new DeleteTableCommand({ TableName: tableName }));
    const want = all(ids, 'AWAITING_STOCK');
    expect(await shown('ada')).toEqual(want);
    // Whoever writes next notices.
    await pay(await place({ customerId: 'bob' }));
    await until('there is a table', async () => {
      expect(await shown('ada')).toEqual(want);
      return await shop.table.exists();
    });
    await until('everything is remembered or there', async () => {
      expect(await shown('ada')).toEqual(want);
      await projection.sweep();
      return (await rows()).length === 0;
    });
    expect(await held('ada')).toEqual(want);
  });
});

describe('rebuilding', () => {
  /** Step by step, as `rebuildHistory` does it through the service. */
  async function remember(): Promise<void> {
    const projection = shop.project();
    await projection.ready;
    for (let after: string | undefined = ''; after !== undefined; ) after = await projection.remember(after);
  }

  it('from the log alone writes every order anew, also one that was spoilt', async () => {
    const { place, pay, project, client, tableName, log } = await open();
    const projection = project();
    await projection.ready;
    const ids = await Promise.all(Array.from({ length: 20 }, () => place({ customerId: 'ada' })));
    await Promise.all(ids.slice(0, 10).map(pay));
    await caughtUp();
    const { items } = await shop.primaryList('ada', { limit: 100 });
    const [spoilt] = items;
    await client.send(
      new PutItemCommand({
        TableName: tableName,
        Item: {
          customerId: { S: 'ada' },
          position: { S: `000${Date.parse(spoilt!.createdAt)}#${spoilt!.id}` },
          version: { N: '1' },
          shown: { S: JSON.stringify({ ...spoilt, status: 'SPOILT' }) },
        },
      }),
    );
    expect(await shown('ada')).toMatchObject({ [spoilt!.id]: 'SPOILT' });
    await remember();
    expect((await shop.list('ada', { limit: 100 })).items).toEqual(items);
    // Two nodes are there; in this log either may put the group back.
    expect(await projection.rewind()).toBe(log.partitions(TOPIC));
    await caughtUp();
    expect(await held('ada')).toEqual(statuses(items));
  });

  it('takes from PostgreSQL what the log does not hold', async () => {
    const { place, project, log } = await open();
    const ids = await Promise.all(Array.from({ length: 250 }, () => place({ customerId: 'ada' })));
    await place();
    await until('all are in the log', () => shop.published.length === ids.length);
    // As if the events had expired: the group begins behind them.
    for (let partition = 0; partition < log.partitions(TOPIC); partition++)
      await log.seek(GROUP, TOPIC, partition, 1_000);
    const projection = project();
    await projection.ready;
    expect(await held('ada')).toEqual({});
    expect((await shop.list('ada', { limit: 100 })).items).toHaveLength(100);
    await projection.sweep();
    expect(await rows()).toEqual([]);
    expect((await shop.list('ada', { limit: 100 })).items).toHaveLength(100);
    expect((await shop.table.page({ customerId: 'ada' }, {}, 1_000, undefined)).found).toHaveLength(ids.length);
  });
});
