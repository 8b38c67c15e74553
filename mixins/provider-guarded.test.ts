// The bulkhead and the circuit breaker, around a provider whose answers the test gives by hand.
import { expect, it } from '@jest/globals';

import { guarded, type GuardOptions } from './provider-guarded.ts';
import {
  ProviderRefused,
  ProviderUnknown,
  type ChargeOutcome,
  type PaymentProvider,
  type Unknown,
} from './provider.ts';

const paid: ChargeOutcome = { status: 'succeeded', reference: 'ch_1' };
const wish = { paymentId: 'pay_1', orderId: 'ord_1', amount: { amount: '1.00', currency: 'GBP' }, token: 'tok_ok' };
const unknown = (why: Unknown = 'timeout') => new ProviderUnknown(why, 'No answer.');

function scene(options: GuardOptions = {}) {
  const calls: PromiseWithResolvers<ChargeOutcome>[] = [];
  const clock = { now: 0 };
  const provider: PaymentProvider = {
    name: 'by-hand',
    charge: () => {
      const call = Promise.withResolvers<ChargeOutcome>();
      calls.push(call);
      return call.promise;
    },
    void: () => Promise.resolve({ status: 'voided' }),
    refund: () => Promise.resolve({ status: 'refunded', reference: 're_1' }),
    verifyWebhook: () => {
      throw new Error('not asked here');
    },
    close: () => undefined,
  };
  const guard = guarded(provider, { now: () => clock.now, ...options });
  const why = (call: Promise<unknown>) =>
    call.then(
      () => 'answered',
      (error: unknown) => (error instanceof ProviderUnknown ? error.why : 'refused'),
    );
  /** Calls, and answers it as the provider would. */
  async function ask(answer: ChargeOutcome | Error): Promise<string> {
    const before = calls.length;
    const result = why(guard.charge(wish));
    await Promise.resolve();
    const call = calls[before];
    if (answer instanceof Error) call?.reject(answer);
    else call?.resolve(answer);
    return result;
  }
  return { guard, calls, clock, why, ask };
}

it('lets only so many calls through at once, and the others in order', async () => {
  const { guard, calls } = scene({ concurrencyMax: 2 });
  const all = Promise.all([1, 2, 3].map(() => guard.charge(wish)));
  await Promise.resolve();
  expect(calls).toHaveLength(2);
  calls[0]?.resolve(paid);
  await calls[0]?.promise;
  await new Promise(setImmediate);
  expect(calls).toHaveLength(3);
  calls.forEach((call) => call.resolve(paid));
  await expect(all).resolves.toHaveLength(3);
});

it('turns calls away when its queue is full', async () => {
  const { guard, calls, why } = scene({ concurrencyMax: 1, queueMax: 1 });
  const first = guard.charge(wish);
  const second = guard.charge(wish);
  expect(await why(guard.charge(wish))).toBe('queue-full');
  calls[0]?.resolve(paid);
  await first;
  await new Promise(setImmediate);
  calls[1]?.resolve(paid);
  await expect(second).resolves.toEqual(paid);
});

it('opens after so many calls in a row without an answer, and asks nobody until its time is over', async () => {
  const { ask, calls, clock } = scene({ unknownsInARow: 3, openMs: 1_000 });
  // Two, then an answer: the count starts over.
  for (const answer of [unknown(), unknown(), paid]) await ask(answer);
  for (const why of ['timeout', 'provider-error', 'connection-lost'] as const) await ask(unknown(why));
  const asked = calls.length;
  clock.now = 999;
  expect(await ask(paid)).toBe('circuit-open');
  expect(calls).toHaveLength(asked);
});

it('lets one call probe, and closes when it is answered', async () => {
  const { guard, ask, calls, clock, why } = scene({ unknownsInARow: 1, openMs: 1_000 });
  await ask(unknown());
  clock.now = 1_000;
  const probe = guard.charge(wish);
  await Promise.resolve();
  expect(await why(guard.charge(wish))).toBe('circuit-open');
  calls[1]?.resolve(paid);
  await probe;
  expect(await ask(paid)).toBe('answered');
});

it('opens again when the probe gets no answer', async () => {
  const { ask, clock } = scene({ unknownsInARow: 1, openMs: 1_000 });
  await ask(unknown());
  clock.now = 1_000;
  expect(await ask(unknown())).toBe('timeout');
  clock.now = 1_999;
  expect(await ask(paid)).toBe('circuit-open');
  clock.now = 2_000;
  expect(await ask(paid)).toBe('answered');
});

it('turns away those who waited in the queue while the circuit opened', async () => {
  const { guard, calls, why } = scene({ concurrencyMax: 1, unknownsInARow: 1 });
  const first = why(guard.charge(wish));
  const second = why(guard.charge(wish));
  await Promise.resolve();
  calls[0]?.reject(unknown());
  expect([await first, await second]).toEqual(['timeout', 'circuit-open']);
  expect(calls).toHaveLength(1);
});

it('takes a refusal for an answer, and a caller who left for neither', async () => {
  const { ask } = scene({ unknownsInARow: 2 });
  await ask(unknown());
  expect(await ask(new ProviderRefused(422, 'bad-amount', 'No.'))).toBe('refused');
  await ask(unknown());
  await ask(unknown('aborted'));
  expect(await ask(paid)).toBe('answered');
});

it('goes on probing after a probe whose caller left', async () => {
  const { ask, clock } = scene({ unknownsInARow: 1, openMs: 1_000 });
  await ask(unknown());
  clock.now = 1_000;
  expect(await ask(unknown('aborted'))).toBe('aborted');
  expect(await ask(paid)).toBe('answered');
});

it('says how it stands: circuit, calls without an answer, calls at the provider and in the queue', async () => {
  const { guard, ask, calls, clock } = scene({ concurrencyMax: 1, unknownsInARow: 2, openMs: 1_000 });
  const rest = { circuit: 'closed', unknowns: 0, busy: 0, waiting: 0 };
  expect(guard.guard?.()).toEqual(rest);
  const both = [guard.charge(wish), guard.charge(wish)];
  expect(guard.guard?.()).toEqual({ ...rest, busy: 1, waiting: 1 });
  await Promise.resolve();
  for (const at of [0, 1]) {
    calls[at]?.resolve(paid);
    await both[at];
    await new Promise(setImmediate);
  }
  expect(guard.guard?.()).toEqual(rest);
  for (const why of ['timeout', 'connection-lost'] as const) await ask(unknown(why));
  expect(guard.guard?.()).toEqual({ ...rest, circuit: 'open', unknowns: 2 });
  clock.now = 1_000;
  expect(guard.guard?.()).toEqual({ ...rest, circuit: 'half-open', unknowns: 2 });
  await ask(paid);
  expect(guard.guard?.()).toEqual(rest);
});
