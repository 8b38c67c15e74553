// A whole checkout under a hostile scheduler: many orders, stock in two partitions, payments, a provider, people.
//
//   people ─► order ◄─► stock          Everything between them is delayed, repeated, reordered, and sometimes lost
//               ▲ ▼                    until it is sent again; nodes die and decide on stale states.
//            payment ◄─► provider
//
// `simulate(seed, rules)` runs one seed to its end and throws a `Violation` if anything that must be so is not. It is
// pure: equal seeds are equal runs. The rules are a parameter, so that broken ones can be put to the same test.

import type { Actor, Message } from './actor.ts';
import { demand, type Envelope, type Fault, hostOf, type Instance } from './host.simulation.ts';
import { checkBalances, checkMoney, checkRemains } from './invariants.simulation.ts';
import { minorOf } from './money.ts';
import type { Order, OrderCommand, OrderEvent, OrderStatus } from './order.ts';
import type { Payment, PaymentCommand, PaymentEvent } from './payment.ts';
import { peopleOf } from './people.simulation.ts';
import { providerOf } from './provider.simulation.ts';
import type { PaymentFailed, PaymentRequested, PaymentSucceeded } from './public-events.ts';
import { agendaOf, type Chance, chanceOf } from './scheduler.simulation.ts';
import type { Stock, StockCommand, StockEvent } from './stock.ts';

/** The actors under test. */
export interface Rules {
  readonly order: Actor<Order, OrderCommand, OrderEvent>;
  readonly stock: Actor<Stock, StockCommand, StockEvent>;
  readonly payment: Actor<Payment, PaymentCommand, PaymentEvent>;
}

/** What a run was made of. */
export interface Report {
  readonly commits: number;
  /** Orders by the status they ended in. */
  readonly orders: Partial<Record<OrderStatus, number>>;
  /** Faults by their kind; `answer lost` are the provider's. */
  readonly faults: Record<Fault | 'answer lost', number>;
  /** Events of the three actors, by type. */
  readonly events: Record<string, number>;
}

export interface Options {
  /** Hears of everything that happens, line by line. */
  readonly trace?: (line: () => string) => void;
  /** Decides instead of the seed. */
  readonly chance?: Chance;
  /** Hears of every wish of people, by its name; those it answers with false are not made. */
  readonly isMade?: (wish: string) => boolean;
}

/** Things that may happen in one run; more is a run that does not end. */
const STEPS_MAX = 20_000;

/**
 * Runs one seed until nothing waits any more, and checks everything that must be so then.
 * @throws Violation, or whatever the rules throw; the message names the seed.
 */
export function simulate(seed: number, rules: Rules, options: Options = {}): Report {
  try {
    return run(seed, rules, options);
  } catch (error) {
    if (error instanceof Error) error.message += ` (SEED=${seed} RUNS=1 replays it)`;
    throw error;
  }
}

function run(seed: number, rules: Rules, { trace, isMade = () => true, ...options }: Options): Report {
  const chance = options.chance ?? chanceOf(seed);
  const agenda = agendaOf(chance, chance.percent(50));
  const events: Record<string, number> = {};
  const published: { topic: string; data: Record<string, unknown> }[] = [];

  const hosted = { ...rules, cart: cartRules } as unknown as Record<string, Actor<unknown, Message, Message>>;
  const host = hostOf(hosted, { agenda, chance, trace, outside: { publish, perform, committed } });
  const send = (envelope: Envelope): void => host.send(envelope);
  const provider = providerOf({ agenda, chance, send });
  const people = peopleOf({ agenda, chance, send, isMade });

  /** The log: every event reaches its consumer at least once, in any order. */
  function publish(topic: string, data: object, eventId: string, due: number): void {
    published.push({ topic, data: data as Record<string, unknown> });
    const consumer = consumers[topic];
    if (consumer !== undefined) host.send({ ...consumer(data as never), commandId: eventId, inner: true }, due);
  }

  function perform(task: string, data: object, due: number): void {
    const times = chance.percent(10) ? 2 : 1;
    for (let i = 0; i < times; i++) agenda.add({ due, run: () => provider.perform(task, data) });
  }

  function committed({ rules: { name }, id, state }: Instance, happened: readonly Message[]): void {
    for (const { type } of happened) {
      events[type] = (events[type] ?? 0) + 1;
      if (type === 'Paid') people.handle(id, state as Order);
    }
    if (name === 'stock') checkBalances(state as Stock);
    if (name === 'order') checkMoney(id, state as Order, provider.ledger);
  }

  for (let steps = 0; agenda.step(); steps++) demand(steps < STEPS_MAX, () => 'the run does not end');
  checkRemains({
    instances: host.instances,
    ledger: provider.ledger,
    wishes: people.wishes,
    moved: people.moved,
    published,
  });

  const orders: Partial<Record<OrderStatus, number>> = {};
  for (const { rules: actor, state } of host.instances.values()) {
    if (actor.name !== 'order') continue;
    const { status } = state as Order;
    orders[status] = (orders[status] ?? 0) + 1;
  }
  return { commits: host.commits(), orders, events, faults: { ...host.faults, 'answer lost': provider.lost() } };
}

/** What consumers make of the events they take: the command, and whose it is. */
const consumers: Readonly<Record<string, (data: never) => Pick<Envelope, 'to' | 'id' | 'command'>>> = {
  'payment.requested': ({ orderId, paymentId, amount, deadline }: PaymentRequested) => {
    const { currency } = amount;
    return {
      to: 'payment',
      id: paymentId,
      command: { type: 'Charge', data: { orderId, amount: minorOf(amount), currency, deadline } },
    };
  },
  'payment.succeeded': ({ orderId }: PaymentSucceeded) => {
    return { to: 'order', id: orderId, command: { type: 'RecordPayment', data: { outcome: 'succeeded' } } };
  },
  'payment.failed': ({ orderId, reason }: PaymentFailed) => {
    return { to: 'order', id: orderId, command: { type: 'RecordPayment', data: { outcome: 'failed', reason } } };
  },
};

/** A cart that only remembers which orders it was told to forget; the real one has a suite of its own. */
const cartRules: Actor<readonly string[], Message, Message> = {
  name: 'cart',
  initial: [],
  decide: (_, { type, data }) => [{ type, data }],
  evolve: (orders, { data }) => [...orders, (data as { orderId: string }).orderId],
  react: () => [],
  check: () => undefined,
};
