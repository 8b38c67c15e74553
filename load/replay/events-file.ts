// Events to replay, read from CSV (plain or gzipped): a click stream, or the sale lines of a retailer's invoices, which are
// purchases. A row that is no event is named by its line, and then nothing of the file is sent: event time never goes
// back, so what was left out could not be made up for.

import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import { PassThrough, pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { CsvError, parse } from 'csv-parse';
import { siftEvents } from '../../services/activity/read-event.ts';
import { BadFile } from './invoices.ts';

/** An event as `POST /events` takes it. */
export interface WireEvent {
  readonly event_id: string;
  readonly user_id: string;
  readonly product_id: string;
  readonly event_type: string;
  readonly timestamp: string;
  readonly metadata?: object;
}

export interface FileEvent {
  /** Where the row ends in the file, from 1. */
  readonly line: number;
  /** Milliseconds since 1970 UTC. */
  readonly time: number;
  readonly event: WireEvent;
}

export type Row = Readonly<Record<string, string | undefined>>;

/** Bad rows that a refusal shows. */
const FAULTS_SHOWN = 20;
const CLICKS = ['event_id', 'event_time', 'event_type', 'product_id', 'user_id'];
const SALES = ['row', 'invoice_no', 'stock_code', 'quantity', 'invoice_date', 'customer_id'];

/**
 * The rows of a CSV file, each with the line it ends on, and with what is wrong with its number of cells.
 * @throws BadFile if it is no CSV or lacks all these sets of columns
 */
export async function* readRows(
  path: string,
  ...heads: readonly (readonly string[])[]
): AsyncGenerator<{ readonly line: number; readonly row: Row; readonly uneven: string | undefined }> {
  const rows = parse({
    columns: true,
    bom: true,
    info: true,
    relax_column_count: true,
    skip_empty_lines: true,
    record_delimiter: ['\r\n', '\n'],
  });
  const unzip = path.endsWith('.gz') ? createGunzip() : new PassThrough();
  // Whatever breaks on the way ends the loop below with its error.
  pipeline(createReadStream(path), unzip, rows, () => undefined);
  let checked = false;
  try {
    for await (const { record, info } of rows as AsyncIterable<Parsed>) {
      if (!checked) demandHead(path, info.columns, heads);
      checked = true;
      const { lines, columns, error } = info;
      const uneven = error && `${error.record.length} cells, but the head names ${columns.length} columns`;
      yield { line: lines, row: record, uneven };
    }
  } catch (error) {
    const { message, code = '' } = error as NodeJS.ErrnoException;
    if (error instanceof CsvError) throw new BadFile(`${path} is no sound CSV: ${message}`);
    if (code.startsWith('Z_')) throw new BadFile(`${path} cannot be unzipped: ${message}`);
    throw error;
  }
  if (!checked) throw new BadFile(`${path} holds no row below its head`);
}

interface Parsed {
  readonly record: Row;
  readonly info: {
    readonly lines: number;
    readonly columns: readonly { readonly name: string }[];
    /** Set where a row has more or fewer cells than there are columns. */
    readonly error?: { readonly record: readonly string[] };
  };
}

function demandHead(path: string, columns: Parsed['info']['columns'], heads: readonly (readonly string[])[]): void {
  const names = new Set(columns.map(({ name }) => name));
  if (heads.some((head) => head.every((name) => names.has(name)))) return;
  const wanted = heads.map((head) => head.join(', ')).join('; or ');
  throw new BadFile(`${path} has the columns ${[...names].join(', ')}, but needs ${wanted}`);
}

/**
 * Reads the events of a file in its order.
 * @param day only events of this day (UTC, `YYYY-MM-DD`)
 * @throws BadFile that names every row (the first 20) that is no event, by its line
 */
export async function readEvents(path: string, day?: string, now = Date.now()): Promise<readonly FileEvent[]> {
  if (day !== undefined && Number.isNaN(Date.parse(`${day}T00:00:00Z`)))
    throw new BadFile(`the day is "${day}", but must be written like 2010-12-05`);
  const events: FileEvent[] = [];
  const faults: string[] = [];
  const known = new Map<string, number>();
  for await (const { line, row, uneven } of readRows(path, CLICKS, SALES)) {
    const event = row['invoice_no'] === undefined ? clickOf(row) : purchaseOf(row);
    if (event === undefined) continue;
    const fault = uneven ?? faultOf(event, now) ?? repeated(event, known);
    if (fault !== undefined) faults.push(`line ${line}: ${fault}`);
    else if (day === undefined || event.timestamp.startsWith(day)) {
      events.push({ line, time: Date.parse(event.timestamp), event });
    }
    if (!known.has(event.event_id)) known.set(event.event_id, line);
  }
  if (faults.length > 0) throw new BadFile(listed(`${path}: ${faults.length} rows are no events`, faults));
  if (events.length === 0)
    throw new BadFile(`${path} holds no event${day === undefined ? '' : ` of ${day}`} to replay`);
  return events;
}

function clickOf(row: Row): WireEvent {
  const { event_id = '', event_time, event_type = '', product_id = '', user_id = '', ...more } = row;
  const filled = Object.entries(more).filter(([, value]) => value !== undefined && value !== '');
  const metadata = filled.length === 0 ? {} : { metadata: Object.fromEntries(filled) };
  return { event_id, user_id, product_id, event_type, timestamp: zoned(event_time), ...metadata };
}

/** A sale of at least one piece to a customer; undefined for every other line of an invoice. */
function purchaseOf(row: Row): WireEvent | undefined {
  const { row: id = '', invoice_no = '', stock_code = '', quantity = '', customer_id = '' } = row;
  if (!/^\d/.test(invoice_no) || customer_id === '' || /^-|^0*$/.test(quantity)) return undefined;
  return {
    event_id: id,
    user_id: customer_id,
    product_id: stock_code,
    event_type: 'purchase',
    timestamp: zoned(row['invoice_date']),
    metadata: { quantity, invoice_no },
  };
}

/** A time without a zone is read as UTC. */
function zoned(time = ''): string {
  return /T[\d:.]+$/.test(time) ? `${time}Z` : time;
}

function faultOf(event: WireEvent, now: number): string | undefined {
  // Judged by the shop's own rules, before it is asked.
  const [fault] = siftEvents([event], '', now).rejected;
  if (fault === undefined) return undefined;
  const value = event[fault.field as keyof WireEvent];
  return typeof value === 'string' && value !== '' ? `${fault.detail}, not "${value.slice(0, 60)}"` : fault.detail;
}

function repeated({ event_id: id }: WireEvent, known: ReadonlyMap<string, number>): string | undefined {
  return known.has(id) ? `the event_id ${id} stands on line ${known.get(id)} already` : undefined;
}

/**
 * The events in the order in which a file of their ids says that they arrived.
 * @throws BadFile unless it names each of them, once
 */
export async function inArrivalOrder(events: readonly FileEvent[], path: string): Promise<readonly FileEvent[]> {
  const left = new Map(events.map((each) => [each.event.event_id, each]));
  const all = new Set(left.keys());
  const ordered: FileEvent[] = [];
  const faults: string[] = [];
  for await (const { line, row } of readRows(path, ['event_id'])) {
    const id = row['event_id'] ?? '';
    const event = left.get(id);
    if (event === undefined)
      faults.push(`line ${line}: ${all.has(id) ? `event ${id} has arrived before` : `there is no event "${id}"`}`);
    else ordered.push(event);
    left.delete(id);
  }
  for (const id of left.keys()) faults.push(`event ${id} never arrives`);
  if (faults.length > 0)
    throw new BadFile(listed(`${basename(path)} is no order of the events: ${faults.length} faults`, faults));
  return ordered;
}

function listed(what: string, faults: readonly string[]): string {
  const more = faults.length > FAULTS_SHOWN ? [`… and ${faults.length - FAULTS_SHOWN} more`] : [];
  return [`${what}; nothing was sent`, ...faults.slice(0, FAULTS_SHOWN), ...more].join('\n  ');
}
