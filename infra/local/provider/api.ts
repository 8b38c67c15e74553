// The provider's API over its ledger.
//
//   POST /v1/charges {paymentId, orderId, amount, token}     POST /v1/payments/{paymentId}/void     GET /health
//   POST /v1/refunds {refundId, paymentId, amount}           GET  /v1/payments/{paymentId}
//   GET  /v1/charges?after=seq&limit=n                       GET  /v1/refunds?after=seq&limit=n      (listing.ts)
//
//   request ─► checked ─► effect in the ledger ─► committed ─► answer ─► could not be handed over? a webhook tells it
//
// Repeats under the same id get the same answer and never move money twice. What goes wrong on purpose is in manners.ts, by
// the token, and in misbehaviour.ts, by a share of all calls.

import { timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';

import type { GroupCommit } from './group-commit.ts';
import { Contradiction, type Ledger } from './ledger.ts';
import { listing } from './listing.ts';
import { mannerOf } from './manners.ts';
import type { Conduct, WrongAnswer } from './misbehaviour.ts';
import {
  amount,
  decode,
  digest,
  id,
  idempotencyKey,
  only,
  onlyFields,
  Problem,
  readObject,
  send,
  sendProblem,
} from './requests.ts';
import type { Charge, Refund, Void } from './rows.ts';
import { eventOf } from './webhooks.ts';

/** How long an answer that will never come keeps its connection. */
const HANG_MS = 30_000;
/** How long after its time an answer counts as not handed over, should the provider die while it holds it back. */
const GRACE_MS = 1_000;
/** Answers given this shortly before a crash may have been lost on their way. */
const CRASH_WINDOW_MS = 1_000;

/** How long an answer waits for its webhook to be taken, and how often it looks, in milliseconds; callers wait 1,500. */
const WEBHOOK_FIRST_MS = 1_000;
const WEBHOOK_POLL_MS = 5;

export interface ApiOptions {
  readonly ledger: Ledger;
  readonly lane: GroupCommit;
  readonly apiKey: string;
  /** Who has this key may list charges and refunds, and nothing else; without one, nobody may. */
  readonly listingKey?: string;
  /** Whether every outcome is told by webhook, or those whose answer could not be handed over. */
  readonly webhooks: 'all' | 'unanswered';
  /** What goes wrong on purpose. */
  readonly conduct: Conduct;
  /** Called when a webhook became due. */
  readonly wake: () => void;
}

/** The request handler, and how it lets go of the answers it still holds back. */
export function api({ ledger, lane, apiKey, listingKey, webhooks, conduct, wake }: ApiOptions) {
  const held = new Set<ServerResponse>();
  const keyDigest = digest(`Bearer ${apiKey}`);
  const listingDigest = listingKey === undefined ? undefined : digest(`Bearer ${listingKey}`);
  const toAll = () => webhooks === 'all' || conduct.tellsAll();
  const wrong = new WeakMap<ServerResponse, WrongAnswer>();

  async function takeCharge(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readObject(request);
    onlyFields(body, ['paymentId', 'orderId', 'amount', 'token']);
    const paymentId = id(body['paymentId'], 'paymentId');
    const wish = { paymentId, orderId: id(body['orderId'], 'orderId'), amount: amount(body['amount']) };
    const { status, reason, firstAnswer, slowMs = 0 } = mannerOf(id(body['token'], 'token'));
    idempotencyKey(request, paymentId);

    const at = Date.now();
    const made = await lane.write(() => {
      if (firstAnswer === 'error' && ledger.stumbles(paymentId, at)) return 'stumbled';
      const { known, outcome } = ledger.charge(wish, { status, reason, at, readyAt: at + slowMs });
      const first = !known && outcome.status !== 'voided';
      const patienceMs = firstAnswer === 'none' ? HANG_MS : slowMs;
      // An answer that is held back is promised as a webhook in the same commit: a crash must not lose the news.
      if (first && toAll()) owe(outcome, outcome.readyAt);
      else if (first && patienceMs > 0) owe(outcome, at + patienceMs + GRACE_MS);
      return { outcome, first };
    });

    if (made === 'stumbled') throw new Problem(500, 'stumbled', 'Something failed before anything was charged.');
    const { outcome, first } = made;
    if (outcome.status === 'voided') hand(response, undefined, view(outcome));
    else if (first && firstAnswer === 'none') holdBack(response, outcome, HANG_MS, () => response.destroy());
    else if (outcome.readyAt > Date.now()) {
      holdBack(response, outcome, outcome.readyAt - Date.now(), () => send(response, 200, view(outcome)));
    } else hand(response, outcome, view(outcome));
    if (first && toAll()) wake();
  }

  async function takeRefund(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readObject(request);
    onlyFields(body, ['refundId', 'paymentId', 'amount']);
    const refundId = id(body['refundId'], 'refundId');
    const wish = { refundId, paymentId: id(body['paymentId'], 'paymentId'), amount: amount(body['amount']) };
    idempotencyKey(request, refundId);
    const made = await lane.write(() => {
      const outcome = ledger.refund(wish, Date.now());
      if (toAll()) owe(outcome, outcome.at);
      return outcome;
    });
    const at = new Date(made.at).toISOString();
    hand(response, made, {
      id: made.id,
      refundId,
      paymentId: made.paymentId,
      status: 'refunded',
      amount: made.amount,
      at,
    });
    if (toAll()) wake();
  }

  async function takeVoid(request: IncomingMessage, response: ServerResponse, paymentId: string): Promise<void> {
    onlyFields(await readObject(request), []);
    hand(response, undefined, view(await lane.write(() => ledger.void(paymentId, Date.now()))));
  }

  function show(response: ServerResponse, paymentId: string): void {
    const known = ledger.find(paymentId);
    if (known === undefined) throw new Problem(404, 'unknown-payment', `Nothing is known of payment ${paymentId}.`);
    send(response, 200, {
      ...view(known),
      ...(known.status === 'succeeded' && { refunded: ledger.refunded(paymentId) }),
    });
  }

  /** Answers, unless the answer is to be a wrong one, and leaves it to a webhook if nobody was there any more to hear it. */
  function hand(response: ServerResponse, thing: Charge | Refund | undefined, body: object): void {
    const how = wrong.get(response);
    if (response.destroyed) tell(thing);
    else if (how === 'error-after') sendProblem(response, new Problem(500, 'stumbled', 'Something failed afterwards.'));
    else if (how === 'silent') holdBack(response, thing, HANG_MS, () => response.destroy());
    else if (how === 'slow') holdBack(response, thing, conduct.slowMs(), () => send(response, 200, body));
    else if (how === 'webhook-first' && thing !== undefined) afterItsWebhook(thing, () => send(response, 200, body));
    else {
      response.on('close', () => response.writableFinished || tell(thing));
      send(response, 200, body);
    }
  }

  function holdBack(
    response: ServerResponse,
    thing: Charge | Refund | undefined,
    forMs: number,
    then: () => void,
  ): void {
    if (response.destroyed) {
      tell(thing);
      return;
    }
    const timer = setTimeout(then, forMs);
    held.add(response);
    response.on('close', () => {
      clearTimeout(timer);
      held.delete(response);
      if (!response.writableFinished) tell(thing);
      else if (thing !== undefined && !toAll()) later(() => ledger.forget(eventOf(thing).id));
    });
  }

  function owe(thing: Charge | Refund, dueAt: number): void {
    const event = eventOf(thing);
    ledger.owe(event.id, event.body, dueAt);
  }

  function tell(thing: Charge | Refund | undefined): void {
    if (thing !== undefined) later(() => owe(thing, Date.now()));
  }

  /** Does it once the shop has taken the webhook, or has had its time for it. */
  function afterItsWebhook(thing: Charge | Refund, then: () => void, since = Date.now()): void {
    wake();
    const isTaken = ledger.isDelivered(eventOf(thing).id);
    if (isTaken || Date.now() - since > WEBHOOK_FIRST_MS) then();
    else setTimeout(() => afterItsWebhook(thing, then, since), WEBHOOK_POLL_MS);
  }

  /** Writes what no caller waits for. If the ledger refuses it, the caller's own repeat will bring the news. */
  function later(effect: () => void): void {
    lane.write(effect).then(wake, () => undefined);
  }

  async function route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method, url = '' } = request;
    if (url === '/health') return send(response, 200, { status: 'ok' });
    const given = digest(request.headers.authorization ?? '');
    const [, listed] = /^\/v1\/(charges|refunds)(?:\?|$)/.exec(method === 'GET' ? url : '') ?? [];
    if (listed !== undefined) {
      if (listingDigest === undefined || !timingSafeEqual(given, listingDigest)) {
        throw new Problem(
          401,
          'unauthorized',
          'The header "Authorization" must be "Bearer" and the key of the listing.',
        );
      }
      return send(response, 200, listing(ledger, listed as 'charges' | 'refunds', url));
    }
    if (!timingSafeEqual(given, keyDigest)) {
      throw new Problem(401, 'unauthorized', 'The header "Authorization" must be "Bearer" and the API key.');
    }
    if (url === '/v1/charges') return only(method, 'POST', () => takeCharge(request, response));
    if (url === '/v1/refunds') return only(method, 'POST', () => takeRefund(request, response));
    const [, encoded = '', action] = /^\/v1\/payments\/([^/]+)(\/void)?$/.exec(url) ?? [];
    if (encoded === '') throw new Problem(404, 'unknown-path', 'There is nothing under this path.');
    const paymentId = id(decode(encoded), 'paymentId');
    return action === undefined
      ? only(method, 'GET', () => show(response, paymentId))
      : only(method, 'POST', () => takeVoid(request, response, paymentId));
  }

  /** Draws what goes wrong with a call; what fails before anything happens is thrown. */
  async function behaved(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const how = request.method === 'POST' ? conduct.ofCall() : undefined;
    if (how === 'error-before') throw new Problem(500, 'stumbled', 'Something failed before anything happened.');
    if (how === 'too-many') throw new Problem(429, 'too-many-requests', 'That was too much at once: come back later.');
    if (how !== undefined) wrong.set(response, how);
    await route(request, response);
  }

  function handle(request: IncomingMessage, response: ServerResponse): void {
    behaved(request, response).catch((error: unknown) => {
      request.resume();
      const problem = error instanceof Contradiction ? new Problem(422, error.code, error.message) : error;
      if (!(problem instanceof Problem)) console.error(problem);
      sendProblem(response, problem);
    });
  }

  /** Hangs up on those who wait for an answer that is held back; it is in the ledger. */
  function letGo(): void {
    for (const response of held) response.destroy();
  }

  /** Promises again what a predecessor may have failed to tell before it died. */
  function recover(): Promise<void> {
    return lane.write(() => {
      const now = Date.now();
      for (const charge of ledger.lastCharges(CRASH_WINDOW_MS)) owe(charge, now);
      ledger.hastenAll(now);
    });
  }

  return { handle, letGo, recover };
}

function view(outcome: Charge | Void): object {
  const at = new Date(outcome.at).toISOString();
  if (outcome.status === 'voided') return { paymentId: outcome.paymentId, status: outcome.status, at };
  const { id: reference, paymentId, status, reason, amount: paid } = outcome;
  return { id: reference, paymentId, status, ...(reason !== null && { reason }), amount: paid, at };
}
