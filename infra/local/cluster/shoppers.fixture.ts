// Shoppers who look at what they have done: each places an order, looks for it, cancels every other one, and looks again.
// One after another, and keyed, as a careful client would; what was answered, and what they did not find, is kept.

import { setTimeout as pause } from 'node:timers/promises';
import type { Account, Answer, Call, Json, TestCluster } from './cluster.fixture.ts';

/** Between two orders of a shopper, in milliseconds: shoppers are there for what they see, not for load. */
const THINKING_MS = 200;
/** Of a list that a new order stands at the top of. */
const LOOK_AT = 5;

/** An order that a shopper was told to have. */
export interface Bought {
  /** The 201 or 202. */
  readonly order: Json;
  /** It was cancelled, and the shop has said so. */
  cancelled: boolean;
}

export interface Shopper {
  readonly bought: readonly Bought[];
  /** Requests that failed, as sentences. */
  readonly failures: readonly string[];
  /** What a list did not show, as sentences. */
  readonly missed: readonly string[];
  /** How often a list was looked at. */
  readonly looks: () => number;
  /** Resolves when the last request is answered. */
  stop(): Promise<void>;
}

export interface ShopperOptions {
  /** Prefix of the keys. */
  readonly name: string;
  readonly products: readonly { readonly id: string }[];
  /** Who it is; without: a guest, who has no list. */
  readonly customer?: Pick<Account, 'token'>;
}

/** Begins to shop; `stop` it. */
export function startShopper(
  { call, wish }: Pick<TestCluster, 'call' | 'wish'>,
  { name, products, customer }: ShopperOptions,
): Shopper {
  const bought: Bought[] = [];
  const failures: string[] = [];
  const missed: string[] = [];
  let looks = 0;
  let running = true;

  /** The answer; undefined: none that a caller should get. */
  async function send(target: string, options: Call): Promise<Answer | undefined> {
    try {
      const answer = await call(target, options);
      if ([200, 201, 202].includes(answer.status)) return answer;
      failures.push(`${target}: ${answer.status} ${answer.text}`);
    } catch (error) {
      const { message, cause } = error as Error & { readonly cause?: Error };
      failures.push(`${target}: ${message} ${cause?.message ?? ''}`);
    }
    return undefined;
  }

  /** The order must be in the list, and not as it was before the time (ISO 8601). */
  async function look(id: string, changedAt: string): Promise<void> {
    if (customer === undefined) return;
    const answer = await send(`GET /api/v1/orders?limit=${LOOK_AT}`, { token: customer.token });
    if (answer === undefined) return;
    looks += 1;
    const found = answer.body.items.find((order: Json) => order.id === id);
    if (found === undefined) missed.push(`${id} is not in ${answer.text}`);
    else if (found.updatedAt < changedAt) missed.push(`${id} was changed at ${changedAt}, and is ${found.updatedAt}`);
  }

  async function shop(n: number): Promise<void> {
    const key = `${name}-${n}`;
    const product = products[n % products.length] as { readonly id: string };
    const placed = await send('POST /api/v1/orders', wish([[product, 1]], { ...customer, key }));
    if (placed === undefined) return;
    const order = placed.body;
    const entry: Bought = { order, cancelled: false };
    bought.push(entry);
    await look(order.id, order.updatedAt ?? '');
    if (n % 2 === 0) return;
    const token = customer?.token ?? order.accessToken;
    const cancelled = await send(`POST /api/v1/orders/${order.id}/cancel`, { token, key });
    if (cancelled === undefined) return;
    entry.cancelled = true;
    await look(order.id, cancelled.body.updatedAt);
  }

  const shopping = (async () => {
    for (let n = 0; running; n++) {
      await shop(n);
      await pause(THINKING_MS);
    }
  })();

  return {
    bought,
    failures,
    missed,
    looks: () => looks,
    stop() {
      running = false;
      return shopping;
    },
  };
}
