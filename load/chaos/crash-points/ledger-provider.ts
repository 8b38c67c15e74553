// The simulated provider without its process: its own ledger, in memory, behind the port that the payments know.

import { Contradiction, openLedger } from '../../../infra/local/provider/ledger.ts';
import type { Charge, Refund, Void } from '../../../infra/local/provider/rows.ts';
import {
  type ChargeOutcome,
  type PaymentProvider,
  ProviderRefused,
  ProviderUnknown,
  WebhookRejected,
} from '../../../mixins/provider.ts';

/**
 * A provider over a fresh ledger. Tokens that begin with `tok_declined` are declined, all others succeed; but of those
 * that end with `_silently` no answer comes, of those with `_at_last` only to the second call, and of `tok_silent` neither
 * answer nor charge, until it is voided. `close` it.
 */
export function ledgerProvider() {
  const book = openLedger(':memory:');
  const provider: PaymentProvider = {
    name: 'simulated',
    async charge({ paymentId, orderId, amount, token }) {
      const at = Date.now();
      const verdict = token.startsWith('tok_declined')
        ? ({ status: 'declined', reason: 'card-declined', at, readyAt: at } as const)
        : ({ status: 'succeeded', reason: null, at, readyAt: at } as const);
      const silence = new ProviderUnknown('timeout', 'nothing was heard');
      if (token === 'tok_silent' && book.find(paymentId) === undefined) throw silence;
      const { known, outcome } = allowed(() => book.charge({ paymentId, orderId, amount }, verdict));
      if (token.endsWith('_silently') || (token.endsWith('_at_last') && !known)) throw silence;
      return outcomeOf(outcome);
    },
    async void(paymentId) {
      return outcomeOf(book.void(paymentId, Date.now()));
    },
    async refund(wish) {
      return { status: 'refunded', reference: allowed(() => book.refund(wish, Date.now())).id };
    },
    verifyWebhook() {
      throw new WebhookRejected('malformed', 'this provider sends no webhooks');
    },
    close() {},
  };
  return {
    provider,
    /** Everything that it ever did. */
    ledger: () => ({
      charges: book.chargesAfter(0, ALL) as readonly Charge[],
      refunds: book.refundsAfter(0, ALL) as readonly Refund[],
    }),
    close: () => book.close(),
  };
}

const ALL = 1_000;

function outcomeOf(outcome: Charge | Void): ChargeOutcome {
  switch (outcome.status) {
    case 'succeeded':
      return { status: 'succeeded', reference: outcome.id };
    case 'declined':
      return { status: 'declined', reason: outcome.reason ?? '' };
    case 'voided':
      return { status: 'voided' };
  }
}

/** What contradicts the ledger is refused for good, as over HTTP. */
function allowed<T>(effect: () => T): T {
  try {
    return effect();
  } catch (error) {
    if (error instanceof Contradiction) throw new ProviderRefused(422, error.code, error.message);
    throw error;
  }
}
