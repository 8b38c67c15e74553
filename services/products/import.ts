// Reads a CSV of any size at flat memory and hands its rows on in batches. A row that cannot be taken is named by line and
// reason; the others are taken.
//
//   bytes ──► records ──► rows ──500 at a time──► take ──► { accepted, rejected, errors }
//
// The next batch is read while one is taken, and batches are taken one after another: of two rows with one SKU the later
// one holds.

import { isProblem, Problem } from '../../brokers/problem.ts';
import { type CsvRecord, readCsv } from '../../mixins/csv.ts';
import { type ReadCells, readHeads } from './csv-heads.ts';
import { type Cells, type ImportRow, readRow, type RowFault } from './import-row.ts';

/** Rows of one batch. */
export const IMPORT_BATCH = 500;
/** Characters of one batch, about: long descriptions make shorter ones, so that memory and statements stay small. */
export const IMPORT_BATCH_CHARACTERS = 250_000;
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

/**
 * Reads and takes all rows.
 * @throws Problem `invalid-request` if the header is not one of ours, and whatever `take` throws (a problem says how far
 * the import has come).
 */
export async function importCsv(bytes: AsyncIterable<Uint8Array>, take: Take): Promise<ImportReport> {
  let readCells: ReadCells | undefined;
  let accepted = 0;
  let rejected = 0;
  const errors: { line: number; code: string; detail: string }[] = [];
  let batch: NumberedRow[] = [];
  let characters = 0;
  let taking = Promise.resolve();

  async function flush(): Promise<void> {
    await taking;
    const rows = batch;
    batch = [];
    characters = 0;
    accepted += rows.length;
    const [first] = rows;
    if (first === undefined) return;
    taking = take(rows).catch((error: unknown) => {
      throw interrupted(error, first.line);
    });
    // Awaited at the next flush or at the end; until then a rejection must not count as unhandled.
    taking.catch(() => undefined);
  }

  try {
    for await (const record of readCsv(bytes)) {
      if (readCells === undefined) {
        if (!('cells' in record))
          throw new Problem('invalid-request', `line ${record.line} should be the header: ${record.detail}`);
        readCells = readHeads(record.cells, record.line);
        continue;
      }
      const row = rowOf(record, readCells);
      if ('code' in row) {
        rejected += 1;
        if (errors.length < IMPORT_ERRORS_MAX) errors.push({ line: record.line, code: row.code, detail: row.detail });
        continue;
      }
      batch.push({ line: record.line, row });
      characters += row.name.length + (row.description?.length ?? 0);
      if (batch.length >= IMPORT_BATCH || characters >= IMPORT_BATCH_CHARACTERS) await flush();
    }
    if (readCells === undefined)
      throw new Problem('invalid-request', 'the file is empty: its first line names the columns');
    await flush();
    await taking;
  } finally {
    // Also a file that breaks off is answered when what was begun of it is done.
    await taking.catch(() => undefined);
  }
  return { accepted, rejected, errors };
}

/** The same error, which says how far the import has come if its caller is meant to read it. */
function interrupted(error: unknown, line: number): unknown {
  if (!isProblem(error)) return error;
  const detail = `${error.message} (the rows before line ${line} are taken, of those from there on some may be: send the file again)`;
  return new Problem(error.type ?? 'unavailable', detail);
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

function rowOf(record: CsvRecord, readCells: ReadCells): ImportRow | RowFault {
  if (!('cells' in record)) return record;
  const cells = readCells(record.cells);
  return 'code' in cells ? cells : readRow(cells);
}
