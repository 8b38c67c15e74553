// Goal: each context can do all it needs under its role, and nothing anywhere else. Method: a server of our own with the
// real migrations; what is refused is generated from the list of contexts, and from the tables that are there.

import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { Pool } from '../../mixins/postgres/connection.ts';
import { openDatabase, UnpreparedDatabase } from '../../mixins/postgres/database.ts';
import { arrangePartitions } from '../../mixins/postgres/partitions.ts';
import { prepareProbe } from '../../mixins/postgres/prepare.ts';
import { probeReads } from '../../mixins/postgres/probe-role.ts';
import { openReader } from '../../mixins/postgres/reader.ts';
import {
  type Context,
  contexts,
  contextUrl,
  extensionsOf,
  PROBE_ROLE,
  roleOf,
  signedInAs,
} from '../../mixins/postgres/roles.ts';
import { postgresStore } from '../../mixins/postgres/store.ts';
import { storeContract } from '../../mixins/store.contract.ts';
import { type OwnPostgres, notDenied, ownPostgres, refusal } from './own-postgres.fixture.ts';

jest.setTimeout(60_000);

const PERMISSION_DENIED = '42501';
const LOG = 'log';
const DAY_MS = 86_400_000;

let server: OwnPostgres;
let administrator: Pool;
let firstSaid: readonly (readonly string[])[];
const pools = new Map<Context, Pool>();
const poolOf = (context: Context) => pools.get(context) as Pool;

/** Opens a context as a node of the cluster does. */
const open = (context: Context, url = server.as(context)) =>
  openDatabase({ url, schema: context, migrations: server.migrations.get(context) ?? [], migrate: false });
const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

beforeAll(async () => {
  server = await ownPostgres();
  administrator = await server.pool(server.url, 'public');
  firstSaid = await Promise.all([server.prepare(), server.prepare()]);
  const log = { schema: LOG, migrations: server.migrations.get(LOG) ?? [] };
  await (await openDatabase({ url: server.url, ...log })).close();
  for (const context of contexts) pools.set(context, await server.pool(server.as(context), context));
});
afterAll(() => server.close());

describe('preparing', () => {
  it('makes everything once when two do it at the same time', () => {
    const all = firstSaid.flat();
    expect(all.filter((line) => line.startsWith('probe:'))).toEqual([
      `probe: role ${PROBE_ROLE} made; may read orders, inventory, payments.`,
    ]);
    for (const context of contexts) {
      const names = (server.migrations.get(context) ?? []).map(({ name }) => name).join(', ');
      expect(all.filter((line) => line.startsWith(`${context}:`)).toSorted()).toEqual([
        `${context}: is up to date.`,
        `${context}: role ${roleOf(context)} made; schema made; migrations run: ${names}.`,
      ]);
    }
  });

  it('changes nothing when it is done again', async () => {
    const state = () =>
      server.column(
        administrator,
        `select md5(string_agg(concat_ws(' ', oid, relname, relowner, relacl, relfilenode), ',' order by oid)) from pg_class`,
      );
    const before = await state();
    expect(await server.prepare()).toEqual(contexts.map((context) => `${context}: is up to date.`));
    expect(await state()).toEqual(before);
  });

  it('leaves every relation, routine and type of a context to its role', async () => {
    const owners = `select distinct nspname || ' ' || owner::regrole from pg_namespace n join (
        select relnamespace as schema, relowner as owner from pg_class union all select pronamespace, proowner from pg_proc
        union all select typnamespace, typowner from pg_type) t on t.schema = n.oid
      where nspname = any(string_to_array('${contexts.join(' ')}', ' ')) order by 1`;
    expect(await server.column(administrator, owners)).toEqual(
      contexts.map((context) => `${context} ${roleOf(context)}`),
    );
  });

  it('is refused to a user who may not, with what is missing', async () => {
    await administrator.query(`create role souk_passerby login password 'x'`);
    const error = await failure(server.prepare(signedInAs(server.url, 'souk_passerby', 'x')));
    // Nobody but the administrator and the roles of the contexts is let into the database at all.
    expect(String(error)).toContain('permission denied for database');
    await administrator.query('grant connect on database souk to souk_passerby');
    expect(await failure(server.prepare(signedInAs(server.url, 'souk_passerby', 'x')))).toEqual(
      new UnpreparedDatabase(
        'The user souk_passerby cannot prepare the database, because it does not have the right to create roles ' +
          `(createrole) and does not own the database souk. Give the database's administrator in DB_USER and DB_PASSWORD, or in DB_URL.`,
      ),
    );
  });

  it('is refused for a second shop on the same server, which would take the roles from the first', async () => {
    await administrator.query('create database second');
    const url = new URL(server.url);
    url.pathname = '/second';
    const error = await failure(server.prepare(url.href));
    expect(error).toBeInstanceOf(UnpreparedDatabase);
    expect((error as Error).message).toContain('already serves the database souk of this server');
    await (await open('orders')).close();
  });

  it.each([
    ['the right to enter a schema', 'payments', 'grant usage on schema payments to souk_orders'],
    ['a membership', 'souk_users', 'grant souk_users to souk_orders'],
  ] as const)('finds %s that somebody granted', async (_, from, grant) => {
    await administrator.query(grant);
    const error = await failure(server.prepare());
    await administrator.query(grant.replace('grant', 'revoke').replace(' to ', ' from '));
    expect(error).toBeInstanceOf(UnpreparedDatabase);
    expect((error as Error).message).toContain(`souk_orders may enter the schema ${from.replace('souk_', '')}`);
    expect(await server.prepare()).toHaveLength(contexts.length);
  });

  it('takes powers away that somebody gave', async () => {
    await administrator.query('alter role souk_users createdb nologin');
    const said = await server.prepare();
    expect(said.filter((line) => !line.endsWith('is up to date.'))).toEqual([
      'users: role souk_users mended (nocreatedb).',
    ]);
    await (await open('users')).close();
  });
});

describe.each(contexts)('the role of %s', (context) => {
  it.each([...contexts, LOG].filter((other) => other !== context))('is refused in the schema of %s', async (other) => {
    const pool = poolOf(context);
    const tables = await server.column(
      administrator,
      `select c.oid::regclass from pg_class c where relkind in ('r', 'p') and not relispartition and relnamespace = '${other}'::regnamespace`,
    );
    expect(tables.length).toBeGreaterThan(1);
    const wishes = [
      ...tables.flatMap((table) => [`select from ${table}`, `delete from ${table}`, `drop table ${table}`]),
      `create table ${other}.mine ()`,
      `drop schema ${other} cascade`,
      `grant usage on schema ${other} to ${roleOf(context)}`,
      `set role ${other === LOG ? 'souk' : `souk_${other}`}`,
      `set role ${PROBE_ROLE}`,
    ];
    expect(await notDenied(pool, wishes)).toBe('');
  });

  it('is refused what concerns the whole database, and enters no other', async () => {
    const pool = poolOf(context);
    const wishes = [
      'create table public.mine ()',
      'create temporary table mine ()',
      'create schema mine',
      'create role mine',
      'alter role souk_users createdb',
      `copy (select 1) to program 'true'`,
    ];
    expect(await notDenied(pool, wishes)).toBe('');
    expect(await refusal(pool, 'create database mine')).toBe(PERMISSION_DENIED);
    const mayUse = `select has_schema_privilege('public', 'usage')::text`;
    expect(await server.column(pool, mayUse)).toEqual([String(context in extensionsOf)]);
    const other = new URL(server.as(context));
    other.pathname = '/postgres';
    expect(String(await failure(openDatabase({ url: other.href, schema: context })))).toContain('no pg_hba.conf entry');
  });

  it('opens its context with the rights of a node, and may arrange its partitions', async () => {
    const database = await open(context);
    expect(await database.em().execute('select current_user::text as role')).toEqual([{ role: roleOf(context) }]);
    await arrangePartitions({ pool: poolOf(context), schema: context, retentionDays: 8 });
    await database.close();
  });

  it('is let in by its own password only', async () => {
    const error = await failure(open(context, signedInAs(server.as(context), roleOf(context), 'f00')));
    expect(error).toBeInstanceOf(UnpreparedDatabase);
    expect((error as Error).message).toMatch(
      new RegExp(`^The role souk_${context} is not admitted to the schema ${context}: password auth.*npm run migrate`),
    );
  });
});

describe('the role of the probe', () => {
  let probe: Pool;
  beforeAll(async () => {
    probe = await server.pool(server.asProbe, 'pg_catalog');
  });

  it('reads its columns, and no other of any context', async () => {
    const columns = await server.column(
      administrator,
      `select format('%s.%s.%s', nspname, relname, attname) from pg_attribute join pg_class c on c.oid = attrelid
       join pg_namespace n on n.oid = relnamespace
       where nspname = any(string_to_array('${[...contexts, LOG].join(' ')}', ' ')) and relkind in ('r', 'p')
         and not relispartition and attnum > 0 and not attisdropped`,
    );
    const mine = new Set(
      Object.entries(probeReads).flatMap(([context, tables]) =>
        Object.entries(tables).flatMap(([table, names]) =>
          names.split(', ').map((name) => `${context}.${table}.${name}`),
        ),
      ),
    );
    expect(mine.size).toBeGreaterThan(20);
    const select = (name: string | null | undefined) => {
      const [schema, table, column] = String(name).split('.');
      return `select "${column}" from ${schema}.${table}`;
    };
    const others = columns.filter((name) => !mine.has(String(name)));
    expect(columns.length - others.length).toBe(mine.size);
    expect(await notDenied(probe, others.map(select))).toBe('');
    for (const name of mine) await probe.query(`${select(name)} limit 1`);
  });

  it('changes nothing, even in a session that may write', async () => {
    const wishes = [
      ...Object.entries(probeReads).flatMap(([context, tables]) =>
        Object.keys(tables).flatMap((table) => [
          `delete from ${context}.${table}`,
          `insert into ${context}.${table} default values`,
          `truncate ${context}.${table}`,
          `drop table ${context}.${table}`,
          `select * from ${context}.${table} for update`,
        ]),
      ),
      `update orders.actors set status = 'PAID'`,
      ...Object.keys(probeReads).map((context) => `create table ${context}.mine ()`),
      'create table public.mine ()',
      'create temporary table mine ()',
      'create schema mine',
      'create role mine',
      ...contexts.map((context) => `set role ${roleOf(context)}`),
      'set role souk',
    ];
    await probe.query('set default_transaction_read_only = off');
    expect(await notDenied(probe, wishes)).toBe('');
  });

  it('is read-only besides, as its sessions begin', async () => {
    const fresh = await server.pool(server.asProbe, 'orders');
    expect(await server.column(fresh, `select current_setting('transaction_read_only')`)).toEqual(['on']);
    const reader = openReader({ url: server.asProbe, applicationName: 'test' });
    expect(
      await reader.read('select current_user::text as role, current_setting(?) as locked', ['transaction_read_only']),
    ).toEqual([{ role: PROBE_ROLE, locked: 'on' }]);
    expect(
      await reader.snapshot('inventory', (em) => em.execute('select count(*)::int as partitions from actors')),
    ).toEqual([{ partitions: expect.any(Number) }]);
    await reader.close();
  });

  it('reads no more what a later release let it read, once that is taken back', async () => {
    await administrator.query('grant select (body) on orders.outbox to souk_probe');
    await administrator.query('grant usage on schema users to souk_probe');
    await administrator.query('grant select on users.actors to souk_probe');
    expect((await server.prepare()).at(-1)).toMatch(
      /^probe: .*revoke select on orders\.outbox .*revoke usage on schema users /,
    );
    expect(await notDenied(probe, ['select body from orders.outbox', 'select id from users.actors'])).toBe('');
    await probe.query('select seq from orders.outbox limit 1');
    expect(await server.prepare()).toHaveLength(contexts.length);
  });

  it.each([
    ['may change orders.actors', 'grant update on orders.actors to souk_probe'],
    ['is a member of souk_users', 'grant souk_users to souk_probe'],
    ['souk_orders may enter the schema inventory', 'grant souk_probe to souk_orders'],
  ])('is refused once somebody granted more: %s', async (what, grant) => {
    await administrator.query(grant);
    const error = await failure(server.prepare());
    await administrator.query(grant.replace('grant', 'revoke').replace(' to ', ' from '));
    expect(error).toBeInstanceOf(UnpreparedDatabase);
    expect((error as Error).message).toContain(what);
    expect(await server.prepare()).toHaveLength(contexts.length);
  });
});

describe('under its role', () => {
  storeContract('a store in PostgreSQL', async () => {
    const databases = [await open('inventory'), await open('inventory')] as const;
    const [store, second] = databases.map((database) => postgresStore({ database, actor: 'stock', rowsActor: true }));
    return {
      store: store!,
      second: second!,
      close: async () => void (await Promise.all(databases.map((d) => d.close()))),
    };
  });

  it('a context makes room in time, moves what came too early, and drops what is spent', async () => {
    const [schema, pool] = ['notifications', poolOf('notifications')] as const;
    const day = (days: number) => new Date(Math.floor(Date.now() / DAY_MS + days) * DAY_MS).toISOString();
    const nameOf = (days: number) => `inbox_${day(days).slice(0, 10).replaceAll('-', '')}`;
    const partitions = () =>
      server.column(
        pool,
        `select inhrelid::regclass::text from pg_inherits where inhparent = 'inbox'::regclass order by 1`,
      );
    const [spent, tomorrow] = [nameOf(-20), nameOf(1)];
    await pool.query(`create table ${spent} partition of inbox for values from ('${day(-20)}') to ('${day(-19)}')`);
    await pool.query(`drop table ${tomorrow}`);
    await pool.query(`insert into inbox (command_id, actor_id, version, stored_at) values ('c', 'a', 1, '${day(1)}')`);
    await arrangePartitions({ pool, schema, retentionDays: 8 });
    expect(await partitions()).toEqual(expect.arrayContaining([tomorrow]));
    expect(await partitions()).not.toContain(spent);
    expect(await server.column(pool, `select tableoid::regclass::text from inbox`)).toEqual([tomorrow]);
  });

  it('products find what is mistyped, with the extension that the administrator installed', async () => {
    const pool = poolOf('products');
    await pool.query(`insert into vocabulary values ('kettle'), ('cushion')`);
    expect(await server.column(pool, `select word from alike('kettel')`)).toEqual(['kettle']);
  });

  it('a node reaches its context by TCP and by the local socket', async () => {
    const { searchParams, port, password, hostname } = new URL(server.as('orders'));
    const settings = { port: Number(port), name: 'souk', user: undefined, password: undefined };
    for (const host of [searchParams.get('host') as string, hostname]) {
      const pool = await server.pool(
        contextUrl({ ...settings, host }, 'orders', () => password),
        'orders',
      );
      expect(await server.column(pool, 'select inet_client_addr()::text')).toEqual([
        host.startsWith('/') ? null : '127.0.0.1/32',
      ]);
    }
  });
});

describe('the data of an embedded shop', () => {
  let other: OwnPostgres;
  beforeAll(async () => {
    other = await ownPostgres();
  });
  afterAll(() => other.close());

  it('are a cluster’s after preparing, the shop’s again without, and a cluster’s once more', async () => {
    const schema = 'payments';
    const migrations = other.migrations.get(schema) ?? [];
    const embedded = () => openDatabase({ url: other.url, schema, migrations });
    const inCluster = () => openDatabase({ url: other.as(schema), schema, migrations, migrate: false });
    const inbox = (id: string) => `insert into inbox (command_id, actor_id, version) values ('${id}', 'a', 1)`;
    const today = `inbox_${new Date().toISOString().slice(0, 10).replaceAll('-', '')}`;

    for (const context of contexts) {
      const mine = { schema: context, migrations: other.migrations.get(context) ?? [] };
      await (await openDatabase({ url: other.url, ...mine })).close();
    }
    // The embedded mode makes the role of its probe by itself, over tables that are the administrator's.
    await prepareProbe(other.url, 'f00d');
    const shop = await embedded();
    await shop.em().execute(inbox('first'));
    await shop.close();
    expect(String(await failure(inCluster()))).toContain('The role souk_payments is not admitted');

    const said = await other.prepare();
    expect(said.find((line) => line.startsWith(schema))).toMatch(
      /^payments: role souk_payments made; schema taken over from souk; \d+ objects in it taken over\.$/,
    );
    const node = await inCluster();
    await node.em().execute(inbox('second'));
    await node.close();

    // The shop makes a partition anew, which is then its own.
    await prepareProbe(other.url, 'f00d');
    const again = await embedded();
    await again.em().execute(`create table kept as table ${today}`);
    await again.em().execute(`drop table ${today}`);
    await again.close();
    const more = await embedded();
    await more.em().execute(inbox('third'));
    await more.close();

    expect(await other.prepare()).toContain('payments: 2 objects in it taken over.');
    const last = await inCluster();
    expect(
      await last.em().execute('select command_id as id from (table inbox union all table kept) t order by id'),
    ).toEqual([{ id: 'first' }, { id: 'second' }, { id: 'third' }]);
    await last.em().execute(`drop table ${today}`);
    await last.close();
  });
});
