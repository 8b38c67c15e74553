// Who may do what in the database of a shop. Each function finds out what is missing and does only that; the names of
// roles and schemas come from the list of contexts, so they may stand in statements.

import type { Client } from './connection.ts';
import { UnpreparedDatabase } from './migrate.ts';
import { type Context, contexts, extensionsOf, roleOf } from './roles.ts';
import { scramVerifier } from './scram.ts';

/** What the role of a context must not be, by the column of `pg_roles` that says it is. */
const POWERS = {
  rolsuper: 'superuser',
  rolcreaterole: 'createrole',
  rolcreatedb: 'createdb',
  rolreplication: 'replication',
  rolbypassrls: 'bypassrls',
} as const;

/** Schemas that no role of a context may enter, beside those of the other contexts: the embedded log's. */
const NOBODYS = ['log'];

/** The text of the first column of the first row. */
async function one(client: Client, text: string, values: readonly unknown[] = []): Promise<string | undefined> {
  const [row] = (await client.query(text, values)).rows;
  return row === undefined ? undefined : (Object.values(row)[0] ?? undefined);
}

/** @throws UnpreparedDatabase unless the session's user may create roles and owns the database, or may do everything. */
export async function demandAdministrator(client: Client): Promise<void> {
  const lack = await one(
    client,
    `select concat_ws(' and does not ', case when not rolcreaterole then 'have the right to create roles (createrole)' end,
       case when not pg_has_role(datdba, 'usage') then format('own the database %s', datname) end)
     from pg_roles, pg_database where rolname = current_user and datname = current_database() and not rolsuper`,
  );
  if (lack === undefined || lack === '') return;
  const user = await one(client, 'select current_user::text');
  throw new UnpreparedDatabase(
    `The user ${user} cannot prepare the database, because it does not ${lack}. Give the database's administrator in DB_USER and DB_PASSWORD, or in DB_URL.`,
  );
}

/**
 * Makes a role (that of a context, or the probe's), or mends it: it may sign in, and nothing else.
 * @returns what was done, in words, besides setting the password.
 * @throws UnpreparedDatabase if the role already works for another database of this server
 */
export async function makeRole(client: Client, role: string, password: string): Promise<string[]> {
  const [known] = (
    await client.query(
      `select rolcanlogin::text as login, concat_ws(' ', ${Object.entries(POWERS)
        .map(([column, power]) => `case when ${column} then 'no${power}' end`)
        .join(', ')}) as powers from pg_roles where rolname = $1`,
      [role],
    )
  ).rows;
  const steps: string[] = [];
  const secret = `login password '${scramVerifier(password)}'`;
  if (known === undefined) {
    await client.query(`create role ${role} ${secret}`);
    steps.push(`role ${role} made`);
  } else {
    await demandOneShop(client, role);
    const { login, powers } = known;
    await client.query(`alter role ${role} ${powers} ${secret}`);
    if (login !== 'true' || powers !== '') steps.push(`role ${role} mended (${powers || 'login'})`);
  }
  // An administrator that is no superuser can only give things to a role, and later use them, as a member of it.
  const isStranger = `select 1 from pg_roles where rolname = current_user and not rolsuper and not pg_has_role($1, 'usage')`;
  if ((await client.query(isStranger, [role])).rows.length > 0) await client.query(`grant ${role} to current_user`);
  return steps;
}

/** Roles belong to a server, not to a database: two shops on one server would give each other's roles new passwords. */
async function demandOneShop(client: Client, role: string): Promise<void> {
  const other = await one(
    client,
    `select datname::text from pg_shdepend s join pg_database d on d.oid = s.dbid
     where s.refclassid = 'pg_authid'::regclass and s.refobjid = $1::regrole and datname <> current_database() limit 1`,
    [role],
  );
  if (other === undefined) return;
  throw new UnpreparedDatabase(
    `The role ${role} already serves the database ${other} of this server, and a server can hold one shop. ` +
      'Use a PostgreSQL server of its own for this one.',
  );
}

/** Closes the database, and its schema `public`, to everybody but its owner and the roles; installs what they use. */
export async function arrangeDatabase(client: Client): Promise<void> {
  const database = await one(client, 'select quote_ident(current_database())');
  await client.query(`revoke all on database ${database} from public`);
  await client.query(`grant connect on database ${database} to ${contexts.map(roleOf).join(', ')}`);
  await client.query('revoke all on schema public from public');
  for (const context of contexts) {
    for (const extension of extensionsOf[context] ?? []) {
      await client.query(`create extension if not exists ${extension} with schema public`);
      const schema = await one(
        client,
        'select quote_ident(nspname) from pg_extension e join pg_namespace n on n.oid = e.extnamespace where extname = $1',
        [extension],
      );
      await client.query(`grant usage on schema ${schema} to ${roleOf(context)}`);
    }
  }
}

/** Relations, routines and types of the schema $1 that $2 does not own; what goes with others (extensions, columns) apart. */
const STRANGERS = `
  with found as (
    select 'pg_class'::regclass as kind_of, oid,
      case relkind when 'S' then 'sequence' when 'v' then 'view' when 'm' then 'materialized view' else 'table' end as kind,
      oid::regclass::text as name
    from pg_class where relnamespace = $1::regnamespace and relowner <> $2::regrole and relkind in ('r', 'p', 'S', 'v', 'm')
    union all
    select 'pg_proc'::regclass, oid, 'routine', oid::regprocedure::text
    from pg_proc where pronamespace = $1::regnamespace and proowner <> $2::regrole
    union all
    select 'pg_type'::regclass, t.oid, 'type', t.oid::regtype::text
    from pg_type t left join pg_class c on c.oid = typrelid
    where typnamespace = $1::regnamespace and typowner <> $2::regrole and (typtype in ('e', 'd') or relkind = 'c')
  )
  select kind, name from found
  where not exists (select from pg_depend where classid = kind_of and objid = found.oid
    and (deptype = 'e' or kind = 'sequence' and deptype in ('a', 'i')))`;

/**
 * Makes the schema of a context, or gives it with all that is in it to the role: what the embedded mode made is its
 * administrator's.
 * @returns what was done, in words.
 */
export async function giveSchema(client: Client, context: Context): Promise<string[]> {
  const role = roleOf(context);
  const steps: string[] = [];
  await client.query('begin');
  try {
    const owner = await one(client, 'select nspowner::regrole::text from pg_namespace where nspname = $1', [context]);
    if (owner === undefined) {
      await client.query(`create schema ${context} authorization ${role}`);
      steps.push('schema made');
    } else if (owner !== role) {
      await client.query(`alter schema ${context} owner to ${role}`);
      steps.push(`schema taken over from ${owner}`);
    }
    await client.query(`revoke all on schema ${context} from public`);
    const { rows } = await client.query(STRANGERS, [context, role]);
    for (const { kind, name } of rows) await client.query(`alter ${kind} ${name} owner to ${role}`);
    if (rows.length > 0) steps.push(`${rows.length} objects in it taken over`);
    await client.query('commit');
    return steps;
  } catch (error) {
    await client.query('rollback');
    throw error;
  }
}

/** What the role of one context may do in the schema of another, however it came to: by a grant, as a member, as the public. */
const TOO_MUCH = `
  select rolname || ' may enter the schema ' || nspname as what from pg_roles r, pg_namespace n
  where rolname = any(string_to_array($1, ' ')) and nspname = any(string_to_array($2, ' ')) and rolname <> 'souk_' || nspname
    and has_schema_privilege(r.oid, n.oid, 'usage, create')
  union all
  select rolname || ' may create things in the schema public' from pg_roles
  where rolname = any(string_to_array($1, ' ')) and has_schema_privilege(oid, 'public'::regnamespace::oid, 'create')
  union all
  select rolname || ' may create schemas in the database' from pg_roles
  where rolname = any(string_to_array($1, ' ')) and has_database_privilege(oid, current_database(), 'create')`;

/** @throws UnpreparedDatabase if the role of a context may do more than it should */
export async function demandApart(client: Client): Promise<void> {
  const roles = contexts.map(roleOf).join(' ');
  const { rows } = await client.query(TOO_MUCH, [roles, [...contexts, ...NOBODYS].join(' ')]);
  if (rows.length === 0) return;
  throw new UnpreparedDatabase(
    `Contexts are not apart: ${rows.map(({ what }) => what).join('; ')}. ` +
      'Somebody granted that; find it with \\dn+, \\du and \\drg in psql, and revoke it.',
  );
}
