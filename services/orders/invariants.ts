// What must be so of orders, looked up in their own store: none waits for ever (L1, L2), each history is a path of the
// transition table (I11), and what customers owe, for comparing with what payments hold (I7).
//
//   orders, highest id first, in slices ─► sums by status and currency ─► with `checkPayments` of the same ids, at the REPL
//   newest orders ─► journal ─► a path that ends where the order is?

import { IsolationLevel } from '@mikro-orm/postgresql';
import { InvariantViolated } from '../../actors/actor.ts';
import { type Order, orderActor, type OrderEvent, type OrderStatus, statusAfter } from '../../actors/order.ts';
import { type Examination, examine, type Finding, inSlices, LOOK_MS } from '../../mixins/finding.ts';
import type { Database } from '../../mixins/postgres/database.ts';
import { read } from '../../mixins/postgres/reads.ts';

/** Orders of one query: with 2,000 lines each, PostgreSQL still reads them within its time limit. */
const SLICE = 500;
const ORDERS_MAX = 200_000;
/** Orders whose histories are followed: the newest ones. */
const HISTORIES = 200;
/** How long after its deadline an order may wait (L2), in milliseconds. */
const GRACE_MS = 30_000;
/** Overdue timers that are counted. */
const TIMERS_MAX = 10_000;

/** Orders of one status and currency; sums in minor units, as decimal strings, since they may outgrow a safe integer. */
export interface OrderSum {
  readonly status: OrderStatus;
  readonly currency: string;
  readonly orders: number;
  readonly total: string;
  readonly refunded: string;
  /** Refunds that the provider has not confirmed yet. */
  readonly refunding: string;
}

export interface OrdersChecked {
  readonly findings: readonly Finding[];
  readonly sums: readonly OrderSum[];
  /** Only orders with a deadline up to here were summed up: those that came while this looked are left out. */
  readonly deadlineMax: number;
  /** The sums are of ids from this one on; absent: of all. Most ids are in time order: these are the newest. */
  readonly from?: string;
}

/** The sums of a slice. There is always a row, which tells where the slice ends. */
const SUMS = `
  with slice as materialized (
    select id, status, state::jsonb as state from actors
    where (?::text is null or id < ?) and status is not null order by id desc limit ?
  ), facts as (
    select id, status, state->>'currency' as currency, (state->>'total')::bigint as total,
      (state->>'refunded')::bigint as refunded, (state->>'deadline')::bigint as deadline, refunding
    from slice cross join lateral (
      select coalesce(sum((value->>'amount')::bigint) filter (where value->>'confirmed' = 'false'), 0) as refunding
      from jsonb_each(state->'refunds')
    ) refunds
  ), sums as (
    select status, currency, count(*)::int as orders, sum(total)::text as total, sum(refunded)::text as refunded,
      sum(refunding)::text as refunding, count(*) filter (where refunded > total)::int as overpaid,
      (array_agg(id) filter (where refunded > total))[1:5] as overpaid_ids,
      count(*) filter (where status like 'AWAITING%' and deadline < ?)::int as overdue,
      (array_agg(id) filter (where status like 'AWAITING%' and deadline < ?))[1:5] as overdue_ids
    from facts where deadline <= ? group by status, currency
  )
  select last.id as last, last.looked, sums.* from (select min(id) as id, count(*)::int as looked from slice) last
  left join sums on true`;

interface Slice {
  readonly last: string | null;
  readonly looked: number;
  readonly status: OrderStatus | null;
  readonly currency: string;
  readonly orders: number;
  readonly total: string;
  readonly refunded: string;
  readonly refunding: string;
  readonly overpaid: number;
  readonly overpaid_ids: readonly string[] | null;
  readonly overdue: number;
  readonly overdue_ids: readonly string[] | null;
}

/** All that orders can say by themselves; `paymentDeadlineMs` is how long an order may wait for its payment. */
export async function checkOrders(database: Database, paymentDeadlineMs: number): Promise<OrdersChecked> {
  const now = Date.now();
  const deadlineMax = now + paymentDeadlineMs;
  const settled = examine('L2', 'no order waits for stock or payment 30 s after its deadline', 'orders');
  const repaid = examine('I7', 'no order gives back more than its total', 'orders');
  const sums = new Map<string, OrderSum>();
  const { last, complete } = await inSlices<readonly Slice[], string | null>({
    first: null,
    sliceMax: 1,
    rowsMax: ORDERS_MAX / SLICE,
    giveUpAt: performance.now() + LOOK_MS,
    async ask(after) {
      const overdue = now - GRACE_MS;
      const parameters = [after, after, SLICE, overdue, overdue, deadlineMax];
      const rows = await read(database.em().execute<Slice[]>(SUMS, parameters));
      return rows[0]?.last === null ? [] : [rows];
    },
    keyOf: ([row]) => row?.last ?? null,
    take([rows = []]) {
      for (const examination of [settled, repaid]) examination.look(rows[0]?.looked ?? 0);
      for (const row of rows) {
        if (row.status === null) continue;
        settled.wrong(idsOf(row.overdue_ids, 'waits still'), row.overdue);
        repaid.wrong(idsOf(row.overpaid_ids, 'gave back more than it cost'), row.overpaid);
        addTo(sums, { ...row, status: row.status });
      }
    },
  });
  const partly = complete ? undefined : `those with ids from ${last} on`;
  return {
    findings: [
      settled.finding(partly),
      await checkTimers(database),
      repaid.finding(partly),
      ...(await checkHistories(database)),
    ],
    sums: [...sums.values()],
    deadlineMax,
    ...(complete || last === null ? {} : { from: last }),
  };
}

const idsOf = (ids: readonly string[] | null, what: string): readonly string[] =>
  (ids ?? []).map((id) => `order ${id} ${what}`);

function addTo(sums: Map<string, OrderSum>, { status, currency, orders, total, refunded, refunding }: OrderSum): void {
  const key = `${status} ${currency}`;
  const known = sums.get(key) ?? { status, currency, orders: 0, total: '0', refunded: '0', refunding: '0' };
  const plus = (a: string, b: string) => String(BigInt(a) + BigInt(b));
  sums.set(key, {
    status,
    currency,
    orders: known.orders + orders,
    total: plus(known.total, total),
    refunded: plus(known.refunded, refunded),
    refunding: plus(known.refunding, refunding),
  });
}

/** Deadlines that have passed and woke nobody, by the index on their time: also of orders that no slice reached. */
async function checkTimers(database: Database): Promise<Finding> {
  const timely = examine('L2', 'no deadline is left standing 30 s after its time', 'deadlines');
  const [counts] = await read(
    database.em().execute<{ pending: number; overdue: number; ids: string[] | null }[]>(
      `with overdue as (
         select actor_id from timers where due_at < now() - ? * interval '1 millisecond' order by due_at limit ?
       )
       select (select count(*) from (select from timers limit ?) counted)::int as pending,
         (select count(*) from overdue)::int as overdue, (select (array_agg(actor_id))[1:5] from overdue) as ids`,
      [GRACE_MS, TIMERS_MAX, TIMERS_MAX],
    ),
  );
  timely.look(counts?.pending ?? 0);
  timely.wrong(idsOf(counts?.ids ?? null, 'was not woken'), counts?.overdue ?? 0);
  return timely.finding(
    counts?.pending === TIMERS_MAX ? `${TIMERS_MAX} of them, the oldest of the overdue` : undefined,
  );
}

interface Told {
  readonly id: string;
  readonly type: string;
  readonly data: string | null;
}

/** The newest orders beside their journals, in one snapshot. */
async function checkHistories(database: Database): Promise<readonly Finding[]> {
  const paths = examine(
    'I11',
    'every history is a path of the transition table that ends where the order is',
    'orders',
  );
  const rules = examine('I7', 'every order keeps the rules of its actor: totals, refunds, pieces', 'orders');
  let entries: Told[] = [];
  let found: { id: string; state: string }[] = [];
  await read(
    database.em().transactional(
      async (em) => {
        found = await em.execute(
          'select id, state from actors where created_at is not null order by created_at desc, id desc limit ?',
          [HISTORIES],
        );
        // Only `Refunded` leads to different statuses by what it says.
        entries = await em.execute(
          `select id, type, case when type = 'Refunded' then data end as data from journal
           where id in (select id from actors where created_at is not null order by created_at desc, id desc limit ?)
           order by id, version, index`,
          [HISTORIES],
        );
      },
      { isolationLevel: IsolationLevel.REPEATABLE_READ, readOnly: true },
    ),
  );
  const histories = Map.groupBy(entries, ({ id }) => id);
  for (const { id, state } of found) {
    const order = JSON.parse(state) as Order;
    follow(id, order, histories.get(id) ?? [], paths);
    judge(id, order, rules);
  }
  const partly = found.length === HISTORIES ? `the newest ${HISTORIES}` : undefined;
  return [paths.finding(partly), rules.finding(partly)];
}

function follow(id: string, order: Order, history: readonly Told[], paths: Examination): void {
  paths.look(1);
  let status: OrderStatus = 'NEW';
  for (const { type, data } of history) {
    const event = { type, data: data === null ? {} : (JSON.parse(data) as object) } as OrderEvent;
    const next = statusAfter(status, event);
    if (next === undefined) return paths.wrong(`order ${id} had the event ${type} when it was ${status}`);
    status = next;
  }
  if (status !== order.status) paths.wrong(`order ${id} is ${order.status}, its history says ${status}`);
}

function judge(id: string, order: Order, rules: Examination): void {
  rules.look(1);
  try {
    orderActor.check(order);
  } catch (error) {
    if (!(error instanceof InvariantViolated)) throw error;
    rules.wrong(`order ${id}: ${error.message}`);
  }
}
