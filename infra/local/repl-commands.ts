// What the REPL knows of the shop beyond Moleculer's own commands. Each asks the running shop and prints what it says.

import type { ServiceBroker } from 'moleculer';
import type startRepl from 'moleculer-repl';
import type { Caller } from '../../mixins/caller.ts';
import type { ActorLine, OutboxLine } from './repl-server.ts';
import { randomCommandId } from '../../services/api/command-id.ts';

/** One command of moleculer-repl. */
export type ReplCommand = Extract<Parameters<typeof startRepl>[1]['customCommands'], readonly unknown[]>[number];

type Print = (text: string) => void;

/** Who acts at the REPL: whoever may open the shop's socket may do everything. */
export function operator(): Caller {
  const commandId = randomCommandId();
  return {
    principal: { kind: 'user', id: 'repl', role: 'admin' },
    requestId: commandId,
    commandId,
    fingerprint: '',
    keyed: false,
  };
}

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
  const [order, { items }, waiting] = await Promise.all([
    broker.call<OrderAnswer, object>('orders.get', { id }),
    broker.call<{ readonly items: readonly { at: string; type: string; data: object }[] }, object>('orders.timeline', {
      id,
    }),
    broker.call<readonly string[], object>('repl.waits', { id }),
  ]);
  print(`order ${order.id}  ${order.status}  ${order.total.amount} ${order.total.currency}  ${order.email}`);
  for (const { quantity, sku, name } of order.lines) print(`  ${quantity} × ${sku}  ${name}`);
  for (const { at, type, data } of items)
    print(`  ${at}  ${type}${Object.keys(data).length === 0 ? '' : `  ${JSON.stringify(data)}`}`);
  const next = waitsFor[order.status];
  print(next === undefined ? '  waits for nothing: it has come to its end' : `  waits for ${next}`);
  for (const message of waiting) print(`  on its way: ${message}`);
}

async function showStock(broker: ServiceBroker, sku: string, print: Print): Promise<void> {
  const stock = await broker.call<Readonly<Record<string, string | number>>, object>('inventory.get', { sku });
  print(
    Object.entries(stock)
      .map(([name, value]) => `${name} ${value}`)
      .join('  '),
  );
}

async function showOutbox(broker: ServiceBroker, print: Print): Promise<void> {
  const lines = await broker.call<readonly OutboxLine[]>('repl.outbox');
  if (lines.length === 0) print('Every outbox is empty: everything that was committed has left.');
  for (const { actor, kind, target, messages, oldestMs } of lines)
    print(`${actor} ─${kind}─► ${target}  ${messages} waiting, the oldest for ${oldestMs} ms`);
}

async function showActors(broker: ServiceBroker, print: Print): Promise<void> {
  for (const { actor, service, waiting, cached, outbox, parked } of await broker.call<readonly ActorLine[]>(
    'repl.actors',
  )) {
    print(
      `${actor.padEnd(13)} at ${service.padEnd(14)} mailbox ${waiting}  cached ${cached}  outbox ${outbox}  parked ${parked}`,
    );
  }
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
    command('actors', 'Show every kind of actor: mailbox, cache, outbox, parked commands', (broker) =>
      showActors(broker, print),
    ),
  ];
}
