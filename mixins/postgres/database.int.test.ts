// A context and its connections: what is in force in every session, and what becomes of a connection that is lost.

import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { createServer, connect as connectSocket, type AddressInfo, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Migration } from '@mikro-orm/migrations';
import { defineEntity, p } from '@mikro-orm/postgresql';
import { type ActorStore, type Change, StoreUnavailable } from '../store.ts';
import { BACKOFF_MS } from './backoff.ts';
import { connectTo, type Pool } from './connection.ts';
import { type Migrations, openDatabase, UnpreparedDatabase } from './database.ts';
import { sqlState } from './errors.ts';
import { postgresStore } from './store.ts';
import { actorMigrations, testDatabase, type TestDatabase, testPostgresUrl } from './testing.ts';

const change = (id: string, expected: number, commandId: string = randomUUID()): Change => ({
  id,
  expected,
  version: expected + 1,
  state: {},
  rows: [],
  journal: [],
  handled: [{ id, commandId, version: expected + 1 }],
  outbox: [],
  timers: [],
  cancelled: [],
});

const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

describe('a context', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await testDatabase();
  });
  afterAll(() => database.close());

  it('is migrated once however many nodes start at the same time', async () => {
    const schema = `test_${randomUUID().replaceAll('-', '').slice(0, 12)}`;
    const open = () => openDatabase({ url: testPostgresUrl(), schema, migrations: actorMigrations() });
    const nodes = await Promise.all([open(), open(), open(), open()]);
    const [node] = nodes;
    expect(await node.em().execute('select name from migrations')).toEqual([{ name: 'ActorTables' }]);
    await node.em().execute(`drop schema ${schema} cascade`);
    await Promise.all(nodes.map((each) => each.close()));
  });

  it('stays as it was when a migration fails, and tells why', async () => {
    const schema = `test_${randomUUID().replaceAll('-', '').slice(0, 12)}`;
    const url = testPostgresUrl();
    const [good] = actorMigrations() as [ReturnType<typeof actorMigrations>[number]];
    class Broken extends good {
      override up(): void {
        this.addSql('create table half_done (id int)');
        this.addSql('create table impossible (id nonsense)');
      }
    }
    expect(await failure(openDatabase({ url, schema, migrations: [good, Broken] }))).toMatchObject({
      message: expect.stringContaining('nonsense'),
    });
    const node = await openDatabase({ url, schema, migrations: [good] });
    expect(
      await node
        .em()
        .execute(`select to_regclass('half_done') as half, (select count(*)::int from migrations) as done`),
    ).toEqual([{ half: null, done: 1 }]);
    await node.em().execute(`drop schema ${schema} cascade`);
    await node.close();
  });

  describe('that a node may not migrate', () => {
    class Migration0001First extends Migration {
      override up(): void {
        this.addSql('create table things (id int)');
      }
    }
    class Migration0002Second extends Migration {
      override up(): void {
        this.addSql('alter table things add column name text');
      }
    }
    const [older, newer]: readonly Migrations[] = [[Migration0001First], [Migration0001First, Migration0002Second]];

    it('opens when it is up to date, and is not touched', async () => {
      const context = await testDatabase({ migrations: newer! });
      const node = await context.again({ migrate: false });
      expect(await node.em().execute('select name from migrations order by id')).toEqual(
        newer!.map(({ name }) => ({ name })),
      );
      await context.close();
    });

    it('refuses the node with the migrations that are missing, and what is to be done', async () => {
      const context = await testDatabase({ migrations: older! });
      expect(await failure(context.again({ migrations: newer!, migrate: false }))).toEqual(
        new UnpreparedDatabase(
          `The schema ${context.schema} is behind this program: Migration0002Second did not run. ` +
            'Run npm run migrate with the code of this release, then start this node again.',
        ),
      );
      expect(await context.em().execute('select count(*)::int as done from migrations')).toEqual([{ done: 1 }]);
      await context.close();
    });

    it('refuses the node when it is not there at all, and is not made', async () => {
      const url = testPostgresUrl();
      const schema = `test_${randomUUID().replaceAll('-', '').slice(0, 12)}`;
      expect(await failure(openDatabase({ url, schema, migrations: newer!, migrate: false }))).toMatchObject({
        name: 'UnpreparedDatabase',
        message: expect.stringContaining(
          `${schema} is behind this program: Migration0001First, Migration0002Second did`,
        ),
      });
      const found = await database.em().execute(`select from pg_namespace where nspname = '${schema}'`);
      expect(found).toEqual([]);
    });

    it.each([false, true])(
      'lets in a node of the release before, which knows fewer (migrating: %s)',
      async (migrate) => {
        const context = await testDatabase({ migrations: newer! });
        const node = await context.again({ migrations: older!, migrate });
        await node.em().execute('insert into things (id) values (1)');
        expect(await context.em().execute('select * from things')).toEqual([{ id: 1, name: null }]);
        await context.close();
      },
    );

    it('that cannot be reached is unavailable', async () => {
      const nowhere = new URL(testPostgresUrl());
      nowhere.port = '1';
      const error = await failure(openDatabase({ url: nowhere.href, schema: 'nowhere', migrate: false }));
      expect(error).toBeInstanceOf(StoreUnavailable);
    });
  });

  it('has its limits in force in every session, lanes included', async () => {
    const settings = [
      'lock_timeout',
      'statement_timeout',
      'idle_in_transaction_session_timeout',
      'search_path',
      'TimeZone',
      'plan_cache_mode',
    ];
    const text = `select ${settings.map((name) => `current_setting('${name}')`).join(', ')}`;
    const limits = ['500ms', '2s', '1s', database.schema, 'UTC'];
    const [row] = await database
      .em()
      .execute<Record<string, string>[]>(text.replaceAll(/(current_setting\('(\w+)'\))/g, '$1 as "$2"'));
    expect(settings.map((name) => row?.[name])).toEqual([...limits, 'force_custom_plan']);
    expect(await database.lane().run({ name: 'settings', text }, [])).toEqual([[...limits, 'force_generic_plan']]);
  });

  it('reads what actors wrote as entities', async () => {
    const OrderRow = defineEntity({
      name: 'OrderRow',
      tableName: 'actors',
      properties: {
        id: p.text().primary(),
        status: p.text().nullable(),
        createdAt: p.datetime().nullable(),
        total: p.bigint('number').nullable(),
      },
    });
    const columns = ['status text', 'created_at timestamptz', 'total bigint'];
    const context = await testDatabase({
      entities: [OrderRow],
      migrations: actorMigrations({ readColumns: columns, readIndexes: ['(created_at, id)'] }),
    });
    interface State {
      readonly status: string;
      readonly at: number;
      readonly total?: number;
    }
    const store = postgresStore({
      database: context,
      actor: 'order',
      readColumns: {
        status: { type: 'text', of: ({ status }: State) => status },
        created_at: { type: 'timestamptz', of: ({ at }: State) => at },
        total: { type: 'bigint', of: ({ total }: State) => total },
      },
    });
    const at = Date.UTC(2026, 10, 4, 1, 2, 3, 456);
    await store.commit([
      { ...change('a', 0), state: { status: 'NEW', at, total: 2 ** 45 } },
      { ...change('b', 0), state: { status: "it's", at: at + 1 } },
    ]);
    const { state: _, ...withoutState } = change('a', 1);
    await store.commit([
      withoutState,
      { ...change('b', 1), state: { status: 'PAID', at: at + 1 } },
      { ...change('c', 0), state: undefined },
    ]);
    const rows = await context
      .em()
      .find(OrderRow, { createdAt: { $gte: new Date(at) } }, { orderBy: { createdAt: 'asc' } });
    expect(rows).toMatchObject([
      { id: 'a', status: 'NEW', createdAt: new Date(at), total: 2 ** 45 },
      { id: 'b', status: 'PAID', createdAt: new Date(at + 1), total: null },
    ]);
    await context.close();
  });

  it('that cannot be reached is unavailable', async () => {
    const nowhere = new URL(testPostgresUrl());
    nowhere.port = '1';
    expect(await failure(openDatabase({ url: nowhere.href, schema: 'nowhere' }))).toBeInstanceOf(StoreUnavailable);
  });

  it('takes no schema whose name could be something else', () => {
    expect(() => connectTo(testPostgresUrl(), 'orders; drop table x', {})).toThrow('cannot be the name of a schema');
  });
});

describe('a lost connection', () => {
  let database: TestDatabase;
  let store: ActorStore;
  let operator: Pool;
  beforeAll(async () => {
    database = await testDatabase({ applicationName: `lost ${randomUUID()}` });
    store = postgresStore({ database, actor: 'order' });
    operator = (await database.orm.driver.getConnection().getNativeClient()) as Pool;
  });
  afterAll(() => database.close());

  const endAll = () =>
    operator.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where application_name = current_setting('application_name') and pid <> pg_backend_pid()`,
    );
  const waiting = async (): Promise<void> => {
    const text = `select 1 from pg_stat_activity where application_name = current_setting('application_name') and wait_event_type = 'Lock'`;
    while ((await operator.query(text)).rows.length === 0);
  };

  it('is opened again by the next question', async () => {
    const id = randomUUID();
    await store.commit([change(id, 0)]);
    await endAll();
    const first = await failure(store.commit([change(id, 1)]));
    if (first !== undefined) expect(first).toBeInstanceOf(StoreUnavailable);
    const version = first === undefined ? 2 : 1;
    expect(await store.commit([change(id, version)])).toEqual(new Set([id]));
  });

  it('in the middle of a commit leaves its outcome unknown, and in truth all or nothing', async () => {
    const [id, commandId] = [randomUUID(), randomUUID()];
    await store.commit([change(id, 0)]);
    const holder = await operator.connect();
    await holder.query('begin');
    await holder.query('select from actors where id = $1 for update', [id]);
    const commit = failure(store.commit([change(id, 1, commandId)]));
    await waiting();
    await operator.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where wait_event_type = 'Lock' and application_name = current_setting('application_name')`,
    );
    expect(await commit).toBeInstanceOf(StoreUnavailable);
    await holder.query('rollback');
    holder.release();
    const { handled, actors } = await store.load({ ids: [id], rows: [], commands: [{ id, commandId }] });
    expect([handled.size, actors.get(id)?.version]).toEqual([0, 1]);
    expect(await store.commit([change(id, 1, commandId)])).toEqual(new Set([id]));
  });

  it('is not needed for a conflict: whoever waits too long for a lock has lost a race, no more', async () => {
    const [id, other] = [randomUUID(), randomUUID()];
    await store.commit([change(id, 0)]);
    const holder = await operator.connect();
    await holder.query('begin');
    await holder.query('select from actors where id = $1 for update', [id]);
    expect(await store.commit([change(id, 1), change(other, 0)])).toEqual(new Set());
    // Paused with the lock in hand, the holder is ended by its own session's limit.
    expect(await failure(eventuallyCommits(id))).toBeUndefined();
    holder.release(true);
  });

  async function eventuallyCommits(id: string): Promise<void> {
    while ((await store.commit([change(id, 1)])).size === 0);
  }

  it('is what a statement that takes too long amounts to', async () => {
    const lane = database.lane();
    const started = Date.now();
    expect(await failure(lane.run({ name: 'slow', text: 'select pg_sleep(10)' }, []))).toBeInstanceOf(StoreUnavailable);
    expect(Date.now() - started).toBeLessThan(4_000);
    expect(await lane.run({ name: 'quick', text: 'select 1' }, [])).toEqual([['1']]);
  });

  it('is not what a wrong statement amounts to', async () => {
    const error = await failure(database.lane().run({ name: 'wrong', text: 'select nonsense' }, []));
    expect(error).not.toBeInstanceOf(StoreUnavailable);
    expect(sqlState(error)).toBe('42703');
  });
});

/** A way to the server: it can be frozen, so that nothing passes and nothing is closed, and refuse like one that recovers. */
async function openWay() {
  const real = new URL(testPostgresUrl());
  const folder = real.searchParams.get('host');
  const sockets = new Set<Socket>();
  const way = { state: 'open' as 'open' | 'frozen' | 'recovering', refused: 0, url: '', cut, close };
  function cut(): void {
    for (const socket of sockets) socket.destroy();
  }
  function close(): void {
    cut();
    server.close();
  }
  const server = createServer((inward) => {
    sockets.add(inward.on('error', () => {}));
    if (way.state === 'recovering') {
      way.refused += 1;
      inward.end(RECOVERING);
      return;
    }
    const outward =
      folder === null
        ? connectSocket(Number(real.port), real.hostname)
        : connectSocket(join(folder, `.s.PGSQL.${real.port}`));
    sockets.add(outward.on('error', () => {}));
    inward.on('data', (bytes) => way.state !== 'frozen' && outward.write(bytes));
    outward.on('data', (bytes) => way.state !== 'frozen' && inward.write(bytes));
    inward.on('close', () => outward.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const detour = new URL(real.href);
  detour.hostname = '127.0.0.1';
  detour.searchParams.delete('host');
  detour.port = String((server.address() as AddressInfo).port);
  way.url = detour.href;
  return way;
}

/** A context that is reached by such a way, in which the actor `a` has its first version. */
async function openContextByWay() {
  const way = await openWay();
  const context = await testDatabase();
  const database = await context.again({ url: way.url });
  const store = postgresStore({ database, actor: 'order' });
  expect((await store.commit([change('a', 0)])).size).toBe(1);
  return { way, context, database, store };
}

/** ErrorResponse of a PostgreSQL that replays its log. */
const RECOVERING = (() => {
  const fields = 'SFATAL\0VFATAL\0C57P03\0Mthe database system is in recovery mode\0\0';
  const head = Buffer.from('E0000');
  head.writeInt32BE(4 + fields.length, 1);
  return Buffer.concat([head, Buffer.from(fields)]);
})();

it('gives up a connection that is frozen, and opens another one when the way is free', async () => {
  const { way, context, database, store } = await openContextByWay();
  way.state = 'frozen';
  const [committed, read] = await Promise.all([
    failure(store.commit([change('a', 1)])),
    failure(database.em().execute('select 1')),
  ]);
  expect(committed).toBeInstanceOf(StoreUnavailable);
  expect(read).toBeInstanceOf(Error);
  way.state = 'open';
  expect((await store.commit([change('a', 1)])).size).toBe(1);
  expect(await database.em().execute('select 1 as one')).toEqual([{ one: 1 }]);
  await context.close();
  way.close();
}, 30_000);

it('leaves a server that recovers from a crash alone, and is there when it is', async () => {
  const { way, context, database, store } = await openContextByWay();
  way.state = 'recovering';
  way.cut();
  const started = performance.now();
  const questions = await Promise.all(
    Array.from({ length: 40 }, async () => [
      await failure(store.commit([change('a', 1)])),
      await failure(database.em().execute('select 1')),
    ]),
  );
  for (const [committed, read] of questions) {
    expect(committed).toBeInstanceOf(StoreUnavailable);
    expect(read).toBeInstanceOf(Error);
  }
  // A pool of six may have six attempts under way when the first is refused; after that it is one at a time.
  expect(way.refused).toBeGreaterThan(0);
  expect(way.refused).toBeLessThanOrEqual(6 + (performance.now() - started) / BACKOFF_MS);
  way.state = 'open';
  while ((await failure(store.commit([change('a', 1)]))) !== undefined);
  expect(await database.em().execute('select 1 as one')).toEqual([{ one: 1 }]);
  await context.close();
  way.close();
});
