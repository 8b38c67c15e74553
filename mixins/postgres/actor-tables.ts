// The tables of one kind of actor. A context has one kind, so its schema holds one family; its first migration makes it:
//
//   actors   version (the fence) and state, one row per actor      journal  what happened, by month
//   rows     of actors with many rows                              inbox    command ids that took effect, by day
//   timers   commands to oneself, later                            outbox   what has to leave, by day
//   leases   which node sweeps which bucket                        parked   commands that need a person
//
// Released text never changes: what changes later is a migration of its own. Partitions are made by `partitions.ts`.

export interface ActorTablesOptions {
  /** Columns of `actors` for lists, in DDL: `customer_id text`. They are null while an actor has no state. */
  readonly readColumns?: readonly string[];
  /** Indexes of `actors` for lists: `(customer_id, created_at, id)`. */
  readonly readIndexes?: readonly string[];
}

/** Rows of a few kilobytes stay whole in their table: moving them out costs more than it saves. */
export const WHOLE = 'toast_tuple_target = 8160';
/** Besides, room for new versions of a row on its page, which then need no new index entries. */
const ROOMY = `fillfactor = 80, ${WHOLE}`;

/** The statements that make the tables, for a migration. They name no schema: `search_path` does. */
export function actorTables({ readColumns = [], readIndexes = [] }: ActorTablesOptions = {}): readonly string[] {
  return [
    `create table actors (
      id text collate "C" primary key,
      version bigint not null,
      state text
    ) with (${ROOMY})`,
    ...readColumns.map((column) => `alter table actors add column ${column}`),
    ...readIndexes.map((columns) => `create index on actors ${columns}`),

    `create table rows (
      actor_id text collate "C" not null,
      key text collate "C" not null,
      data text not null,
      primary key (actor_id, key)
    ) with (${ROOMY})`,

    `create table journal (
      id text collate "C" not null,
      version bigint not null,
      index integer not null,
      type text not null,
      data text not null,
      command_id text collate "C" not null,
      at timestamptz not null
    ) partition by range (at)`,
    'create index on journal (id, version)',
    `create table journal_default partition of journal default with (${WHOLE})`,

    // Days are those of the database's clock, so that no host with a wrong one writes into a day long gone.
    `create table inbox (
      command_id text collate "C" not null,
      actor_id text collate "C" not null,
      version bigint not null,
      fingerprint text,
      answer text,
      stored_at timestamptz not null default now(),
      primary key (command_id, actor_id, stored_at)
    ) partition by range (stored_at)`,
    `create table inbox_default partition of inbox default with (${WHOLE})`,

    'create sequence outbox_seq',
    `create table outbox (
      seq bigint not null default nextval('outbox_seq'),
      message_id text collate "C" not null,
      kind text not null,
      target text not null,
      sender text collate "C" not null,
      key text collate "C" not null,
      body text not null,
      sealed boolean not null,
      at timestamptz not null,
      bucket smallint not null,
      stored_at timestamptz not null default now(),
      sent_at timestamptz
    ) partition by range (stored_at)`,
    // The only index: a row has an entry until it is sent, and marking it makes none. (Measured: finding rows by message
    // id instead would cost a fifth of the whole commit.)
    'create index on outbox (seq) where sent_at is null',
    `create table outbox_default partition of outbox default with (${WHOLE})`,

    `create table timers (
      actor_id text collate "C" not null,
      name text collate "C" not null,
      due_at timestamptz not null,
      bucket smallint not null,
      command_id text not null,
      command text not null,
      primary key (actor_id, name)
    )`,
    'create index on timers (due_at)',

    `create table leases (
      bucket smallint primary key,
      holder text not null,
      until timestamptz not null
    ) with (fillfactor = 50)`,

    `create table parked (
      actor_id text collate "C" not null,
      command_id text collate "C" not null,
      command text not null,
      reason text not null,
      at timestamptz not null default now(),
      primary key (actor_id, command_id)
    )`,
  ];
}
