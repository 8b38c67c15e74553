// What the role of the probe may do: read some columns of some tables, and nothing else (ADR 30).
//
//   souk_probe ──select──► orders: actors, outbox     inventory: actors, rows, journal, inbox, outbox     payments: actors, outbox
//
// The bodies of outboxes, the commands and answers of inboxes, and whatever other contexts own stay closed to it. Its
// sessions are read-only besides: two locks, each of which would do.

import type { Client } from './connection.ts';
import { makeRole } from './grants.ts';
import { UnpreparedDatabase } from './migrate.ts';
import { type Context, contexts, PROBE_ROLE, roleOf } from './roles.ts';

const UNDEFINED_TABLE = '42P01';
const UNDEFINED_SCHEMA = '3F000';

const outbox = 'seq, kind, target, sender, key, stored_at, sent_at';

/** Columns by table, by context. */
export const probeReads: { readonly [context in Context]?: Readonly<Record<string, string>> } = {
  orders: { actors: 'id, version, state, status, created_at', outbox },
  inventory: {
    actors: 'id, version',
    rows: 'actor_id, key, data',
    journal: 'id, version, type, data',
    inbox: 'command_id, actor_id, version',
    outbox,
  },
  payments: { actors: 'id, version, state', outbox },
};

/**
 * Makes the role of the probe, or mends it, and lets it read. What it may read besides, because a later release of the
 * shop wanted that or somebody granted it, is taken back; what more it may do is refused.
 * @returns what was done, in words, besides setting the password.
 * @throws UnpreparedDatabase if a table is not there yet, or the role may do more than it should
 */
export async function grantProbe(client: Client, password: string): Promise<string[]> {
  const steps = await makeRole(client, PROBE_ROLE, password);
  const before = await readable(client);
  try {
    // At once, or a probe that reads meanwhile would be told that it may not.
    await client.query('begin');
    for (const statement of await takenBack(client)) {
      await client.query(statement);
      steps.push(statement);
    }
    await client.query(`alter role ${PROBE_ROLE} set default_transaction_read_only = on`);
    for (const statement of grants()) await client.query(statement);
    await client.query('commit');
  } catch (error) {
    await client.query('rollback');
    const { code } = error as { readonly code?: string };
    if (code !== UNDEFINED_TABLE && code !== UNDEFINED_SCHEMA) throw error;
    throw new UnpreparedDatabase(
      `The probe cannot be let in yet: ${(error as Error).message}. Run the migrations first.`,
      { cause: error },
    );
  }
  if ((await readable(client)) !== before) steps.push(`may read ${Object.keys(probeReads).join(', ')}`);
  await demandReader(client);
  return steps;
}

function* grants(): Generator<string> {
  for (const [context, tables] of Object.entries(probeReads)) {
    yield `grant usage on schema ${context} to ${PROBE_ROLE}`;
    for (const [table, columns] of Object.entries(tables))
      yield `grant select (${columns}) on ${context}.${table} to ${PROBE_ROLE}`;
  }
  yield `do $do$ begin execute format('grant connect on database %I to ${PROBE_ROLE}', current_database()); end $do$`;
}

/** Statements that close what the role may read or enter and should not; a table loses what is granted to it by name as well. */
async function takenBack(client: Client): Promise<readonly string[]> {
  const { rows } = await client.query(
    `select format('revoke select on %I.%I from %I', nspname, relname, $1::text) as statement
     from pg_class c join pg_namespace n on n.oid = relnamespace
     where nspname = any(string_to_array($2, ' ')) and relkind in ('r', 'p', 'v', 'm') and exists (
       select from pg_attribute where attrelid = c.oid and attnum > 0 and not attisdropped
         and has_column_privilege($1, attrelid, attnum, 'select')
         and format('%s.%s.%s', nspname, relname, attname) <> all(string_to_array($3, ' ')))
     union all
     select format('revoke usage on schema %I from %I', nspname, $1::text) from pg_namespace n
     where nspname = any(string_to_array($2, ' ')) and nspname <> all(string_to_array($4, ' '))
       and has_schema_privilege($1, n.oid, 'usage')`,
    [PROBE_ROLE, `${contexts.join(' ')} log`, listed().join(' '), Object.keys(probeReads).join(' ')],
  );
  return rows.map(({ statement }) => statement as string);
}

/** The columns of the list, in full. */
const listed = (): readonly string[] =>
  Object.entries(probeReads).flatMap(([context, tables]) =>
    Object.entries(tables).flatMap(([table, names]) => names.split(', ').map((name) => `${context}.${table}.${name}`)),
  );

/** The columns that the role may read now, as one text. */
async function readable(client: Client): Promise<string> {
  const { rows } = await client.query(
    `select md5(string_agg(format('%s.%s', attrelid::regclass, attname), ' ' order by attrelid, attnum)) as readable
     from pg_attribute join pg_class c on c.oid = attrelid join pg_namespace n on n.oid = relnamespace
     where nspname = any(string_to_array($1, ' ')) and relkind in ('r', 'p') and not relispartition and attnum > 0
       and has_column_privilege($2, attrelid, attnum, 'select')`,
    [contexts.join(' '), PROBE_ROLE],
  );
  return rows[0]?.['readable'] ?? '';
}

/** What the role may do beyond its list, however it came to; and who may act as it. */
const TOO_MUCH = `
  with mine as (select oid from pg_roles where rolname = $1), relations as (
    select c.oid, nspname, relname from pg_class c join pg_namespace n on n.oid = relnamespace
    where nspname = any(string_to_array($2 || ' log', ' ')) and relkind in ('r', 'p', 'v', 'm')
  )
  select 'may enter the schema ' || nspname as what from pg_namespace n, mine
  where nspname = any(string_to_array($2 || ' log', ' ')) and nspname <> all(string_to_array($3, ' '))
    and has_schema_privilege(mine.oid, n.oid, 'usage')
  union all
  select 'may create things in the schema ' || nspname from pg_namespace n, mine
  where nspname = any(string_to_array($2 || ' log public', ' ')) and has_schema_privilege(mine.oid, n.oid, 'create')
  union all
  select 'may create schemas in the database' from mine where has_database_privilege(mine.oid, current_database(), 'create')
  union all
  select format('may change %I.%I', nspname, relname) from relations, mine
  where has_table_privilege(mine.oid, relations.oid, 'insert, update, delete, truncate, references, trigger')
    or has_any_column_privilege(mine.oid, relations.oid, 'insert, update, references')
  union all
  select format('may read the column %I of %I.%I', attname, nspname, relname)
  from relations join pg_attribute on attrelid = relations.oid and attnum > 0 and not attisdropped, mine
  where has_column_privilege(mine.oid, relations.oid, attnum, 'select')
    and format('%s.%s.%s', nspname, relname, attname) <> all(string_to_array($4, ' '))
  union all
  select 'is a member of ' || roleid::regrole from pg_auth_members, mine where member = mine.oid
  union all
  select rolname || ' may act as it' from pg_roles r, mine
  where rolname = any(string_to_array($5, ' ')) and pg_has_role(r.oid, mine.oid, 'member')`;

async function demandReader(client: Client): Promise<void> {
  const { rows } = await client.query(TOO_MUCH, [
    PROBE_ROLE,
    contexts.join(' '),
    Object.keys(probeReads).join(' '),
    listed().join(' '),
    contexts.map(roleOf).join(' '),
  ]);
  if (rows.length === 0) return;
  throw new UnpreparedDatabase(
    `The role ${PROBE_ROLE} does more than read what it should: it ${rows.map(({ what }) => what).join('; ')}. ` +
      'Somebody granted that; find it with \\dp, \\du and \\drg in psql, and revoke it.',
  );
}
