// What the REPL knows of the shop beyond Moleculer's own commands. Each asks the running shop, all nodes of it where each has
// something to say, and prints what they answer.

import type { ServiceBroker } from 'moleculer';
import type startRepl from 'moleculer-repl';
import { showInvariants } from './repl/show-invariants.ts';
import { type Print, readWaiting, showActors, showBreakers, showOutbox, showPids } from './repl/show-nodes.ts';

/** One command of moleculer-repl. */
export type ReplCommand = Extract<Parameters<typeof startRepl>[1]['customCommands'], readonly unknown[]>[number];

const waitsFor: Readonly<Record<string, string>> = {
  AWAITING_STOCK: 'stock to answer its reservation',
  AWAITING_PAYMENT: 'the payment, until its deadline',
  PAID: 'somebody to ship it',
  SHIPPED: 'somebody to deliver it',
};

interface OrderAnswer {
  readonly id: string;
  readonly status: string;
  readonly email: string;
  readonly total: { readonly amount: string; readonly currency: string };
  readonly lines: readonly { readonly sku: string; readonly quantity: number; readonly name: string }[];
}

async function showOrder(broker: ServiceBroker, id: string, print: Print): Promise<void> {
  const [order, { items }, { messages, silent }] = await Promise.all([
    broker.call<OrderAnswer, object>('orders.get', { id }),
    broker.call<{ readonly items: readonly { at: string; type: string; data: object }[] }, object>('orders.timeline', {
      id,
    }),
    readWaiting(broker, id),
  ]);
  print(`order ${order.id}  ${order.status}  ${order.total.amount} ${order.total.currency}  ${order.email}`);
  for (const { quantity, sku, name } of order.lines) print(`  ${quantity} × ${sku}  ${name}`);
  for (const { at, type, data } of items)
    print(`  ${at}  ${type}${Object.keys(data).length === 0 ? '' : `  ${JSON.stringify(data)}`}`);
  const next = waitsFor[order.status];
  print(next === undefined ? '  waits for nothing: it has come to its end' : `  waits for ${next}`);
  for (const message of messages) print(`  on its way: ${message}`);
  for (const sentence of silent) print(`! ${sentence}: something more may be on its way`);
}

async function showStock(broker: ServiceBroker, sku: string, print: Print): Promise<void> {
  const stock = await broker.call<Readonly<Record<string, string | number>>, object>('inventory.get', { sku });
  print(
    Object.entries(stock)
      .map(([name, value]) => `${name} ${value}`)
      .join('  '),
  );
}

/** The commands; `print` takes line by line what they say. */
export function replCommands(print: Print): ReplCommand[] {
  const command = (
    usage: string,
    description: string,
    run: (broker: ServiceBroker, args: Readonly<Record<string, string>>) => Promise<void>,
  ): ReplCommand => ({
    command: usage,
    description,
    alias: null,
    allowUnknownOptions: null,
    parse: null,
    options: [],
    async action(broker: ServiceBroker, args: unknown) {
      try {
        await run(broker, args as Readonly<Record<string, string>>);
      } catch (error) {
        print(`! ${(error as Error).message}`);
      }
    },
  });
  return [
    command('order <id>', 'Show an order: its state, its history, and what it waits for', (broker, { id = '' }) =>
      showOrder(broker, id, print),
    ),
    command('stock <sku>', 'Show the balances of a SKU', (broker, { sku = '' }) => showStock(broker, sku, print)),
    command('outbox', 'Show what was committed and has not left yet', (broker) => showOutbox(broker, print)),
    command('actors', 'Show every kind of actor on every node: mailbox, cache, outbox, parked commands', (broker) =>
      showActors(broker, print),
    ),
    command('breakers', 'Show circuits that are not closed, on every node, and the way to the provider', (broker) =>
      showBreakers(broker, print),
    ),
    command('invariants', 'Check on live data what must never be otherwise: stock, orders, money', (broker) =>
      showInvariants(broker, print),
    ),
    command('pids', 'Show the process of every node: its pid, since when, its services', (broker) =>
      showPids(broker, print),
    ),
  ];
}
