// A list of everything as a file to keep: CSV, or a JSON object a line. It is sent while it is made, so it may be of any
// length, and a reader who is slow, or leaves, holds up nothing but the file's own making.

import { Readable } from 'node:stream';
import type { Caller } from './caller.ts';

export type ExportFormat = 'csv' | 'jsonl';

/** Characters of a piece that is sent. */
const PIECE_LENGTH = 65_536;

const types: Readonly<Record<ExportFormat, string>> = {
  csv: 'text/csv; charset=utf-8',
  jsonl: 'application/jsonl; charset=utf-8',
};

/** The text as the body of an answer, which `meta` calls a file of this name and format. */
export function exportFile(meta: Caller, name: string, format: ExportFormat, text: AsyncIterable<string>): Readable {
  meta.$responseType = types[format];
  meta.$responseHeaders = { 'Content-Disposition': `attachment; filename="${name}.${format}"` };
  // As bytes, so that what is made ahead of its reader is measured in bytes and not in pieces.
  return Readable.from(inPieces(text), { objectMode: false });
}

/** The same text in fewer pieces: each is a write to the network. */
async function* inPieces(text: AsyncIterable<string>): AsyncGenerator<string> {
  let piece = '';
  for await (const more of text) {
    piece += more;
    if (piece.length < PIECE_LENGTH) continue;
    yield piece;
    piece = '';
  }
  if (piece !== '') yield piece;
}
