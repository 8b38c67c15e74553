// Lists of orders, newest first: the own ones, for staff all of them. They come from the primary; where there is a history,
// those of customers come from it (history/history-list.ts), unless it cannot say.

import type { FilterQuery } from '@mikro-orm/postgresql';
import type { Order } from '../../actors/order.ts';
import { type Caller, isStaff } from '../../mixins/caller.ts';
import type { Cursors } from '../../mixins/cursor.ts';
import type { Database } from '../../mixins/postgres/database.ts';
import { read } from '../../mixins/postgres/reads.ts';
import type { Filters, Range } from './history/history-table.ts';
import type { Listed, ListHistory } from './history/history-list.ts';
import type { Position } from './history/item.ts';
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

/** A page of orders that the caller may see, and the cursor of the next one. */
export async function listOrders(
  database: Database,
  cursors: Cursors,
  params: ListParams,
  caller: Caller,
  history?: ListHistory,
): Promise<{ readonly items: readonly OrderView[]; readonly next: string | null }> {
  const { reference, status, from, to, limit = LIMIT, cursor } = params;
  const { principal } = caller;
  const customerId = isStaff(caller) ? params.customerId : principal.kind === 'user' ? principal.id : '';
  const range = {
    ...(customerId === undefined ? {} : { customerId }),
    ...(from === undefined ? {} : { from: Date.parse(from) }),
    ...(to === undefined ? {} : { to: Date.parse(to) }),
    ...(cursor === undefined ? {} : { after: cursors.decode<Position>(LIST, cursor) }),
  };
  const filters = { ...(reference === undefined ? {} : { reference }), ...(status === undefined ? {} : { status }) };
  // One more than is shown says whether there is a next page.
  const known =
    isStaff(caller) || customerId === undefined
      ? undefined
      : await history?.({ ...range, customerId }, filters, limit + 1);
  const found = known ?? (await fromPrimary(database, range, filters, limit + 1));
  const page = found.slice(0, limit);
  const last = page.at(-1);
  return {
    items: page.map(({ order }) => order),
    next: found.length > limit && last !== undefined ? cursors.encode(LIST, last.position) : null,
  };
}

/** The first orders of a range, at most so many. */
async function fromPrimary(
  database: Database,
  { customerId, from, to, after }: Partial<Range>,
  { reference, status }: Filters,
  max: number,
): Promise<readonly Listed[]> {
  const where: FilterQuery<OrderRow>[] = [{ createdAt: { $ne: null } }];
  if (customerId !== undefined) where.push({ customerId });
  if (reference !== undefined) where.push({ reference });
  if (status !== undefined) where.push({ status });
  if (from !== undefined) where.push({ createdAt: { $gte: from } });
  if (to !== undefined) where.push({ createdAt: { $lt: to } });
  if (after !== undefined) {
    const [createdAt, id] = after;
    // The bound on the time alone is what the index is entered by.
    where.push({ createdAt: { $lte: createdAt }, $or: [{ createdAt: { $lt: createdAt } }, { id: { $lt: id } }] });
  }
  const rows = await read(
    database
      .em()
      .find(
        OrderRow,
        { $and: where },
        { orderBy: [{ createdAt: 'desc' }, { id: 'desc' }], limit: max, disableIdentityMap: true },
      ),
  );
  return rows.map(({ id, createdAt, state }) => ({
    position: [createdAt, id],
    order: viewOrder(id, JSON.parse(state) as Order),
  }));
}
