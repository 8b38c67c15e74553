// Server-sent events: what an action answers, asked again and again (`follow.ts`), becomes `text/event-stream`. It lives
// until there is nothing to see any more, the caller goes, the caller reads too slowly, or the server stops.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { Problem } from '../../brokers/problem.ts';

/** A comment that keeps proxies from closing a quiet stream, and tells us of callers who are gone, in milliseconds. */
export const HEARTBEAT_MS = 15_000;
/** Streams of one gateway. */
const STREAMS_MAX = 5_000;
/** What may wait for a caller who does not read, in bytes. */
const BACKLOG_BYTES_MAX = 1_048_576;
/** When the caller's browser tries again after a break, in milliseconds. */
const RECONNECT_MS = 1_000;

export interface SseEvent {
  readonly id: string;
  readonly event: string;
  readonly data: object;
}

export interface Streams {
  /**
   * Writes the events until one of the two sides ends.
   * @throws Problem `overloaded` before anything is written
   */
  open(
    request: IncomingMessage,
    response: ServerResponse,
    events: AsyncIterable<SseEvent>,
    requestId: string,
  ): Promise<void>;
  /** Ends all streams: their callers come back, to another node or after the restart, with Last-Event-ID. */
  endAll(): void;
  readonly size: number;
}

/** No streams yet. */
export function createStreams(heartbeatMs: number = HEARTBEAT_MS): Streams {
  const open = new Set<ServerResponse>();
  let ended = false;
  return {
    get size() {
      return open.size;
    },
    async open(request, response, events, requestId) {
      if (ended) throw new Problem('unavailable', 'this node is stopping: try again');
      if (open.size >= STREAMS_MAX) throw new Problem('overloaded', 'too many streams are open: try again');
      const iterator = events[Symbol.asyncIterator]();
      response.writeHead(200, {
        'Content-Type': 'text/event-stream; charset=utf-8',
        'Cache-Control': 'no-store',
        'X-Content-Type-Options': 'nosniff',
        // Proxies that gather answers would keep the events to themselves.
        'X-Accel-Buffering': 'no',
        'X-Request-Id': requestId,
      });
      const write = (text: string): void => {
        response.write(text);
        if (response.writableLength > BACKLOG_BYTES_MAX) response.destroy();
      };
      open.add(response);
      const heartbeat = setInterval(() => write(': still here\n\n'), heartbeatMs);
      const gone = new Promise<'gone'>((resolve) => response.once('close', () => resolve('gone')));
      try {
        write(`retry: ${RECONNECT_MS}\n\n`);
        while (request.method !== 'HEAD') {
          const next = await Promise.race([iterator.next(), gone]);
          if (next === 'gone' || next.done === true || response.writableEnded) break;
          write(format(next.value));
        }
      } finally {
        clearInterval(heartbeat);
        open.delete(response);
        // It may be waiting for its next event; then it ends with that.
        iterator.return?.().catch(() => {});
        response.end();
      }
    },
    endAll() {
      ended = true;
      for (const response of open) response.end();
    },
  };
}

/** JSON has no line breaks, so one `data` line is enough. */
function format({ id, event, data }: SseEvent): string {
  return `id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
