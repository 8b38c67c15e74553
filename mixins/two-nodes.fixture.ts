// One of several nodes that all believe they own the stock: a host over PostgreSQL in a process of its own, which can be
// paused or killed. The test that forks it is its callers and its receivers, over the channel.
//
//   test ──tell──► host ──commit──► PostgreSQL          host ──deliver──► test ──answers──► host

import type { Actor, Reaction } from '../actors/actor.ts';
import {
  availableOf,
  balancesOf,
  reservationKey,
  type Stock,
  type StockCommand,
  type StockEvent,
  stockActor,
} from '../actors/stock.ts';
import type { Delivery, DeliveryAnswer } from '../brokers/hosting.ts';
import { Problem } from '../brokers/problem.ts';
import { createHost } from './host.ts';
import { openDatabase } from './postgres/database.ts';
import { postgresStore } from './postgres/store.ts';
import { actorMigrations } from './postgres/testing.ts';

/** What the test says. */
export type ToNode =
  | { readonly type: 'tell'; readonly call: number; readonly command: StockCommand; readonly commandId: string }
  | { readonly type: 'answers'; readonly call: number; readonly answers: readonly DeliveryAnswer[] }
  | { readonly type: 'stop' };

/** What a node says. `status` is the order's reservation after the command. */
export type FromNode =
  | { readonly type: 'ready' }
  | { readonly type: 'told'; readonly call: number; readonly status: string; readonly version: number }
  | { readonly type: 'failed'; readonly call: number; readonly isRetryable: boolean; readonly reason: string }
  | { readonly type: 'deliver'; readonly call: number; readonly to: string; readonly deliveries: readonly Delivery[] }
  | { readonly type: 'alert'; readonly what: string; readonly particulars: object };

/** Stock that also tells each product what became of its pieces: many messages to the same receiver, whose order shows. */
const talkative: Actor<Stock, StockCommand, StockEvent> = {
  ...stockActor,
  react(stock, event, partition): readonly Reaction[] {
    const told = stockActor.react(stock, event, partition);
    if (event.type !== 'Reserved' && event.type !== 'Released') return told;
    const news = event.data.lines.map(({ sku }): Reaction => {
      const command = { type: 'Hear', data: { available: availableOf(balancesOf(stock, sku)) } };
      return { kind: 'send', to: 'product', id: sku, command };
    });
    return [...told, ...news];
  },
};

const say = (message: FromNode) => process.send?.(message);
const { url, schema } = JSON.parse(process.argv[2] ?? '{}') as { readonly url: string; readonly schema: string };
const database = await openDatabase({ url, schema, migrations: actorMigrations(), poolMax: 1 });
const deliveries = new Map<number, (answers: readonly DeliveryAnswer[]) => void>();
let calls = 0;

const host = createHost({
  actor: talkative,
  store: postgresStore({ database, actor: 'stock', rowsActor: true }),
  alert: (what, particulars) => say({ type: 'alert', what, particulars }),
  transport: {
    deliver: (to, batch) =>
      new Promise((resolve) => {
        const call = (calls += 1);
        deliveries.set(call, resolve);
        say({ type: 'deliver', call, to, deliveries: batch });
      }),
    publish: () => Promise.reject(new Error('stock publishes nothing')),
    perform: () => Promise.reject(new Error('stock performs nothing')),
  },
});

async function tell({ call, command, commandId }: Extract<ToNode, { type: 'tell' }>): Promise<void> {
  try {
    const { state, version, refused } = await host.tell('main', command, { commandId });
    const orderId = 'orderId' in command.data ? command.data.orderId : '';
    const row = state[reservationKey(orderId)];
    const status = refused?.refused ?? (row?.kind === 'reservation' ? row.status : 'none');
    say({ type: 'told', call, status, version });
  } catch (error) {
    const isRetryable = error instanceof Problem && error.retryable;
    say({ type: 'failed', call, isRetryable, reason: String(error) });
  }
}

async function stop(): Promise<void> {
  await host.stop();
  await database.close();
  process.disconnect();
}

process.on('message', (message: ToNode) => {
  if (message.type === 'tell') void tell(message);
  else if (message.type === 'answers') {
    deliveries.get(message.call)?.(message.answers);
    deliveries.delete(message.call);
  } else void stop();
});
// Without the test that forked it nobody needs it.
process.once('disconnect', () => process.exit());
await host.start();
say({ type: 'ready' });
