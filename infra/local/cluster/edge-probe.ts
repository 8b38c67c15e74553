// Asks through an edge of the cluster what becomes of a connection there: a question that the server at its end answers,
// in that server's own protocol and long enough that a narrow line shows.
//
//   connect ─► hello ─► answered? closed? reset? silent ─► our end ─► how long until the other side ends as well

import { connect } from 'node:net';

/** Of a question, in bytes: below what any of these servers takes for a header or a name. */
const PADDING = 'x'.repeat(4_000);
const ANSWER_MS = 1_500;
const CLOSE_MS = 6_000;
const API_VERSIONS = 18;

/** What to say, and by what an answer is known. */
export interface Greeting {
  readonly hello: Buffer;
  readonly isAnswer: (heard: Buffer) => boolean;
}

export type ProbeOutcome = 'answered' | 'refused' | 'reset' | 'closed' | 'silent';

/** What became of one connection. Times in milliseconds from its beginning. */
export interface Probe {
  readonly outcome: ProbeOutcome;
  /** Until it was answered, refused, reset or closed; or how long there was silence. */
  readonly tookMs: number;
  /** From our end to that of the other side; missing: it was not answered, or not ended while we waited. */
  readonly closeMs?: number;
}

export const greetings = {
  /** Answered by the demand for a password. */
  postgres(): Greeting {
    const words = ['user', 'souk', 'database', 'souk', 'application_name', PADDING, ''].join('\0');
    const hello = Buffer.concat([Buffer.alloc(8), Buffer.from(`${words}\0`)]);
    hello.writeInt32BE(hello.length, 0);
    hello.writeInt32BE(0x0003_0000, 4); // version 3.0 of the protocol
    return { hello, isAnswer: (heard) => heard.length > 0 };
  },
  /** @param url with user and password, if the server demands them */
  nats(url: string): Greeting {
    const { username, password } = new URL(url);
    const who = username === '' ? {} : { user: username, pass: decodeURIComponent(password) };
    const hello = `CONNECT ${JSON.stringify({ verbose: false, ...who, name: PADDING.slice(0, 3_000) })}\r\nPING\r\n`;
    return { hello: Buffer.from(hello), isAnswer: (heard) => /PONG|-ERR/.test(heard.toString()) };
  },
  /** Answered by the list of what the broker understands. */
  kafka(): Greeting {
    const hello = Buffer.concat([Buffer.alloc(14), Buffer.from(PADDING)]);
    hello.writeInt32BE(hello.length - 4, 0);
    hello.writeInt16BE(API_VERSIONS, 4);
    hello.writeInt32BE(1, 8);
    hello.writeInt16BE(PADDING.length, 12);
    return { hello, isAnswer: (heard) => heard.length >= 4 };
  },
  http(path: string): Greeting {
    const hello = `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Padding: ${PADDING}\r\nConnection: close\r\n\r\n`;
    return { hello: Buffer.from(hello), isAnswer: (heard) => heard.toString().startsWith('HTTP/') };
  },
  echo: (): Greeting => ({ hello: Buffer.from(PADDING), isAnswer: (heard) => heard.length >= PADDING.length }),
};

/** Opens one connection to this port of loopback and tells what became of it. Never rejects. */
export function probe(
  port: number,
  { hello, isAnswer }: Greeting,
  { answerMs = ANSWER_MS, closeMs = CLOSE_MS }: { readonly answerMs?: number; readonly closeMs?: number } = {},
): Promise<Probe> {
  const { promise, resolve } = Promise.withResolvers<Probe>();
  const from = performance.now();
  const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => socket.write(hello));
  const passed = () => performance.now() - from;
  const end = (outcome: ProbeOutcome) => resolve({ outcome, tookMs: passed() });
  let answeredAfter: number | undefined;
  let heard = Buffer.alloc(0);
  let patience = setTimeout(() => end('silent'), answerMs);

  socket.on('data', (part: Buffer) => {
    if (answeredAfter !== undefined) return;
    heard = Buffer.concat([heard, part]);
    if (!isAnswer(heard)) return;
    const tookMs = passed();
    answeredAfter = tookMs;
    clearTimeout(patience);
    patience = setTimeout(() => resolve({ outcome: 'answered', tookMs }), closeMs);
    socket.end();
  });
  socket.on('error', ({ code }: NodeJS.ErrnoException) => {
    if (answeredAfter === undefined) end(code === 'ECONNREFUSED' ? 'refused' : 'reset');
  });
  socket.on('close', () => {
    if (answeredAfter === undefined) end('closed');
    else resolve({ outcome: 'answered', tookMs: answeredAfter, closeMs: passed() - answeredAfter });
  });
  return promise.finally(() => {
    clearTimeout(patience);
    socket.destroy();
  });
}
