// The payment provider of the simulated shop: the real provider's ledger, in memory, reached over an unsteady way, and
// its webhooks, which come late, many times, and before the answer.
//
//   charge, void, refund ─► ledger ─► answer, perhaps        webhook ─► gateway, until it is taken

import { Contradiction, type Ledger, openLedger } from '../../../infra/local/provider/ledger.ts';
import type { Charge, Refund, Void } from '../../../infra/local/provider/rows.ts';
import { eventOf, signature } from '../../../infra/local/provider/webhooks.ts';
import type { ChargeOutcome, PaymentProvider } from '../../../mixins/provider.ts';
import type { ShopModules } from './seams.ts';
import { type Life, pause, type Trouble } from './trouble.ts';

/** How long the shop waits for an answer, in milliseconds. */
const TIMEOUT_MS = 1_500;
/** How late a slow answer comes, in milliseconds: after the shop has stopped waiting. */
const SLOW_MS = 3_000;
/** Longest way of a webhook, in milliseconds. */
const WEBHOOK_MS = 4_000;
const WEBHOOK_AGAIN_MS = 500;
const WEBHOOK_ATTEMPTS_MAX = 40;
const SECRET = 'a webhook secret of the simulated shop';

export interface SimulatedProvider {
  /** As a node reaches it. */
  reachedBy(life: Life): PaymentProvider;
  readonly charges: readonly Charge[];
  readonly refunds: readonly Refund[];
  readonly voids: readonly Void[];
  /** Webhooks that nobody has taken yet. */
  owed(): number;
  close(): void;
}

/** Sends a webhook to the shop. @returns whether it was taken. */
export type Post = (rawBody: string, headers: Readonly<Record<string, string>>) => Promise<boolean>;

/** A provider with an empty ledger. */
export function simulatedProviderOf(modules: ShopModules, trouble: Trouble, post: Post): SimulatedProvider {
  const { chance, happens, outside } = trouble;
  const ledger: Ledger = openLedger(':memory:');
  const charges: Charge[] = [];
  const refunds: Refund[] = [];
  const voids: Void[] = [];
  let owed = 0;
  const { verifyWebhook } = modules.simulatedProvider({
    url: 'http://127.0.0.1:1',
    apiKey: '',
    webhookSecrets: [SECRET],
  });

  const unknown = (why: 'timeout' | 'provider-error'): Error =>
    new modules.ProviderUnknown(why, `the provider: ${why}`);

  function tell(thing: Charge | Refund): void {
    // The shop asks until it has an answer: it needs no webhook.
    if (happens('webhook lost', 30)) return;
    const copies = happens('webhook repeated', 20) ? 2 + chance.below(3) : 1;
    for (let i = 0; i < copies; i++) void deliver(thing);
  }

  async function deliver(thing: Charge | Refund): Promise<void> {
    owed += 1;
    const { body } = eventOf(thing);
    await pause(chance.below(WEBHOOK_MS));
    for (let attempt = 1; attempt <= WEBHOOK_ATTEMPTS_MAX; attempt++) {
      const signed = signature([SECRET], body, Math.floor(Date.now() / 1_000));
      if (await post(body, { 'souk-signature': signed })) break;
      await pause(WEBHOOK_AGAIN_MS);
    }
    owed -= 1;
  }

  /** One call over the way: it may not arrive, and its answer may come too late. */
  async function call<T>(life: Life, effect: () => T, readyAt: () => number = () => 0): Promise<T> {
    const called = outside(
      life,
      async () => {
        const result = allowed(effect);
        await pause(Math.max(readyAt() - Date.now(), 0));
        return result;
      },
      {
        before() {
          if (happens('provider away', 6)) throw unknown('provider-error');
        },
      },
    );
    const isLost = happens('provider answer lost', 8);
    const answer = isLost ? called.then(() => new Promise<never>(() => {})) : called;
    const late = pause(TIMEOUT_MS).then(() => Promise.reject(unknown('timeout')));
    late.catch(() => {});
    return await Promise.race([answer, late]);
  }

  /** What contradicts the ledger is refused for good, as over HTTP. */
  function allowed<T>(effect: () => T): T {
    try {
      return effect();
    } catch (error) {
      if (error instanceof Contradiction) throw new modules.ProviderRefused(422, error.code, error.message);
      throw error;
    }
  }

  return {
    charges,
    refunds,
    voids,
    owed: () => owed,
    close: () => ledger.close(),
    reachedBy: (life) => ({
      name: 'simulated',
      charge({ paymentId, orderId, amount, token }) {
        let readyAt = 0;
        const effect = (): ChargeOutcome => {
          const at = Date.now();
          if (token === 'tok_error_then_ok' && ledger.stumbles(paymentId, at)) throw unknown('provider-error');
          const slowly = { at, readyAt: token === 'tok_slow' ? at + SLOW_MS : at };
          const verdict =
            token === 'tok_declined'
              ? ({ status: 'declined', reason: 'card-declined', ...slowly } as const)
              : ({ status: 'succeeded', reason: null, ...slowly } as const);
          const { known, outcome } = ledger.charge({ paymentId, orderId, amount }, verdict);
          if (outcome.status !== 'voided') ({ readyAt } = outcome);
          if (!known && outcome.status !== 'voided') {
            charges.push(outcome);
            tell(outcome);
            if (token === 'tok_timeout_then_ok') throw unknown('timeout');
          }
          return outcomeOf(outcome);
        };
        return call(life, effect, () => readyAt);
      },
      void: (paymentId) =>
        call(life, () => {
          const known = ledger.find(paymentId);
          const outcome = ledger.void(paymentId, Date.now());
          if (known === undefined) voids.push(outcome as Void);
          return outcomeOf(outcome);
        }),
      refund: (wish) =>
        call(life, () => {
          const made = ledger.refund(wish, Date.now());
          if (!refunds.some(({ id }) => id === made.id)) {
            refunds.push(made);
            tell(made);
          }
          return { status: 'refunded', reference: made.id };
        }),
      verifyWebhook,
      close() {},
    }),
  };
}

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
