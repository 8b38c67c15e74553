// Sends answers: status, headers and body of whatever came of a request.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline, Readable } from 'node:stream';
import { discard } from './body.ts';

/** What came of a request. A text can be sent to several callers (repeats that joined), a stream to one. */
export interface Outcome {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  readonly stream?: Readable;
}

/** Sent with every answer: it is data, nobody's page, and nobody's to keep. */
const always = {
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Referrer-Policy': 'no-referrer',
} as const;

export const JSON_TYPE = 'application/json; charset=utf-8';

/** Headers that an action may not set: they belong to the connection. */
const ours = /^(?:content-length|transfer-encoding|connection|keep-alive|trailer|upgrade)$/i;

/** What an action said about its answer, in its meta. */
export interface AnswerMeta {
  readonly $statusCode?: number;
  readonly $location?: string;
  readonly $responseType?: string;
  readonly $responseHeaders?: Readonly<Record<string, string>>;
  readonly etag?: string;
}

/** The outcome of an action that answered with `data`. */
export function outcomeOf(data: unknown, meta: AnswerMeta, status: number): Outcome {
  const headers: Record<string, string> = {};
  for (const name in meta.$responseHeaders) {
    const value = meta.$responseHeaders[name];
    if (value !== undefined && !ours.test(name)) headers[name] = value;
  }
  if (meta.$location !== undefined) headers['Location'] = meta.$location;
  if (meta.etag !== undefined) headers['ETag'] = `"${meta.etag}"`;
  const answered = meta.$statusCode ?? status;
  if (answered === 204 || data === undefined || data === null) return { status: answered, headers, body: undefined };
  const stream = streamOf(data);
  if (stream !== undefined) {
    headers['Content-Type'] = meta.$responseType ?? 'application/octet-stream';
    return { status: answered, headers, body: undefined, stream };
  }
  headers['Content-Type'] = meta.$responseType ?? JSON_TYPE;
  return {
    status: answered,
    headers,
    body: typeof data === 'string' && meta.$responseType !== undefined ? data : JSON.stringify(data),
  };
}

function streamOf(data: unknown): Readable | undefined {
  if (data instanceof Readable) return data;
  const iterable = typeof data === 'object' && data !== null && Symbol.asyncIterator in data;
  return iterable ? Readable.from(data as AsyncIterable<string>) : undefined;
}

/** Sends an outcome. `closing`: the server stops, the connection is not used again. */
export function send(
  request: IncomingMessage,
  response: ServerResponse,
  outcome: Outcome,
  requestId: string,
  closing: boolean,
): void {
  if (response.headersSent || response.destroyed) {
    outcome.stream?.destroy();
    return;
  }
  const { headers, body, stream } = outcome;
  const status = isFresh(request, outcome) ? 304 : outcome.status;
  const withBody = status !== 304 && status !== 204;
  const all: Record<string, string | number> = { ...always, ...headers, 'X-Request-Id': requestId };
  if (closing) all['Connection'] = 'close';
  if (stream === undefined && withBody) all['Content-Length'] = body === undefined ? 0 : Buffer.byteLength(body);
  if (!withBody) delete all['Content-Type'];
  response.writeHead(status, all);
  const silent = request.method === 'HEAD' || !withBody;
  if (stream === undefined) response.end(silent ? undefined : body);
  else if (silent) {
    stream.destroy();
    response.end();
  }
  // A stream that fails in the middle breaks the connection: its reader must not take the half for the whole.
  else pipeline(stream, response, () => {});
  discard(request);
}

/** Whether the caller has this very version already. */
function isFresh({ method, headers }: IncomingMessage, { status, headers: { ETag: etag } }: Outcome): boolean {
  const seen = headers['if-none-match'];
  if (seen === undefined || etag === undefined || status !== 200 || (method !== 'GET' && method !== 'HEAD'))
    return false;
  return seen.trim() === '*' || seen.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag);
}
