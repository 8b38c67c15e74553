// Which kind of file it is, told by its heads, and how a row of it becomes cells that an import understands.
//
//   sku,name,description,category,price,currency,stock      ours: what an export writes
//   sku,name,price_gbp,kind,…                               a price list with the currency in a head   import-price-list.ts
//   sku,product_type,categories,price,qty,… (70 and more)   Magento's own                              import-magento.ts
//
// docs/import.md has the mapping of each.

import { Problem } from '../../brokers/problem.ts';
import { type Cells, COLUMNS, type Column, type RowFault } from './import-row.ts';
import { magentoFile } from './import-magento.ts';
import { priceListFile } from './import-price-list.ts';

/** The text of a row under a head; empty if the file has no such head. */
export type CellOf = (head: string) => string;

/** A kind of file. Heads are in lower case. */
export interface FileKind {
  /** As sentences call it. */
  readonly name: string;
  readonly required: readonly string[];
  readonly optional: readonly string[];
  /** What further heads are: a mistake, or of no concern here. */
  readonly others: 'refused' | 'ignored';
  /** What a row says of a product in the words of our own columns, or why it is not taken. */
  cellsOf(cell: CellOf): Cells | RowFault;
}

/** From the cells of a row to those of our columns, or what is wrong. */
export type ReadCells = (cells: readonly string[]) => Cells | RowFault;

const OPTIONAL: readonly Column[] = ['currency', 'stock'];
const ownFile: FileKind = {
  name: 'an import',
  required: COLUMNS.filter((column) => !OPTIONAL.includes(column)),
  optional: OPTIONAL,
  others: 'refused',
  cellsOf: (cell) => Object.fromEntries(COLUMNS.map((column) => [column, cell(column)])),
};

/**
 * How to read the rows under these heads, which stand in any order, in capitals or not. `line`: where they stand.
 * @throws Problem `invalid-request` with a sentence if a head is unknown, missing, empty or there twice.
 */
export function readHeads(cells: readonly string[], line = 1): ReadCells {
  const heads = cells.map((cell) => cell.trim().toLowerCase());
  const kind = magentoFile(heads) ?? priceListFile(heads) ?? ownFile;
  demandHeads(kind, heads, line);
  const places = new Map(heads.map((head, i) => [head, i]));
  return (row) => {
    if (row.length !== heads.length) return wrongNumber(row.length, heads.length);
    return kind.cellsOf((head) => row[places.get(head) ?? -1] ?? '');
  };
}

function demandHeads(kind: FileKind, heads: readonly string[], line: number): void {
  const { name, required, optional, others } = kind;
  const wanted = `the header of ${name} names the columns ${required.join(', ')} in any order${
    optional.length === 0 ? '' : `; ${optional.join(', ')} may be left out`
  }`;
  const refuse = (what: string): never => {
    throw new Problem('invalid-request', `line ${line}: ${what}: ${wanted}`);
  };
  const [first = ''] = heads;
  const separator = heads.length === 1 && ([';', '\t', '|'] as const).find((character) => first.includes(character));
  if (separator) refuse(`cells are separated by commas, not by ${separator === '\t' ? 'tabs' : `"${separator}"`}`);
  const known = [...required, ...optional];
  const twice = heads.find((head, i) => head !== '' && heads.indexOf(head) !== i);
  if (twice !== undefined) refuse(`the column "${short(twice)}" is there twice`);
  if (others === 'refused') {
    const unknown = heads.findIndex((head) => !known.includes(head));
    if (heads[unknown] === '') refuse(`column ${unknown + 1} has no head`);
    if (unknown !== -1) refuse(`the column "${short(heads[unknown] ?? '')}" is unknown`);
  }
  const missing = required.find((head) => !heads.includes(head));
  if (missing !== undefined) refuse(`the column "${missing}" is missing`);
}

function wrongNumber(has: number, wanted: number): RowFault {
  const what = has < wanted ? 'one may be missing' : 'a text with a comma must be quoted';
  return { code: 'wrong-number-of-cells', detail: `the row has ${has} cells, the header ${wanted}: ${what}` };
}

function short(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}
