// The people of the simulation: they bring pieces, order, change their minds, ship, deliver and refund, at any time.

import type { Envelope } from './host.simulation.ts';
import type { Order, OrderCommand, OrderLine, PlaceData } from './order.ts';
import { manners } from './provider.simulation.ts';
import type { Agenda, Chance } from './scheduler.simulation.ts';
import type { StockCommand } from './stock.ts';

/** The deadline of every order: short enough that many are missed. */
const DEADLINE_MS = 15_000;
/** How long people go on doing things. */
const DAY_MS = 40_000;

const shelves = [
  { sku: 'mug', partition: 'main' },
  { sku: 'cup', partition: 'main' },
  { sku: 'hat', partition: 'north' },
  { sku: 'fez', partition: 'north' },
] as const;
/** Ten-thousandths: nothing, less than a penny, and prices whose sums have to be rounded. */
const prices = [0, 33, 4_999, 25_500, 100_005] as const;
const currencies = ['GBP', 'JPY', 'KWD'] as const;

/** Puts the wishes of a day on the agenda, and remembers them. */
export function peopleOf({
  agenda,
  chance,
  send,
  isMade,
}: {
  readonly agenda: Agenda;
  readonly chance: Chance;
  readonly send: (envelope: Envelope) => void;
  /** Whether a wish is made, by its name; what is drawn for it is drawn all the same. */
  readonly isMade: (wish: string) => boolean;
}) {
  const wishes = new Map<string, PlaceData>();
  const moved = new Map<string, { brought: number; discarded: number }>();
  /** Wishes of each kind. */
  const asked = new Map<string, number>();
  let commands = 0;
  let orders = 0;

  /**
   * Gives a command some time within the next milliseconds. What people ask may be refused.
   * @returns whether it is made at all
   */
  function ask(to: 'order' | 'stock', id: string, command: OrderCommand | StockCommand, withinMs: number): boolean {
    const envelope: Envelope = { to, id, command, commandId: `wish-${++commands}`, inner: false };
    const due = agenda.now() + chance.below(withinMs);
    const kind = `${id}.${command.type}`;
    const count = (asked.get(kind) ?? 0) + 1;
    asked.set(kind, count);
    if (!isMade(`${kind}.${count}`)) return false;
    agenda.add({ due, run: () => send(envelope) });
    return true;
  }

  function bring(sku: string, partition: string, quantity: number, withinMs: number): void {
    if (quantity === 0) return;
    if (!ask('stock', partition, { type: 'Receive', data: { sku, quantity } }, withinMs)) return;
    const { brought, discarded } = moved.get(sku) ?? { brought: 0, discarded: 0 };
    moved.set(sku, { brought: brought + quantity, discarded });
  }

  function discard(sku: string, partition: string, quantity: number): void {
    if (!ask('stock', partition, { type: 'WriteOff', data: { sku, quantity, reason: 'broken' } }, DAY_MS)) return;
    const { brought, discarded } = moved.get(sku) ?? { brought: 0, discarded: 0 };
    moved.set(sku, { brought, discarded: discarded + quantity });
  }

  function wish(): PlaceData {
    const priceOf = new Map(shelves.map(({ sku }) => [sku, chance.pick(prices)]));
    const line = (): OrderLine => {
      const { sku, partition } = chance.pick(shelves);
      const unitPrice = priceOf.get(sku) ?? 0;
      return { productId: `p-${sku}`, sku, name: `The ${sku}`, quantity: 1 + chance.below(3), unitPrice, partition };
    };
    return {
      // Every other order is a customer's; the rest are guests'.
      ...(orders++ % 2 === 0 ? { customerId: 'ada' } : {}),
      email: 'ada@example.org',
      ...(chance.percent(50) ? { cartId: `cart-${chance.below(2)}` } : {}),
      currency: chance.pick(currencies),
      lines: Array.from({ length: 1 + chance.below(4) }, line),
      payment: { method: 'simulated', sealed: `sealed:${chance.pick(manners)}` },
      deadlineMs: DEADLINE_MS,
    };
  }

  function order(id: string): void {
    const data = wish();
    const at = chance.below(DAY_MS / 2);
    agenda.add({
      due: at,
      run() {
        if (ask('order', id, { type: 'Place', data }, 1)) wishes.set(id, data);
        // Minds change before and after the payment, and some people press the button twice.
        for (let left = chance.percent(30) ? 1 + chance.below(2) : 0; left > 0; left--) {
          ask('order', id, { type: 'Cancel', data: {} }, DAY_MS / 2);
        }
      },
    });
  }

  /** Staff take care of a paid order. */
  function handle(id: string, { lines }: Order): void {
    if (chance.percent(50)) {
      ask('order', id, { type: 'Ship', data: {} }, 4_000);
      ask('order', id, { type: 'Deliver', data: {} }, 12_000);
    }
    for (let refunds = chance.below(4) - 1; refunds > 0; refunds--) {
      const all = chance.percent(30);
      const some = [{ productId: chance.pick(lines).productId, quantity: 1 + chance.below(3) }];
      const data = { refundId: `r${refunds}`, restock: chance.percent(70), ...(all ? {} : { lines: some }) };
      for (let times = chance.percent(30) ? 2 : 1; times > 0; times--)
        ask('order', id, { type: 'Refund', data }, 20_000);
    }
  }

  for (const { sku, partition } of shelves) {
    bring(sku, partition, chance.below(20), 2_000);
    if (chance.percent(40)) bring(sku, partition, 1 + chance.below(3), DAY_MS);
    if (chance.percent(30)) discard(sku, partition, 1 + chance.below(3));
  }
  for (let i = 3 + chance.below(4); i > 0; i--) order(`o${i}`);

  return { wishes, moved, handle };
}
