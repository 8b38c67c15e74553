// A payment provider as the shop sees it: an outside program that moves money, is reached over a network, and may be away.
//
//   charge ─► succeeded | declined | voided        void ─► voided, or the outcome that came before it
//   refund ─► refunded                             webhook ─► the same news, by another way
//
// Whatever throws `ProviderUnknown` may or may not have happened: it is repeated under the same id until the answer is
// definite. A time-out is not a failure, and neither is an absence at the provider: only an answer is.

import type { Money } from '../actors/money.ts';

export interface PaymentProvider {
  /** The word in `/payments/webhooks/{name}` and in an order's `payment.method`. */
  readonly name: string;
  /** Takes the money, at most once per payment id, however often it is called. */
  charge(wish: ChargeWish): Promise<ChargeOutcome>;
  /** Forbids any later charge of this payment; one that has an outcome keeps it, and says so. */
  void(paymentId: string): Promise<ChargeOutcome>;
  /** Gives back, once per refund id, never more than was taken. */
  refund(wish: RefundWish): Promise<RefundOutcome>;
  /** The event in a webhook, once its signature over the raw body holds. Throws `WebhookRejected`. `now` in ms since 1970. */
  verifyWebhook(rawBody: Buffer, headers: WebhookHeaders, now: number): WebhookEvent;
  /** How the way to the provider is; absent: nothing guards it. */
  guard?(): GuardState;
  /** Lets go of its connections. */
  close(): void;
}

/** What keeps calls from the provider at this moment. */
export interface GuardState {
  readonly circuit: 'closed' | 'open' | 'half-open';
  /** Calls in a row that had no answer. */
  readonly unknowns: number;
  /** Calls at the provider, and calls that wait for their turn. */
  readonly busy: number;
  readonly waiting: number;
}

export interface ChargeWish {
  readonly paymentId: string;
  readonly orderId: string;
  readonly amount: Money;
  readonly token: string;
  /** Ends the waiting, not the charge: what became of it is then unknown. */
  readonly signal?: AbortSignal;
}

export type ChargeOutcome =
  | { readonly status: 'succeeded'; readonly reference: string }
  | { readonly status: 'declined'; readonly reason: string }
  | { readonly status: 'voided' };

export interface RefundWish {
  readonly refundId: string;
  readonly paymentId: string;
  readonly amount: Money;
}

export interface RefundOutcome {
  readonly status: 'refunded';
  readonly reference: string;
}

export type WebhookHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/** What a provider tells unasked. The same event may come many times, late, and before the answer it repeats. */
export type WebhookEvent = {
  readonly id: string;
  readonly paymentId: string;
  readonly reference: string;
  readonly amount: Money;
  /** ISO 8601. */
  readonly at: string;
} & (
  | { readonly type: 'charge.succeeded' }
  | { readonly type: 'charge.declined'; readonly reason: string }
  | { readonly type: 'refund.succeeded'; readonly refundId: string }
);

/** Why nothing definite is known. The last three never left this process. */
export type Unknown = 'timeout' | 'connection-lost' | 'provider-error' | 'aborted' | 'circuit-open' | 'queue-full';

/** The outcome is unknown: repeat under the same id, later. */
export class ProviderUnknown extends Error {
  override readonly name = 'ProviderUnknown';
  readonly why: Unknown;
  constructor(why: Unknown, sentence: string) {
    super(sentence);
    this.why = why;
  }
}

/** The provider will never do this as it was asked: our bug, for a person to look at. Repeating it is no use. */
export class ProviderRefused extends Error {
  override readonly name = 'ProviderRefused';
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string, sentence: string) {
    super(sentence);
    this.status = status;
    this.code = code;
  }
}

/** A webhook that is not from the provider, too old, or not understood. Nothing may follow from it. */
export class WebhookRejected extends Error {
  override readonly name = 'WebhookRejected';
  readonly slug: 'bad-signature' | 'stale' | 'malformed';
  constructor(slug: WebhookRejected['slug'], sentence: string) {
    super(sentence);
    this.slug = slug;
  }
}
