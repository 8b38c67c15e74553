// What a node of the simulated shop gives its service: databases and log in memory, the simulated provider and mail server.

import type { Order } from '../../../actors/order.ts';
import type { EventLog } from '../../../brokers/event-log.ts';
import type { Mail } from '../../../mixins/mailer.ts';
import type { Platform } from '../../../mixins/platform.ts';
import type { StoredActor } from '../books/books.ts';
import type { SimulatedProvider } from './provider.ts';
import type { ServiceName, ShopModules } from './seams.ts';
import { cartIndexTable, requestsTable, windowsTables } from './tables.ts';
import { type KeptLog, type KeptStore, keptLog, keptStore } from './stores.ts';
import type { Life, Trouble } from './trouble.ts';

/** How long an order waits for its payment, in milliseconds. */
export const PAYMENT_DEADLINE_MS = 8_000;
const HEARTBEAT_MS = 5_000;

/** A secret of the simulated installation. */
export const secretOf = (name: string): Buffer => Buffer.alloc(32, name);

/** Everything that lies outside the nodes and outlives them. */
export interface Outside {
  readonly stores: Readonly<Record<'order' | 'stock' | 'payment' | 'notification' | 'cart', KeptStore>>;
  readonly log: KeptLog;
  readonly requests: ReturnType<typeof requestsTable>;
  readonly windows: ReturnType<typeof windowsTables>;
  readonly mails: (Mail & { readonly at: string })[];
  readonly alerts: { readonly what: string; readonly particulars: object }[];
}

/** Databases, log and mail server, all empty. */
export function outsideOf(modules: ShopModules, trouble: Trouble): Outside {
  const store = (actor: keyof Outside['stores']) => keptStore(modules, trouble, actor);
  return {
    stores: {
      order: store('order'),
      stock: store('stock'),
      payment: store('payment'),
      notification: store('notification'),
      cart: store('cart'),
    },
    log: keptLog(modules, trouble),
    requests: requestsTable(),
    windows: windowsTables(),
    mails: [],
    alerts: [],
  };
}

/** The actor that lives in the database of each service. */
const actorOf: Readonly<Partial<Record<ServiceName, keyof Outside['stores']>>> = {
  orders: 'order',
  inventory: 'stock',
  payments: 'payment',
  notifications: 'notification',
  carts: 'cart',
};

/** The platform of one node for the length of its life. */
export function platformOf(
  modules: ShopModules,
  trouble: Trouble,
  outside: Outside,
  provider: SimulatedProvider,
  service: ServiceName,
  life: Life,
): Platform {
  const { happens } = trouble;
  const actor = actorOf[service];
  const through = <T>(work: () => Promise<T>): Promise<T> =>
    trouble.outside(life, work, {
      before() {
        if (trouble.isAway(actor ?? service) || happens('store away', 1))
          throw new modules.StoreUnavailable('the store is away');
      },
    });
  const kept = actor === undefined ? undefined : outside.stores[actor];
  const database = {
    store: kept?.reachedBy(life),
    kysely: {
      /** Committed actors by id. */
      readActors: (ids: readonly string[]) =>
        through(async () => {
          const { actors } = await (kept as KeptStore).store.load({ ids, rows: [], commands: [] });
          return new Map([...actors].filter(([, { state }]) => state !== undefined));
        }),
      /** Rows as their texts. */
      readRows: (id: string, keys: readonly string[]) =>
        through(async () => {
          const rows = keys.map((key) => ({ id, key }));
          const found = (await (kept as KeptStore).store.load({ ids: [], rows, commands: [] })).rows.get(id);
          return [...(found ?? [])].map(([key, row]) => ({ key, data: JSON.stringify(row) }));
        }),
    },
    listOrders: (range: Range, max: number) => through(() => listOrders(kept as KeptStore, range, max)),
    requests: {
      ...outside.requests,
      find: (commandId: string) => through(() => outside.requests.find(commandId)),
      begin: (commandId: string, fingerprint: string, now: number) =>
        through(() => outside.requests.begin(commandId, fingerprint, now)),
      finish: (commandId: string, answer: object) => through(() => outside.requests.finish(commandId, answer)),
    },
    lane: () => ({
      run: (statement: { readonly name: string }, parameters: readonly unknown[]) =>
        through(async () => outside.windows.run(statement, parameters)),
      close() {},
    }),
    em: () => ({
      find: (_entity: object, { productId }: { readonly productId: string }, { limit }: { readonly limit: number }) =>
        through(async () =>
          outside.windows
            .closed()
            .filter((window) => window.productId === productId)
            .sort((a, b) => b.from - a.from)
            .slice(0, limit)
            .map(({ from, uniqueUsers, eventCount }) => {
              return { productId, windowStart: new Date(from), uniqueUsers, events: eventCount };
            }),
        ),
    }),
    close: () => Promise.resolve(),
  };
  let log: EventLog | undefined;
  const platform = {
    settings: { paymentDeadlineMs: PAYMENT_DEADLINE_MS, activityHeartbeatMs: HEARTBEAT_MS, nodeId: life.node },
    secret: secretOf,
    database: () => Promise.resolve(database),
    log() {
      log ??= modules.createMemoryLog({ storage: outside.log.reachedBy(life), alert });
      return Promise.resolve(log);
    },
    dynamo: () => ({ store: kept?.reachedBy(life), index: cartIndexTable() }),
    provider: () => provider.reachedBy(life),
    mailer: () => ({
      send: (mail: Mail) =>
        trouble.outside(life, async () => void outside.mails.push({ ...mail, at: new Date().toISOString() }), {
          after() {
            if (happens('mail answer lost', 10)) throw new Error('the mail server gave no answer');
          },
        }),
      close: () => Promise.resolve(),
    }),
    alert,
  };
  function alert(what: string, particulars: object): void {
    outside.alerts.push({ what, particulars });
  }
  return platform as unknown as Platform;
}

interface Range {
  readonly customerId?: string;
  readonly from?: number;
  readonly to?: number;
  readonly after?: readonly [number, string];
  readonly reference?: string;
  readonly status?: string;
}

/** What the statement of `services/orders/list.ts` finds: newest first, then by id, after a place in the list. */
async function listOrders(
  kept: KeptStore,
  { customerId, from = 0, to = Number.MAX_SAFE_INTEGER, after, reference, status }: Range,
  max: number,
) {
  const all = ((await kept.actors()) as readonly StoredActor<Order>[]).filter(
    ({ id, state }) =>
      (customerId === undefined || state.customerId === customerId) &&
      (reference === undefined || state.reference === reference) &&
      (status === undefined || state.status === status) &&
      state.createdAt >= from &&
      state.createdAt < to &&
      (after === undefined || state.createdAt < after[0] || (state.createdAt === after[0] && id < after[1])),
  );
  all.sort((a, b) => b.state.createdAt - a.state.createdAt || (a.id < b.id ? 1 : -1));
  return all.slice(0, max).map(({ id, state }) => ({ id, state }));
}
