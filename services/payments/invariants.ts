// What must be so of payments, looked up in their own store: nothing is captured but what was asked for, no more is given
// back than was captured, and what is held of it, for comparing with what customers owe (I7). The provider's own book is not
// looked into: a service cannot.

import type { PaymentStatus } from '../../actors/payment.ts';
import { paymentIdOf } from '../../actors/payment.ts';
import { examine, type Finding, inSlices, LOOK_MS } from '../../mixins/finding.ts';
import type { Database } from '../../mixins/postgres/database.ts';
import { read } from '../../mixins/postgres/reads.ts';

/** Payments of one query. */
const SLICE = 1_000;
const PAYMENTS_MAX = 400_000;
/** Those of all orders that were summed up in their time have to be summed up too, or nothing can be compared. */
const PATIENCE = 2;

/** Payments of one status and currency (empty: never asked for); sums in minor units, as decimal strings. */
export interface PaymentSum {
  readonly status: PaymentStatus;
  readonly currency: string;
  readonly payments: number;
  readonly captured: string;
  /** Confirmed by the provider. */
  readonly refunded: string;
  /** Asked for and not confirmed yet. */
  readonly refunding: string;
  /** Asked for, and nobody knows yet whether it is captured. */
  readonly charging: string;
}

/** Which payments are summed up; as `OrdersChecked` says of its own sums. */
export interface PaymentsOf {
  readonly deadlineMax: number;
  /** An order's id: only payments of orders from it on. */
  readonly from?: string;
}

export interface PaymentsChecked {
  readonly findings: readonly Finding[];
  readonly sums: readonly PaymentSum[];
  /** Every payment that was asked for is in the sums. */
  readonly complete: boolean;
}

/** The sums of a slice. There is always a row, which tells where the slice ends. */
const SUMS = `
  with slice as materialized (
    select id, state::jsonb as state from actors
    where (?::text is null or id < ?) and id >= ? and state is not null order by id desc limit ?
  ), facts as (
    select id, state->>'status' as status, coalesce(state#>>'{charge,currency}', '') as currency,
      (state->>'captured')::bigint as captured, coalesce((state#>>'{charge,amount}')::bigint, 0) as amount,
      coalesce((state#>>'{charge,deadline}')::bigint, 0) as deadline, refunded, refunding
    from slice cross join lateral (
      select coalesce(sum((value->>'amount')::bigint) filter (where value->>'confirmed' = 'true'), 0) as refunded,
        coalesce(sum((value->>'amount')::bigint) filter (where value->>'confirmed' = 'false'), 0) as refunding
      from jsonb_each(state->'refunds')
    ) refunds
  ), judged as (
    select *, captured <> case when status = 'SUCCEEDED' then amount else 0 end as miscaptured,
      refunded + refunding > captured as overpaid from facts
  ), sums as (
    select status, currency, count(*)::int as payments, sum(captured)::text as captured,
      sum(refunded)::text as refunded, sum(refunding)::text as refunding,
      coalesce(sum(amount) filter (where status in ('NEW', 'STARTED', 'VOIDING')), 0)::text as charging,
      count(*) filter (where miscaptured)::int as miscaptured,
      (array_agg(id) filter (where miscaptured))[1:5] as miscaptured_ids,
      count(*) filter (where overpaid)::int as overpaid, (array_agg(id) filter (where overpaid))[1:5] as overpaid_ids
    from judged where deadline <= ? group by status, currency
  )
  select last.id as last, last.looked, sums.* from (select min(id) as id, count(*)::int as looked from slice) last
  left join sums on true`;

interface Slice {
  readonly last: string | null;
  readonly looked: number;
  readonly status: PaymentStatus | null;
  readonly currency: string;
  readonly payments: number;
  readonly captured: string;
  readonly refunded: string;
  readonly refunding: string;
  readonly charging: string;
  readonly miscaptured: number;
  readonly miscaptured_ids: readonly string[] | null;
  readonly overpaid: number;
  readonly overpaid_ids: readonly string[] | null;
}

/** All that payments can say by themselves. */
export async function checkPayments(database: Database, { deadlineMax, from }: PaymentsOf): Promise<PaymentsChecked> {
  const captured = examine('I3', 'what was asked for is captured, once, or nothing', 'payments');
  const repaid = examine('I7', 'no payment gives back more than it captured', 'payments');
  const sums = new Map<string, PaymentSum>();
  const end = from === undefined ? '' : paymentIdOf(from);
  const { last, complete } = await inSlices<readonly Slice[], string | null>({
    first: null,
    sliceMax: 1,
    rowsMax: PAYMENTS_MAX / SLICE,
    giveUpAt: performance.now() + PATIENCE * LOOK_MS,
    async ask(after) {
      const rows = await read(database.em().execute<Slice[]>(SUMS, [after, after, end, SLICE, deadlineMax]));
      return rows[0]?.last === null ? [] : [rows];
    },
    keyOf: ([row]) => row?.last ?? null,
    take([rows = []]) {
      for (const examination of [captured, repaid]) examination.look(rows[0]?.looked ?? 0);
      for (const row of rows) {
        if (row.status === null) continue;
        captured.wrong(idsOf(row.miscaptured_ids, 'captured another amount'), row.miscaptured);
        repaid.wrong(idsOf(row.overpaid_ids, 'gave back more than it captured'), row.overpaid);
        addTo(sums, { ...row, status: row.status });
      }
    },
  });
  const partly = complete && from === undefined ? undefined : `those with ids from ${complete ? end : last} on`;
  return {
    findings: [captured.finding(partly), repaid.finding(partly)],
    sums: [...sums.values()],
    complete,
  };
}

const idsOf = (ids: readonly string[] | null, what: string): readonly string[] =>
  (ids ?? []).map((id) => `${id} ${what}`);

function addTo(sums: Map<string, PaymentSum>, sum: PaymentSum): void {
  const { status, currency } = sum;
  const key = `${status} ${currency}`;
  const known = sums.get(key);
  const plus = (name: 'captured' | 'refunded' | 'refunding' | 'charging') =>
    String(BigInt(known?.[name] ?? 0) + BigInt(sum[name]));
  sums.set(key, {
    status,
    currency,
    payments: (known?.payments ?? 0) + sum.payments,
    captured: plus('captured'),
    refunded: plus('refunded'),
    refunding: plus('refunding'),
    charging: plus('charging'),
  });
}
