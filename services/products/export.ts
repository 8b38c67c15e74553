// The catalogue as a file, page by page, at flat memory: as CSV, which can be imported again unchanged, or as JSON lines.

import { formatExact } from '../../actors/money.ts';
import { csvLine } from '../../mixins/csv.ts';
import type { Availability } from './availability.ts';
import { COLUMNS } from './import-row.ts';
import { type Shown, viewProduct } from './product.view.ts';

type Pages = AsyncIterable<readonly (Shown & { readonly id: string })[]>;

/** CSV in the columns of an import; `stock` is what is available, which a shop without the product opens it with. */
export async function* exportCsv(pages: Pages, availability: Availability): AsyncGenerator<string> {
  yield csvLine(COLUMNS);
  for await (const page of pages) {
    const available = await availability.of(page.map(({ sku }) => sku));
    yield page
      .map(({ sku, name, description, category, unitPrice, currency }) =>
        csvLine([
          sku,
          name,
          description ?? undefined,
          category ?? undefined,
          formatExact(unitPrice),
          currency,
          available(sku),
        ]),
      )
      .join('');
  }
}

/** One product, as the API shows it, a line. */
export async function* exportJsonLines(pages: Pages, availability: Availability): AsyncGenerator<string> {
  for await (const page of pages) {
    const available = await availability.of(page.map(({ sku }) => sku));
    yield page.map((row) => `${JSON.stringify(viewProduct(row.id, row, available(row.sku)))}\n`).join('');
  }
}
