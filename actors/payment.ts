// One payment (actor id = `paymentIdOf(orderId)`). It sees to it that an order is charged at most once, that the order
// learns the outcome, and that no money is kept for an order that was undone.
//
//   NEW ──ChargeStarted──► STARTED ──Succeeded──► SUCCEEDED ──RefundRequested, Refunded──► SUCCEEDED
//    │  (once prepared        ├─────Failed─────► FAILED ─────┐     ▲
//    │   and asked for)       └──VoidRequested─► VOIDING ────┼─CapturedLate, and all of it is refunded
//    └────────────────Voided────────────────────────┴► VOIDED ┘
//
// The provider is called by the service (`perform`), as often as it takes. A time-out is no outcome: only what the
// provider says is, and the first thing it says decides; a success that comes after the end of the payment goes back.

import { type Actor, type At, invariant, type Reaction, type Refusal, refuse, unreachable } from './actor.ts';
import { paymentFailed, paymentSucceeded } from './public-events.ts';

/** The payment id of an order, derived so that every retry everywhere means the same payment. */
export function paymentIdOf(orderId: string): string {
  return `pay_${orderId}`;
}

/** The refund that a payment makes by itself when its money is not wanted any more. No order asked for it under this id. */
export function voidRefundIdOf(orderId: string): string {
  return `${orderId}/void`;
}

export type PaymentStatus = 'NEW' | 'STARTED' | 'VOIDING' | 'SUCCEEDED' | 'FAILED' | 'VOIDED';

export interface Payment {
  readonly status: PaymentStatus;
  /** Empty until the first command names it. */
  readonly orderId: string;
  readonly method?: string;
  /** The payment token, encrypted; erased at the outcome. */
  readonly sealed?: string;
  /** What is to be charged, once it was asked for. Amounts in minor units. */
  readonly charge?: ChargeWish;
  /** The provider's name of the charge. */
  readonly reference?: string;
  /** Minor units. */
  readonly captured: number;
  readonly refunds: Readonly<Record<string, { readonly amount: number; readonly confirmed: boolean }>>;
}

/** Amount in minor units; no charge starts after `deadline` (ms since 1970). */
export interface ChargeWish {
  readonly orderId: string;
  readonly amount: number;
  readonly currency: string;
  readonly deadline: number;
}

export type PaymentCommand =
  /** From the order, with the sealed token; may arrive before or after `Charge`. */
  | {
      readonly type: 'Prepare';
      readonly data: { readonly orderId: string; readonly method: string; readonly sealed: string };
    }
  /** From `payment.requested` on the log. */
  | { readonly type: 'Charge'; readonly data: ChargeWish }
  /** What the provider said, by answer, webhook or reconciliation: first one wins, the rest are repeats. */
  | {
      readonly type: 'RecordOutcome';
      readonly data: {
        readonly outcome: 'succeeded' | 'declined' | 'voided';
        readonly reference?: string;
        readonly reason?: string;
      };
    }
  /** From the order that failed, expired or was cancelled: see to it that no money is kept. */
  | { readonly type: 'Void'; readonly data: { readonly orderId: string } }
  | {
      readonly type: 'Refund';
      readonly data: { readonly orderId: string; readonly refundId: string; readonly amount: number };
    }
  | { readonly type: 'RecordRefund'; readonly data: { readonly refundId: string } };

export type PaymentEvent =
  | {
      readonly type: 'Prepared';
      readonly data: { readonly orderId: string; readonly method: string; readonly sealed: string };
    }
  /** The wish to charge came before the token: it waits. */
  | { readonly type: 'ChargeAwaited'; readonly data: ChargeWish }
  | { readonly type: 'ChargeStarted'; readonly data: ChargeWish }
  | { readonly type: 'VoidRequested'; readonly data: object }
  | { readonly type: 'Succeeded'; readonly data: { readonly reference?: string } }
  | { readonly type: 'Failed'; readonly data: { readonly reason: string } }
  /** Nothing was captured and nothing will be, as the order wished. */
  | { readonly type: 'Voided'; readonly data: { readonly orderId: string } }
  /** Captured although nobody wanted it any more; the order is not told, the refund follows at once. */
  | { readonly type: 'CapturedLate'; readonly data: { readonly reference?: string } }
  | { readonly type: 'RefundRequested'; readonly data: { readonly refundId: string; readonly amount: number } }
  | { readonly type: 'Refunded'; readonly data: { readonly refundId: string; readonly amount: number } };

/** Which event may follow in which status, and where it leads. */
export const paymentTransitions: Readonly<Record<PaymentStatus, Partial<Record<PaymentEvent['type'], PaymentStatus>>>> =
  {
    NEW: { Prepared: 'NEW', ChargeAwaited: 'NEW', ChargeStarted: 'STARTED', Voided: 'VOIDED' },
    STARTED: { Succeeded: 'SUCCEEDED', Failed: 'FAILED', VoidRequested: 'VOIDING' },
    VOIDING: { Voided: 'VOIDED', CapturedLate: 'SUCCEEDED' },
    SUCCEEDED: { RefundRequested: 'SUCCEEDED', Refunded: 'SUCCEEDED' },
    FAILED: { CapturedLate: 'SUCCEEDED' },
    VOIDED: { CapturedLate: 'SUCCEEDED' },
  };

const initial: Payment = { status: 'NEW', orderId: '', captured: 0, refunds: {} };

function decide(payment: Payment, command: At<PaymentCommand>): readonly PaymentEvent[] | Refusal {
  switch (command.type) {
    case 'Prepare': {
      if (payment.status !== 'NEW' || payment.sealed !== undefined) return [];
      const prepared: PaymentEvent = { type: 'Prepared', data: command.data };
      return payment.charge === undefined ? [prepared] : [prepared, { type: 'ChargeStarted', data: payment.charge }];
    }
    case 'Charge':
      if (payment.status !== 'NEW' || payment.charge !== undefined) return [];
      return [{ type: payment.sealed === undefined ? 'ChargeAwaited' : 'ChargeStarted', data: command.data }];
    case 'RecordOutcome':
      return recordOutcome(payment, command.data);
    case 'Void':
      return undo(payment, command.data.orderId);
    case 'Refund': {
      const { refundId, amount } = command.data;
      if (Object.hasOwn(payment.refunds, refundId)) return [];
      // Orders give back only what they were paid.
      invariant(payment.status === 'SUCCEEDED', `refund ${refundId} was asked of a payment that is ${payment.status}`);
      return [{ type: 'RefundRequested', data: { refundId, amount } }];
    }
    case 'RecordRefund': {
      const { refundId } = command.data;
      const refund = Object.hasOwn(payment.refunds, refundId) ? payment.refunds[refundId] : undefined;
      if (refund === undefined) return refuse('not-found', `nobody asked for a refund ${refundId} of this payment`);
      return refund.confirmed ? [] : [{ type: 'Refunded', data: { refundId, amount: refund.amount } }];
    }
    default:
      return unreachable(command);
  }
}

function recordOutcome(
  payment: Payment,
  { outcome, reference, reason }: Extract<PaymentCommand, { type: 'RecordOutcome' }>['data'],
): readonly PaymentEvent[] | Refusal {
  const named = reference === undefined ? {} : { reference };
  switch (payment.status) {
    case 'NEW':
      return refuse('wrong-state', 'this payment was never charged, so it has no outcome');
    case 'STARTED':
      if (outcome === 'succeeded') return [{ type: 'Succeeded', data: named }];
      // Voided at the provider although no order wished it: the deadline had passed before the charge could start.
      return [{ type: 'Failed', data: { reason: outcome === 'voided' ? 'expired' : (reason ?? 'declined') } }];
    case 'VOIDING':
      if (outcome !== 'succeeded') return [{ type: 'Voided', data: { orderId: payment.orderId } }];
      return late(payment, named);
    case 'FAILED':
    case 'VOIDED':
      return outcome === 'succeeded' ? late(payment, named) : [];
    case 'SUCCEEDED':
      return [];
    default:
      return unreachable(payment.status);
  }
}

function late(payment: Payment, named: { readonly reference?: string }): readonly PaymentEvent[] | Refusal {
  if (payment.charge === undefined) return refuse('wrong-state', 'this payment was voided before it was ever charged');
  return [{ type: 'CapturedLate', data: named }, giveBack(payment.orderId, payment.charge.amount)];
}

function giveBack(orderId: string, amount: number): PaymentEvent {
  return { type: 'RefundRequested', data: { refundId: voidRefundIdOf(orderId), amount } };
}

function undo(payment: Payment, orderId: string): readonly PaymentEvent[] {
  switch (payment.status) {
    case 'NEW':
      return [{ type: 'Voided', data: { orderId } }];
    case 'STARTED':
      return [{ type: 'VoidRequested', data: {} }];
    case 'SUCCEEDED': {
      const rest = payment.captured - promised(payment);
      return rest === 0 ? [] : [giveBack(orderId, rest)];
    }
    case 'VOIDING':
    case 'FAILED':
    case 'VOIDED':
      return [];
    default:
      return unreachable(payment.status);
  }
}

/** Minor units that were given back or will be. */
function promised(payment: Payment): number {
  return Object.values(payment.refunds).reduce((sum, { amount }) => sum + amount, 0);
}

/** What was asked for; once a charge has started, there is such a wish. */
export function wishOf(payment: Payment): ChargeWish {
  invariant(payment.charge !== undefined, 'a payment has an outcome only if a charge was asked for');
  return payment.charge;
}

function evolve(payment: Payment, event: PaymentEvent): Payment {
  const status = paymentTransitions[payment.status][event.type];
  invariant(status !== undefined, `a payment that is ${payment.status} cannot have the event ${event.type}`);
  switch (event.type) {
    case 'Prepared':
      return { ...payment, status, ...event.data };
    case 'ChargeAwaited':
    case 'ChargeStarted':
      return { ...payment, status, orderId: event.data.orderId, charge: event.data };
    case 'VoidRequested':
      return { ...payment, status };
    case 'Succeeded':
    case 'CapturedLate':
      return { ...withoutToken(payment), status, ...event.data, captured: wishOf(payment).amount };
    case 'Failed':
      return { ...withoutToken(payment), status };
    case 'Voided':
      return { ...withoutToken(payment), status, orderId: event.data.orderId };
    case 'RefundRequested':
    case 'Refunded': {
      const { refundId, amount } = event.data;
      const refund = { amount, confirmed: event.type === 'Refunded' };
      return { ...payment, status, refunds: { ...payment.refunds, [refundId]: refund } };
    }
    default:
      return unreachable(event);
  }
}

function withoutToken({ sealed: _, ...payment }: Payment): Payment {
  return payment;
}

/** The provider is asked by the service; the order hears of outcomes from the log, and of refunds directly. */
function react(payment: Payment, event: PaymentEvent, paymentId: string): readonly Reaction[] {
  switch (event.type) {
    case 'ChargeStarted':
      return [{ kind: 'perform', task: 'charge', data: { paymentId, ...event.data, sealed: payment.sealed } }];
    case 'VoidRequested':
      return [{ kind: 'perform', task: 'void', data: { paymentId } }];
    case 'RefundRequested': {
      const { currency } = wishOf(payment);
      return [{ kind: 'perform', task: 'refund', data: { paymentId, ...event.data, currency } }];
    }
    case 'Refunded': {
      const { refundId } = event.data;
      if (refundId === voidRefundIdOf(payment.orderId)) return [];
      return [
        { kind: 'send', to: 'order', id: payment.orderId, command: { type: 'RecordRefund', data: { refundId } } },
      ];
    }
    case 'Succeeded':
      return [paymentSucceeded(paymentId, wishOf(payment))];
    case 'Failed':
      return [paymentFailed(paymentId, wishOf(payment), event.data.reason)];
    case 'Prepared':
    case 'ChargeAwaited':
    case 'CapturedLate':
    case 'Voided':
      return [];
    default:
      return unreachable(event);
  }
}

function check(payment: Payment): void {
  const { status, charge, sealed, captured } = payment;
  const awaited = status === 'NEW' || status === 'STARTED' || status === 'VOIDING';
  invariant(awaited || sealed === undefined, 'the token is erased at the outcome');
  invariant(
    (status !== 'STARTED' && status !== 'VOIDING') || (charge !== undefined && sealed !== undefined),
    'a charge starts once it was asked for and prepared',
  );
  invariant(charge === undefined || charge.amount > 0, 'only amounts above zero are charged');
  invariant(
    captured === (status === 'SUCCEEDED' ? charge?.amount : 0),
    'what was asked for is captured, once, or nothing',
  );
  invariant(
    Object.values(payment.refunds).every(({ amount }) => Number.isSafeInteger(amount) && amount > 0),
    'a refund is above zero',
  );
  invariant(promised(payment) <= captured, 'no more is refunded than was captured');
}

/** The rules of a payment. */
export const paymentActor: Actor<Payment, PaymentCommand, PaymentEvent> = {
  name: 'payment',
  creates: ['Prepare', 'Charge'],
  initial,
  decide,
  evolve,
  react,
  check,
};
