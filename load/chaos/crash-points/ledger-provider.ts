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
 * A provider over a fresh ledger. `tok_declined` is declined, every other token succeeds, but of `tok_charged_silently` no
 * answer comes, and of `tok_silent` neither answer nor charge. `close` it.
 */
export function ledgerProvider() {
  const book = openLedger(':memory:');
  const provider: PaymentProvider = {
    name: 'simulated',
    async charge({ paymentId, orderId, amount, token }) {
      const at = Date.now();
      const verdict =
        token === 'tok_declined'
          ? ({ status: 'declined', reason: 'card-declined', at, readyAt: at } as const)
          : ({ status: 'succeeded', reason: null, at, readyAt: at } as const);
      if (token === 'tok_silent') throw new ProviderUnknown('timeout', 'nothing was heard');
      const { outcome } = allowed(() => book.charge({ paymentId, orderId, amount }, verdict));
      if (token === 'tok_charged_silently') throw new ProviderUnknown('timeout', 'nothing was heard');
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
