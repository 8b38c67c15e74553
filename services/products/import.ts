// Reads a CSV of any size at flat memory and hands its rows on in batches. A row that cannot be taken is named by line and
// reason; the others are taken.
//
//   bytes ──► records ──► rows ──500 at a time──► take ──► { accepted, rejected, errors }
//
// The next batch is read while one is taken, and batches are taken one after another: of two rows with one SKU the later
// one holds.

import { Problem } from '../../brokers/problem.ts';
import { type CsvRecord, readCsv } from '../../mixins/csv.ts';
import { type Cells, type Column, type ImportRow, readHeader, readRow, type RowFault } from './import-row.ts';

/** Rows of one batch. */
export const IMPORT_BATCH = 500;
/** Errors that a report names; the rest is only counted. */
export const IMPORT_ERRORS_MAX = 1_000;

export interface NumberedRow {
  readonly line: number;
  readonly row: ImportRow;
}

export interface ImportReport {
  readonly accepted: number;
  readonly rejected: number;
  readonly errors: readonly { readonly line: number; readonly code: string; readonly detail: string }[];
}

/** Takes rows whole: resolves when they have taken effect, rejects if any has not. */
export type Take = (rows: readonly NumberedRow[]) => Promise<void>;

/** Reads and takes all rows. @throws Problem `invalid-request` if the header is not one of ours, and whatever `take` throws. */
export async function importCsv(bytes: AsyncIterable<Uint8Array>, take: Take): Promise<ImportReport> {
  let columns: readonly Column[] | undefined;
  let accepted = 0;
  let rejected = 0;
  const errors: { line: number; code: string; detail: string }[] = [];
  let batch: NumberedRow[] = [];
  let taking = Promise.resolve();

  async function flush(): Promise<void> {
    await taking;
    const rows = batch;
    batch = [];
    accepted += rows.length;
    taking = rows.length === 0 ? Promise.resolve() : take(rows);
    // Awaited at the next flush; until then a rejection must not count as unhandled.
    taking.catch(() => undefined);
  }

  for await (const record of readCsv(bytes)) {
    if (columns === undefined) {
      if (!('cells' in record))
        throw new Problem('invalid-request', `line ${record.line} should be the header: ${record.detail}`);
      columns = readHeader(record.cells);
      continue;
    }
    const row = rowOf(record, columns);
    if ('code' in row) {
      rejected += 1;
      if (errors.length < IMPORT_ERRORS_MAX) errors.push({ line: record.line, code: row.code, detail: row.detail });
    } else if (batch.push({ line: record.line, row }) >= IMPORT_BATCH) await flush();
  }
  if (columns === undefined)
    throw new Problem('invalid-request', 'the file is empty: its first line names the columns');
  await flush();
  await taking;
  return { accepted, rejected, errors };
}

/** Takes rows that are at hand already, in batches as well; their lines are counted from 1. */
export async function importRows(cells: readonly Cells[], take: Take): Promise<ImportReport> {
  const errors: ImportReport['errors'][number][] = [];
  const right: NumberedRow[] = [];
  cells.forEach((one, i) => {
    const row = readRow(one);
    if ('code' in row) errors.push({ line: i + 1, code: row.code, detail: row.detail });
    else right.push({ line: i + 1, row });
  });
  for (let at = 0; at < right.length; at += IMPORT_BATCH) await take(right.slice(at, at + IMPORT_BATCH));
  return { accepted: right.length, rejected: errors.length, errors: errors.slice(0, IMPORT_ERRORS_MAX) };
}

function rowOf(record: CsvRecord, columns: readonly Column[]): ImportRow | RowFault {
  if (!('cells' in record)) return record;
  const { cells } = record;
  if (cells.length !== columns.length) {
    return { code: 'wrong-number-of-cells', detail: `the row has ${cells.length} cells, the header ${columns.length}` };
  }
  return readRow(Object.fromEntries(columns.map((column, i) => [column, cells[i]])) as Cells);
}
