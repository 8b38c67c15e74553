// The simulated payment provider over HTTP: each call of the port is one request and one attempt; who repeats is the caller.
//
//   200 ─► outcome        4xx that says "never like this" ─► ProviderRefused
//   5xx, 4xx about the moment or the set-up, nothing within TIMEOUT_MS, a lost connection ─► ProviderUnknown

import { Agent, request, type RequestOptions } from 'node:http';

import { ProviderRefused, ProviderUnknown, WebhookRejected } from './provider.ts';
import type { ChargeOutcome, PaymentProvider, RefundOutcome, WebhookEvent } from './provider.ts';
import { verifySignature } from './provider-signature.ts';

/** One attempt, from sending to the last byte of the answer. */
export const TIMEOUT_MS = 1_500;
const CONNECTIONS_MAX = 64;
const ANSWER_LENGTH_MAX = 65_536;

/** Only these say that the request itself is wrong. A wrong key, path or pace is mended without touching the payment. */
const permanent: ReadonlySet<number> = new Set([400, 413, 415, 422]);

export interface SimulatedProviderOptions {
  /** Where it listens, such as `http://127.0.0.1:4010`. */
  readonly url: string;
  readonly apiKey: string;
  /** One, or two while they are being changed. */
  readonly webhookSecrets: readonly string[];
  readonly timeoutMs?: number;
}

interface Answer {
  readonly status: string;
  readonly reference: string | undefined;
  readonly reason: string | undefined;
}

/** The port, spoken to the provider of `infra/local/provider`. Nothing connects before the first call. */
export function simulatedProvider(options: SimulatedProviderOptions): PaymentProvider {
  const { apiKey, webhookSecrets, timeoutMs = TIMEOUT_MS } = options;
  const { hostname, port } = new URL(options.url);
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS_MAX, scheduling: 'lifo' });
  const authorization = `Bearer ${apiKey}`;

  async function post(path: string, key: string | undefined, body: object, signal?: AbortSignal): Promise<Answer> {
    const { status, text } = await exchange(path, key, JSON.stringify(body), signal);
    return understand(status, text);
  }

  function exchange(path: string, key: string | undefined, body: string, signal: AbortSignal | undefined) {
    const headers: Record<string, string | number> = {
      authorization,
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
    };
    if (key !== undefined) headers['idempotency-key'] = key;
    const to: RequestOptions = { method: 'POST', hostname, port, path, headers, agent };
    if (signal !== undefined) to.signal = signal;

    return new Promise<{ status: number; text: string }>((resolve, reject) => {
      const call = request(to, (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (part: string) => {
          text += part;
          if (text.length > ANSWER_LENGTH_MAX) call.destroy(new Error('the answer is too long'));
        });
        response.on('error', lost);
        response.on('end', () => {
          clearTimeout(timer);
          resolve({ status: response.statusCode ?? 0, text });
        });
      });
      const timer = setTimeout(() => {
        reject(new ProviderUnknown('timeout', `The provider did not answer within ${timeoutMs} ms.`));
        call.destroy();
      }, timeoutMs);
      function lost(error: Error): void {
        clearTimeout(timer);
        reject(signal?.aborted === true ? aborted() : connectionLost(error));
      }
      call.on('error', lost);
      call.end(body);
    });
  }

  return {
    name: 'simulated',

    async charge({ signal, ...wish }) {
      return chargeOutcome(await post('/v1/charges', wish.paymentId, wish, signal));
    },

    async void(paymentId) {
      return chargeOutcome(await post(`/v1/payments/${encodeURIComponent(paymentId)}/void`, undefined, {}));
    },

    async refund(wish): Promise<RefundOutcome> {
      const { status, reference } = await post('/v1/refunds', wish.refundId, wish);
      if (status !== 'refunded' || reference === undefined) throw garbled();
      return { status, reference };
    },

    verifyWebhook(rawBody, headers, now) {
      verifySignature(headers['souk-signature'], rawBody, webhookSecrets, now);
      return webhookEvent(rawBody);
    },

    close: () => agent.destroy(),
  };
}

/** The answer of a 200; anything else is thrown as what it means. */
function understand(status: number, text: string): Answer {
  let body: Record<string, unknown> | undefined;
  try {
    body = JSON.parse(text) as Record<string, unknown>;
  } catch {
    body = undefined;
  }
  if (permanent.has(status)) {
    const { code, detail } = body ?? {};
    throw new ProviderRefused(status, word(code) ?? 'refused', word(detail) ?? 'The provider gave no reason.');
  }
  if (status !== 200) throw new ProviderUnknown('provider-error', `The provider answered ${status}.`);
  const outcome = word(body?.['status']);
  if (outcome === undefined) throw garbled();
  return { status: outcome, reference: word(body?.['id']), reason: word(body?.['reason']) };
}

const word = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined);

function chargeOutcome({ status, reference, reason }: Answer): ChargeOutcome {
  if (status === 'succeeded' && reference !== undefined) return { status, reference };
  if (status === 'declined') return { status, reason: reason ?? 'declined' };
  if (status === 'voided') return { status };
  throw garbled();
}

const garbled = () => new ProviderUnknown('provider-error', 'The provider answered something we do not understand.');
const aborted = () => new ProviderUnknown('aborted', 'The caller stopped waiting.');
const connectionLost = (error: Error) =>
  new ProviderUnknown('connection-lost', `The connection to the provider was lost: ${error.message}`);

/** The words each type of event carries beside those that all have. */
const ownWords: ReadonlyMap<string, readonly string[]> = new Map([
  ['charge.succeeded', []],
  ['charge.declined', ['reason']],
  ['refund.succeeded', ['refundId']],
]);

function webhookEvent(rawBody: Buffer): WebhookEvent {
  let event: Record<string, unknown>;
  try {
    event = (JSON.parse(rawBody.toString()) ?? {}) as Record<string, unknown>;
  } catch {
    event = {};
  }
  const type = word(event['type']) ?? '';
  const { amount, currency } = (event['amount'] ?? {}) as Record<string, unknown>;
  const names = ['id', 'paymentId', 'reference', 'at', ...(ownWords.get(type) ?? [])];
  const complete = [...names.map((name) => event[name]), amount, currency].every((value) => word(value) !== undefined);
  if (!ownWords.has(type) || !complete) {
    throw new WebhookRejected('malformed', 'The webhook is signed, but it is no event we know.');
  }
  return event as unknown as WebhookEvent;
}
