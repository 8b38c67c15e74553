// Goal: show that the simulation can fail. Each known way to lose money or stock is put back, one at a time, and must be
// found; the unchanged copy passes on the same seeds.
// Method: replace one piece of text in a copy of the rules and the simulation, import it, and run seeds until one fails.
// Bugs that another actor makes up for have a property of their own.
import { afterAll, describe, expect, it } from '@jest/globals';
import { changedCopies } from '../infra/toolchain/changed-copies.ts';
import { type Actor, isRefusal, type Message } from './actor.ts';
import type * as checkout from './checkout.simulation.ts';
import type * as orders from './order.ts';
import type * as payments from './payment.ts';
import type * as stocks from './stock.ts';

const SEED = 1;
/** A bug that no seed of so many finds has survived. */
const RUNS_MAX = 2_000;
/** The unchanged copy passes at least so many, and all that any mutant needed. */
const RUNS_MIN = 500;

interface Mutant {
  /** The bug, as one would tell it; the number is that of the list of bugs seen in other systems. */
  readonly bug: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
  /** Found by this property instead of the simulation. */
  readonly property?: (rules: Rules) => void;
}

type Rules = checkout.Rules;
type OrderCommand = orders.OrderCommand;
type PaymentCommand = payments.PaymentCommand;

interface Copy extends Rules {
  readonly simulate: typeof checkout.simulate;
}

const mutants: readonly Mutant[] = [
  {
    bug: '1: an undo that overtakes its action leaves no tombstone',
    file: 'stock.ts',
    from: `if (held === undefined) return [{ type: 'Released', data: { orderId, lines: [] } }];`,
    to: `if (held === undefined) return [];`,
  },
  {
    bug: '1: a void before the charge leaves no tombstone',
    file: 'payment.ts',
    from: `return [{ type: 'Voided', data: { orderId } }];`,
    to: `return [];`,
  },
  {
    bug: '2: money captured before the void is kept',
    file: 'payment.ts',
    from: `return rest === 0 ? [] : [giveBack(orderId, rest)];`,
    to: `return [];`,
  },
  {
    bug: '2: money captured during the void is kept',
    file: 'payment.ts',
    from: `      return late(payment, named);`,
    to: `      return [{ type: 'CapturedLate', data: named }];`,
  },
  {
    bug: '2: the order ignores a late payment',
    file: 'order.ts',
    from: `return outcome === 'succeeded' ? [{ type: 'PaidTooLate', data: { at } }] : [];`,
    to: `return [];`,
    property: latePaymentsGoBack,
  },
  {
    bug: '2: the payment ignores a success after its end',
    file: 'payment.ts',
    from: `return outcome === 'succeeded' ? late(payment, named) : [];`,
    to: `return [];`,
    property: lateCapturesGoBack,
  },
  {
    bug: '3: a node writes over what it did not see',
    file: 'host.simulation.ts',
    from: `if (happens('stale', 8)) attemptInVain(instance, command);`,
    to: `if (happens('stale', 8)) instance.state = instance.stale;`,
  },
  {
    bug: '4: a repeated message is counted twice',
    file: 'host.simulation.ts',
    from: `if (instance.handled.has(commandId)) return;`,
    to: ``,
  },
  {
    bug: '5: a crash between commit and sending loses the messages',
    file: 'host.simulation.ts',
    from: `const swept = happens('crashed', 3) ? chance.below(SLOW_MS) : 0;`,
    to: `if (happens('crashed', 3)) return; const swept = 0;`,
  },
  {
    bug: '6: what failed is remembered as done',
    file: 'host.simulation.ts',
    from: `if (happens('away', 4)) {`,
    to: `if (happens('away', 4)) { instanceOf(envelope.to, envelope.id).handled.add(envelope.commandId);`,
  },
  {
    bug: '7: an undo that failed is not tried again',
    file: 'host.simulation.ts',
    from: `      return false;
    }
    tell(envelope);`,
    to: `      return envelope.command.type === 'Release' || envelope.command.type === 'Void';
    }
    tell(envelope);`,
  },
  {
    bug: '8: an attempt that is not committed has sent its messages',
    file: 'host.simulation.ts',
    from: `attempt(instance, instance.stale, command);`,
    to: `const ghost = attempt(instance, instance.stale, command);
      if ('reactions' in ghost) leave(instance, ghost.reactions, 'ghost-' + ++minted, 0);`,
  },
  {
    bug: '14: only one row of what a node believed is dropped after a conflict',
    file: 'host.simulation.ts',
    from: `if (happens('stale', 8)) attemptInVain(instance, command);`,
    to: `if (to === 'stock' && happens('stale', 8)) {
      const rows = Object.entries(instance.stale as object).slice(1);
      instance.state = { ...(instance.state as object), ...Object.fromEntries(rows) };
    }`,
  },
  {
    bug: '15: a node answers from what it believed',
    file: 'host.simulation.ts',
    from: `if (happens('stale', 8)) attemptInVain(instance, command);`,
    to: `if (happens('stale', 8)) {
      const believed = attempt(instance, instance.stale, command);
      if (!('events' in believed) || believed.events.length === 0) return;
    }`,
  },
  {
    bug: '16: absence at the provider is taken for failure',
    file: 'provider.simulation.ts',
    from: `charge(task, attempt + 1);`,
    to: `report(task.paymentId, ledger.find(task.paymentId) ?? { outcome: 'declined' });`,
  },
  {
    bug: '16: past the deadline failure is reported without a void',
    file: 'provider.simulation.ts',
    from: `if (agenda.now() > task.deadline) return voidFirst(paymentId);`,
    to: `if (agenda.now() > task.deadline) return report(paymentId, { outcome: 'voided' });`,
  },
  {
    bug: 'a repeated reservation is counted for another partition',
    file: 'order.ts',
    from: `if (order.reserved.includes(partition)) return [];`,
    to: ``,
  },
  {
    bug: 'a cancellation releases only what is known to be reserved',
    file: 'order-saga.ts',
    from: `.filter(([partition]) => partition !== but)`,
    to: `.filter(([partition]) => type !== 'Release' || (partition !== but && order.reserved.includes(partition)))`,
  },
  {
    bug: 'availability is not checked',
    file: 'stock.ts',
    from: `return quantity > available ?`,
    to: `return quantity < 0 ?`,
  },
  {
    bug: 'availability is checked line by line',
    file: 'stock.ts',
    from: `const lines = perSku(data.lines);`,
    to: `const { lines } = data;`,
    property: repeatedSkusAreSummed,
  },
  {
    bug: 'a refund is asked for twice by the order',
    file: 'order.ts',
    from: `if (Object.hasOwn(order.refunds, refundId)) return [];`,
    to: ``,
  },
  {
    bug: 'a refund is made twice by the payment',
    file: 'payment.ts',
    from: `if (Object.hasOwn(payment.refunds, refundId)) return [];`,
    to: ``,
    property: refundsAreMadeOnce,
  },
  {
    bug: 'a charge is started twice',
    file: 'payment.ts',
    from: `if (payment.status !== 'NEW' || payment.charge !== undefined) return [];`,
    to: `if (payment.status === 'VOIDED' || payment.status === 'VOIDING') return [];`,
  },
  {
    bug: 'an expired order keeps its payment going',
    file: 'order-saga.ts',
    from: `      return [...toStock('Release', order, id), ...voided(order, id)];`,
    to: `      return toStock('Release', order, id);`,
  },
  {
    bug: 'returned pieces are counted twice',
    file: 'stock.ts',
    from: `if (stock[returnKey(command.data.refundId)] !== undefined) return [];`,
    to: ``,
  },
  {
    bug: 'a movement is counted again when its key has been forgotten',
    file: 'stock.ts',
    from: `if (known === undefined) return undefined;`,
    to: `return undefined;`,
    property: movementsAreCountedOnce,
  },
  {
    bug: 'pieces are refunded again until the first refund is confirmed',
    file: 'order-refunds.ts',
    from: `for (const { line, quantity } of refund.lines) left`,
    to: `if (refund.confirmed) for (const { line, quantity } of refund.lines) left`,
  },
  {
    bug: 'each line is rounded for itself',
    file: 'order-refunds.ts',
    from: `return roundToMinor(exactSum(lines) as number, order.currency);`,
    to: `return lines.reduce((sum, line) => sum + roundToMinor(line.quantity * line.unitPrice, order.currency), 0);`,
  },
  {
    bug: 'the payment token is kept',
    file: 'payment.ts',
    from: `function withoutToken({ sealed: _, ...payment }: Payment): Payment {`,
    to: `function withoutToken(payment: Payment): Payment {`,
  },
  {
    bug: 'a version that has two events is told twice',
    file: 'order-saga.ts',
    from: `if (event.type === 'StockReserved') return order.total === 0;`,
    to: `if (event.type === 'StockReserved') return false;`,
  },
  {
    bug: 'a customer is not told of a refund that is confirmed',
    file: 'order-saga.ts',
    from: `return event.type === 'RefundRequested' && event.data.amount === 0;`,
    to: `return event.type === 'Refunded';`,
  },
  {
    bug: 'an order that costs nothing is not paid',
    file: 'order.ts',
    from: `return order.total > 0 ? [reserved] : [reserved, { type: 'Paid', data: { at } }];`,
    to: `return [reserved];`,
  },
];

const copies = changedCopies();
const found: string[] = [];
let furthest = SEED + RUNS_MIN;

afterAll(() => {
  copies.remove();
  process.stdout.write(`${found.join('\n')}\n`);
});

/** The rules and the simulation from a copy of their files, one of them changed. */
async function copyOf(mutant?: Mutant): Promise<Copy> {
  const files = ['actors/checkout.simulation.ts', 'actors/order.ts', 'actors/stock.ts', 'actors/payment.ts'] as const;
  const changes = mutant === undefined ? [] : [{ ...mutant, file: `actors/${mutant.file}` }];
  const copy = copies.copy(files, changes);
  const { simulate } = await copy.load<typeof checkout>(files[0]);
  const { orderActor: order } = await copy.load<typeof orders>(files[1]);
  const { stockActor: stock } = await copy.load<typeof stocks>(files[2]);
  const { paymentActor: payment } = await copy.load<typeof payments>(files[3]);
  return { simulate, order, stock, payment };
}

/** The first seed that a copy fails on, and what was found; undefined if it passes them all. */
function firstFailure(copy: Copy, runs: number): { readonly seed: number; readonly words: string } | undefined {
  for (let seed = SEED; seed < SEED + runs; seed++) {
    try {
      copy.simulate(seed, copy);
    } catch (error) {
      return { seed, words: (error as Error).message };
    }
  }
  return undefined;
}

describe('the simulation finds it when', () => {
  it.each(mutants.filter(({ property }) => property === undefined))('$bug', async (mutant) => {
    const failure = firstFailure(await copyOf(mutant), RUNS_MAX);
    expect(failure).toBeDefined();
    furthest = Math.max(furthest, failure!.seed + 1);
    found.push(`  ${mutant.bug} ─► ${failure!.words}`);
  });

  it('and finds nothing in the unchanged copy, on the same seeds', async () => {
    expect(firstFailure(await copyOf(), furthest - SEED)).toBeUndefined();
  });
});

describe('a property finds it when', () => {
  it.each(mutants.filter(({ property }) => property !== undefined))('$bug', async ({ property, ...mutant }) => {
    const unchanged = await copyOf();
    expect(() => property?.(unchanged)).not.toThrow();
    const changed = await copyOf(mutant);
    expect(() => property?.(changed)).toThrow('expect(');
    // Another actor makes up for it: the simulation alone would let it live.
    expect(firstFailure(changed, RUNS_MIN)).toBeUndefined();
  });
});

// The properties. Each tells a short story and demands its end.

type Teller = Pick<Actor<unknown, Message, Message>, 'initial' | 'decide' | 'evolve' | 'react'>;

/** The commands and tasks that went out while an actor took the commands. */
function told(rules: Rules['order'] | Rules['payment'], commands: readonly Message[]): readonly string[] {
  const actor = rules as unknown as Teller;
  let state = actor.initial;
  const out: string[] = [];
  for (const command of commands) {
    const events = actor.decide(state, { ...command, at: 1 });
    for (const event of isRefusal(events) ? [] : events) {
      state = actor.evolve(state, event);
      for (const reaction of actor.react(state, event, 'o')) {
        if (reaction.kind === 'send') out.push(reaction.command.type);
        if (reaction.kind === 'perform') out.push(reaction.task);
      }
    }
  }
  return out;
}

const mug = { productId: 'p', sku: 'mug', name: 'Mug', quantity: 2, unitPrice: 10_000, partition: 'main' };
const payment = { method: 'simulated', sealed: 'sealed-token' };
const placed: readonly OrderCommand[] = [
  { type: 'Place', data: { email: 'a@b.c', currency: 'GBP', lines: [mug], payment, deadlineMs: 1 } },
  { type: 'RecordReserved', data: { partition: 'main' } },
];
const started: readonly PaymentCommand[] = [
  { type: 'Prepare', data: { orderId: 'o', ...payment } },
  { type: 'Charge', data: { orderId: 'o', amount: 200, currency: 'GBP', deadline: 1 } },
];
const captured: PaymentCommand = { type: 'RecordOutcome', data: { outcome: 'succeeded' } };
const declined: PaymentCommand = { type: 'RecordOutcome', data: { outcome: 'declined' } };

function latePaymentsGoBack(rules: Rules): void {
  const late: readonly OrderCommand[] = [
    { type: 'Expire', data: {} },
    { type: 'RecordPayment', data: { outcome: 'succeeded' } },
  ];
  expect(told(rules.order, [...placed, ...late]).filter((type) => type === 'Void')).toHaveLength(2);
}

function lateCapturesGoBack(rules: Rules): void {
  expect(told(rules.payment, [...started, declined, captured])).toContain('refund');
}

function refundsAreMadeOnce(rules: Rules): void {
  const refund: PaymentCommand = { type: 'Refund', data: { orderId: 'o', refundId: 'o/r', amount: 100 } };
  const asked = told(rules.payment, [...started, captured, refund, refund]);
  expect(asked.filter((task) => task === 'refund')).toHaveLength(1);
}

function repeatedSkusAreSummed(rules: Rules): void {
  const line = { sku: 'mug', productId: 'p', quantity: 2 };
  const row = { kind: 'sku', received: 3, onHand: 3, reserved: 0, sold: 0, returned: 0, writtenOff: 0 } as const;
  const reserve = { type: 'Reserve', data: { orderId: 'o', lines: [line, line] }, at: 1 } as const;
  expect(rules.stock.decide({ 'sku:mug': row }, reserve)).toMatchObject([{ type: 'Rejected' }]);
}

function movementsAreCountedOnce(rules: Rules): void {
  const receive = { type: 'Receive', data: { sku: 'mug', quantity: 2, movementId: 'm' }, at: 1 } as const;
  const [received] = rules.stock.decide({}, receive) as readonly stocks.StockEvent[];
  expect(received).toBeDefined();
  expect(rules.stock.decide(rules.stock.evolve({}, received as stocks.StockEvent), receive)).toEqual([]);
}
