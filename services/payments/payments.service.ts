// Payments: charges what orders ask for, at a provider that may be slow, silent or away.
//
//   payment.requested (log) ─► Charge ─► intent committed ─► perform charge ─► provider ─► RecordOutcome ─► payment.succeeded | .failed
//                                                                 webhook ────────────────────┘ (first one wins)

import type { Context } from 'moleculer';
import { minorOf, moneyOfMinor } from '../../actors/money.ts';
import type { PaymentRequested } from '../../actors/public-events.ts';
import { type Payment, paymentActor, type PaymentCommand } from '../../actors/payment.ts';
import { paymentCommands } from '../../brokers/commands/payment.ts';
import type { LogRecord, Subscription } from '../../brokers/event-log.ts';
import { Problem } from '../../brokers/problem.ts';
import { CHANGING } from '../../mixins/bulkheads.ts';
import { consume } from '../../mixins/consume.ts';
import { type Hosting, hosts, type Perform } from '../../mixins/hosts.mixin.ts';
import type { Platform } from '../../mixins/platform.ts';
import type { SchemaOf } from '../../mixins/service-schema.ts';
import type { Database } from '../../mixins/postgres/database.ts';
import { type ChargeOutcome, ProviderRefused, WebhookRejected, type WebhookEvent } from '../../mixins/provider.ts';
import { unseal } from '../../mixins/seal.ts';
import { checkPayments, type PaymentsOf } from './invariants.ts';
import { openPaymentStore } from './payments.store.ts';

/** Nobody waits for a payment in the same second: larger batches leave more of the machine to orders. */
const GATHER_MS = 10;

interface Payments extends Hosting<Payment, PaymentCommand> {
  database: Database;
  subscription: Subscription;
}

interface ChargeTask {
  readonly paymentId: string;
  readonly orderId: string;
  readonly amount: number;
  readonly currency: string;
  readonly sealed: string;
  /** Milliseconds since 1970: no charge starts after it. */
  readonly deadline: number;
}

/** The payments service; opens its store when it starts. */
export const paymentsService = (platform: Platform): SchemaOf<Payments> => ({
  name: 'payments',
  mixins: [
    hosts({
      actor: paymentActor,
      commands: paymentCommands,
      store: (service) => openPaymentStore(service as unknown as Payments, platform),
      close: (service) => (service as unknown as Partial<Payments>).database?.close(),
      log: () => platform.log(),
      alert: platform.alert,
      gatherMs: GATHER_MS,
      perform: (service) => tasks(service as unknown as Payments, platform),
    }),
  ],

  async started(this: Payments) {
    this.subscription = await consume(await platform.log(), this.placed, {
      group: 'payments',
      topics: ['payment.requested'],
      command: toCharge,
    });
  },
  async stopped(this: Payments) {
    await this.subscription?.stop();
  },

  actions: {
    /** A signed report of the provider. It races with the answer; the payment takes whichever comes first. */
    webhook: {
      bulkhead: CHANGING,
      async handler(
        this: Payments,
        ctx: Context<{ provider: string; rawBody: string; headers: Record<string, string> }, { $statusCode?: number }>,
      ) {
        const provider = platform.provider();
        const { headers } = ctx.params;
        const rawBody = Buffer.from(ctx.params.rawBody, 'base64');
        if (ctx.params.provider !== provider.name)
          throw new Problem('not-found', `there is no payment provider ${ctx.params.provider}`);
        const event = verified(() => provider.verifyWebhook(rawBody, headers, Date.now()));
        await this.host.tell(event.paymentId, commandOfWebhook(event), { commandId: `webhook/${event.id}` });
        ctx.meta.$statusCode = 204;
      },
    },
    /** Which invariants hold, by the payments' own store. Not published at the gateway. */
    invariants: {
      visibility: 'public',
      handler(this: Payments, ctx: Context<PaymentsOf>) {
        return checkPayments(this.database, ctx.params);
      },
    },
    /** How the way to the provider is from this node. Not published at the gateway. */
    provider: {
      visibility: 'public',
      handler() {
        return platform.provider().guard?.() ?? null;
      },
    },
    ready: {
      async handler(this: Payments) {
        await this.store.load({ ids: ['ready'], rows: [], commands: [] });
        return { ready: true };
      },
    },
  },
});

/** The payment's slow work outside. Each ends with a definite outcome, told to the payment, or is repeated. */
export function tasks(
  payments: Pick<Payments, 'host' | 'store'>,
  platform: Pick<Platform, 'provider' | 'secret' | 'alert'>,
): Record<'charge' | 'void' | 'refund', Perform> {
  const provider = platform.provider();
  const key = platform.secret('payment-tokens');
  const record = async (paymentId: string, outcome: ChargeOutcome, messageId: string) => {
    await payments.host.tell(paymentId, commandOf(outcome), { commandId: `${messageId}/outcome` });
  };
  // What the provider will never do is our bug: repeating it is no use, a person has to look.
  const orPark = async <T>(
    { paymentId, task, messageId }: { paymentId: string; task: string; messageId: string },
    call: Promise<T>,
  ): Promise<T | undefined> => {
    try {
      return await call;
    } catch (error) {
      if (!(error instanceof ProviderRefused)) throw error;
      platform.alert('provider refused', {
        paymentId,
        task,
        status: error.status,
        code: error.code,
        reason: error.message,
      });
      await payments.store.park({
        id: paymentId,
        // One payment may have many refunds: each has a row of its own.
        commandId: messageId,
        command: { task },
        reason: error.message,
      });
      return undefined;
    }
  };
  return {
    async charge(task: ChargeTask, paymentId: string, messageId: string) {
      const { orderId, currency } = task;
      // After the deadline nothing may start; what may have started before is settled by voiding: either it was
      // captured, then the void says so, or it never will be.
      const late = Date.now() > task.deadline;
      const token = unseal(key, orderId, task.sealed);
      const call = late
        ? provider.void(paymentId)
        : provider.charge({ paymentId, orderId, token, amount: moneyOfMinor(task.amount, currency) });
      const outcome = await orPark({ paymentId, task: 'charge', messageId }, call);
      if (outcome !== undefined) await record(paymentId, outcome, messageId);
    },
    async void(_task: object, paymentId: string, messageId: string) {
      const outcome = await orPark({ paymentId, task: 'void', messageId }, provider.void(paymentId));
      if (outcome !== undefined) await record(paymentId, outcome, messageId);
    },
    async refund(task: { refundId: string; amount: number; currency: string }, paymentId: string, messageId: string) {
      const { refundId, amount, currency } = task;
      const call = provider.refund({ refundId, paymentId, amount: moneyOfMinor(amount, currency) });
      if ((await orPark({ paymentId, task: 'refund', messageId }, call)) === undefined) return;
      await payments.host.tell(
        paymentId,
        { type: 'RecordRefund', data: { refundId } },
        { commandId: `${messageId}/outcome` },
      );
    },
  };
}

function commandOf(outcome: ChargeOutcome): PaymentCommand {
  switch (outcome.status) {
    case 'succeeded':
      return { type: 'RecordOutcome', data: { outcome: 'succeeded', reference: outcome.reference } };
    case 'declined':
      return { type: 'RecordOutcome', data: { outcome: 'declined', reason: outcome.reason } };
    case 'voided':
      return { type: 'RecordOutcome', data: { outcome: 'voided' } };
  }
}

function commandOfWebhook(event: WebhookEvent): PaymentCommand {
  switch (event.type) {
    case 'charge.succeeded':
      return { type: 'RecordOutcome', data: { outcome: 'succeeded', reference: event.reference } };
    case 'charge.declined':
      return { type: 'RecordOutcome', data: { outcome: 'declined', reason: event.reason } };
    case 'refund.succeeded':
      return { type: 'RecordRefund', data: { refundId: event.refundId } };
  }
}

function verified(verify: () => WebhookEvent): WebhookEvent {
  try {
    return verify();
  } catch (error) {
    if (error instanceof WebhookRejected) throw new Problem('bad-signature', error.message);
    throw error;
  }
}

/** What a payment is told by `payment.requested`. */
export function toCharge({ data }: LogRecord): { id: string; command: PaymentCommand } {
  const { orderId, paymentId, amount: money, deadline } = data as PaymentRequested;
  const amount = minorOf(money);
  if (amount === undefined) throw new Error(`${money.amount} ${money.currency} is no amount in minor units`);
  return { id: paymentId, command: { type: 'Charge', data: { orderId, amount, currency: money.currency, deadline } } };
}
