// The catalogue as a file, page by page, at flat memory: as CSV, which can be imported again unchanged, or as JSON lines.

import { formatExact } from '../../actors/money.ts';
import { csvLine } from '../../mixins/csv.ts';
import type { ExportFormat } from '../../mixins/export-file.ts';
import type { Database } from '../../mixins/postgres/database.ts';
import { read } from '../../mixins/postgres/reads.ts';
import type { Availability } from './availability.ts';
import { COLUMNS } from './import-row.ts';
import { type Shown, viewProduct } from './product.view.ts';
import { ProductRow } from './products.entities.ts';

/** Products of one query. A description may have 20,000 characters, so these are few. */
const PAGE = 200;

type Row = Shown & { readonly id: string };

/** All live products in the order of their SKUs, page by page: each is there once, as it was when its page was read. */
export async function* productPages(database: Database): AsyncGenerator<readonly Row[]> {
  for (let after = ''; ; ) {
    const rows = await read(
      database
        .em()
        .find(
          ProductRow,
          { status: 'live', sku: { $gt: after } },
          { orderBy: { sku: 'asc' }, limit: PAGE, disableIdentityMap: true },
        ),
    );
    const last = rows.at(-1);
    if (last === undefined) return;
    yield rows;
    after = last.sku;
  }
}

/** The file's text, in pieces. CSV has the columns of an import, JSON lines hold products as the API shows them. */
export async function* exportProducts(
  pages: AsyncIterable<readonly Row[]>,
  availability: Availability,
  format: ExportFormat,
): AsyncGenerator<string> {
  if (format === 'csv') yield csvLine(COLUMNS);
  const lineOf = format === 'csv' ? toCsv : toJson;
  for await (const page of pages) {
    const available = await availability.of(page.map(({ sku }) => sku));
    // One by one: a page of long descriptions need not be held a second time as text.
    for (const row of page) yield lineOf(row, available(row.sku));
  }
}

/** `stock` is what is available, which a shop without the product opens it with. */
function toCsv({ sku, name, description, category, unitPrice, currency }: Row, available: number): string {
  const [about, path] = [description ?? undefined, category ?? undefined];
  return csvLine([sku, name, about, path, formatExact(unitPrice), currency, available]);
}

function toJson(row: Row, available: number): string {
  return `${JSON.stringify(viewProduct(row.id, row, available))}\n`;
}
