// A payment, in the domain's words: charged at most once, told once, and no money kept that nobody wants.
import { describe, expect, it } from '@jest/globals';
import { InvariantViolated, isRefusal, type Reaction } from './actor.ts';
import {
  type ChargeWish,
  type Payment,
  paymentActor,
  type PaymentCommand,
  type PaymentEvent,
  paymentIdOf,
  type PaymentStatus,
  paymentTransitions,
  voidRefundIdOf,
  wishOf,
} from './payment.ts';

const AT = 1_700_000_000_000;
const orderId = 'order-1';
const ID = paymentIdOf(orderId);
const wish: ChargeWish = { orderId, amount: 510, currency: 'GBP', deadline: AT + 1_000 };

const prepare: PaymentCommand = { type: 'Prepare', data: { orderId, method: 'simulated', sealed: 'sealed-token' } };
const charge: PaymentCommand = { type: 'Charge', data: wish };
const succeeded: PaymentCommand = { type: 'RecordOutcome', data: { outcome: 'succeeded', reference: 'ch_1' } };
const declined: PaymentCommand = { type: 'RecordOutcome', data: { outcome: 'declined', reason: 'card-stolen' } };
const voided: PaymentCommand = { type: 'RecordOutcome', data: { outcome: 'voided' } };
const undo: PaymentCommand = { type: 'Void', data: { orderId } };
const refund = (refundId: string, amount: number): PaymentCommand => ({
  type: 'Refund',
  data: { orderId, refundId, amount },
});
const refunded = (refundId: string): PaymentCommand => ({ type: 'RecordRefund', data: { refundId } });

const started = [prepare, charge];
const captured = [...started, succeeded];

/** The payment after the commands, each of which must be taken; checked after every event. */
function given(...commands: PaymentCommand[]): Payment {
  return commands.reduce((payment, command) => {
    const events = when(payment, command);
    if (isRefusal(events)) throw new Error(`${command.type} was refused: ${events.detail}`);
    return events.reduce((state, event) => {
      const next = paymentActor.evolve(state, event);
      paymentActor.check(next);
      return next;
    }, payment);
  }, paymentActor.initial);
}

const when = (payment: Payment, command: PaymentCommand) => paymentActor.decide(payment, { ...command, at: AT });

function told(payment: Payment, command: PaymentCommand): readonly Reaction[] {
  let state = payment;
  return (when(payment, command) as PaymentEvent[]).flatMap((event) => {
    state = paymentActor.evolve(state, event);
    return paymentActor.react(state, event, ID);
  });
}

const giveAllBack: Reaction = {
  kind: 'perform',
  task: 'refund',
  data: { paymentId: ID, refundId: voidRefundIdOf(orderId), amount: 510, currency: 'GBP' },
};

describe('a charge', () => {
  const theCharge: Reaction = {
    kind: 'perform',
    task: 'charge',
    data: { paymentId: ID, ...wish, sealed: 'sealed-token' },
  };

  it('starts when the token and the wish are both there, whichever comes first', () => {
    expect(told(paymentActor.initial, prepare)).toEqual([]);
    expect(told(given(prepare), charge)).toEqual([theCharge]);
    expect(told(paymentActor.initial, charge)).toEqual([]);
    expect(told(given(charge), prepare)).toEqual([theCharge]);
    expect(given(prepare, charge)).toEqual(given(charge, prepare));
  });

  it('starts once', () => {
    for (const before of [started, captured, [...started, declined], [...started, undo], [undo]]) {
      expect(when(given(...before), charge)).toEqual([]);
      expect(when(given(...before), prepare)).toEqual([]);
    }
    expect(when(given(charge), charge)).toEqual([]);
    expect(when(given(prepare), prepare)).toEqual([]);
  });

  it('erases the token with its outcome, whatever that is', () => {
    expect(given(...started).sealed).toBe('sealed-token');
    for (const outcome of [succeeded, declined, voided]) {
      expect(JSON.stringify(given(...started, outcome))).not.toContain('sealed');
      expect(JSON.stringify(given(...started, undo, outcome))).not.toContain('sealed');
    }
    expect(JSON.stringify(given(prepare, undo))).not.toContain('sealed');
  });
});

describe('an outcome', () => {
  it('that is a success is told on the log, with ids and amount and nothing else', () => {
    expect(told(given(...started), succeeded)).toEqual([
      {
        kind: 'publish',
        topic: 'payment.succeeded',
        key: ID,
        data: { orderId, paymentId: ID, amount: { amount: '5.10', currency: 'GBP' } },
      },
    ]);
    expect(given(...captured)).toMatchObject({ status: 'SUCCEEDED', captured: 510, reference: 'ch_1' });
    const nameless: PaymentCommand = { type: 'RecordOutcome', data: { outcome: 'succeeded' } };
    expect(given(...started, nameless)).toMatchObject({ status: 'SUCCEEDED' });
  });

  it('that is a failure is told with its reason', () => {
    expect(told(given(...started), declined)).toEqual([
      {
        kind: 'publish',
        topic: 'payment.failed',
        key: ID,
        data: { orderId, paymentId: ID, amount: { amount: '5.10', currency: 'GBP' }, reason: 'card-stolen' },
      },
    ]);
    const silent: PaymentCommand = { type: 'RecordOutcome', data: { outcome: 'declined' } };
    expect(when(given(...started), silent)).toEqual([{ type: 'Failed', data: { reason: 'declined' } }]);
  });

  it('that is a void which no order asked for means that the deadline had passed', () => {
    expect(told(given(...started), voided)).toMatchObject([{ topic: 'payment.failed', data: { reason: 'expired' } }]);
    expect(given(...started, voided).status).toBe('FAILED');
  });

  it('is told once: the first one decides', () => {
    for (const again of [succeeded, declined, voided]) expect(when(given(...captured), again)).toEqual([]);
    for (const again of [declined, voided]) {
      expect(when(given(...started, declined), again)).toEqual([]);
      expect(when(given(...started, undo, voided), again)).toEqual([]);
    }
  });

  it('of what was never charged is refused', () => {
    for (const outcome of [succeeded, declined, voided]) {
      expect(when(given(prepare), outcome)).toMatchObject({ refused: 'wrong-state' });
    }
    expect(when(given(undo), succeeded)).toMatchObject({ refused: 'wrong-state' });
  });
});

describe('a void', () => {
  it('before the charge is a tombstone: nothing is ever charged', () => {
    for (const before of [[], [prepare], [charge]]) {
      expect(told(given(...before), undo)).toEqual([]);
      expect(given(...before, undo).status).toBe('VOIDED');
      expect(when(given(...before, undo), prepare)).toEqual([]);
      expect(when(given(...before, undo), charge)).toEqual([]);
      expect(when(given(...before, undo), undo)).toEqual([]);
    }
  });

  it('of a charge that is under way asks the provider, once', () => {
    expect(told(given(...started), undo)).toEqual([{ kind: 'perform', task: 'void', data: { paymentId: ID } }]);
    expect(when(given(...started, undo), undo)).toEqual([]);
  });

  it.each([declined, voided])('ends without a word when nothing was captured ($data.outcome)', (outcome) => {
    expect(told(given(...started, undo), outcome)).toEqual([]);
    expect(given(...started, undo, outcome).status).toBe('VOIDED');
  });

  it('that loses the race gives everything back, and tells nobody of a success', () => {
    expect(told(given(...started, undo), succeeded)).toEqual([giveAllBack]);
    expect(given(...started, undo, succeeded)).toMatchObject({ status: 'SUCCEEDED', captured: 510 });
  });

  it('of captured money gives back what was not given back yet', () => {
    expect(told(given(...captured), undo)).toEqual([giveAllBack]);
    expect(told(given(...captured, refund('o/r', 200)), undo)).toMatchObject([{ data: { amount: 310 } }]);
    expect(when(given(...captured, undo), undo)).toEqual([]);
    expect(when(given(...captured, refund('o/r', 510)), undo)).toEqual([]);
  });

  it('of a failed payment changes nothing', () => {
    expect(when(given(...started, declined), undo)).toEqual([]);
  });
});

describe('a success that comes after the end', () => {
  it.each([
    ['failed', [...started, declined]],
    ['voided', [...started, undo, voided]],
  ])('of a payment that %s is recorded and given back', (_, before) => {
    expect(told(given(...before), succeeded)).toEqual([giveAllBack]);
    expect(given(...before, succeeded)).toMatchObject({ status: 'SUCCEEDED', captured: 510 });
    expect(when(given(...before, succeeded), succeeded)).toEqual([]);
    expect(when(given(...before, succeeded), undo)).toEqual([]);
  });
});

describe('a refund', () => {
  it('is asked of the provider once, and the order is told when it is confirmed', () => {
    expect(told(given(...captured), refund('o/r', 200))).toEqual([
      { kind: 'perform', task: 'refund', data: { paymentId: ID, refundId: 'o/r', amount: 200, currency: 'GBP' } },
    ]);
    const asked = given(...captured, refund('o/r', 200));
    expect(when(asked, refund('o/r', 200))).toEqual([]);
    expect(told(asked, refunded('o/r'))).toEqual([
      { kind: 'send', to: 'order', id: orderId, command: { type: 'RecordRefund', data: { refundId: 'o/r' } } },
    ]);
    const done = given(...captured, refund('o/r', 200), refunded('o/r'));
    expect(done.refunds).toEqual({ 'o/r': { amount: 200, confirmed: true } });
    expect(when(done, refunded('o/r'))).toEqual([]);
    expect(when(done, refund('o/r', 200))).toEqual([]);
  });

  it('of unwanted money concerns no order', () => {
    const late = given(...started, undo, succeeded);
    expect(told(late, refunded(voidRefundIdOf(orderId)))).toEqual([]);
  });

  it('never gives back more than was captured', () => {
    expect(() => given(...captured, refund('o/a', 500), refund('o/b', 11))).toThrow(InvariantViolated);
    expect(given(...captured, refund('o/a', 500), refund('o/b', 10)).captured).toBe(510);
  });

  it('of money that was not captured is a bug, and loud', () => {
    expect(() => when(given(...started), refund('o/r', 1))).toThrow(InvariantViolated);
  });

  it('that nobody asked for is refused', () => {
    for (const name of ['o/r', 'constructor']) {
      expect(when(given(...captured), refunded(name))).toMatchObject({ refused: 'not-found' });
    }
  });
});

describe('the transitions', () => {
  it('reach every status from NEW, and are the only way', () => {
    const reached = new Set<PaymentStatus>(['NEW']);
    for (const status of reached) {
      for (const next of Object.values(paymentTransitions[status])) reached.add(next);
    }
    expect([...reached].sort()).toEqual(Object.keys(paymentTransitions).sort());
    expect(() => paymentActor.evolve(given(prepare), { type: 'Succeeded', data: {} })).toThrow(InvariantViolated);
  });

  it('know no other message', () => {
    const odd = { type: 'Vanish', data: {} };
    expect(() => paymentActor.decide(given(), { ...odd, at: AT } as never)).toThrow(InvariantViolated);
    expect(() => paymentActor.evolve(given(), odd as never)).toThrow(InvariantViolated);
    // A name that every table has by birth.
    expect(() => paymentActor.evolve(given(), { ...odd, type: 'constructor' } as never)).toThrow(InvariantViolated);
    expect(() => paymentActor.react(given(), odd as never, ID)).toThrow(InvariantViolated);
    const lost = { ...given(), status: 'LOST' } as unknown as Payment;
    expect(() => when(lost, undo)).toThrow(InvariantViolated);
    expect(() => when(lost, succeeded)).toThrow(InvariantViolated);
  });
});

describe('the check', () => {
  it.each<[string, Partial<Payment>]>([
    ['a token that outlives the outcome', { sealed: 'sealed-token' }],
    ['a charge that nobody prepared', { status: 'STARTED', captured: 0 }],
    ['a charge of nothing', { charge: { ...wish, amount: 0 }, captured: 0 }],
    ['more captured than was asked for', { captured: 511 }],
    ['money captured by a payment that failed', { status: 'FAILED' }],
    ['a refund of nothing', { refunds: { r: { amount: 0, confirmed: false } } }],
    ['a refund of more than was captured', { refunds: { r: { amount: 511, confirmed: false } } }],
  ])('finds %s', (_, wrong) => {
    expect(() => paymentActor.check({ ...given(...captured), ...wrong })).toThrow(InvariantViolated);
  });

  it('finds a charge that nobody asked for', () => {
    const { charge: _, ...unasked } = given(...started);
    expect(() => paymentActor.check(unasked)).toThrow(InvariantViolated);
    expect(() => wishOf(unasked)).toThrow(InvariantViolated);
  });
});
