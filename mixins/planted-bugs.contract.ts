// What a copy of production files is held to: the unchanged one passes, one with a bug put back is found out.
//
//   the campaign, on one node or two          whatever breaks, what was acknowledged is there, once, and in order
//   everything else                           a short story whose end is demanded

import type { Copy } from '../infra/toolchain/changed-copies.ts';
import type * as placing from '../services/orders/placing.ts';
import type * as commandIds from '../services/api/command-id.ts';
import { route } from '../services/api/route.ts';
import type { LogRecord, SubscribeOptions } from '../brokers/event-log.ts';
import type * as problems from '../brokers/problem.ts';
import type { Caller } from './caller.ts';
import type * as consuming from './consume.ts';
import * as contract from './host.contract.ts';
import type * as hosting from './host.ts';
import type * as ids from './ids.ts';
import type * as memory from './memory-store.ts';
import type * as stores from './store.ts';
import { inVirtualTime, turn } from './virtual-time.testing.ts';

/** Holds of every copy without a bug, by every seed. */
export interface Property {
  /** What is copied, with all that it imports. */
  readonly entries: readonly string[];
  /** Runs once on a copy; throws what it finds. */
  readonly hold: (copy: Copy, seed: number) => Promise<void>;
}

/** What the host is made of. */
export const makings = ['mixins/host.ts', 'mixins/memory-store.ts', 'mixins/store.ts', 'brokers/problem.ts'];

/** The host of a copy that was made of `makings`. */
export async function modulesOf(copy: Copy): Promise<contract.HostModules> {
  const { createHost } = await copy.load<typeof hosting>('mixins/host.ts');
  const { memoryStore } = await copy.load<typeof memory>('mixins/memory-store.ts');
  const { StoreUnavailable } = await copy.load<typeof stores>('mixins/store.ts');
  const { Problem } = await copy.load<typeof problems>('brokers/problem.ts');
  return { createHost, memoryStore, StoreUnavailable, Problem };
}

const campaignOn = (nodes: number): Property => ({
  entries: makings,
  async hold(copy, seed) {
    const modules = await modulesOf(copy);
    await inVirtualTime(() => contract.campaign(modules, seed, nodes));
  },
});
/** The campaign of `host.contract.ts`, with one node at a time. */
export const oneNode = campaignOn(1);
/** The same with two nodes that both believe they own the shelf. */
export const twoNodes = campaignOn(2);

/** 10. Whatever else a line says, its price is what `products.quote` says. */
export const pricesAreOurs: Property = {
  entries: ['services/orders/placing.ts'],
  async hold(copy, seed) {
    const { preparePlace } = await copy.load<typeof placing>('services/orders/placing.ts');
    const chance = contract.chanceOf(seed);
    const unitPrice = 1 + chance.below(100_000);
    const line = { productId: 'p', quantity: 1 + chance.below(9), unitPrice: chance.below(unitPrice), currency: 'JPY' };
    const quote: placing.Quote = {
      productId: 'p',
      sku: 'mug',
      name: 'Mug',
      unitPrice,
      currency: 'GBP',
      partition: 'main',
      deleted: false,
    };
    const context = {
      params: { lines: [line], email: 'a@b.example', payment: { method: 'simulated', token: 'tok_ok' } },
      meta: { principal: { kind: 'guest' } },
      call: async () => [quote],
    };
    const data = await preparePlace(
      context as unknown as Parameters<typeof preparePlace>[0],
      'order',
      Buffer.alloc(32),
      1,
    );
    contract.demand(
      data.lines[0]?.unitPrice === unitPrice && data.currency === 'GBP',
      () => `seed ${seed}: a price of ${unitPrice} GBP became ${data.lines[0]?.unitPrice} ${data.currency}`,
    );
  },
};

const placeOrder = route('POST /api/v1/orders', {
  action: 'orders.place',
  summary: '',
  who: 'anyone',
  idempotent: true,
});
const cancelOrder = route('POST /api/v1/orders/{id}/cancel', {
  action: 'orders.cancel',
  summary: '',
  who: 'order',
  idempotent: true,
});

/** 11. However often a keyed request is tried, on whichever node, and wherever the attempts before it died: it is one order. */
export const oneRequestIsOneOrder: Property = {
  entries: [...makings, 'services/api/command-id.ts'],
  async hold(copy, seed) {
    const { createHost, memoryStore, StoreUnavailable } = await modulesOf(copy);
    const { commandIdOf } = await copy.load<typeof commandIds>('services/api/command-id.ts');
    const { idFromCommand } = await copy.load<typeof ids>('mixins/ids.ts');
    const chance = contract.chanceOf(seed);
    const real = memoryStore('payment');
    const orders = new Set<string>();
    await inVirtualTime(async () => {
      for (let attempt = 0; attempt < 4; attempt++) {
        // Attempts die before the commit, after it, or not at all; each is another node's.
        const dies = ['before', 'after', 'never'][attempt === 3 ? 2 : chance.below(3)];
        const unsteady: stores.ActorStore = {
          ...real,
          async commit(changes) {
            if (dies === 'before') throw new StoreUnavailable('killed');
            for (const { id, version } of changes) if (version > 0) orders.add(id);
            const won = await real.commit(changes);
            if (dies === 'after') throw new StoreUnavailable('killed');
            return won;
          },
        };
        const node = createHost({
          actor: contract.purse,
          store: unsteady,
          transport: contract.silent,
          alert: () => {},
        });
        const commandId = commandIdOf({ kind: 'user', id: 'u', role: 'customer' }, placeOrder, {}, 'key');
        const attempted = node.tell(idFromCommand(commandId), { type: 'Spend', data: { pieces: 1 } }, { commandId });
        await attempted.catch(() => {});
      }
    });
    contract.demand(orders.size === 1, () => `seed ${seed}: one request became ${orders.size} orders`);
  },
};

/** 12. Everyone is answered though the database has one connection. */
export const oneConnectionIsEnough: Property = {
  entries: makings,
  async hold(copy, seed) {
    const { createHost, memoryStore } = await modulesOf(copy);
    const chance = contract.chanceOf(seed);
    await inVirtualTime(async () => {
      const node = createHost({
        actor: contract.purse,
        store: withOneConnection(memoryStore('payment')),
        transport: contract.silent,
        alert: () => {},
      });
      await node.start();
      const all = Array.from({ length: 1 + chance.below(20) }, (_, n) =>
        node.tell(`purse-${chance.below(3)}`, { type: 'Spend', data: { pieces: 1 } }, { commandId: `c-${n}` }),
      );
      await Promise.all(all);
      await node.stop();
    });
  },
};

/** A store behind a pool of one: whoever asks while the connection is taken waits for it. `locked` takes it for work. */
function withOneConnection(real: stores.ActorStore): stores.ActorStore {
  let last: Promise<unknown> = Promise.resolve();
  const locked = <T>(work: () => Promise<T>): Promise<T> => {
    const mine = last.then(work);
    last = mine.catch(() => {});
    return mine;
  };
  const calls = Object.entries(real).map(([name, call]) => [
    name,
    typeof call === 'function'
      ? (...given: unknown[]) => locked(() => (call as (...given: unknown[]) => Promise<unknown>)(...given))
      : call,
  ]);
  return Object.assign(Object.fromEntries(calls) as stores.ActorStore, { locked });
}

/** 13. The same key of another caller, for another call or another object, is another command; of the same, the same. */
export const keysHaveOwners: Property = {
  entries: ['services/api/command-id.ts'],
  async hold(copy, seed) {
    const { commandIdOf } = await copy.load<typeof commandIds>('services/api/command-id.ts');
    const chance = contract.chanceOf(seed);
    const key = `key-${chance.below(1_000)}`;
    const principals: readonly Caller['principal'][] = [
      { kind: 'user', id: 'ada', role: 'customer' },
      { kind: 'user', id: 'bob', role: 'customer' },
      { kind: 'cart', token: 'ada' },
      { kind: 'order', orderId: 'ada' },
      { kind: 'guest' },
    ];
    const uses = principals.flatMap((principal) => [
      () => commandIdOf(principal, placeOrder, {}, key),
      () => commandIdOf(principal, cancelOrder, { id: 'o-1' }, key),
      () => commandIdOf(principal, cancelOrder, { id: 'o-2' }, key),
    ]);
    const minted = uses.map((use) => use());
    contract.demand(
      new Set(minted).size === uses.length,
      () => `seed ${seed}: ${uses.length} wishes share ${new Set(minted).size} ids`,
    );
    contract.demand(
      uses.every((use, i) => use() === minted[i]),
      () => `seed ${seed}: a repeat has another id`,
    );
  },
};

/** A group's position moves past a record only when its effect is stored, however long the database is away. */
export const positionsFollowCommits: Property = {
  entries: [...makings, 'mixins/consume.ts'],
  async hold(copy, seed) {
    const modules = await modulesOf(copy);
    const { consume } = await copy.load<typeof consuming>('mixins/consume.ts');
    const chance = contract.chanceOf(seed);
    await inVirtualTime(async () => {
      const real = modules.memoryStore('payment');
      const backAt = Date.now() + chance.below(20_000);
      const away: stores.ActorStore = {
        ...real,
        async commit(changes) {
          if (Date.now() < backAt) throw new modules.StoreUnavailable('away');
          return await real.commit(changes);
        },
      };
      const node = modules.createHost({
        actor: contract.purse,
        store: away,
        transport: contract.silent,
        alert: () => {},
      });
      let handle: SubscribeOptions['handle'] = () => Promise.resolve();
      const log = {
        subscribe(options: SubscribeOptions) {
          handle = (records) => options.handle(records);
          return Promise.resolve({ stop: () => Promise.resolve() });
        },
      };
      await consume(log as unknown as Parameters<typeof consume>[0], node, {
        group: 'g',
        topics: ['t'],
        command: (record) => ({ id: 'purse', command: { type: 'Spend', data: record.data } }),
      });
      const records = Array.from(
        { length: 1 + chance.below(5) },
        (_, offset): LogRecord => ({
          topic: 't',
          partition: 0,
          offset,
          key: 'k',
          id: `event-${offset}`,
          source: 's',
          time: Date.now(),
          appendedAt: Date.now(),
          data: { pieces: 1 },
        }),
      );
      // As the log does it: the same records again until they are taken.
      while (
        !(await handle(records).then(
          () => true,
          () => false,
        ))
      )
        await turn();
      const stored = (await real.journal('purse')) ?? [];
      contract.demand(
        stored.length === records.length,
        () => `seed ${seed}: the position moved past ${records.length} records, ${stored.length} took effect`,
      );
    });
  },
};
