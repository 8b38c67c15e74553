// What a service that hosts actors does when it stops.
import { expect, it } from '@jest/globals';
import { ServiceBroker } from 'moleculer';
import { type Cart, cartActor, type CartCommand } from '../actors/cart.ts';
import { cartCommands } from '../brokers/commands/cart.ts';
import type { EventLog } from '../brokers/event-log.ts';
import { createMemoryLog } from '../brokers/memory-log.ts';
import { type Hosting, hosts } from './hosts.mixin.ts';
import { memoryStore } from './memory-store.ts';
import type { AnySchema } from './service-schema.ts';
import type { ActorStore } from './store.ts';

it('closes what its store has opened when the last message is sent and acknowledged, and not before', async () => {
  const happened: string[] = [];
  const { promise: stopping, resolve: stops } = Promise.withResolvers<void>();
  const log = createMemoryLog();
  const slow: EventLog = {
    ...log,
    async append(events) {
      await stopping;
      await log.append(events);
    },
  };
  const memory = memoryStore('cart');
  const store: ActorStore = {
    ...memory,
    async acknowledge(rows) {
      if (rows.length > 0) happened.push('acknowledged');
      await memory.acknowledge(rows);
    },
  };
  const broker = new ServiceBroker({ logger: false });
  const carts = broker.createService({
    name: 'carts',
    mixins: [
      hosts({
        actor: cartActor,
        commands: cartCommands,
        store: async () => store,
        close: async () => void happened.push('closed'),
        log: async () => slow,
        alert: (what) => happened.push(what),
      }),
    ],
    async stopped() {
      happened.push('its own');
      stops();
    },
  } as AnySchema) as unknown as Hosting<Cart, CartCommand>;
  await broker.start();
  const command: CartCommand = { type: 'SetLine', data: { productId: 'mug', quantity: 1 } };
  await carts.host.tell('guest', command, { commandId: 'once' });
  await broker.stop();
  expect(happened).toEqual(['its own', 'acknowledged', 'closed']);
});
