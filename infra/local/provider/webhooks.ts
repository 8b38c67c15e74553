// Tells the shop what happened, until it says it heard: signed events from the ledger's own queue.
//
//   owed ──due──► POST, signed over time and body ──2xx──► delivered
//     ▲                        │ anything else
//     └── later, each time twice as late ◄── until ATTEMPTS_MAX: then it waits for a person
//
// An event may arrive twice, out of order, before the answer it repeats, or when nobody remembers asking.

import { createHmac } from 'node:crypto';
import { Agent, request } from 'node:http';

import type { GroupCommit } from './group-commit.ts';
import type { Ledger } from './ledger.ts';
import type { Conduct } from './misbehaviour.ts';
import { NEVER, type Charge, type Refund, type Webhook } from './rows.ts';
import { deliverWrongly, overtakenMs } from './wrong-webhooks.ts';

const CONCURRENCY = 4;
const TIMEOUT_MS = 5_000;
const BACKOFF_FIRST_MS = 250;
const BACKOFF_MAX_MS = 60_000;
const ATTEMPTS_MAX = 1_000;

/** The value of `Souk-Signature`, one `v1` per active secret, so that secrets can be changed without losing an event. */
export function signature(secrets: readonly string[], rawBody: string, unixSeconds: number): string {
  const marks = secrets.map((secret) =>
    createHmac('sha256', secret).update(`${unixSeconds}.`).update(rawBody).digest('hex'),
  );
  return [`t=${unixSeconds}`, ...marks.map((mark) => `v1=${mark}`)].join(',');
}

/** The event that tells of a charge or a refund; its id is the same however often it is made. */
export function eventOf(thing: Charge | Refund): { readonly id: string; readonly body: string } {
  const id = `evt_${thing.id}`;
  const { paymentId, amount } = thing;
  const at = new Date(thing.at).toISOString();
  const event =
    'refundId' in thing
      ? { id, type: 'refund.succeeded', paymentId, refundId: thing.refundId, reference: thing.id, amount, at }
      : thing.status === 'succeeded'
        ? { id, type: 'charge.succeeded', paymentId, reference: thing.id, amount, at }
        : { id, type: 'charge.declined', paymentId, reference: thing.id, reason: thing.reason, amount, at };
  return { id, body: JSON.stringify(event) };
}

export interface SenderOptions {
  readonly ledger: Ledger;
  readonly lane: GroupCommit;
  /** Of the shop. */
  readonly url: string;
  readonly secrets: readonly string[];
  /** What goes wrong on purpose. */
  readonly conduct: Conduct;
}

/** Delivers what the ledger owes. `wake` it whenever something was promised. */
export function webhookSender({ ledger, lane, url, secrets, conduct }: SenderOptions) {
  const agent = new Agent({ keepAlive: true, maxSockets: CONCURRENCY });
  const inFlight = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;

  function wake(): void {
    clearTimeout(timer);
    if (stopped || inFlight.size >= CONCURRENCY) return;
    const now = Date.now();
    for (const webhook of ledger.due(now, CONCURRENCY + inFlight.size)) {
      if (inFlight.size >= CONCURRENCY) return;
      if (!inFlight.has(webhook.id)) void deliver(webhook);
    }
    const next = ledger.nextDueAfter(now);
    if (next !== NEVER) timer = setTimeout(wake, Math.min(next - now, BACKOFF_MAX_MS));
  }

  async function deliver(webhook: Webhook): Promise<void> {
    inFlight.add(webhook.id);
    // Only the first time: whatever is wrong with it, the shop has it at the second.
    const how = webhook.attempts === 0 ? conduct.ofWebhook() : undefined;
    const isOvertaken = how === 'webhook-reordered';
    const status = how === 'webhook-reordered' ? 0 : await deliverWrongly(how, webhook, post, conduct);
    const taken = status >= 200 && status < 300;
    try {
      if (stopped && !taken) return;
      const attempts = webhook.attempts + 1;
      const backoffMs = Math.min(BACKOFF_FIRST_MS * 2 ** (attempts - 1), BACKOFF_MAX_MS);
      const laterMs = isOvertaken ? overtakenMs(webhook.id) : backoffMs;
      const dueAt = attempts < ATTEMPTS_MAX ? Date.now() + laterMs : NEVER;
      await lane.write(() => (taken ? ledger.delivered(webhook.id, Date.now()) : ledger.postponed(webhook.id, dueAt)));
    } catch {
      // The ledger cannot be written just now: the event stays owed, and a full disk is no reason to spin.
      if (!stopped) timer = setTimeout(wake, BACKOFF_MAX_MS);
      return;
    } finally {
      inFlight.delete(webhook.id);
    }
    wake();
  }

  /** Resolves with the status; 0: there was no answer. */
  function post(body: string, { at = Math.floor(Date.now() / 1_000), keys = secrets } = {}): Promise<number> {
    return new Promise((resolve) => {
      const headers = {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        'souk-signature': signature(keys, body, at),
      };
      let status = 0;
      const call = request(url, { method: 'POST', agent, headers }, (answer) => {
        status = answer.statusCode ?? 0;
        answer.resume();
      });
      const timeout = setTimeout(() => call.destroy(), TIMEOUT_MS);
      call.on('error', () => undefined);
      call.on('close', () => {
        clearTimeout(timeout);
        resolve(status);
      });
      call.end(body);
    });
  }

  return {
    wake,
    /** Sends nothing more; what is owed stays in the ledger. */
    stop(): void {
      stopped = true;
      clearTimeout(timer);
      agent.destroy();
    },
  };
}
