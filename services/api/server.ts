// The HTTP server: patient with the network, not with callers who keep it waiting; and how it stops.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { Problem } from '../../brokers/problem.ts';
import type { Door } from '../../mixins/platform.ts';
import { render } from './failures.ts';
import { listen, type Listeners } from './listeners.ts';

/** How long a caller may take for the headers, in milliseconds. (Bodies: `body.ts`.) */
const HEADERS_TIMEOUT_MS = 10_000;
/** The longest that any request may take to arrive: imports are streamed, and may be of any length. */
const REQUEST_TIMEOUT_MS = 6 * 3_600_000;
/** A connection on which nothing moves is closed, in milliseconds. */
const IDLE_TIMEOUT_MS = 120_000;
/** Longer than a load balancer keeps its connections (60 s), so that it never writes into a closing one. */
const KEEP_ALIVE_MS = 65_000;
const HEADER_BYTES_MAX = 16_384;
const CONNECTIONS_MAX = 10_000;
/**
 * Connections that may wait until they are accepted; the kernel has a bound of its own (`net.core.somaxconn`). With Node's
 * 511 a burst on a busy machine overflows, and callers whose connection found no room heard nothing for up to 15 s.
 */
const WAITING_MAX = CONNECTIONS_MAX;
/** How long running requests have to finish once the server stops, in milliseconds. */
export const DRAIN_MS = 3_000;
/**
 * How long a gateway that is one of several bears idle connections once it stops, in milliseconds: callers who keep theirs
 * busy learn from an answer that it closes, instead of writing into a closing one. Longer than a busy machine's hiccup.
 */
export const LAST_REQUESTS_MS = 500;

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** A server that listens. */
export interface OpenServer {
  readonly http: Server;
  readonly listeners: Listeners;
}

/**
 * Opens the server, on a port of its own or on the doors that were opened for it. Resolves when it listens.
 * @throws Error with a sentence that names the address, if it cannot.
 */
export async function openServer(
  handler: Handler,
  host: string,
  port: number,
  doors?: readonly Door[],
): Promise<OpenServer> {
  const http = createServer(
    {
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connectionsCheckingInterval: 1_000,
      maxHeaderSize: HEADER_BYTES_MAX,
      noDelay: true,
    },
    handler,
  );
  http.timeout = IDLE_TIMEOUT_MS;
  http.on('clientError', answerBroken);
  const where = { host, port, backlog: WAITING_MAX, connectionsMax: CONNECTIONS_MAX };
  try {
    return { http, listeners: await listen(http, doors === undefined ? where : { ...where, doors }) };
  } catch (error) {
    throw new Error(sentenceOf(error as NodeJS.ErrnoException, host, port), { cause: error });
  }
}

/**
 * Takes no more connections, lets running requests finish, and cuts off what is not done within the time.
 * `endStreams` ends what would never finish by itself. For `lastRequestsMs` (default 0) idle connections may still bring a
 * request; the handler answers with `Connection: close` meanwhile.
 */
export async function drain(
  { http, listeners }: OpenServer,
  endStreams: () => void,
  { withinMs = DRAIN_MS, lastRequestsMs = 0 }: { readonly withinMs?: number; readonly lastRequestsMs?: number } = {},
): Promise<void> {
  if (!listeners.listening) return;
  const closed = listeners.close();
  endStreams();
  if (lastRequestsMs > 0) await Promise.race([closed, delay(lastRequestsMs)]);
  // Of an HTTP server: it looks after its connections no more.
  http.close();
  // A connection becomes idle when its last answer is out; only then may it be closed.
  const sweep = setInterval(() => http.closeIdleConnections(), 20);
  const cutOff = setTimeout(() => http.closeAllConnections(), withinMs);
  await closed;
  clearInterval(sweep);
  clearTimeout(cutOff);
}

/** Answers what is not HTTP, or not in time, before it became a request. */
function answerBroken(error: NodeJS.ErrnoException, socket: Duplex & { readonly _httpMessage?: ServerResponse }): void {
  // In the middle of an answer nothing else may be written (Node's own handler looks at the same field).
  // oxlint-disable-next-line eslint/no-underscore-dangle -- Node's name for it
  if (error.code === 'ECONNRESET' || !socket.writable || socket._httpMessage?.headersSent === true) {
    socket.destroy();
    return;
  }
  const { status, headers, body } = render(brokenBy(error.code), 'none');
  const lines = Object.entries({ ...headers, 'Content-Length': Buffer.byteLength(body), Connection: 'close' });
  socket.end(
    `HTTP/1.1 ${status} Refused\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`,
  );
}

function brokenBy(code: string | undefined): Problem {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new Problem('headers-too-large', `the headers may be ${HEADER_BYTES_MAX} bytes long`);
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new Problem('request-timeout', 'the request did not arrive in time');
    default:
      return new Problem('malformed-request', 'this is not an HTTP request');
  }
}

function sentenceOf({ code, message }: NodeJS.ErrnoException, host: string, port: number): string {
  switch (code) {
    case 'EADDRINUSE':
      return `Port ${port} on ${host} is taken by another program: stop it, or choose another port with PORT=`;
    case 'EACCES':
      return `Port ${port} on ${host} may not be opened by this user: choose one above 1023 with PORT=`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `HOST=${host} is not an address of this machine`;
    default:
      return `The gateway cannot listen on ${host}:${port}: ${message}`;
  }
}
