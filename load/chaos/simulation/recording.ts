// A client of the simulated shop: it makes requests at whichever gateway is there, and writes down what it did and saw,
// in the form in which the campaign records its clients.
//
//   wish ─► attempt ─► 2xx ok · 4xx fail · no answer, 503: unknown, so the same again under the same key

import type { Json, Operation, OperationKind, Outcome } from '../history/operation.ts';
import type { Request, SimulatedGateway } from './gateway.ts';
import { type Life, pause, type Trouble } from './trouble.ts';

/** How long a client waits for an answer, in milliseconds. */
const PATIENCE_MS = 12_000;
/** Attempts at one wish; by then everything is healed. */
const ATTEMPTS_MAX = 40;
/** From so long after the beginning on, a client tries once: nobody waits for ever, in milliseconds. */
const INSIST_MS = 100_000;
/** Longest pause before another attempt, in milliseconds. */
const AGAIN_MS = 400;

/** What a client wants, whatever it takes. */
export interface ClientWish {
  readonly kind: OperationKind;
  readonly principal: string;
  readonly method: string;
  readonly path: string;
  readonly key?: string;
  readonly body?: Json;
  readonly headers?: Readonly<Record<string, string>>;
  readonly skus?: Operation['skus'];
  /** Another wish than any before, unless it is named. */
  readonly intent?: string;
  /** Done in this way instead of as the request that it is recorded as. */
  readonly instead?: () => Promise<{ readonly status: number; readonly body: unknown }>;
}

export interface Answered {
  readonly outcome: Outcome;
  readonly status?: number;
  readonly answer?: Json;
  readonly etag?: string;
}

/** A gateway with the life of the node that it is on. */
export interface Door {
  readonly gateway: SimulatedGateway;
  readonly life: Life;
}

export interface Recorder {
  readonly operations: readonly Operation[];
  /** Milliseconds since 1970, with a fraction: no two calls give the same. */
  clock(): number;
  /** One attempt. */
  attempt(process: string, wish: ClientWish, intent: string): Promise<Answered>;
  /** Attempts until there is a definite answer. */
  insist(process: string, wish: ClientWish): Promise<Answered>;
}

/** Records what clients do at these gateways. */
export function recorderOf(trouble: Trouble, doors: () => readonly Door[]): Recorder {
  const { chance, happens } = trouble;
  const operations: Operation[] = [];
  const begunAt = Date.now();
  let last = 0;
  let intents = 0;
  const clock = (): number => (last = Math.max(Date.now(), last + 0.001));

  async function exchange(wish: ClientWish): Promise<Pick<Answered, 'status' | 'answer' | 'etag'> | undefined> {
    const open = doors();
    if (open.length === 0) return undefined;
    const { gateway, life } = chance.pick(open);
    const { method, path, headers = {}, body, key } = wish;
    const keyed = key === undefined ? headers : { ...headers, 'idempotency-key': key };
    const request: Request = { method, path, headers: keyed, ...(body === undefined ? {} : { body: body as object }) };
    await trouble.crossing(life);
    const answered =
      wish.instead === undefined
        ? await gateway.answer(request)
        : { headers: {} as Record<string, string>, ...(await wish.instead()) };
    await trouble.crossing(life);
    const etag = answered.headers['ETag'];
    return { status: answered.status, answer: answered.body, ...(etag === undefined ? {} : { etag: String(etag) }) };
  }

  async function attempt(process: string, wish: ClientWish, intent: string): Promise<Answered> {
    const { kind, principal, method, path, key, body, skus } = wish;
    const id = operations.length + 1;
    const begun = {
      id,
      at: clock(),
      process,
      kind,
      principal,
      intent,
      method,
      path,
      ...(key === undefined ? {} : { key }),
      ...(body === undefined ? {} : { body }),
      ...(skus === undefined ? {} : { skus }),
    };
    operations.push(begun);
    const isLost = happens('client answer lost', 2);
    const heard = await Promise.race([exchange(wish), pause(PATIENCE_MS).then(() => undefined)]);
    const seen: Answered =
      heard?.status === undefined || isLost
        ? { outcome: 'unknown' }
        : { ...heard, outcome: outcomeOf(heard.status, method) };
    const error = seen.status === undefined ? { error: 'the connection was lost' } : {};
    operations[id - 1] = { ...begun, ending: { endedAt: clock(), ...seen, ...error } };
    return seen;
  }

  return {
    operations,
    clock,
    attempt,
    async insist(process, wish) {
      const intent = wish.intent ?? `${process}/${(intents += 1)}`;
      for (let n = 1; ; n++) {
        const seen = await attempt(process, wish, intent);
        const isFinal = seen.outcome !== 'unknown' && seen.status !== 503 && seen.status !== 429;
        if (isFinal || n === ATTEMPTS_MAX || Date.now() > begunAt + INSIST_MS) return seen;
        await pause(20 + chance.below(AGAIN_MS));
      }
    },
  };
}

/** What a status says. A 503 may be the answer to what was done already, unless nothing was to be done. */
function outcomeOf(status: number, method: string): Outcome {
  if (status < 400) return 'ok';
  if (status < 500 && status !== 429) return 'fail';
  return method === 'GET' ? 'fail' : 'unknown';
}
