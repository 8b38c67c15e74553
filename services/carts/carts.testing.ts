// A carts service for tests: a real broker and a real DynamoDB API, beside a catalogue that a test can change. Nodes come
// and go (`restart`), the databases and the log stay.

import { randomUUID } from 'node:crypto';
import { type Context, ServiceBroker } from 'moleculer';
import type { Cart, CartLine } from '../../actors/cart.ts';
import type { EventLog, NewEvent } from '../../brokers/event-log.ts';
import { createMemoryLog, memoryStorage } from '../../brokers/memory-log.ts';
import type { Problem } from '../../brokers/problem.ts';
import type { Caller, Principal } from '../../mixins/caller.ts';
import { testDynamo } from '../../mixins/dynamodb/testing.ts';
import type { Platform } from '../../mixins/platform.ts';
import { createTokens } from '../../mixins/tokens.ts';
import type { CartView, Quote } from './cart.view.ts';
import { type Carts, cartsService } from './carts.service.ts';
import { readCart } from './merging.ts';

const NEVER_MS = 1e9;
const secret = (name: string) => Buffer.alloc(32, name);

/** The tokens of the test shop. */
export const tokens = createTokens({ secret });

export interface GuestCart {
  readonly id: string;
  readonly token: string;
}

export interface TestCarts {
  readonly broker: ServiceBroker;
  readonly carts: Carts;
  readonly log: EventLog;
  /** What is sold, by product id. */
  readonly catalogue: Map<string, Quote>;
  /** While it is set, the log takes nothing. */
  logIsAway: boolean;
  /** Ends the node and starts another one over whatever it left. */
  restart(): Promise<void>;
  close(): Promise<void>;
  /** A product that is sold; `unitPrice` in ten-thousandths. */
  product(unitPrice?: number, more?: Partial<Quote>): string;
  discontinue(productId: string): void;
  call<T = CartView>(action: string, caller: Caller, params?: object): Promise<T>;
  /** The slug with which the call is refused. */
  refusal(action: string, caller: Caller, params?: object): Promise<string>;
  /** A guest cart that holds the lines. */
  guestCart(...lines: readonly CartLine[]): Promise<GuestCart>;
  /** The cart as the database has it. */
  stored(id: string): Promise<Cart>;
  /** Resolves once the condition holds; looks after every commit. */
  until(holds: () => Promise<boolean>): Promise<void>;
}

/** What the gateway says of a caller. */
export function meta(principal: Principal, more: Partial<Caller> = {}): Caller {
  return { principal, requestId: 'r', commandId: randomUUID(), fingerprint: 'f', keyed: false, ...more };
}

/** Somebody who is signed in, new each time. */
export function user(role: 'customer' | 'admin' = 'customer') {
  return { kind: 'user', id: randomUUID(), role } as const;
}

export const nobody: Principal = { kind: 'guest' };

/** Whoever bears the token of a guest cart. */
export function bearer(token: string): Principal {
  return { kind: 'cart', token };
}

/** Pieces by product. */
export function quantities(lines: readonly CartLine[]): Record<string, number> {
  return Object.fromEntries(lines.map(({ productId, quantity }) => [productId, quantity]));
}

/** Opens the shop. An alert fails the test that caused it. */
export async function openTestCarts(): Promise<TestCarts> {
  const dynamo = await testDynamo();
  const storage = memoryStorage();
  const catalogue = new Map<string, Quote>();

  async function node() {
    const log = createMemoryLog({ storage });
    const append = (events: readonly NewEvent[]) =>
      shop.logIsAway ? Promise.reject(new Error('the log is away')) : log.append(events);
    const platform = {
      secret,
      dynamo: () => dynamo.client,
      log: () => Promise.resolve({ ...log, append }),
      alert(what: string, particulars: object) {
        throw new Error(`${what}: ${JSON.stringify(particulars)}`);
      },
    } as unknown as Platform;
    const broker = new ServiceBroker({ logger: false, nodeID: randomUUID() });
    broker.createService({
      name: 'products',
      actions: {
        quote: (ctx: Context<{ readonly items: readonly { readonly productId: string }[] }>) =>
          ctx.params.items.map(({ productId }) => catalogue.get(productId) ?? null),
      },
    });
    const service = broker.createService(cartsService(platform, { againAfterMs: 0, lookEveryMs: NEVER_MS }));
    await broker.start();
    return { log, broker, carts: service as unknown as Carts };
  }

  const shop = {
    catalogue,
    logIsAway: false,
    async close() {
      await this.stop();
      await dynamo.close();
    },
    async stop() {
      await this.broker.stop();
      await this.log.close();
    },
    async restart() {
      await this.stop();
      this.logIsAway = false;
      Object.assign(this, await node());
    },
    product(unitPrice = 25_500, more: Partial<Quote> = {}) {
      const productId = randomUUID();
      const quote = { productId, sku: productId.slice(0, 4), name: 'Mug', unitPrice, currency: 'GBP', deleted: false };
      catalogue.set(productId, { ...quote, ...more });
      return productId;
    },
    discontinue(productId: string) {
      catalogue.set(productId, { ...(catalogue.get(productId) as Quote), deleted: true });
    },
    call<T>(action: string, caller: Caller, params: object = {}) {
      return this.broker.call<T, object>(`carts.${action}`, params, { meta: caller });
    },
    refusal(action: string, caller: Caller, params?: object) {
      return this.call(action, caller, params).then(
        () => 'no refusal',
        (error: Problem) => error.type,
      );
    },
    async guestCart(...lines: readonly CartLine[]) {
      const cart = await this.call<GuestCart>('create', meta(nobody));
      for (const line of lines) await this.call('putLine', meta(bearer(cart.token)), { id: cart.id, ...line });
      return cart;
    },
    async stored(id: string) {
      return (await readCart(this.carts.store, id)).cart;
    },
    async until(holds: () => Promise<boolean>) {
      let committed: () => void = () => {};
      const off = this.carts.host.onCommitted(() => committed());
      for (;;) {
        const next = new Promise<void>((resolve) => (committed = resolve));
        if (await holds()) break;
        await next;
      }
      off();
    },
  } as TestCarts & { stop(): Promise<void> };
  return Object.assign(shop, await node());
}
