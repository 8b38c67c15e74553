// The sender's half of a stream that is pulled. The stream is read when a piece is asked for, and no further than its own
// buffer, so a slow reader slows down whoever makes it.

import type { Readable } from 'node:stream';
import { Problem } from '../../brokers/problem.ts';
import type { OpenStream } from './open-streams.ts';
import { type Piece, PIECE_BYTES } from './stream-handle.ts';

/** Gives the bytes of the stream, piece by piece; the piece given last is given again if it is asked for again. */
export function outgoing(stream: Readable): OpenStream {
  // A stream that breaks says so to whoever pulls; by itself it must not be an error that nobody has caught.
  stream.on('error', () => {});
  const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  let rest: Uint8Array | undefined;
  let last: { readonly at: number; readonly piece: Promise<Piece> } | undefined;

  async function next(): Promise<Piece> {
    if (rest === undefined) {
      const read = await chunks.next();
      if (read.done === true) return {};
      rest = read.value;
    }
    const { buffer, byteOffset, byteLength } = rest;
    const length = Math.min(byteLength, PIECE_BYTES);
    rest = length === byteLength ? undefined : rest.subarray(length);
    return { bytes: Buffer.from(buffer, byteOffset, length).toString('base64') };
  }

  return {
    pull(at) {
      if (last?.at === at) return last.piece;
      const due = (last?.at ?? -1) + 1;
      if (at !== due) throw new Problem('invalid-request', `piece ${at} was asked for: the next one is piece ${due}`);
      last = { at, piece: next() };
      return last.piece;
    },
    close() {
      stream.destroy();
      return Promise.resolve();
    },
  };
}
