// A REST client of the shop, as a careful caller would write it: keep-alive, bounded concurrency, and retries that are
// safe because every POST carries an Idempotency-Key.

import { Agent, type IncomingMessage, request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';

const CONNECTIONS_MAX = 16;
/** One attempt, in milliseconds. */
const TIMEOUT_MS = 30_000;
/** Attempts at a shop that is away or busy, and the pauses between them, in milliseconds. */
const ATTEMPTS_MAX = 40;
const PAUSE_MS = { first: 50, longest: 2_000 };

export interface Answer<T = unknown> {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: T;
}

export interface CallOptions {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly body?: object;
  /** Sent as it is, with this content type, instead of `body`. */
  readonly raw?: { readonly type: string; readonly content: string };
  readonly token?: string;
  readonly key?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** A POST without a key that may be sent again all the same. */
  readonly isHarmless?: boolean;
}

export interface Client {
  /**
   * One call; connection errors, 429 and 503 are tried again (GETs, PUTs, DELETEs, and POSTs with a key).
   * @throws Error when the shop stays away.
   */
  call<T>(path: string, options?: CallOptions): Promise<Answer<T>>;
  /** As `call`, but any other status than the expected ones is an error that shows the problem. */
  expect<T>(statuses: readonly number[], path: string, options?: CallOptions): Promise<T>;
  close(): void;
}

/** A shop answered, but not what was expected. */
export class UnexpectedAnswer extends Error {
  override name = 'UnexpectedAnswer';
}

/** A client of the shop at `url`. */
export function createClient(url: string): Client {
  const { hostname, port } = new URL(url);
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS_MAX });

  function once<T>(path: string, options: CallOptions): Promise<Answer<T>> {
    const content = options.raw?.content ?? (options.body === undefined ? undefined : JSON.stringify(options.body));
    const headers: Record<string, string | number> = { accept: 'application/json', ...options.headers };
    if (content !== undefined) {
      headers['content-type'] = options.raw?.type ?? 'application/json';
      headers['content-length'] = Buffer.byteLength(content);
    }
    if (options.token !== undefined) headers.authorization = `Bearer ${options.token}`;
    if (options.key !== undefined) headers['idempotency-key'] = options.key;
    return new Promise((resolve, reject) => {
      const sent = request(
        { hostname, port, path, method: options.method ?? 'GET', headers, agent, timeout: TIMEOUT_MS },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () => resolve(read<T>(response, Buffer.concat(chunks).toString())));
        },
      );
      sent.on('timeout', () => sent.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)));
      sent.on('error', reject);
      sent.end(content);
    });
  }

  async function call<T>(path: string, options: CallOptions = {}): Promise<Answer<T>> {
    const isRepeatable =
      (options.method ?? 'GET') !== 'POST' || options.key !== undefined || options.isHarmless === true;
    for (let attempt = 1; ; attempt++) {
      const last = attempt === ATTEMPTS_MAX || !isRepeatable;
      let seconds: number | undefined;
      try {
        const answer = await once<T>(path, options);
        if ((answer.status !== 503 && answer.status !== 429) || last) return answer;
        seconds = Number(answer.headers['retry-after']);
      } catch (error) {
        // A connection that was refused carried nothing: any request may be sent again.
        const isRefused = (error as NodeJS.ErrnoException).code === 'ECONNREFUSED' && attempt < ATTEMPTS_MAX;
        if (last && !isRefused)
          throw new Error(`${options.method ?? 'GET'} ${url}${path}: ${(error as Error).message}`, { cause: error });
      }
      const backoff = Math.min(PAUSE_MS.first * 2 ** (attempt - 1), PAUSE_MS.longest);
      await pause(Number.isFinite(seconds) ? Math.min((seconds as number) * 1_000, PAUSE_MS.longest) : backoff);
    }
  }

  return {
    call,
    async expect<T>(statuses: readonly number[], path: string, options: CallOptions = {}) {
      const answer = await call<T>(path, options);
      if (statuses.includes(answer.status)) return answer.body;
      const said = typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body);
      throw new UnexpectedAnswer(
        `${options.method ?? 'GET'} ${path} answered ${answer.status} instead of ${statuses.join(' or ')}: ${said.slice(0, 500)}`,
      );
    },
    close: () => agent.destroy(),
  };
}

function read<T>({ statusCode = 0, headers }: IncomingMessage, text: string): Answer<T> {
  const isJson = /json$|json;/.test(headers['content-type'] ?? '');
  return { status: statusCode, headers, body: (isJson && text !== '' ? JSON.parse(text) : text) as T };
}

/** Signs in and returns the access token. */
export async function signIn(client: Client, email: string, password: string): Promise<string> {
  const { accessToken } = await client.expect<{ readonly accessToken: string }>([200], '/api/v1/auth/login', {
    method: 'POST',
    body: { email, password },
    isHarmless: true,
  });
  return accessToken;
}
