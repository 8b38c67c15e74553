import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from '@jest/globals';
import { inVirtualTime, pause, turn } from '../virtual-time.testing.ts';
import { type Asking, createOpenStreams, type OpenStreams } from './open-streams.ts';
import { IDLE_MS, isStreamHandle, PIECE_BYTES, type StreamHandle } from './stream-handle.ts';

const here: Asking = { nodeID: 'here', broker: { nodeID: 'here' } };
const far: Asking = { nodeID: 'far', broker: { nodeID: 'here' } };
const pushing = { ...far, params: { inPieces: true }, stream: null };
const asText = (bytes: string | undefined) => bytes && Buffer.from(bytes, 'base64').toString();
const inBase64 = (piece: string) => Buffer.from(piece).toString('base64');

function send(streams: OpenStreams, stream: Readable): string {
  const handle = streams.send(far, stream);
  if (!isStreamHandle(handle)) throw new Error('no handle');
  return handle.streamId;
}

function receive<T>(streams: OpenStreams, take: (body: Readable | null) => Promise<T>): string {
  return (streams.receive(pushing, take) as StreamHandle).streamId;
}

describe('a stream that is sent', () => {
  it('is handed over as it is to a caller on this node, and by a handle to others', () => {
    const streams = createOpenStreams();
    const [mine, yours] = [Readable.from([]), Readable.from([])];
    expect(streams.send(here, mine)).toBe(mine);
    expect(streams.send(far, yours)).toEqual({ streamId: expect.any(String), nodeId: 'here' });
    expect(streams.size).toBe(1);
  });

  it('is pulled piece by piece, the last one again if its answer was lost, and no other', async () => {
    const streams = createOpenStreams();
    const id = send(streams, Readable.from(['one', 'two'].map((word) => Buffer.from(word))));
    expect(asText((await streams.pull(id, 0)).bytes)).toBe('one');
    expect(asText((await streams.pull(id, 1)).bytes)).toBe('two');
    expect(asText((await streams.pull(id, 1)).bytes)).toBe('two');
    await expect(streams.pull(id, 0)).rejects.toThrow('piece 0 was asked for: the next one is piece 2');
    await expect(streams.pull(id, 3)).rejects.toThrow('piece 3 was asked for: the next one is piece 2');
    expect(await streams.pull(id, 2)).toEqual({});
    await expect(streams.push(id, 0, '')).rejects.toThrow('is pulled, not pushed');
  });

  it('is cut into pieces that fit into a message', async () => {
    const streams = createOpenStreams();
    const bytes = Buffer.from(Array.from({ length: 2 * PIECE_BYTES + 7 }, (_, i) => i % 251));
    const id = send(streams, Readable.from([bytes]));
    const pieces: Buffer[] = [];
    for (let at = 0; ; at++) {
      const piece = await streams.pull(id, at);
      if (piece.bytes === undefined) break;
      pieces.push(Buffer.from(piece.bytes, 'base64'));
    }
    expect(pieces.map(({ length }) => length)).toEqual([PIECE_BYTES, PIECE_BYTES, 7]);
    expect(Buffer.concat(pieces).equals(bytes)).toBe(true);
  });

  it('that breaks says so to whoever pulls', async () => {
    const streams = createOpenStreams();
    const broken = new Readable({ read: () => void broken.destroy(new Error('the database went away')) });
    await expect(streams.pull(send(streams, broken), 0)).rejects.toThrow('the database went away');
  });

  it('ends when it is closed, and is not known any more', async () => {
    const streams = createOpenStreams();
    const stream = Readable.from(['one']);
    const id = send(streams, stream);
    await streams.close(id);
    await streams.close(id);
    expect([stream.destroyed, streams.size]).toEqual([true, 0]);
    await expect(streams.pull(id, 0)).rejects.toMatchObject({ type: 'unavailable', data: { streamClosed: true } });
  });

  it('of which nobody hears is closed, unless somebody says that he is still there', () =>
    inVirtualTime(async () => {
      const streams = createOpenStreams();
      const [kept, forgotten] = [Readable.from(['one']), Readable.from(['one'])];
      const id = send(streams, kept);
      send(streams, forgotten);
      await pause(IDLE_MS - 1);
      streams.keep(id);
      await pause(2);
      expect([kept.destroyed, forgotten.destroyed, streams.size]).toEqual([false, true, 1]);
      await pause(IDLE_MS);
      expect([kept.destroyed, streams.size]).toEqual([true, 0]);
    }));

  it('is refused when too many are open, and then not begun', () => {
    const streams = createOpenStreams({ streamsMax: 1 });
    send(streams, Readable.from([]));
    const surplus = Readable.from([]);
    expect(() => streams.send(far, surplus)).toThrow(expect.objectContaining({ type: 'overloaded' }));
    expect(surplus.destroyed).toBe(true);
    expect(() => receive(streams, () => Promise.resolve())).toThrow(expect.objectContaining({ type: 'overloaded' }));
  });
});

describe('a stream that is received', () => {
  it('is the one that came with the call, if there is one', async () => {
    const streams = createOpenStreams();
    const call = { ...here, params: {}, stream: Readable.from(['one']) };
    expect(await streams.receive(call, (body) => text(body as Readable))).toBe('one');
    expect(streams.size).toBe(0);
  });

  it('is pushed piece by piece, a repeated one counts once, and the end is answered with what came of it', async () => {
    const streams = createOpenStreams();
    const id = receive(streams, (body) => text(body as Readable));
    expect(await streams.push(id, 0, inBase64('one '))).toEqual({ more: true });
    expect(await streams.push(id, 0, inBase64('one '))).toEqual({ more: true });
    expect(await streams.push(id, 1, inBase64('two'))).toEqual({ more: true });
    await expect(streams.push(id, 3, inBase64('four'))).rejects.toThrow('piece 3 was sent: the next one is piece 2');
    expect(await streams.push(id, 2, undefined)).toEqual({ result: 'one two' });
    expect(await streams.push(id, 2, undefined)).toEqual({ result: 'one two' });
    await expect(streams.push(id, 3, inBase64('x'))).rejects.toThrow('the stream has ended with piece 2');
    await expect(streams.pull(id, 0)).rejects.toThrow('is pushed, not pulled');
  });

  it('has no room for more than is read, and says so after a while', async () => {
    const streams = createOpenStreams();
    const read = Promise.withResolvers<void>();
    const id = receive(streams, async (body) => {
      await read.promise;
      return await text(body as Readable);
    });
    const piece = inBase64('x'.repeat(PIECE_BYTES));
    let answered = false;
    const answer = streams.push(id, 0, piece).finally(() => (answered = true));
    await turn();
    expect(answered).toBe(false);
    read.resolve();
    expect(await answer).toEqual({ more: true });
  });

  it('is answered before its end when its reader fails', async () => {
    const streams = createOpenStreams();
    const id = receive(streams, async (body) => {
      for await (const bytes of body as Readable) throw new Error(`no heads: ${String(bytes)}`);
    });
    await streams.push(id, 0, inBase64('x'));
    await turn();
    await expect(streams.push(id, 1, inBase64('y'))).rejects.toThrow('no heads: x');
  });

  it('breaks off when its sender is gone, and what was begun is done', async () => {
    const streams = createOpenStreams();
    const done = Promise.withResolvers<void>();
    let read = '';
    const id = receive(streams, async (body) => {
      try {
        for await (const bytes of body as Readable) read += String(bytes);
      } finally {
        read += ' and no more';
        await done.promise;
      }
    });
    await streams.push(id, 0, inBase64('half'));
    await turn();
    let closed = false;
    const closing = streams.closeAll().then(() => (closed = true));
    await turn();
    expect([read, closed]).toEqual(['half and no more', false]);
    done.resolve();
    await closing;
    expect(streams.size).toBe(0);
  });
});
