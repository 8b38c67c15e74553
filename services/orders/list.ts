// Lists of orders, newest first, on the primary: the own ones, for staff all of them.

import type { FilterQuery } from '@mikro-orm/postgresql';
import type { Order } from '../../actors/order.ts';
import { type Caller, isStaff } from '../../mixins/caller.ts';
import type { Cursors } from '../../mixins/cursor.ts';
import type { Database } from '../../mixins/postgres/database.ts';
import { read } from '../../mixins/postgres/reads.ts';
import { type OrderView, viewOrder } from './order.view.ts';
import { OrderRow } from './orders.entities.ts';

const LIST = 'orders';
const LIMIT = 20;

export interface ListParams {
  readonly reference?: string;
  readonly status?: string;
  readonly customerId?: string;
  /** ISO 8601, inclusive. */
  readonly from?: string;
  /** ISO 8601, exclusive. */
  readonly to?: string;
  readonly limit?: number;
  readonly cursor?: string;
}

/** Where a page ends. */
type Position = readonly [createdAt: number, id: string];

/** A page of orders that the caller may see, and the cursor of the next one. */
export async function listOrders(
  database: Database,
  cursors: Cursors,
  params: ListParams,
  caller: Caller,
): Promise<{ readonly items: readonly OrderView[]; readonly next: string | null }> {
  const { reference, status, from, to, limit = LIMIT, cursor } = params;
  const { principal } = caller;
  const customerId = isStaff(caller) ? params.customerId : principal.kind === 'user' ? principal.id : '';
  const where: FilterQuery<OrderRow>[] = [{ createdAt: { $ne: null } }];
  if (customerId !== undefined) where.push({ customerId });
  if (reference !== undefined) where.push({ reference });
  if (status !== undefined) where.push({ status });
  if (from !== undefined) where.push({ createdAt: { $gte: Date.parse(from) } });
  if (to !== undefined) where.push({ createdAt: { $lt: Date.parse(to) } });
  if (cursor !== undefined) {
    const [createdAt, id] = cursors.decode<Position>(LIST, cursor);
    // The bound on the time alone is what the index is entered by.
    where.push({ createdAt: { $lte: createdAt }, $or: [{ createdAt: { $lt: createdAt } }, { id: { $lt: id } }] });
  }
  const found = await read(
    database
      .em()
      .find(
        OrderRow,
        { $and: where },
        { orderBy: [{ createdAt: 'desc' }, { id: 'desc' }], limit: limit + 1, disableIdentityMap: true },
      ),
  );
  const rows = found.slice(0, limit);
  const last = rows.at(-1);
  return {
    items: rows.map(({ id, state }) => viewOrder(id, JSON.parse(state) as Order)),
    next: found.length > limit && last !== undefined ? cursors.encode(LIST, [last.createdAt, last.id]) : null,
  };
}
