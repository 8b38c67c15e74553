// The caller's half of a stream: pulls one from the node that makes it, or pushes one to the node that reads it.

import { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import type { ServiceBroker } from 'moleculer';
import {
  KEEP_MS,
  type Piece,
  PIECE_BYTES,
  PIECE_TIMEOUT_MS,
  type Progress,
  REPEAT_WITHIN_MS,
  type StreamHandle,
} from './stream-handle.ts';

const REPEAT_EVERY_MS = 250;

/** A stream at another node. */
export interface FarStream {
  readonly broker: ServiceBroker;
  /** The service that has it open, and the handle it gave. */
  readonly service: string;
  readonly handle: StreamHandle;
  /** How long a call that is not answered is repeated, in milliseconds. */
  readonly repeatWithinMs?: number;
}

/** The node of a stream is gone, or has forgotten it: what is missing of the stream will not come. */
export class StreamLost extends Error {
  override readonly name = 'StreamLost';
}

/**
 * The bytes of a far stream, pulled no faster than they are read. Destroyed, it closes the far one at once.
 * Fails with `StreamLost`, or with whatever the far stream failed with.
 */
export function pullStream(far: FarStream): Readable {
  const calls = callsOf(far);
  let at = 0;
  return new Readable({
    highWaterMark: PIECE_BYTES,
    read() {
      calls.ask<Piece>('pullPiece', { at }).then(
        ({ bytes }) => {
          at += 1;
          this.push(bytes === undefined ? null : Buffer.from(bytes, 'base64'));
        },
        (error: Error) => this.destroy(error),
      );
    },
    destroy(error, done) {
      calls.close();
      done(error);
    },
  });
}

/**
 * Pushes the body, which is left open, to a far stream and resolves with what its reader made of it.
 * @throws StreamLost, whatever the reader failed with, or the body's own error
 */
export async function pushStream(far: FarStream, body: Readable): Promise<unknown> {
  const calls = callsOf(far);
  let at = 0;
  const push = async (bytes?: Buffer): Promise<Progress> => {
    const piece = bytes === undefined ? { at } : { at, bytes: bytes.toString('base64') };
    at += 1;
    // As long as there is no room, the same piece: the receiver knows it by its number.
    for (;;) {
      const progress = await calls.ask<Progress>('pushPiece', piece);
      if ('result' in progress || progress.more) return progress;
      // Whoever sends the body may have left meanwhile.
      if (body.errored !== null) throw body.errored;
    }
  };
  try {
    for await (const chunk of body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      for (let from = 0; from < chunk.length; from += PIECE_BYTES) {
        const progress = await push(chunk.subarray(from, from + PIECE_BYTES));
        if ('result' in progress) return progress.result;
      }
    }
    const progress = await push();
    return 'result' in progress ? progress.result : undefined;
  } finally {
    calls.close();
  }
}

/** Calls about one stream, on its node. */
function callsOf({ broker, service, handle: { streamId: id, nodeId }, repeatWithinMs = REPEAT_WITHIN_MS }: FarStream) {
  let isClosed = false;
  const call = <T>(action: string, params: object): Promise<T> =>
    broker.call<T, object>(`${service}.${action}`, { id, ...params }, { nodeID: nodeId, timeout: PIECE_TIMEOUT_MS });
  // A node that does not answer is known by the pieces; one that is only slow must not close the stream meanwhile.
  const keeping = setInterval(() => void call('keepStream', {}).catch(() => {}), KEEP_MS).unref();

  return {
    /** Asks, and asks again while nobody answers. */
    async ask<T>(action: string, params: object): Promise<T> {
      let giveUpAt: number | undefined;
      for (;;) {
        try {
          return await call<T>(action, params);
        } catch (error) {
          if (isForgotten(error)) throw lost(nodeId, error);
          if (!isUnanswered(error)) throw error;
          giveUpAt ??= performance.now() + repeatWithinMs;
          if (isClosed || performance.now() >= giveUpAt) throw lost(nodeId, error);
        }
        await pause(REPEAT_EVERY_MS);
      }
    },
    close() {
      if (isClosed) return;
      isClosed = true;
      clearInterval(keeping);
      // If it is not heard, the stream is closed for want of anybody asking.
      call('closeStream', {}).catch(() => {});
    },
  };
}

function lost(nodeId: string, cause: unknown): StreamLost {
  return new StreamLost(`the node ${nodeId} was lost in the middle of a stream`, { cause });
}

/** Errors that Moleculer makes of a call which no answer came to. */
const unanswered = new Set([
  'RequestTimeoutError',
  'RequestRejectedError',
  'ServiceNotFoundError',
  'ServiceNotAvailableError',
  'BrokerDisconnectedError',
]);

function isUnanswered(error: unknown): boolean {
  return error instanceof Error && unanswered.has(error.name);
}

function isForgotten(error: unknown): boolean {
  const { data } = error as { readonly data?: { readonly streamClosed?: boolean } };
  return data?.streamClosed === true;
}
