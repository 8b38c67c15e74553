// All orders as a file, oldest first, read page by page: memory stays flat however many there are.
//
//   csv: one line per order line (the order's own fields repeat)        jsonl: one order per line, as the API shows it

import type { Address, Order } from '../../actors/order.ts';
import { csvLine } from '../../mixins/csv.ts';
import type { ExportFormat } from '../../mixins/export-file.ts';
import type { Database } from '../../mixins/postgres/database.ts';
import { read } from '../../mixins/postgres/reads.ts';
import { type OrderView, viewOrder } from './order.view.ts';
import { OrderRow } from './orders.entities.ts';

/** Orders of one query. An order may have two thousand lines, so these are few. */
const PAGE = 100;

/** Of the order, of where it goes, and of the line. */
const COLUMNS =
  'id,status,reference,customer_id,email,created_at,updated_at,currency,total,exact_total,refunded,' +
  'addressee,line1,line2,city,postcode,country,' +
  'line,product_id,sku,name,quantity,unit_price,line_total';

/** The file's text, in pieces. */
export async function* exportOrders(database: Database, format: ExportFormat): AsyncGenerator<string> {
  if (format === 'csv') yield csvLine(COLUMNS.split(','));
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
    for (const { id, state } of rows) {
      const order = viewOrder(id, JSON.parse(state) as Order);
      yield format === 'csv' ? toCsv(order) : `${JSON.stringify(order)}\n`;
    }
  }
}

function toCsv(order: OrderView): string {
  const { id, status, reference, customerId, email, createdAt, updatedAt, total, exactTotal, refunded } = order;
  const { name: addressee, line1, line2, city, postcode, country } = (order.shippingAddress ?? {}) as Partial<Address>;
  const facts = [id, status, reference, customerId, email, createdAt, updatedAt];
  const sums = [total.currency, total.amount, exactTotal.amount, refunded.amount];
  const own = [...facts, ...sums, addressee, line1, line2, city, postcode, country];
  return order.lines
    .map(({ productId, sku, name, quantity, unitPrice, total: lineTotal }, i) =>
      csvLine([...own, i + 1, productId, sku, name, quantity, unitPrice.amount, lineTotal.amount]),
    )
    .join('');
}
