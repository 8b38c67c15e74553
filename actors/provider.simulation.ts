// The payment provider of the simulation and the service that calls it.
//
//   charge ─► past the deadline? void it there, then report ─► else call ─ ─ ─► ledger ─► answer, perhaps ─► RecordOutcome
//                                                                 │               └─ lost, or too late: reconcile
//                                                                 └─ webhooks, perhaps, at any time ─► RecordOutcome
//
// A call reaches the ledger when it likes, even after the caller has given it up. The ledger is the provider's own: it
// moves money at most once per id, and it alone knows what was moved.

import type { PaymentCommand } from './payment.ts';
import { demand, type Envelope } from './host.simulation.ts';
import type { Agenda, Chance } from './scheduler.simulation.ts';

/** How a payment goes, by the token it was made with. */
export const manners = ['good', 'good', 'good', 'declined', 'lost', 'error', 'silent', 'slow'] as const;
type Manner = (typeof manners)[number];

export interface LedgerCharge {
  readonly orderId: string;
  readonly amount: number;
  readonly currency: string;
  readonly status: 'succeeded' | 'declined';
}

export interface Ledger {
  readonly charges: ReadonlyMap<string, LedgerCharge>;
  readonly voids: ReadonlySet<string>;
  readonly refunds: ReadonlyMap<string, { readonly paymentId: string; readonly amount: number }>;
  /** Minor units that a payment has captured and not given back. */
  kept(paymentId: string): number;
}

interface ChargeTask {
  readonly paymentId: string;
  readonly orderId: string;
  readonly amount: number;
  readonly currency: string;
  readonly deadline: number;
  readonly sealed: string;
}
interface RefundTask {
  readonly paymentId: string;
  readonly refundId: string;
  readonly amount: number;
}

type Report = Extract<PaymentCommand, { type: 'RecordOutcome' }>['data'];

/** Calls of one task whose answer may be lost; after that the network is kind, so that a run ends. */
const LOST_MAX = 3;
const CALL_MS = 3_000;
const SLOW_CALL_MS = 30_000;

/** The ledger of a provider that nobody has called yet. */
function ledgerOf() {
  const charges = new Map<string, LedgerCharge>();
  const voids = new Set<string>();
  const refunds = new Map<string, { paymentId: string; amount: number }>();

  function kept(paymentId: string): number {
    const charge = charges.get(paymentId);
    let rest = charge?.status === 'succeeded' ? charge.amount : 0;
    for (const refund of refunds.values()) if (refund.paymentId === paymentId) rest -= refund.amount;
    return rest;
  }

  /** What became of a payment; undefined if the provider has never heard of it. */
  function find(paymentId: string): Report | undefined {
    if (voids.has(paymentId)) return { outcome: 'voided' };
    const charge = charges.get(paymentId);
    return charge && { outcome: charge.status, reference: `ch-${paymentId}` };
  }

  return {
    charges,
    voids,
    refunds,
    kept,
    find,
    charge({ paymentId, orderId, amount, currency, sealed }: ChargeTask): Report {
      const known = charges.get(paymentId);
      demand(known === undefined || known.amount === amount, () => `${paymentId} is charged with two amounts`);
      const before = find(paymentId);
      if (before !== undefined) return before;
      const status = mannerOf(sealed) === 'declined' ? 'declined' : 'succeeded';
      charges.set(paymentId, { orderId, amount, currency, status });
      return { outcome: status, reference: `ch-${paymentId}` };
    },
    void(paymentId: string): Report {
      const before = find(paymentId);
      if (before !== undefined) return before;
      voids.add(paymentId);
      return { outcome: 'voided' };
    },
    refund({ paymentId, refundId, amount }: RefundTask): void {
      if (refunds.has(refundId)) return;
      const holds = kept(paymentId);
      demand(amount > 0 && amount <= holds, () => `I7: refund ${refundId} of ${amount}, ${paymentId} holds ${holds}`);
      refunds.set(refundId, { paymentId, amount });
    },
  };
}

const mannerOf = (sealed: string): Manner => sealed.slice(sealed.indexOf(':') + 1) as Manner;

/** The provider, and the tasks that the payments service does with it. */
export function providerOf({
  agenda,
  chance,
  send,
}: {
  readonly agenda: Agenda;
  readonly chance: Chance;
  readonly send: (envelope: Envelope) => void;
}) {
  const ledger = ledgerOf();
  let reports = 0;
  let lost = 0;

  /** Makes a call that reaches the provider some time; `answer` hears of it unless the answer is lost. */
  function call(latencyMs: number, isLost: boolean, effect: () => void, answer: () => void, again: () => void): void {
    agenda.add({
      due: agenda.now() + chance.below(latencyMs),
      run() {
        effect();
        if (!isLost) answer();
      },
    });
    if (!isLost) return;
    lost++;
    agenda.add({ due: agenda.now() + chance.below(CALL_MS), run: again });
  }

  function tell(paymentId: string, command: PaymentCommand): void {
    send({ to: 'payment', id: paymentId, command, commandId: `report-${++reports}`, inner: true });
  }
  const report = (paymentId: string, data: Report): void => tell(paymentId, { type: 'RecordOutcome', data });

  function charge(task: ChargeTask, attempt = 1): void {
    const { paymentId } = task;
    if (agenda.now() > task.deadline) return voidFirst(paymentId);
    const manner = mannerOf(task.sealed);
    const isLost = attempt <= LOST_MAX && (manner === 'lost' || manner === 'slow' || chance.percent(10));
    const latencyMs = manner === 'slow' ? SLOW_CALL_MS : CALL_MS;
    if (manner === 'error' && attempt === 1) return reconcile(task, attempt);
    let said: Report | undefined;
    const effect = (): void => {
      said = ledger.charge(task);
      if (manner !== 'silent' && chance.percent(40)) webhook(paymentId, said);
    };
    call(
      latencyMs,
      isLost,
      effect,
      () => report(paymentId, said as Report),
      () => reconcile(task, attempt),
    );
  }

  /** The outcome is unknown. That the provider knows of no charge is no failure: the call may still be on its way. */
  function reconcile(task: ChargeTask, attempt: number): void {
    charge(task, attempt + 1);
  }

  /** The deadline has passed: forbids the charge at the provider, and reports what it says then. */
  function voidFirst(paymentId: string, attempt = 1): void {
    let said: Report | undefined;
    const effect = (): void => {
      said = ledger.void(paymentId);
    };
    const isLost = attempt <= LOST_MAX && chance.percent(20);
    call(
      CALL_MS,
      isLost,
      effect,
      () => report(paymentId, said as Report),
      () => voidFirst(paymentId, attempt + 1),
    );
  }

  function refund(task: RefundTask, attempt = 1): void {
    const { paymentId, refundId } = task;
    const confirm = (): void => tell(paymentId, { type: 'RecordRefund', data: { refundId } });
    const isLost = attempt <= LOST_MAX && chance.percent(20);
    call(
      CALL_MS,
      isLost,
      () => ledger.refund(task),
      confirm,
      () => refund(task, attempt + 1),
    );
  }

  /** News by another way: many times, late, or before the answer. */
  function webhook(paymentId: string, data: Report): void {
    for (let copies = chance.below(3); copies >= 0; copies--) {
      agenda.add({ due: agenda.now() + chance.below(SLOW_CALL_MS), run: () => report(paymentId, data) });
    }
  }

  function perform(task: string, data: object): void {
    switch (task) {
      case 'charge':
        return charge(data as ChargeTask);
      case 'void':
        return voidFirst((data as { paymentId: string }).paymentId);
      case 'refund':
        return refund(data as RefundTask);
      default:
        return demand(false, () => `nobody does the task ${task}`);
    }
  }

  return { ledger: ledger as Ledger, perform, lost: () => lost };
}
