// The receiver's half of a stream that is pushed. A piece is answered when there is room for the next one, so whoever
// sends goes no faster than the pieces are read.

import { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { Problem } from '../../brokers/problem.ts';
import type { OpenStream } from './open-streams.ts';
import { PIECE_BYTES, type Progress, ROOM_WITHIN_MS } from './stream-handle.ts';

/** Takes pieces, and answers the last one (without bytes) with what `take` has made of them; earlier if it fails. */
export function incoming(take: (body: Readable) => Promise<unknown>, roomWithinMs = ROOM_WITHIN_MS): OpenStream {
  let room = Promise.withResolvers<void>();
  const body = new Readable({ highWaterMark: PIECE_BYTES, read: () => room.resolve() });
  // A sender who leaves is told to `take` by its reading; by itself that must not be an error that nobody has caught.
  body.on('error', () => {});
  const result = take(body).then((value): Progress => ({ result: value }));
  result.catch(() => {});
  let last = -1;
  let ended = false;

  function accept(at: number, bytes: Buffer | undefined): void {
    if (at === last) return;
    if (at !== last + 1)
      throw new Problem('invalid-request', `piece ${at} was sent: the next one is piece ${last + 1}`);
    if (ended) throw new Problem('invalid-request', `piece ${at} was sent: the stream has ended with piece ${last}`);
    last = at;
    room = Promise.withResolvers();
    if (bytes === undefined) ended = true;
    if (body.push(bytes ?? null)) room.resolve();
  }

  return {
    async push(at, bytes) {
      accept(at, bytes);
      const enough = new AbortController();
      const patience = pause(roomWithinMs, { more: false }, { signal: enough.signal, ref: false });
      // The answer to the end is the result.
      const taken = ended ? [] : [room.promise.then(() => ({ more: true }))];
      try {
        return await Promise.race([result, ...taken, patience]);
      } finally {
        patience.catch(() => {});
        enough.abort();
      }
    },
    async close() {
      // Reading on, `take` learns that the rest does not come; of a stream that has ended it notices nothing.
      if (!ended) body.destroy(new Error('the sender of the stream went away before its end'));
      await result.catch(() => {});
    },
  };
}
