// The statements of a store. All of a batch is one of them: actors, rows, journal, inbox, outbox and timers, for those
// changes whose actor has the expected version and whose command ids are new.
//
//   wanted ──► locked (in key order) ──► written (insert or update) ──► winners ──► rows, journal, inbox, outbox, timers
//              known (inbox) ─────────────┘
//
// Parameters are arrays, one element per change, row, entry …; `n` ties an element to its change.
// How they must be written, and why, stands in `lane.ts`.

import { BUCKETS } from '../store.ts';
import type { Prepared } from './lane.ts';

/** A column of `actors` that serves lists. */
export interface ReadColumn {
  readonly type: 'text' | 'bigint' | 'timestamptz';
  /** Its value in a state; times in milliseconds since 1970. */
  of(state: never): string | number | null | undefined;
}

/** Kinds of rows in the answer of `load`. */
export const LOADED = { actor: '1', row: '2', handled: '3' } as const;
/** Kinds of rows in the answer of `commit`. */
export const COMMITTED = { winner: '1', outgoing: '2', time: '3' } as const;

/** How times are read back: whole milliseconds since 1970. */
const ms = (column: string) => `(extract(epoch from ${column}) * 1000)::bigint`;

type Unnest = (...types: readonly string[]) => string;

/** A function that gives arrays back as rows, and numbers the parameters as it is called. */
function createUnnest(): Unnest {
  let count = 0;
  return (...types) => `unnest(${types.map((type) => `$${(count += 1)}::${type}[]`).join(', ')})`;
}

/** Actors (ids) · rows (ids, keys) · command ids (ids, command ids). */
export const load: Prepared = {
  name: 'load',
  text: `
select ${LOADED.actor}, q.n, f.version, f.state, null
from unnest($1::text[]) with ordinality as q(id, n)
cross join lateral (select a.version, a.state from actors a where a.id = q.id limit 1) f
union all
select ${LOADED.row}, q.n, null, f.data, null
from unnest($2::text[], $3::text[]) with ordinality as q(id, key, n)
cross join lateral (select r.data from rows r where r.actor_id = q.id and r.key = q.key limit 1) f
union all
select ${LOADED.handled}, q.n, f.version, f.fingerprint, f.answer
from unnest($4::text[], $5::text[]) with ordinality as q(id, command_id, n)
cross join lateral (
  select i.version, i.fingerprint, i.answer from inbox i
  where i.command_id = q.command_id and i.actor_id = q.id limit 1
) f`,
};

/** Which actors (ids, versions) have the version that an answer was made from. Writes and locks nothing. */
export const confirm: Prepared = {
  name: 'confirm',
  text: `
select q.id from unnest($1::text[], $2::bigint[]) as q(id, version)
left join lateral (select a.version from actors a where a.id = q.id limit 1) f on true
where coalesce(f.version, 0) = q.version`,
};

export interface CommitSections {
  readonly readColumns: Readonly<Record<string, ReadColumn>>;
  readonly hasRows: boolean;
  readonly hasTimers: boolean;
}

/**
 * Sections: only confirmed (ids, versions) · wanted (n, ids, expected, versions, states, read columns …)
 * · inbox (n, ids, command ids, versions, fingerprints, answers) · journal (n, ids, versions, indexes, types, data,
 * command ids, times) · outbox (n, message ids, kinds, targets, senders, keys, bodies, sealed, times, buckets)
 * · with rows: rows (n, ids, keys, data) · with timers: cancelled (n, ids, names) and set (n, ids, names, delays,
 * buckets, command ids, commands)
 */
export function commitStatement({ readColumns, hasRows, hasTimers }: CommitSections): Prepared {
  const unnest = createUnnest();
  const columns = Object.keys(readColumns);
  const listed = (of: (column: string) => string) => columns.map((column) => `, ${of(column)}`).join('');
  const isTime = (column: string) => readColumns[column]?.type === 'timestamptz';
  const given = (column: string) => (isTime(column) ? `to_timestamp(w.${column} / 1000)` : `w.${column}`);
  const types = columns.map((column) => (isTime(column) ? 'float8' : (readColumns[column]?.type ?? 'text')));
  const confirmed = unnest('text', 'bigint');
  const wanted = unnest('int', 'text', 'bigint', 'bigint', 'text', ...types);
  const inbox = unnest('int', 'text', 'text', 'bigint', 'text', 'text');
  const journal = unnest('int', 'text', 'bigint', 'int', 'text', 'text', 'text', 'float8');
  const outbox = unnest('int', 'text', 'text', 'text', 'text', 'text', 'text', 'int', 'float8', 'int');
  const rows = hasRows ? rowSections(unnest) : '';
  const timers = hasTimers ? timerSections(unnest) : '';
  return {
    name: hasTimers ? 'commit_with_timers' : 'commit',
    text: `
with wanted as materialized (
  select * from ${wanted} as w(n, id, expected, version, state${listed((column) => column)})
), locked as materialized (
  select a.id, a.version from actors a where a.id = any(array(select w.id from wanted w)) order by a.id for update
), handled as materialized (
  select * from ${inbox} as h(n, id, command_id, version, fingerprint, answer)
), known as materialized (
  select h.n from handled h cross join lateral (
    select from inbox i where i.command_id = h.command_id and i.actor_id = h.id limit 1
  ) f
), written as (
  insert into actors as a (id, version, state${listed((column) => column)})
  select w.id, w.version, w.state${listed(given)}
  from wanted w left join locked l on l.id = w.id
  where coalesce(l.version, 0) = w.expected and w.n not in (select n from known)
  order by w.id
  on conflict (id) do update set version = excluded.version, state = coalesce(excluded.state, a.state)${listed(
    (column) => `${column} = case when excluded.state is null then a.${column} else excluded.${column} end`,
  )}
  -- Otherwise another owner has just made the actor that was new to us.
  where a.id in (select l.id from locked l)
  returning a.id
), winners as materialized (
  select w.n, w.id from wanted w join written on written.id = w.id
), journaled as (
  insert into journal (id, version, index, type, data, command_id, at)
  select j.id, j.version, j.index, j.type, j.data, j.command_id, to_timestamp(j.at / 1000)
  from ${journal} as j(n, id, version, index, type, data, command_id, at) join winners on winners.n = j.n
), remembered as (
  insert into inbox (command_id, actor_id, version, fingerprint, answer)
  select h.command_id, h.id, h.version, h.fingerprint, h.answer
  from handled h join winners on winners.n = h.n
), leaving as (
  insert into outbox (message_id, kind, target, sender, key, body, sealed, at, bucket)
  select o.message_id, o.kind, o.target, o.sender, o.key, o.body, o.sealed <> 0, to_timestamp(o.at / 1000), o.bucket
  from ${outbox} with ordinality as o(n, message_id, kind, target, sender, key, body, sealed, at, bucket, place)
  join winners on winners.n = o.n
  order by o.place
  returning seq, message_id
)${rows}${timers}
select ${COMMITTED.winner}, id, null::bigint from winners
union all
select ${COMMITTED.winner}, q.id, null from ${confirmed} as q(id, version)
left join lateral (select a.version from actors a where a.id = q.id limit 1) f on true
where coalesce(f.version, 0) = q.version
union all
select ${COMMITTED.outgoing}, message_id, seq from leaving
union all
select ${COMMITTED.time}, null, ${ms('now()')}`,
  };
}

/** Rows are deleted by their place, which is looked up by the whole key. They cannot move: their actor is locked. */
function rowSections(unnest: Unnest): string {
  return `, changed as materialized (
  select r.id, r.key, r.data from ${unnest('int', 'text', 'text', 'text')} as r(n, id, key, data)
  join winners on winners.n = r.n
), set_rows as (
  insert into rows (actor_id, key, data) select id, key, data from changed where data is not null
  on conflict (actor_id, key) do update set data = excluded.data
), deleted_rows as (
  delete from rows where ctid = any(array(
    select f.ctid from changed c
    cross join lateral (select r.ctid from rows r where r.actor_id = c.id and r.key = c.key limit 1) f
    where c.data is null
  ))
)`;
}

function timerSections(unnest: Unnest): string {
  return `, cancelled_timers as (
  delete from timers where ctid = any(array(
    select f.ctid from ${unnest('int', 'text', 'text')} as c(n, id, name) join winners on winners.n = c.n
    cross join lateral (select t.ctid from timers t where t.actor_id = c.id and t.name = c.name limit 1) f
  ))
), set_timers as (
  insert into timers as a (actor_id, name, due_at, bucket, command_id, command)
  select t.id, t.name, now() + t.delay * interval '1 ms', t.bucket, t.command_id, t.command
  from ${unnest('int', 'text', 'text', 'float8', 'int', 'text', 'text')} as t(n, id, name, delay, bucket, command_id, command)
  join winners on winners.n = t.n
  on conflict (actor_id, name) do update
  set due_at = excluded.due_at, bucket = excluded.bucket, command_id = excluded.command_id, command = excluded.command
)`;
}

/** Marks outbox rows as sent: their numbers, and the first and last time they were stored, which tells the days. */
export const acknowledge: Prepared = {
  name: 'acknowledge',
  text: `
update outbox set sent_at = now(), body = case when sealed then '' else body end
where sent_at is null and seq = any($1::bigint[])
and stored_at between to_timestamp($2::float8 / 1000) - interval '1 s' and to_timestamp($3::float8 / 1000) + interval '1 s'`,
};

/** The same for rows of which only the message id is known: looks at all that is unsent. */
export const acknowledgeById: Prepared = {
  name: 'acknowledge_by_id',
  text: `
update outbox set sent_at = now(), body = case when sealed then '' else body end
where sent_at is null and message_id = any($1::text[])`,
};

const outgoing = `
select seq, message_id, kind, target, sender, key, body, sealed::int, ${ms('at')}, bucket, ${ms('stored_at')}
from outbox`;

/** Buckets, age in milliseconds, limit. */
export const unsent: Prepared = {
  name: 'unsent',
  text: `${outgoing}
where sent_at is null and bucket = any($1::int[]) and stored_at <= now() - $2::float8 * interval '1 ms'
order by seq limit $3`,
};

/**
 * Senders, limit. Looks at all that is unsent once; the senders are a hashed set. (An index by sender would cost every
 * commit, for a question that is asked when an actor moves.)
 */
export const unsentOf: Prepared = {
  name: 'unsent_of',
  text: `${outgoing}
where sent_at is null and (sender in (select unnest($1::text[]) collate "C")) is true
order by seq limit $2`,
};

/** Takes the buckets that are free or whose lease has run out, and renews one's own. */
export const lease: Prepared = {
  name: 'lease',
  text: `
insert into leases as l (bucket, holder, until)
select bucket, $1::text, clock_timestamp() + $2::float8 * interval '1 ms' from generate_series(0, ${BUCKETS - 1}) as b(bucket)
on conflict (bucket) do update set holder = excluded.holder, until = excluded.until
where l.holder = excluded.holder or l.until < clock_timestamp()
returning bucket`,
};

/** Buckets, limit. */
export const due: Prepared = {
  name: 'due',
  text: `
select actor_id, name, command_id, command from timers
where due_at <= now() and bucket = any($1::int[]) order by due_at limit $2`,
};

/** Actor, version. */
export const journal: Prepared = {
  name: 'journal',
  text: `
select version, index, type, data, command_id, ${ms('at')} from journal
where id = $1 and version > $2 order by version, index`,
};

/** Actor, command id, command, reason. */
export const park: Prepared = {
  name: 'park',
  text: `
insert into parked (actor_id, command_id, command, reason) values ($1, $2, $3, $4)
on conflict (actor_id, command_id) do update set reason = excluded.reason, at = now()`,
};
