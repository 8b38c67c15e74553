// The streams that a service has open towards other nodes.
//
//   send: a Readable ─► pull ─► pull …          receive: push ─► push … ─► a Readable ─► what its reader makes of it

import { randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { ServiceBroker } from 'moleculer';
import { Problem } from '../../brokers/problem.ts';
import { incoming } from './incoming.ts';
import { outgoing } from './outgoing.ts';
import { IDLE_MS, type Piece, type Progress, type StreamHandle, STREAMS_MAX } from './stream-handle.ts';

/** One open stream; a half of the calls makes no sense for it. */
export interface OpenStream {
  pull?(at: number): Promise<Piece>;
  push?(at: number, bytes: Buffer | undefined): Promise<Progress>;
  /** Nobody is there any more; resolves when what was begun is done. */
  close(): Promise<void>;
}

/** What of the context of a call matters here. */
export interface Asking {
  /** The node that called. */
  readonly nodeID: string | null;
  readonly broker: Pick<ServiceBroker, 'nodeID'>;
}

export interface StreamLimits {
  readonly streamsMax?: number;
  readonly idleMs?: number;
}

export interface OpenStreams {
  /**
   * The answer of an action that is a stream: the stream itself for a caller on this node, else the handle to pull it by.
   * @throws Problem `overloaded` when too many are open
   */
  send(ctx: Asking, stream: Readable): Readable | StreamHandle;
  /**
   * The answer of an action that reads a stream: what `take` makes of the one that came with the call, or, when the
   * caller is going to push it piece by piece (`inPieces`), the handle for that.
   * @throws Problem `overloaded` when too many are open
   */
  receive<T>(
    ctx: Asking & { readonly params: { readonly inPieces?: boolean }; readonly stream: object | null },
    take: (body: Readable | null) => Promise<T>,
  ): Promise<T> | StreamHandle;
  /** @throws Problem `unavailable` when there is no such stream (any more) */
  pull(id: string, at: number): Promise<Piece>;
  push(id: string, at: number, bytes: string | undefined): Promise<Progress>;
  keep(id: string): void;
  close(id: string): Promise<void>;
  /** Closes all; resolves when what they had begun is done. */
  closeAll(): Promise<void>;
  readonly size: number;
}

/** No streams yet. */
export function createOpenStreams({ streamsMax = STREAMS_MAX, idleMs = IDLE_MS }: StreamLimits = {}): OpenStreams {
  const open = new Map<string, { readonly stream: OpenStream; readonly idle: NodeJS.Timeout }>();

  function handleOf(ctx: Asking, stream: OpenStream): StreamHandle {
    const streamId = randomUUID();
    const idle = setTimeout(() => void close(streamId), idleMs).unref();
    open.set(streamId, { stream, idle });
    return { streamId, nodeId: ctx.broker.nodeID };
  }

  function demandRoom(): void {
    if (open.size >= streamsMax) throw new Problem('overloaded', 'too many files are on their way here: try again');
  }

  function find(id: string): OpenStream {
    const found = open.get(id);
    if (found === undefined)
      throw new Problem('unavailable', `the stream ${id} is not open here (any more)`, undefined, {
        streamClosed: true,
      });
    found.idle.refresh();
    return found.stream;
  }

  async function close(id: string): Promise<void> {
    const found = open.get(id);
    if (found === undefined) return;
    open.delete(id);
    clearTimeout(found.idle);
    await found.stream.close();
  }

  return {
    get size() {
      return open.size;
    },
    send(ctx, stream) {
      if (ctx.nodeID === ctx.broker.nodeID) return stream;
      try {
        demandRoom();
      } catch (error) {
        stream.destroy();
        throw error;
      }
      return handleOf(ctx, outgoing(stream));
    },
    receive(ctx, take) {
      if (ctx.params.inPieces !== true) return take(ctx.stream as Readable | null);
      demandRoom();
      return handleOf(ctx, incoming(take));
    },
    async pull(id, at) {
      const { pull } = find(id);
      if (pull === undefined) throw new Problem('invalid-request', `the stream ${id} is pushed, not pulled`);
      return await pull(at);
    },
    async push(id, at, bytes) {
      const { push } = find(id);
      if (push === undefined) throw new Problem('invalid-request', `the stream ${id} is pulled, not pushed`);
      return await push(at, bytes === undefined ? undefined : Buffer.from(bytes, 'base64'));
    },
    keep: (id) => void find(id),
    close,
    async closeAll() {
      await Promise.all([...open.keys()].map(close));
    },
  };
}
