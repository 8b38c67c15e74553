// The wire of the workload's clients: one attempt is one request and one answer, or the reason why there is none. Unlike
// `load/client.ts` it never tries again: each attempt is an operation of its own in the history.

import { Agent, request, type IncomingHttpHeaders } from 'node:http';
import type { Json } from '../history/operation.ts';

/** Longer than the gateway takes to give up (10 s), and than a fault that is waited out; in milliseconds. */
export const ANSWER_WITHIN_MS = 15_000;
/** Connections at once: as many as there may be clients, at the height of an overload too. */
const CONNECTIONS_MAX = 4_096;

export interface Request {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: Json;
}

/** What came back: an answer, or why none did. */
export type Reply =
  | { readonly status: number; readonly headers: IncomingHttpHeaders; readonly body: Json }
  | { readonly error: string };

export interface Wire {
  /** Never rejects. */
  send(request: Request): Promise<Reply>;
  close(): void;
}

/** The wire to the shop at this URL, with connections that are kept. */
export function createWire(url: string, withinMs: number = ANSWER_WITHIN_MS): Wire {
  const { hostname, port } = new URL(url);
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS_MAX, maxFreeSockets: CONNECTIONS_MAX });

  function send({ method, path, headers, body }: Request): Promise<Reply> {
    const content = body === undefined ? undefined : JSON.stringify(body);
    const all: Record<string, string | number> = { accept: 'application/json', ...headers };
    if (content !== undefined) {
      all['content-type'] = 'application/json';
      all['content-length'] = Buffer.byteLength(content);
    } else if (method === 'POST') all['content-length'] = 0;
    return new Promise((resolve) => {
      let answered = false;
      const sent = request({ hostname, port, path, method, headers: all, agent }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', (error) => end({ error: sentence(error) }));
        response.on('end', () => {
          const { statusCode = 0, headers: own } = response;
          end(read(statusCode, own, Buffer.concat(chunks).toString()));
        });
      });
      const giveUp = () => sent.destroy(new Error(`no answer within ${withinMs} ms`));
      // Timers come before what has arrived: where this process stood still itself, the answer may be there already.
      const timer = setTimeout(() => setImmediate(() => !answered && giveUp()), withinMs);
      const end = (reply: Reply) => {
        answered = true;
        clearTimeout(timer);
        resolve(reply);
      };
      sent.on('error', (error) => end({ error: sentence(error) }));
      sent.end(content);
    });
  }

  return { send, close: () => agent.destroy() };
}

function sentence({ message, code }: NodeJS.ErrnoException): string {
  return code === undefined || message.includes(code) ? message : `${code}: ${message}`;
}

/** An answer that says it is JSON and is none is as good as none: nobody knows what it said. */
function read(status: number, headers: IncomingHttpHeaders, text: string): Reply {
  if (!/\bjson\b/.test(headers['content-type'] ?? '') || text === '') return { status, headers, body: undefined };
  try {
    return { status, headers, body: JSON.parse(text) };
  } catch {
    return { error: `the answer ${status} is no JSON: ${text.slice(0, 80)}` };
  }
}
