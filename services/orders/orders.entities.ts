// Orders as lists read them: the read columns of the orders' own table, which each commit of an order writes beside its state.

import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { Order } from '../../actors/order.ts';

/** A row of the table of orders; times in milliseconds since 1970 UTC. */
export const OrderRow = defineEntity({
  name: 'OrderRow',
  tableName: 'actors',
  properties: {
    id: p.text().primary(),
    /** The order as its actor keeps it, in JSON. */
    state: p.text(),
    customerId: p.text().nullable(),
    reference: p.text().nullable(),
    status: p.text(),
    createdAt: p.bigint('number'),
  },
});

export type OrderRow = InferEntity<typeof OrderRow>;

/** The read columns and what each shows of an order. */
export const readColumns = {
  customer_id: { type: 'text', of: ({ customerId }: Order) => customerId ?? null },
  reference: { type: 'text', of: ({ reference }: Order) => reference ?? null },
  status: { type: 'text', of: ({ status }: Order) => status },
  created_at: { type: 'bigint', of: ({ createdAt }: Order) => createdAt },
} as const;
