// What the contexts keep in PostgreSQL, by SQL over a connection of our own; all contexts in one snapshot.
//
//   mark ─► who had done anything before it? ─► all others, whole; of stock, the rows and movements since then
//
// What happened before a mark is told by PostgreSQL's clock in the inbox, since clocks of hosts may be wrong on purpose. A
// row that speaks for nothing older belongs to the run: what a bug leaves out makes nothing invisible.

import type { Order } from '../../../actors/order-messages.ts';
import type { Payment } from '../../../actors/payment.ts';
import type { StockRow } from '../../../actors/stock.ts';
import { type Ask, type BookRow, msOf } from './book-database.ts';
import type {
  ActorContext,
  Books,
  ContextBooks,
  InboxRow,
  JournalEntry,
  LateEntry,
  OutboxRow,
  StoredActor,
} from './books.ts';

export const actorContexts = [
  'orders',
  'inventory',
  'payments',
  'products',
  'users',
  'notifications',
] as const satisfies readonly ActorContext[];

/** Contexts in which an actor belongs to one order. */
const contextsOfOrders = ['orders', 'payments', 'notifications'] as const satisfies readonly ActorContext[];

export interface PostgresBooks extends Pick<Books, 'orders' | 'payments' | 'stock' | 'contexts'> {
  /** What happened since the mark to orders, payments and notifications that were there before it. */
  readonly entriesOfOlder: readonly LateEntry[];
}

export interface PostgresPart {
  /** By PostgreSQL's clock, milliseconds since 1970; missing: from the beginning. */
  readonly since?: number | undefined;
  /** Only the stock of these; missing: of all. */
  readonly skus?: ReadonlySet<string> | undefined;
}

/** Everything that PostgreSQL has of a run. `ask` has to be that of a snapshot. */
export async function readPostgres(ask: Ask, { since, skus }: PostgresPart): Promise<PostgresBooks> {
  const contexts: Partial<Record<ActorContext, ContextBooks>> = {};
  for (const context of actorContexts) contexts[context] = await readContext(ask, context, since);
  const late: LateEntry[] = [];
  for (const context of since === undefined ? [] : contextsOfOrders) {
    const rows = await ask(journalOfOlder(context, ''), [since]);
    late.push(...rows.map((row) => ({ ...toEntry(row), context })));
  }
  return {
    entriesOfOlder: late,
    orders: await readActors<Order>(ask, 'orders', since),
    payments: await readActors<Payment>(ask, 'payments', since),
    stock: await readStock(ask, since, skus),
    contexts,
  };
}

/** `and …`: the actor had done nothing before. $1 is the time. (An anti join: `not in` would look at all for each.) */
const isNew = (context: ActorContext, id: string, since: number | undefined): string =>
  since === undefined
    ? ''
    : `and not exists (
         select from ${context}.inbox i where i.actor_id = ${id} and i.stored_at < to_timestamp($1::float8 / 1000)
       )`;
const given = (since: number | undefined): readonly unknown[] => (since === undefined ? [] : [since]);

async function readActors<S>(
  ask: Ask,
  context: ActorContext,
  since: number | undefined,
): Promise<readonly StoredActor<S>[]> {
  const rows = await ask(
    `select a.id, a.version::float8 as version, a.state from ${context}.actors a
     where a.state is not null ${isNew(context, 'a.id', since)} order by a.id`,
    given(since),
  );
  return rows.map(({ id, version, state }) => ({ id, version, state: JSON.parse(state) as S }));
}

async function readContext(ask: Ask, context: ActorContext, since: number | undefined): Promise<ContextBooks> {
  const after = (column: string) => (since === undefined ? '' : `and ${column} >= to_timestamp($1::float8 / 1000)`);
  const journal = await ask(journalOf(context, since), given(since));
  const outbox = await ask(
    `select seq::float8 as seq, message_id, kind, target, sender, key, ${msOf('stored_at')} as stored_at,
       ${msOf('sent_at')} as sent_at
     from ${context}.outbox where true ${after('stored_at')} order by seq`,
    given(since),
  );
  const inbox = await ask(
    `select command_id, actor_id, version::float8 as version from ${context}.inbox where true ${after('stored_at')}`,
    given(since),
  );
  const parked = await ask(
    `select actor_id, command_id, reason from ${context}.parked where true ${after('at')}`,
    given(since),
  );
  const timers = await ask(
    `select actor_id, name, ${msOf('due_at')} as due_at from ${context}.timers t where true ${isNew(context, 't.actor_id', since)}`,
    given(since),
  );
  return {
    journal: journal.map(toEntry),
    outbox: outbox.map(toOutboxRow),
    inbox: inbox.map(({ command_id, actor_id, version }): InboxRow => {
      return { commandId: command_id, actorId: actor_id, version };
    }),
    parked: parked.map(({ actor_id, command_id, reason }) => ({ actorId: actor_id, commandId: command_id, reason })),
    timers: timers.map(({ actor_id, name, due_at }) => ({ actorId: actor_id, name, dueAt: due_at })),
  };
}

const entryColumns = `j.id, j.version::float8 as version, j.index, j.type, j.data, j.command_id, ${msOf('j.at')} as at`;
const entryOrder = 'order by j.id, j.version, j.index';

/** Of actors that are new; a partition of stock never is, so of stock all that came after its last version before. */
function journalOf(context: ActorContext, since: number | undefined): string {
  if (context === 'inventory' && since !== undefined) return journalOfOlder(context, 'left');
  return `select ${entryColumns} from ${context}.journal j where true ${isNew(context, 'j.id', since)} ${entryOrder}`;
}

/** What came after the last version before: of actors that had one, and with a `left` join of all. $1 is the time. */
const journalOfOlder = (context: ActorContext, join: '' | 'left'): string => `
  with before as materialized (
    select actor_id, max(version) as version from ${context}.inbox
    where stored_at < to_timestamp($1::float8 / 1000) group by actor_id
  )
  select ${entryColumns} from ${context}.journal j ${join} join before b on b.actor_id = j.id
  where j.version > coalesce(b.version, 0) ${entryOrder}`;

const toEntry = ({ id, version, index, type, data, command_id, at }: BookRow): JournalEntry => {
  return { id, version, index, type, data: JSON.parse(data), commandId: command_id, at };
};

const toOutboxRow = (row: BookRow): OutboxRow => ({
  seq: row['seq'],
  messageId: row['message_id'],
  kind: row['kind'],
  target: row['target'],
  sender: row['sender'],
  key: row['key'],
  storedAt: row['stored_at'],
  ...(row['sent_at'] === null ? {} : { sentAt: row['sent_at'] }),
});

/** Reservations and returns of orders that are new, movements and balances of the SKUs. */
async function readStock(
  ask: Ask,
  since: number | undefined,
  skus: ReadonlySet<string> | undefined,
): Promise<Books['stock']> {
  const ofOrder = (prefix: string, orderId: string) => `
    select actor_id, key, data from inventory.rows r
    where key like '${prefix}:%' ${isNew('orders', orderId, since)}`;
  const rows = await ask(
    `select actor_id, key, data from inventory.rows where key not like 'reservation:%' and key not like 'return:%'
     union all ${ofOrder('reservation', `split_part(r.key, ':', 2)`)}
     union all ${ofOrder('return', `split_part(split_part(r.key, ':', 2), '/', 1)`)}
     order by actor_id, key`,
    given(since),
  );
  return rows.flatMap(({ actor_id, key, data }) => {
    const row = JSON.parse(data) as StockRow;
    const isWanted =
      skus === undefined ||
      (row.kind === 'sku' ? skus.has(key.slice('sku:'.length)) : row.kind !== 'movement' || skus.has(row.sku));
    return isWanted ? [{ partition: actor_id, key, row }] : [];
  });
}

/** Those of the orders that are there already, and had done something before `since`. */
export async function olderOrders(ask: Ask, ids: readonly string[], since: number): Promise<ReadonlySet<string>> {
  if (ids.length === 0) return new Set();
  const rows = await ask(
    `select distinct actor_id from orders.inbox
     where actor_id in (select jsonb_array_elements_text($2::jsonb) collate "C") and stored_at < to_timestamp($1::float8 / 1000)`,
    [since, JSON.stringify(ids)],
  );
  return new Set(rows.map(({ actor_id }) => actor_id));
}
