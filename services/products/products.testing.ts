// A products service for tests: a real broker and PostgreSQL, and beside it stock with its real rules, kept in memory.

import { randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import { type Context, ServiceBroker } from 'moleculer';
import {
  availableOf,
  balancesOf,
  type SkuRow,
  skuKey,
  type Stock,
  stockActor,
  type StockCommand,
} from '../../actors/stock.ts';
import type { LogRecord } from '../../brokers/event-log.ts';
import type { Delivery } from '../../brokers/hosting.ts';
import { createMemoryLog } from '../../brokers/memory-log.ts';
import type { Caller } from '../../mixins/caller.ts';
import { createHost, type Host } from '../../mixins/host.ts';
import type { Hosting } from '../../mixins/hosts.mixin.ts';
import { memoryStore } from '../../mixins/memory-store.ts';
import type { Platform } from '../../mixins/platform.ts';
import { testDatabase } from '../../mixins/postgres/testing.ts';
import { productsService } from './products.service.ts';

export interface TestShop {
  readonly broker: ServiceBroker;
  /** Calls an action of products; what it says about its answer is found in `meta` afterwards. */
  call<T>(action: string, params: object, meta?: Partial<Caller>, stream?: Readable): Promise<T>;
  /** Pieces that stock has ever received of a SKU. */
  received(sku: string): Promise<number>;
  /** Takes pieces out of stock. */
  take(sku: string, quantity: number): Promise<void>;
  /** Types of the events of a product, in order. */
  journal(id: string): Promise<readonly string[]>;
  /** The public event of a product's deletion, as soon as it is there. */
  deletionOf(id: string): Promise<object>;
  /** Resolves when products have nothing left to send. */
  settled(): Promise<void>;
  /** While `during` runs, stock answers nobody. */
  withoutStock(during: () => Promise<void>): Promise<void>;
  close(): Promise<void>;
}

const PARTITION = 'main';

/** A shop of products and stock in a schema of its own. */
export async function openTestShop(
  broker = new ServiceBroker({ logger: false, nodeID: randomUUID() }),
): Promise<TestShop> {
  const log = createMemoryLog();
  const deletions: LogRecord[] = [];
  const subscription = await log.subscribe({
    group: 'test',
    topics: ['product.deleted'],
    async handle(records) {
      deletions.push(...(await Promise.resolve(records)));
    },
  });
  const alert = (what: string, particulars: object): void => {
    throw new Error(`${what}: ${JSON.stringify(particulars)}`);
  };
  const platform = {
    secret: (name: string) => Buffer.alloc(32, name),
    log: () => Promise.resolve(log),
    database: testDatabase,
    alert,
  } as unknown as Platform;

  const stock = createStock(alert);
  broker.createService(stock.service);
  const products = broker.createService(productsService(platform)) as unknown as Hosting<unknown, never>;
  await broker.start();
  return {
    broker,
    async deletionOf(id) {
      for (;;) {
        const found = deletions.find(({ key }) => key === id);
        if (found !== undefined) return found.data;
        await new Promise(setImmediate);
      }
    },
    call: (action, params, meta = {}, stream) => {
      const caller = {
        principal: { kind: 'guest' },
        requestId: 'r',
        commandId: randomUUID(),
        fingerprint: 'f',
        keyed: false,
      };
      // The caller's own object is used, because an action speaks of its answer in it.
      Object.assign(meta, { ...caller, ...meta });
      return broker.call(`products.${action}`, params, { meta, ...(stream === undefined ? {} : { stream }) });
    },
    received: async (sku) => (await stock.balances([sku]))[0]?.received ?? 0,
    async take(sku, quantity) {
      const command: StockCommand = { type: 'WriteOff', data: { sku, quantity, reason: 'test' } };
      await stock.host.tell(PARTITION, command, { commandId: randomUUID() });
    },
    journal: async (id) => ((await products.store.journal(id)) ?? []).map(({ type }) => type),
    async settled() {
      while (products.host.stats().outbox > 0) await new Promise(setImmediate);
    },
    async withoutStock(during) {
      stock.away(true);
      await during().finally(() => stock.away(false));
    },
    async close() {
      await broker.stop();
      await subscription.stop();
      await log.close();
    },
  };
}

function createStock(alert: (what: string, particulars: object) => void) {
  const store = memoryStore('stock');
  const transport = {
    deliver: () => Promise.resolve([]),
    publish: () => Promise.resolve(),
    perform: () => Promise.resolve(),
  };
  const host: Host<Stock, StockCommand> = createHost({ actor: stockActor, store, transport, alert });
  let isAway = false;

  async function balances(skus: readonly string[]): Promise<readonly SkuRow[]> {
    const { rows } = await store.load({
      ids: [],
      rows: skus.map((sku) => ({ id: PARTITION, key: skuKey(sku) })),
      commands: [],
    });
    const stock = Object.fromEntries(rows.get(PARTITION) ?? []) as Stock;
    return skus.map((sku) => balancesOf(stock, sku));
  }

  return {
    host,
    balances,
    away: (away: boolean) => (isAway = away),
    service: {
      name: 'inventory',
      actions: {
        receive: (ctx: Context<{ deliveries: readonly Delivery[] }>) => {
          if (isAway) throw new Error('stock is away');
          return host.receive(ctx.params.deliveries);
        },
        available: async (ctx: Context<{ skus: readonly string[] }>) => {
          const rows = await balances(ctx.params.skus);
          return Object.fromEntries(ctx.params.skus.map((sku, i) => [sku, availableOf(rows[i] as SkuRow)]));
        },
      },
    },
  };
}
