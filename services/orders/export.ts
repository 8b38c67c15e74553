// All orders as a file, oldest first, read page by page: memory stays flat however many there are.
//
//   csv: one line per order line (the order's own fields repeat)        jsonl: one order per line, as the API shows it

import type { Order } from '../../actors/order.ts';
import { csvLine } from '../../mixins/csv.ts';
import type { Database } from '../../mixins/postgres/database.ts';
import { read } from '../../mixins/postgres/reads.ts';
import { viewOrder } from './order.view.ts';
import { OrderRow } from './orders.entities.ts';

/** Orders of one query. */
const PAGE = 500;

const COLUMNS = [
  'id',
  'status',
  'reference',
  'customer_id',
  'email',
  'created_at',
  'currency',
  'total',
  'refunded',
  'line',
  'sku',
  'name',
  'quantity',
  'unit_price',
];

/** The file's text, in pieces. */
export async function* exportOrders(database: Database, format: 'csv' | 'jsonl'): AsyncGenerator<string> {
  if (format === 'csv') yield csvLine(COLUMNS);
  for (let after: OrderRow | undefined; ; ) {
    const rows: OrderRow[] = await read(
      database.em().find(
        OrderRow,
        {
          createdAt: { $ne: null },
          ...(after === undefined
            ? {}
            : {
                $and: [
                  { createdAt: { $gte: after.createdAt } },
                  { $or: [{ createdAt: { $gt: after.createdAt } }, { id: { $gt: after.id } }] },
                ],
              }),
        },
        { orderBy: [{ createdAt: 'asc' }, { id: 'asc' }], limit: PAGE, disableIdentityMap: true },
      ),
    );
    after = rows.at(-1);
    if (after === undefined) return;
    yield rows.map(({ id, state }) => lineOf(id, JSON.parse(state) as Order, format)).join('');
  }
}

function lineOf(id: string, order: Order, format: 'csv' | 'jsonl'): string {
  const view = viewOrder(id, order);
  if (format === 'jsonl') return `${JSON.stringify(view)}\n`;
  const { status, reference, customerId, email, createdAt, total, refunded } = view;
  const own = [id, status, reference, customerId, email, createdAt, total.currency, total.amount, refunded.amount];
  return view.lines
    .map(({ sku, name, quantity, unitPrice }, i) => csvLine([...own, i + 1, sku, name, quantity, unitPrice.amount]))
    .join('');
}
