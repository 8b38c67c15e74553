// The rows of `unprojected`: orders of customers that have changed since the history was last told of them. The database
// writes a row in the commit that changes an order (migration 2); here they are read, and deleted once the history has it.
//
// Rows are always locked in the order of their ids, as commits do, so that nobody waits for each other.

import type { Order } from '../../../actors/order.ts';
import type { Database } from '../../../mixins/postgres/database.ts';
import { read } from '../../../mixins/postgres/reads.ts';
import type { Filters, Range } from './history-table.ts';
import { type HistoryItem, itemOfOrder } from './item.ts';

/** Which version of an order the history has. */
export type Known = Pick<HistoryItem, 'version'> & { readonly id: string };

/** How far the history is behind. */
export interface Behind {
  /** Orders that the history does not have as they are. */
  readonly orders: number;
  /** How long the first of them has been waiting, in milliseconds; 0: there is none. */
  readonly oldestMs: number;
}

export interface Unprojected {
  /** The customer's orders of the range, as they are in this moment, newest first; at most so many. */
  ofCustomer(range: Range, max: number): Promise<readonly HistoryItem[]>;
  /** Which versions of these orders the history should have; those that it has are absent. */
  versions(ids: readonly string[]): Promise<ReadonlyMap<string, number>>;
  /** The history has these versions: their rows go, those of newer versions stay. */
  forget(known: readonly Known[]): Promise<void>;
  /** Orders that have been waiting for so long (ms), by id from `after` on, as they are in this moment. */
  leftOver(after: string, waitedMs: number, max: number): Promise<readonly HistoryItem[]>;
  /** Remembers the next orders of customers, by id, as if all had just changed; the last id of them, undefined: that was all. */
  remember(after: string, max: number): Promise<string | undefined>;
  behind(): Promise<Behind>;
}

interface OrderRow {
  readonly id: string;
  readonly customer_id: string;
  readonly version: string;
  readonly state: string;
}

const toItem = ({ id, customer_id, version, state }: OrderRow): HistoryItem =>
  itemOfOrder(id, customer_id, Number(version), JSON.parse(state) as Order);

/** Whether a list with these filters shows the order. */
export function isShown({ order }: Pick<HistoryItem, 'order'>, { status, reference }: Filters): boolean {
  return (
    (status === undefined || order.status === status) && (reference === undefined || order.reference === reference)
  );
}

/** The rows of one context. */
export function unprojectedOrders(database: Pick<Database, 'em'>): Unprojected {
  const ask = <Row>(text: string, values: readonly unknown[] = []): Promise<readonly Row[]> =>
    read(database.em().execute<Row[]>(text, [...values]));

  return {
    async ofCustomer({ customerId, from, to, after }, max) {
      const conditions: [text: string, ...values: unknown[]][] = [['u.customer_id = ?', customerId]];
      if (from !== undefined) conditions.push(['a.created_at >= ?', from]);
      if (to !== undefined) conditions.push(['a.created_at < ?', to]);
      if (after !== undefined) conditions.push(['(a.created_at, a.id) < (?, ?)', ...after]);
      const rows = await ask<OrderRow>(
        `select a.id, a.customer_id, a.version, a.state from unprojected u join actors a on a.id = u.id
         where ${conditions.map(([text]) => text).join(' and ')} order by a.created_at desc, a.id desc limit ?`,
        [...conditions.flatMap(([, ...values]) => values), max],
      );
      return rows.map(toItem);
    },

    async versions(ids) {
      const rows = await ask<{ id: string; version: string }>(
        `select id, version from unprojected where id in (select jsonb_array_elements_text(?::jsonb) collate "C")`,
        [JSON.stringify(ids)],
      );
      return new Map(rows.map(({ id, version }) => [id, Number(version)]));
    },

    async forget(known) {
      await ask(
        `with known as materialized (
           select u.id from unprojected u
           join jsonb_to_recordset(?::jsonb) as k(id text, version bigint) on k.id collate "C" = u.id and k.version >= u.version
           order by u.id for update of u
         ) delete from unprojected where id in (select id from known)`,
        [JSON.stringify(known)],
      );
    },

    async leftOver(after, waitedMs, max) {
      const rows = await ask<OrderRow>(
        `select a.id, a.customer_id, a.version, a.state from (
           select id from unprojected where id > ? and changed_at < now() - ? * interval '1 ms' order by id limit ?
         ) u join actors a on a.id = u.id order by a.id`,
        [after, waitedMs, max],
      );
      return rows.map(toItem);
    },

    async remember(after, max) {
      const [row] = await ask<{ count: string; last: string }>(
        `with next as materialized (
           select id, customer_id, version from actors where id > ? order by id limit ?
         ), remembered as (
           insert into unprojected (id, customer_id, version)
           select id, customer_id, version from next where customer_id is not null order by id
           on conflict (id) do update set version = greatest(unprojected.version, excluded.version), changed_at = excluded.changed_at
         ) select count(*) count, max(id) last from next`,
        [after, max],
      );
      return Number(row?.count) < max ? undefined : row?.last;
    },

    async behind() {
      const [row] = await ask<{ orders: string; oldest: string }>(
        `select count(*) orders, coalesce(extract(epoch from now() - min(changed_at)) * 1000, 0)::bigint oldest from unprojected`,
      );
      return { orders: Number(row?.orders), oldestMs: Number(row?.oldest) };
    },
  };
}
