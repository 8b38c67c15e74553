import { describe, expect, it } from '@jest/globals';
import { incoming } from './incoming.ts';
import { PIECE_BYTES } from './stream-handle.ts';

describe('a sender for whose piece there is no room', () => {
  it('is told so after a while, and the piece, sent again, counts once', async () => {
    const read = Promise.withResolvers<void>();
    const stream = incoming(async (body) => {
      await read.promise;
      let length = 0;
      for await (const bytes of body) length += (bytes as Buffer).length;
      return length;
    }, 1);
    const piece = Buffer.alloc(PIECE_BYTES);
    expect(await stream.push?.(0, piece)).toEqual({ more: false });
    read.resolve();
    for (;;) {
      const progress = await stream.push?.(0, piece);
      if (progress !== undefined && 'more' in progress && progress.more) break;
    }
    for (;;) {
      const progress = await stream.push?.(1, undefined);
      if (progress === undefined || 'result' in progress) {
        expect(progress).toEqual({ result: PIECE_BYTES });
        return;
      }
    }
  });
});
