import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Pool } from './connection.ts';
import { arrangePartitions, DAYS_AHEAD } from './partitions.ts';
import { postgresStore } from './store.ts';
import { testDatabase, type TestDatabase } from './testing.ts';

const DAY_MS = 86_400_000;
const label = (time: number) => new Date(time).toISOString().slice(0, 10).replaceAll('-', '');

describe('partitions', () => {
  let database: TestDatabase;
  let pool: Pool;
  beforeAll(async () => {
    database = await testDatabase();
    pool = (await database.orm.driver.getConnection().getNativeClient()) as Pool;
  });
  afterAll(() => database.close());

  const arrange = () => arrangePartitions({ pool, schema: database.schema, retentionDays: 8 });
  async function tables(of: string): Promise<(string | null | undefined)[]> {
    const { rows } = await pool.query(
      `select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = $1::regclass order by 1`,
      [of],
    );
    return rows.map((row) => row['name']);
  }
  async function lying(table: string, where: string): Promise<(string | null | undefined)[]> {
    return (await pool.query(`select tableoid::regclass::text as name from ${table} where ${where}`)).rows.map(
      (row) => row['name'],
    );
  }
  const insertMessage = (id: string, day: number, sentAt: string) =>
    pool.query(
      `insert into outbox (message_id, kind, target, sender, key, body, sealed, at, bucket, stored_at, sent_at)
       values ($1, 'send', 'stock', 's', 'k', '{}', false, now(), 0, $2, ${sentAt})`,
      [id, new Date(Date.now() + day * DAY_MS).toISOString()],
    );
  async function makeDay(table: string, day: number): Promise<string> {
    const [from, to] = [day, day + 1].map((each) =>
      new Date(Math.floor(Date.now() / DAY_MS + each) * DAY_MS).toISOString(),
    );
    const name = `${table}_${label(Date.parse(from as string))}`;
    await pool.query(`create table ${name} partition of ${table} for values from ('${from}') to ('${to}')`);
    return name;
  }

  it('are there for every day of a week ahead, and for what fits none', async () => {
    const days = Array.from({ length: DAYS_AHEAD + 2 }, (_, i) => `inbox_${label(Date.now() + (i - 1) * DAY_MS)}`);
    expect(await tables('inbox')).toEqual([...days, 'inbox_default']);
    expect(await tables('outbox')).toEqual([...days.map((name) => name.replace('in', 'out')), 'outbox_default']);
    const months = new Set(
      Array.from({ length: DAYS_AHEAD + 2 }, (_, i) => `journal_${label(Date.now() + (i - 1) * DAY_MS).slice(0, 6)}`),
    );
    expect(await tables('journal')).toEqual([...months, 'journal_default']);
  });

  it('are left alone when nothing is to be done', async () => {
    const before = await tables('outbox');
    await arrange();
    await Promise.all([arrange(), arrange()]);
    expect(await tables('outbox')).toEqual(before);
  });

  it('take over what waited in the default partition because they were missing', async () => {
    const tomorrow = `outbox_${label(Date.now() + 2 * DAY_MS)}`;
    await pool.query(`drop table ${tomorrow}`);
    await insertMessage('early', 2, 'null');
    expect(await lying('outbox', `message_id = 'early'`)).toEqual(['outbox_default']);
    await arrange();
    expect(await lying('outbox', `message_id = 'early'`)).toEqual([tomorrow]);
    const store = postgresStore({ database, actor: 'order' });
    const [row] = await store.unsent([0], -7 * DAY_MS, 10);
    expect(row?.messageId).toBe('early');
    await store.acknowledge([row!]);
    expect(await store.unsent([0], -7 * DAY_MS, 10)).toEqual([]);
  });

  it('are dropped after their retention, but never while they hold an unsent row', async () => {
    const [spent, unsent, recent] = [
      await makeDay('outbox', -20),
      await makeDay('outbox', -12),
      await makeDay('outbox', -8),
    ];
    const inbox = await makeDay('inbox', -10);
    await insertMessage('spent', -20, 'now()');
    await insertMessage('sent', -12, 'now()');
    await insertMessage('unsent', -12, 'null');
    await arrange();
    const left = await tables('outbox');
    expect([spent, unsent, recent].map((name) => left.includes(name))).toEqual([false, true, true]);
    expect(await tables('inbox')).not.toContain(inbox);
    const store = postgresStore({ database, actor: 'order' });
    await store.acknowledge(await store.unsent([0], 0, 10));
    await arrange();
    expect(await tables('outbox')).not.toContain(unsent);
  });

  it('by default lose what is spent, too', async () => {
    await insertMessage('old', -40, 'null');
    await insertMessage('older', -41, 'now()');
    await arrange();
    expect(await lying('outbox', `message_id in ('old', 'older')`)).toEqual(['outbox_default']);
  });

  it('hold the journal of any time, also of hosts whose clock is wrong', async () => {
    const store = postgresStore({ database, actor: 'order' });
    const at = [0, Date.UTC(2001, 1, 1), Date.now(), Date.UTC(2199, 0, 1)];
    const journal = at.map((time, index) => ({
      id: 'a',
      version: 1,
      index,
      type: 'Placed',
      data: {},
      commandId: 'c',
      at: time,
    }));
    await store.commit([
      { id: 'a', expected: 0, version: 1, rows: [], journal, handled: [], outbox: [], timers: [], cancelled: [] },
    ]);
    expect((await store.journal('a'))?.map((entry) => entry.at)).toEqual(at);
    await arrange();
    expect(await tables('journal')).toContain('journal_default');
  });
});
