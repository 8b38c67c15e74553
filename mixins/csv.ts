// CSV (RFC 4180) read from a stream of bytes and written line by line. One bad record never takes its neighbours along,
// and a record is known by the line of the file on which it begins, whatever line ends its cells hold.
//
//   bytes ──UTF-8──► text ──► record ──► { line, cells }
//                               └─ damaged ──► { line, code, detail }, and on with the next line
//
// Memory is bounded by the longest record. Line ends may be LF, CRLF or CR, also mixed; a byte order mark is passed over.

/** A record, or why there is none; `line` counts from 1. */
export type CsvRecord =
  | { readonly line: number; readonly cells: readonly string[] }
  | { readonly line: number; readonly code: string; readonly detail: string };

/** Longest record in characters: a quote that is never closed must not swallow the rest of a file. */
export const RECORD_LENGTH_MAX = 262_144;

const REPLACEMENT_CHARACTER = '\ufffd';
const PLAIN_CELL = /[^,\r\n"]*/y;
const LINE_END = /\r\n?|\n/g;

type Scan =
  | { readonly end: number; readonly cells: readonly string[] }
  /** The text ends inside the record; `unclosed`: inside a quoted cell. */
  | { readonly end: undefined; readonly unclosed: boolean }
  | { readonly end: number; readonly fault: string };

/** Reads the record that begins at `start`. `last`: no text follows. */
function scan(text: string, start: number, last: boolean): Scan {
  const cells: string[] = [];
  let at = start;
  for (;;) {
    if (text[at] === '"') {
      const cell = quoted(text, at + 1, last);
      if (cell === undefined) return { end: undefined, unclosed: true };
      cells.push(cell.value);
      at = cell.end;
    } else {
      PLAIN_CELL.lastIndex = at;
      const value = (PLAIN_CELL.exec(text) as RegExpExecArray)[0];
      cells.push(value);
      at += value.length;
    }
    const next = text[at];
    if (next === ',') at += 1;
    else if (next === undefined) return last ? { end: at, cells } : { end: undefined, unclosed: false };
    else if (next === '\n') return { end: at + 1, cells };
    else if (next === '\r') {
      // The line feed that belongs to it may still be on its way.
      if (at + 1 === text.length && !last) return { end: undefined, unclosed: false };
      return { end: text[at + 1] === '\n' ? at + 2 : at + 1, cells };
    } else {
      const fault = `cell ${cells.length} has a quote in its middle: quote the whole cell and double the quotes inside`;
      const end = afterLine(text, at, last);
      return end === undefined && !last ? { end: undefined, unclosed: false } : { end: end ?? text.length, fault };
    }
  }
}

/** The cell whose opening quote stands before `start`; undefined if the text ends before its closing one. */
function quoted(
  text: string,
  start: number,
  last: boolean,
): { readonly value: string; readonly end: number } | undefined {
  let value = '';
  for (let from = start; ; ) {
    const quote = text.indexOf('"', from);
    if (quote === -1 || (quote + 1 === text.length && !last)) return undefined;
    value += text.slice(from, quote);
    if (text[quote + 1] !== '"') return { value, end: quote + 1 };
    value += '"';
    from = quote + 2;
  }
}

/** Where the line after `at` begins; undefined if the text, which may be continued unless `last`, has no further line. */
function afterLine(text: string, at: number, last: boolean): number | undefined {
  LINE_END.lastIndex = at;
  const end = LINE_END.exec(text);
  if (end === null) return undefined;
  const next = end.index + end[0].length;
  return end[0] === '\r' && next === text.length && !last ? undefined : next;
}

function linesIn(text: string, from: number, to: number): number {
  let lines = 0;
  for (let at = afterLine(text, from, true); at !== undefined && at <= to; at = afterLine(text, at, true)) lines += 1;
  return lines;
}

/** All records of a CSV file, the header included. Blank records are left out, damaged ones named. */
export async function* readCsv(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<CsvRecord, void, undefined> {
  const decoder = new TextDecoder();
  let text = '';
  let line = 1;
  let skippingLine = false;

  function* take(last: boolean): Generator<CsvRecord> {
    let at = 0;
    while (at < text.length) {
      if (skippingLine) {
        const next = afterLine(text, at, last);
        // A carriage return at the very end stays: the line feed that belongs to it may still be on its way.
        at = next ?? (text.endsWith('\r') ? text.length - 1 : text.length);
        if (next === undefined) break;
        skippingLine = false;
        line += 1;
        continue;
      }
      const found = scan(text, at, last);
      if (found.end === undefined && !last && text.length - at <= RECORD_LENGTH_MAX) break;
      const start = at;
      if (found.end === undefined) {
        const next = afterLine(text, start, last);
        yield found.unclosed
          ? {
              line,
              code: 'unclosed-quote',
              detail: 'a quote is opened and not closed within the length that a record may have',
            }
          : { line, code: 'record-too-long', detail: `a record has at most ${RECORD_LENGTH_MAX} characters` };
        // Whatever the quote was meant to hold, the next line is the likeliest place to find a whole record again.
        skippingLine = next === undefined;
        at = next ?? text.length;
      } else {
        at = found.end;
        const record = 'fault' in found ? { line, code: 'bad-quotes', detail: found.fault } : whole(line, found.cells);
        if (record !== undefined) yield record;
      }
      line += linesIn(text, start, at);
    }
    text = text.slice(at);
  }

  for await (const chunk of bytes) {
    text += decoder.decode(chunk, { stream: true });
    yield* take(false);
  }
  text += decoder.decode();
  yield* take(true);
}

function whole(line: number, cells: readonly string[]): CsvRecord | undefined {
  if (cells.every((cell) => cell.trim() === '')) return undefined;
  const damaged = cells.findIndex((cell) => cell.includes(REPLACEMENT_CHARACTER));
  if (damaged === -1) return { line, cells };
  return { line, code: 'malformed-utf8', detail: `cell ${damaged + 1} holds bytes that are not UTF-8` };
}

const NEEDS_QUOTES = /[",\r\n]/;

/** One line of a CSV file, its line end included. Absent values are empty cells. */
export function csvLine(values: readonly (string | number | undefined)[]): string {
  const cells = values.map((value) => {
    const text = value === undefined ? '' : String(value);
    return NEEDS_QUOTES.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  });
  return `${cells.join(',')}\n`;
}
