// All sides of some payments: the provider's book first, then orders and payments in one statement. Whether messages about
// a payment wait to leave is asked only of those that look wrong.

import type { OrderStatus } from '../../actors/order.ts';
import { type PaymentStatus, paymentIdOf } from '../../actors/payment.ts';
import type { Reader } from '../../mixins/postgres/reader.ts';
import type { ProviderListing } from '../../mixins/provider-listing.ts';
import type { PaymentFacts, Sides } from './money.ts';

const PREFIX = paymentIdOf('');

/** The order that a payment id is made of; undefined: it is made of none. */
export function orderIdOf(paymentId: string): string | undefined {
  return paymentId.startsWith(PREFIX) ? paymentId.slice(PREFIX.length) : undefined;
}

/** One snapshot of both contexts, by primary keys. */
const SIDES = `
  with wanted as materialized (
    select * from json_to_recordset(?::json) as w("paymentId" text, "orderId" text)
  ), found as materialized (
    select w."paymentId", o.id as "orderId", o.version as "orderVersion", o.status, o.state::jsonb as o,
      p.version as "paymentVersion", p.state::jsonb as p
    from wanted w
    left join orders.actors o on o.id = w."orderId" collate "C" and o.status is not null
    left join payments.actors p on p.id = w."paymentId" collate "C" and p.state is not null
  )
  select "paymentId", "orderId", "orderVersion", status, o->>'currency' as currency, o->>'total' as total,
    o->>'refunded' as refunded, o is not null and exists (
      select from jsonb_each(o->'refunds') where value->>'confirmed' = 'false'
    ) as refunding,
    "paymentVersion", p->>'status' as "paymentStatus", p->'charge' is not null as asked, (p->'refunds')::text as refunds
  from found`;

interface Row {
  readonly paymentId: string;
  readonly orderId: string | null;
  readonly orderVersion: string;
  readonly status: OrderStatus;
  readonly currency: string;
  readonly total: string;
  readonly refunded: string;
  readonly refunding: boolean;
  readonly paymentVersion: string | null;
  readonly paymentStatus: PaymentStatus;
  readonly asked: boolean;
  readonly refunds: string;
}

/** Senders of messages that wait to leave, of these; the index holds only such messages. */
const UNSENT = `
  with senders as materialized (select value collate "C" as sender from json_array_elements_text(?::json))
  select sender from orders.outbox where sent_at is null and (sender in (select sender from senders)) is true
  union select sender from payments.outbox where sent_at is null and (sender in (select sender from senders)) is true`;

export interface MoneyBooks {
  of(paymentIds: readonly string[]): Promise<readonly Sides[]>;
  /** Which of these payments have messages that wait to leave, of themselves or of their orders. */
  unsent(paymentIds: readonly string[]): Promise<ReadonlySet<string>>;
}

/** The books of a shop. */
export function moneyBooks(reader: Reader, listing: ProviderListing): MoneyBooks {
  return {
    async of(paymentIds) {
      if (paymentIds.length === 0) return [];
      const book = await listing.of(paymentIds);
      const charges = Map.groupBy(book.charges, ({ paymentId }) => paymentId);
      const refunds = Map.groupBy(book.refunds, ({ paymentId }) => paymentId);
      const wanted = paymentIds.map((paymentId) => ({
        paymentId,
        orderId: charges.get(paymentId)?.[0]?.orderId ?? orderIdOf(paymentId) ?? '',
      }));
      const rows = await reader.read<Row>(SIDES, [JSON.stringify(wanted)]);
      return rows.map((row) => ({
        paymentId: row.paymentId,
        order:
          row.orderId === null
            ? undefined
            : {
                id: row.orderId,
                version: Number(row.orderVersion),
                status: row.status,
                currency: row.currency,
                total: Number(row.total),
                refunded: Number(row.refunded),
                refunding: row.refunding,
              },
        payment:
          row.paymentVersion === null
            ? undefined
            : {
                version: Number(row.paymentVersion),
                status: row.paymentStatus,
                asked: row.asked,
                refunds: JSON.parse(row.refunds) as PaymentFacts['refunds'],
              },
        charges: charges.get(row.paymentId) ?? [],
        refunds: refunds.get(row.paymentId) ?? [],
      }));
    },

    async unsent(paymentIds) {
      const senders = paymentIds.flatMap((id) => [id, orderIdOf(id) ?? id]);
      const rows = await reader.read<{ sender: string }>(UNSENT, [JSON.stringify(senders)]);
      const waiting = new Set(rows.map(({ sender }) => sender));
      return new Set(paymentIds.filter((id) => waiting.has(id) || waiting.has(orderIdOf(id) ?? id)));
    },
  };
}
