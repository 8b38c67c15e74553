// One client: it does one thing at a time, each attempt in its turn and in the history, and tries again as careful callers
// do, under the same key. Sometimes it tries again although it was answered, or says something else under a used key.
//
//   wish ─► attempt ─┬─ answered ─► (sometimes: once more, or another body under the key) ─► what came of it
//                    └─ 503, 429, nothing ─► waits as it was told ─► attempt … ─► (sometimes: gives up)

import { setTimeout as pause } from 'node:timers/promises';
import type { Chance } from '../../../actors/scheduler.simulation.ts';
import type { Invocation, Json, Outcome } from '../history/operation.ts';
import type { Recorder } from '../history/recorder.ts';
import { isPassing, outcomeOfAnswer } from './outcome.ts';
import type { Wire } from './single-attempts.ts';
import { NoMoreTurns } from './turns.ts';

/** Attempts at one wish. */
const ATTEMPTS_MAX = 5;
/** Longest wait between two of them, whatever the shop says, in milliseconds: a minute of faults must see several. */
const WAIT_MAX_MS = 2_000;
const WAIT_FIRST_MS = 100;
/** Likelihoods, in percent. */
const GIVES_UP = 10;
const ASKS_AGAIN = 4;
const REUSES_KEY = 2;

/** What a client wants. */
export interface Wish extends Pick<Invocation, 'kind' | 'principal' | 'method' | 'path' | 'skus'> {
  readonly key?: string;
  readonly ifMatch?: string;
  readonly body?: Json;
  /** What the history shows of the body; default: all of it. */
  readonly shown?: Json;
  readonly token?: string;
  readonly cartToken?: string;
  /** Under the used key: something else, which must be refused. */
  readonly other?: Pick<Wish, 'body' | 'skus'>;
}

/** What came of an attempt. The answer holds its tokens. */
export interface Answered {
  readonly outcome: Outcome;
  readonly status?: number;
  readonly body: Json;
  readonly etag?: string;
  readonly retryAfter?: number;
}

export interface Client {
  /** As the history calls it. */
  readonly process: string;
  readonly chance: Chance;
  /** A name that no other wish of the run has. */
  newIntent(): string;
  /** One attempt. @throws NoMoreTurns */
  attempt(wish: Wish, intent: string): Promise<Answered>;
  /** Attempts until it is answered for good, or given up. @throws NoMoreTurns */
  want(wish: Wish, intent?: string): Promise<Answered>;
}

export interface ClientOptions {
  readonly process: string;
  readonly chance: Chance;
  readonly wire: Wire;
  readonly recorder: Recorder;
  /** Begins the names of its wishes. */
  readonly run: string;
  /** Waits for its turn. @throws NoMoreTurns */
  readonly turn: () => Promise<void>;
  readonly signal: AbortSignal;
  /** It never gives up, and does nothing odd. */
  readonly isDogged?: boolean;
}

/** A client of the shop. */
export function createClient(options: ClientOptions): Client {
  const { process, chance, wire, recorder, run, turn, signal, isDogged = false } = options;
  let wishes = 0;

  async function attempt(wish: Wish, intent: string): Promise<Answered> {
    await turn();
    const { kind, principal, method, path, key, ifMatch, body, skus } = wish;
    const shown = 'shown' in wish ? wish.shown : body;
    const id = recorder.begin({
      process,
      kind,
      principal,
      intent,
      method,
      path,
      ...(key === undefined ? {} : { key }),
      ...(ifMatch === undefined ? {} : { ifMatch }),
      ...(shown === undefined ? {} : { body: shown }),
      ...(skus === undefined ? {} : { skus }),
    });
    const sent = { method, path, headers: headersOf(wish), ...(body === undefined ? {} : { body }) };
    const reply = await wire.send(sent);
    if ('error' in reply) {
      recorder.end(id, { outcome: 'unknown', error: reply.error });
      return { outcome: 'unknown', body: undefined };
    }
    const { status, headers } = reply;
    const { etag } = headers;
    const seconds = Number(headers['retry-after']);
    const more = {
      ...(etag === undefined ? {} : { etag }),
      ...(headers['retry-after'] === undefined || Number.isNaN(seconds) ? {} : { retryAfter: seconds }),
    };
    const outcome = outcomeOfAnswer(method, status);
    const answer = reply.body === undefined ? {} : { answer: withoutTokens(reply.body) };
    recorder.end(id, { outcome, status, ...answer, ...more });
    return { outcome, status, body: reply.body, ...more };
  }

  async function want(wish: Wish, intent = client.newIntent()): Promise<Answered> {
    for (let tried = 1; ; tried++) {
      const answered = await attempt(wish, intent);
      if (!isPassing(answered.status)) {
        if (wish.key !== undefined && !isDogged) await trifle(wish, intent, answered);
        return answered;
      }
      if (!isRepeatable(wish) || (!isDogged && (tried === ATTEMPTS_MAX || chance.percent(GIVES_UP)))) return answered;
      const told = answered.retryAfter === undefined ? WAIT_FIRST_MS * 2 ** (tried - 1) : answered.retryAfter * 1_000;
      await wait(Math.min(told, WAIT_MAX_MS) + chance.below(WAIT_FIRST_MS));
    }
  }

  /** What only some clients do, and none should be able to do harm by. */
  async function trifle(wish: Wish, intent: string, { outcome }: Answered): Promise<void> {
    try {
      if (chance.percent(ASKS_AGAIN)) await attempt(wish, intent);
      // A refusal is not always kept; what was granted always is.
      if (outcome === 'ok' && wish.other !== undefined && chance.percent(REUSES_KEY))
        await attempt({ ...wish, ...wish.other }, client.newIntent());
    } catch (error) {
      // The wish was answered, whether there are more turns or not: an order has to be found again.
      if (!(error instanceof NoMoreTurns)) throw error;
    }
  }

  async function wait(ms: number): Promise<void> {
    try {
      await pause(ms, undefined, { signal });
    } catch {
      throw new NoMoreTurns();
    }
  }

  const client: Client = {
    process,
    chance,
    newIntent: () => `${run}.${process}.${++wishes}`,
    attempt,
    want,
  };
  return client;
}

/** A change without a key may be repeated if it says what shall be, and not on condition of what was. */
function isRepeatable({ method, key, ifMatch }: Wish): boolean {
  return key !== undefined || (method !== 'POST' && ifMatch === undefined);
}

function headersOf({ key, ifMatch, token, cartToken }: Wish): Record<string, string> {
  return {
    ...(key === undefined ? {} : { 'idempotency-key': key }),
    ...(ifMatch === undefined ? {} : { 'if-match': ifMatch }),
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...(cartToken === undefined ? {} : { 'x-cart-token': cartToken }),
  };
}

const secrets: ReadonlySet<string> = new Set(['accessToken', 'refreshToken', 'token']);

/** Tokens stand at the top of an answer. */
function withoutTokens(body: Json): Json {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return body;
  return Object.fromEntries(Object.entries(body as object).filter(([name]) => !secrets.has(name)));
}
