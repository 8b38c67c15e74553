// Keeps a provider that is slow or away from taking the shop down with it: a bulkhead, and a circuit breaker before it.
//
//   call ─► circuit open? refused at once ─► slot free? or wait in a bounded queue ─► the provider
//
//   closed ──UNKNOWNS_IN_A_ROW──► open ──OPEN_MS──► half-open: one call probes ──it answers──► closed
//                                   ▲──────────────────────── it does not ─┘
//
// A call that is turned away here was not made; its outcome is as unknown as before, and its caller repeats it later.

import { type GuardState, ProviderUnknown, type PaymentProvider } from './provider.ts';

export interface GuardOptions {
  /** Calls at the provider at one time. */
  readonly concurrencyMax?: number;
  /** Calls that wait for their turn. */
  readonly queueMax?: number;
  /** Calls in a row without an answer that open the circuit. */
  readonly unknownsInARow?: number;
  readonly openMs?: number;
  /** A clock that never goes back, in ms. */
  readonly now?: () => number;
}

const CONCURRENCY_MAX = 64;
const QUEUE_MAX = 1_024;
const UNKNOWNS_IN_A_ROW = 20;
const OPEN_MS = 1_000;

/** The same provider behind a bulkhead and a circuit breaker, shared by all its calls. */
export function guarded(provider: PaymentProvider, options: GuardOptions = {}): PaymentProvider {
  const breaker = circuitBreaker(options);
  const bulkhead = slots(options);

  async function call<T>(attempt: () => Promise<T>): Promise<T> {
    breaker.check();
    await bulkhead.enter();
    try {
      // Again, because the circuit may have opened while this call waited in the queue.
      const report = breaker.admit();
      try {
        const answer = await attempt();
        report(true);
        return answer;
      } catch (error) {
        report(!(error instanceof ProviderUnknown), error);
        throw error;
      }
    } finally {
      bulkhead.leave();
    }
  }

  return {
    name: provider.name,
    charge: (wish) => call(() => provider.charge(wish)),
    void: (paymentId) => call(() => provider.void(paymentId)),
    refund: (wish) => call(() => provider.refund(wish)),
    verifyWebhook: (rawBody, headers, now) => provider.verifyWebhook(rawBody, headers, now),
    guard: () => ({ ...breaker.state(), ...bulkhead.state() }),
    close: () => provider.close(),
  };
}

function circuitBreaker({
  unknownsInARow = UNKNOWNS_IN_A_ROW,
  openMs = OPEN_MS,
  now = () => performance.now(),
}: GuardOptions) {
  let unknowns = 0;
  let openUntil: number | undefined;
  let probing = false;

  /** Throws while no call may pass. */
  function check(): void {
    if (openUntil === undefined || (now() >= openUntil && !probing)) return;
    throw new ProviderUnknown('circuit-open', 'The provider has not been answering; it is tried again shortly.');
  }

  /** Lets one call pass; the returned function takes whether the provider answered it. */
  function admit(): (answered: boolean, error?: unknown) => void {
    check();
    const probe = openUntil !== undefined;
    if (probe) probing = true;
    return (answered, error) => {
      if (probe) probing = false;
      if (answered) {
        unknowns = 0;
        openUntil = undefined;
        return;
      }
      // A caller that stopped waiting says nothing about the provider.
      if (error instanceof ProviderUnknown && error.why === 'aborted') return;
      unknowns += 1;
      if (probe || (openUntil === undefined && unknowns >= unknownsInARow)) openUntil = now() + openMs;
    };
  }

  function state(): Pick<GuardState, 'circuit' | 'unknowns'> {
    if (openUntil === undefined) return { circuit: 'closed', unknowns };
    return { circuit: now() < openUntil ? 'open' : 'half-open', unknowns };
  }

  return { check, admit, state };
}

function slots({ concurrencyMax = CONCURRENCY_MAX, queueMax = QUEUE_MAX }: GuardOptions) {
  let busy = 0;
  const queue: (() => void)[] = [];

  /** Resolves when there is room. */
  async function enter(): Promise<void> {
    if (busy < concurrencyMax) {
      busy += 1;
      return;
    }
    if (queue.length >= queueMax) {
      throw new ProviderUnknown('queue-full', 'Too many calls already wait for the provider.');
    }
    await new Promise<void>((resolve) => queue.push(resolve));
  }

  /** Hands the slot to whoever waited longest. */
  function leave(): void {
    const next = queue.shift();
    if (next === undefined) busy -= 1;
    else next();
  }

  return { enter, leave, state: () => ({ busy, waiting: queue.length }) };
}
