// CSV (RFC 4180) read from a stream of bytes and written line by line. One bad record never takes its neighbours along,
// and a record is known by the line of the file on which it begins, whatever line ends its cells hold.
//
//   bytes ──UTF-8──► text ──► record ──► { line, cells }
//                               └─ damaged ──► { line, code, detail }, and on with the next line
//
// Memory is bounded by the longest record. Line ends may be LF, CRLF or CR, also mixed, and each counts as one line, inside
// cells too; a byte order mark is passed over.

/** A record, or why there is none; `line` counts from 1. */
export type CsvRecord =
  | { readonly line: number; readonly cells: readonly string[] }
  | { readonly line: number; readonly code: string; readonly detail: string };

/** Longest record in characters: a quote that is never closed must not swallow the rest of a file. */
export const RECORD_LENGTH_MAX = 262_144;

/** Stands for bytes that are not UTF-8: half a surrogate pair, which UTF-8 cannot spell. So U+FFFD itself may be in a file. */
const DAMAGE = '\ud800';
const REPLACEMENT = '\ufffd';
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
      // Not the line of the fault: a quote left open further up would take all lines down to here along.
      const end = afterLine(text, start, last);
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
  const decode = createDecoder();
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
      const start = at;
      const found = scan(text, start, last);
      // Its end may be at hand by chance: how the bytes arrive must not decide.
      const isTooLong = (found.end ?? text.length) - start > RECORD_LENGTH_MAX;
      if (found.end === undefined && !last && !isTooLong) break;
      if (found.end === undefined || isTooLong) {
        const begun = isTooLong ? scan(text.slice(start, start + RECORD_LENGTH_MAX), 0, false) : found;
        yield { line, ...endless('unclosed' in begun && begun.unclosed, isTooLong) };
        // Whatever the quote was meant to hold, the next line is the likeliest place to find a whole record again.
        const next = afterLine(text, start, last);
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

  let enough = 0;
  for await (const chunk of bytes) {
    text += decode(chunk);
    if (text.length < enough) continue;
    yield* take(false);
    // A long record that arrives in small pieces is looked at when it has doubled, not with each of them.
    enough = 2 * text.length;
  }
  text += decode(undefined);
  yield* take(true);
}

function endless(unclosed: boolean, tooLong: boolean): { readonly code: string; readonly detail: string } {
  if (!unclosed) return { code: 'record-too-long', detail: `a record has at most ${RECORD_LENGTH_MAX} characters` };
  const until = tooLong ? `within the ${RECORD_LENGTH_MAX} characters that a record may have` : 'before the file ends';
  return {
    code: 'unclosed-quote',
    detail: `a quote is opened and not closed ${until}: close it, or double it if it belongs to the text`,
  };
}

function whole(line: number, cells: readonly string[]): CsvRecord | undefined {
  if (cells.every((cell) => cell.trim() === '')) return undefined;
  const damaged = cells.findIndex((cell) => cell.includes(DAMAGE));
  if (damaged === -1) return { line, cells };
  return {
    line,
    code: 'malformed-utf8',
    detail: `cell ${damaged + 1} holds bytes that are not UTF-8: save the file as UTF-8`,
  };
}

/** Decodes UTF-8 chunk by chunk (`undefined`: there are no more); what is not UTF-8 becomes `DAMAGE`. */
function createDecoder(): (chunk: Uint8Array | undefined) => string {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  let held: Uint8Array = new Uint8Array();
  let isStart = true;

  function textOf(bytes: Uint8Array): string {
    const text = decoder.decode(bytes);
    if (!text.includes(REPLACEMENT)) return text;
    // Either the file says U+FFFD, or the decoder does. Its bytes begin with one that begins a character wherever it stands.
    const parts: string[] = [];
    const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let from = 0; ; ) {
      const at = all.indexOf(REPLACEMENT, from);
      const part = at === -1 ? all.subarray(from) : all.subarray(from, at);
      parts.push(decoder.decode(part).replaceAll(REPLACEMENT, DAMAGE));
      if (at === -1) return parts.join(REPLACEMENT);
      from = at + 3;
    }
  }

  return (chunk) => {
    const bytes = held.length === 0 ? (chunk ?? held) : Buffer.concat(chunk === undefined ? [held] : [held, chunk]);
    const end = chunk === undefined ? bytes.length : endOfWhole(bytes);
    held = bytes.slice(end);
    const text = textOf(bytes.subarray(0, end));
    if (!isStart || text === '') return text;
    isStart = false;
    return text.startsWith('\ufeff') ? text.slice(1) : text;
  };
}

/** Where the last whole character ends: the rest of one that has begun may still be on its way. */
function endOfWhole(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] as number;
    if (byte < 0x80) break;
    if (byte < 0xc0) continue;
    const length = byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
    return length > back ? bytes.length - back : bytes.length;
  }
  return bytes.length;
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
