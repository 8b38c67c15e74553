// Keeps the partitioned tables of a context in shape: room for the days to come, and no days longer than they are needed.
//
//   journal  by month, kept          inbox  by day, dropped after its retention
//                                    outbox by day, dropped after it, but never while it holds an unsent row
//
// Every table has a default partition too, so that an insert never fails for want of a day.

import { WHOLE } from './actor-tables.ts';
import type { Client, Pool } from './connection.ts';
import { sqlState } from './errors.ts';

/** Room is made so many days ahead; behind them the default partition takes what comes. Every look-up asks all of them. */
export const DAYS_AHEAD = 2;
const EVERY_MS = 3_600_000;
const DAY_MS = 86_400_000;
const CHECK_VIOLATION = '23514';

const LAYOUT = {
  journal: { by: 'month', column: 'at', dropped: false },
  inbox: { by: 'day', column: 'stored_at', dropped: true },
  outbox: { by: 'day', column: 'stored_at', dropped: true },
} as const;
type Table = keyof typeof LAYOUT;

/** One partition: `inbox_20261104` holds the fourth of November 2026, UTC. */
interface Partition {
  readonly table: Table;
  readonly name: string;
  readonly from: Date;
  readonly to: Date;
}

export interface PartitionKeeperOptions {
  readonly pool: Pool;
  readonly schema: string;
  readonly retentionDays: number;
  readonly warn: (message: string) => void;
}

export interface PartitionKeeper {
  stop(): Promise<void>;
}

/** Puts the partitions in order now, and then every hour. A context without such tables is left alone. */
export async function keepPartitions(options: PartitionKeeperOptions): Promise<PartitionKeeper> {
  await arrangePartitions(options);
  let running = Promise.resolve();
  const timer = setInterval(() => {
    running = arrangePartitions(options).catch((error: Error) => {
      options.warn(`The partitions of ${options.schema} could not be arranged, it is tried again: ${error.message}`);
    });
  }, EVERY_MS).unref();
  return {
    async stop() {
      clearInterval(timer);
      await running;
    },
  };
}

/** Makes the partitions of the coming days and drops those that are no longer needed. */
export async function arrangePartitions({
  pool,
  schema,
  retentionDays,
}: Omit<PartitionKeeperOptions, 'warn'>): Promise<void> {
  const client = await pool.connect();
  try {
    const [state] = (
      await client.query(
        `select extract(epoch from now()) * 1000 as now, pg_try_advisory_lock(hashtext('partitions'), hashtext($1))::int as free`,
        [schema],
      )
    ).rows;
    // Another node is at it.
    if (Number(state?.['free']) !== 1) return;
    const now = Number(state?.['now']);
    const there = await partitionsOf(client, schema);
    for (const [table, partitions] of there) {
      const known = new Set(partitions.map(({ name }) => name));
      for (const partition of wanted(table, now)) if (!known.has(partition.name)) await make(client, partition);
      if (LAYOUT[table].dropped) await tidy(client, table, partitions, new Date(now - retentionDays * DAY_MS));
    }
  } finally {
    // Ending the session frees its lock, whatever happened.
    client.release(true);
  }
}

async function partitionsOf(client: Client, schema: string): Promise<Map<Table, Partition[]>> {
  const { rows } = await client.query(
    `select t.relname as table, array_to_string(array(
       select p.relname from pg_inherits i join pg_class p on p.oid = i.inhrelid where i.inhparent = t.oid), ' ') as names
     from pg_partitioned_table d join pg_class t on t.oid = d.partrelid
     where t.relnamespace = $1::regnamespace and t.relname = any(string_to_array($2, ' '))`,
    [schema, Object.keys(LAYOUT).join(' ')],
  );
  return new Map(
    rows.map((row) => {
      const table = row['table'] as Table;
      const names = (row['names'] ?? '').split(' ');
      return [table, names.flatMap((name) => toPartition(table, name) ?? [])];
    }),
  );
}

function toPartition(table: Table, name: string): Partition | undefined {
  const [, year, month, day = '01'] = /_(\d{4})(\d{2})(\d{2})?$/.exec(name) ?? [];
  return year === undefined ? undefined : partitionAt(table, Date.parse(`${year}-${month}-${day}T00:00:00Z`));
}

function partitionAt(table: Table, time: number): Partition {
  const at = new Date(time);
  const [year, month, day] = [at.getUTCFullYear(), at.getUTCMonth(), at.getUTCDate()];
  const monthly = LAYOUT[table].by === 'month';
  const from = new Date(Date.UTC(year, month, monthly ? 1 : day));
  const to = new Date(monthly ? Date.UTC(year, month + 1, 1) : from.getTime() + DAY_MS);
  const label = from
    .toISOString()
    .replaceAll('-', '')
    .slice(0, monthly ? 6 : 8);
  return { table, name: `${table}_${label}`, from, to };
}

/** From yesterday on, because clocks differ, and because a day may end between a look at it and the insert. */
function wanted(table: Table, now: number): Partition[] {
  const byName = new Map<string, Partition>();
  for (let day = -1; day <= DAYS_AHEAD; day++) {
    const partition = partitionAt(table, now + day * DAY_MS);
    byName.set(partition.name, partition);
  }
  return [...byName.values()];
}

async function make(client: Client, partition: Partition): Promise<void> {
  const { table, name, from, to } = partition;
  const range = `for values from ('${from.toISOString()}') to ('${to.toISOString()}')`;
  try {
    await client.query(`create table ${name} partition of ${table} ${range} with (${WHOLE})`);
  } catch (error) {
    if (sqlState(error) !== CHECK_VIOLATION) throw error;
    await moveOut(client, partition, range);
  }
}

/** Rows of this range went to the default partition because this one was missing: they move. */
async function moveOut(client: Client, { table, name, from, to }: Partition, range: string): Promise<void> {
  const { column } = LAYOUT[table];
  await client.query(`
    begin;
    set local statement_timeout = 0;
    lock table ${table}_default in access exclusive mode;
    create table ${name} (like ${table} including all) with (${WHOLE});
    with moved as (
      delete from ${table}_default where ${column} >= '${from.toISOString()}' and ${column} < '${to.toISOString()}' returning *
    ) insert into ${name} select * from moved;
    alter table ${table} attach partition ${name} ${range};
    commit`);
}

async function tidy(client: Client, table: Table, partitions: readonly Partition[], before: Date): Promise<void> {
  const spent = table === 'outbox' ? 'sent_at is not null' : 'true';
  for (const { name, to } of partitions) {
    if (to > before) continue;
    const { rows } = await client.query(`select from ${name} where not (${spent}) limit 1`);
    if (rows.length === 0) await client.query(`drop table ${name}`);
  }
  await client.query(`delete from ${table}_default where stored_at < $1 and ${spent}`, [before.toISOString()]);
}
