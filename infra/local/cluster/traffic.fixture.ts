// Traffic at a fixed rate, whatever becomes of it: requests are sent when they are due and not when others are answered, so
// a shop that stands still is not spared. What every request led to is kept.

import { setTimeout as pause } from 'node:timers/promises';
import type { Account, Answer, Call, TestCluster } from './cluster.fixture.ts';

/** One request and what became of it. */
export interface Sent {
  readonly kind: 'order' | 'read' | 'change';
  /** Method and path. */
  readonly target: string;
  /** Services that have a part in the answer, or in what follows from it. */
  readonly reaches: readonly string[];
  /** Milliseconds on the clock of `performance`. */
  readonly at: number;
  readonly tookMs: number;
  /** undefined: the connection broke. */
  readonly answer: Answer | undefined;
  readonly error?: string;
}

export interface Traffic {
  /** Stops sending; resolves when everything is answered. */
  stop(): Promise<readonly Sent[]>;
  readonly sent: readonly Sent[];
}

export interface TrafficOptions {
  readonly perSecond: number;
  /** Every so many requests one is a keyed order; the others read. */
  readonly everyNth: number;
  readonly products: readonly { readonly id: string; readonly sku: string }[];
  /** Prefix of the keys; each order has its own. */
  readonly name: string;
  /** With them customers and guests use all of the shop: carts, accounts, logins, lists, events, analytics. */
  readonly people?: People;
}

/** Who uses all of the shop. */
export interface People {
  readonly customers: readonly Account[];
  readonly carts: readonly GuestCart[];
  /** By customer; each is good for one use, so they outlive the traffic. Missing while its successor is under way. */
  readonly refreshTokens: Map<string, string>;
}

export interface GuestCart {
  readonly id: string;
  readonly token: string;
}

/** Every so many orders one is a customer's. */
const CUSTOMERS_NTH = 3;
/** Every so many requests of people one hashes a password, and one changes tokens: both are dear. */
const LOGIN_NTH = 100;
const REFRESH_NTH = 50;
/** Kinds of requests of people; they take turns. */
const KINDS = 7;
const CART_CHANGES_NTH = 4;

interface Request {
  readonly kind: Sent['kind'];
  readonly target: string;
  readonly options?: Call;
  readonly reaches: readonly string[];
}

type Shop = Pick<TestCluster, 'call' | 'wish' | 'staff'>;

/** Begins to send; `stop` it. */
export function startTraffic(
  { call, wish, staff }: Shop,
  { perSecond, everyNth, products, name, people }: TrafficOptions,
): Traffic {
  const sent: Sent[] = [];
  const underWay = new Set<Promise<void>>();
  const placed: string[] = [];
  let running = true;

  async function send({ kind, target, options, reaches }: Request): Promise<Answer | undefined> {
    const at = performance.now();
    const about = () => ({ kind, target, reaches, at, tookMs: performance.now() - at });
    try {
      const answer = await call(target, options);
      sent.push({ ...about(), answer });
      if (kind === 'order' && answer.status === 201) placed.push(answer.body.id);
      return answer;
    } catch (error) {
      const { message, cause } = error as Error & { readonly cause?: Error };
      sent.push({ ...about(), answer: undefined, error: `${target}: ${message} ${cause?.message ?? ''}` });
      return undefined;
    }
  }

  const ofPeople = people === undefined ? undefined : requestsOf(people, send);

  async function next(n: number): Promise<void> {
    const product = products[n % products.length] as { id: string };
    if (n % everyNth === 0) {
      const { token } = (n / everyNth) % CUSTOMERS_NTH === 0 ? (pick(people?.customers, n / everyNth) ?? {}) : {};
      const options = wish([[product, 1]], { key: `${name}-${n}`, ...(token === undefined ? {} : { token }) });
      const reaches = ['orders', 'products', 'inventory', 'payments', 'notifications'];
      await send({ kind: 'order', target: 'POST /api/v1/orders', options, reaches });
      return;
    }
    const order = placed.at(-1 - (n % 7));
    if (ofPeople !== undefined && n % everyNth > 1) await ofPeople(n, product.id);
    else if (n % 2 === 0 || order === undefined)
      await send({ kind: 'read', target: `GET /api/v1/products/${product.id}`, reaches: ['products', 'inventory'] });
    else {
      const options = { token: staff.token };
      await send({ kind: 'read', target: `GET /api/v1/orders/${order}`, options, reaches: ['orders'] });
    }
  }

  const sending = (async () => {
    const startedAt = performance.now();
    for (let n = 0; running; n++) {
      const dueIn = startedAt + (n * 1_000) / perSecond - performance.now();
      if (dueIn > 1) await pause(dueIn);
      const request = next(n).finally(() => underWay.delete(request));
      underWay.add(request);
    }
  })();

  return {
    sent,
    async stop() {
      running = false;
      await sending;
      await Promise.all(underWay);
      return sent;
    },
  };
}

function pick<T>(all: readonly T[] | undefined, n: number): T | undefined {
  return all?.[Math.floor(n) % all.length];
}

/** What people ask for besides orders and products, one after another; tokens are changed by their owner alone. */
function requestsOf(
  { customers, carts, refreshTokens }: People,
  send: (request: Request) => Promise<Answer | undefined>,
) {
  let asked = 0;

  async function refresh(id: string, refreshToken: string): Promise<void> {
    refreshTokens.delete(id);
    const options = { body: { refreshToken } };
    const answer = await send({ kind: 'change', target: 'POST /api/v1/auth/refresh', options, reaches: ['users'] });
    if (answer?.status === 200) refreshTokens.set(id, answer.body.refreshToken);
  }

  return async (n: number, productId: string): Promise<void> => {
    const turn = asked++;
    const { id, token, email, password } = pick(customers, turn) as Account;
    const cart = pick(carts, turn) as GuestCart;
    const inCart = { cartToken: cart.token };
    const refreshToken = refreshTokens.get(id);
    if (turn % REFRESH_NTH === 1 && refreshToken !== undefined) return await refresh(id, refreshToken);
    const user_id = `user-${n % 100}`;
    const event = { user_id, product_id: productId, event_type: 'view', timestamp: new Date().toISOString() };
    const requests: readonly Request[] = [
      { kind: 'read', target: `GET /api/v1/carts/${cart.id}`, options: inCart, reaches: ['carts'] },
      // DynamoDB Local takes a hundred writes a second on two cores, and a change of a cart is some of them.
      Math.floor(turn / KINDS) % CART_CHANGES_NTH === 0
        ? {
            kind: 'change',
            target: `PUT /api/v1/carts/${cart.id}/lines/${productId}`,
            options: { ...inCart, body: { quantity: 1 + (n % 9) } },
            reaches: ['carts', 'products'],
          }
        : { kind: 'read', target: `GET /api/v1/carts/${cart.id}`, options: inCart, reaches: ['carts'] },
      { kind: 'read', target: 'GET /api/v1/customers/me', options: { token }, reaches: ['users'] },
      {
        kind: 'change',
        target: 'PATCH /api/v1/customers/me',
        options: { token, body: { name: `Ada Lovelace the ${n}th` } },
        reaches: ['users'],
      },
      { kind: 'read', target: 'GET /api/v1/orders?limit=5', options: { token }, reaches: ['orders'] },
      { kind: 'read', target: `GET /api/v1/analytics/products/${productId}`, reaches: ['analytics'] },
      {
        kind: 'change',
        target: 'POST /api/v1/events',
        options: { body: event },
        reaches: ['activity', 'analytics'],
      },
    ];
    const login: Request = {
      kind: 'read',
      target: 'POST /api/v1/auth/login',
      options: { body: { email, password } },
      reaches: ['users'],
    };
    await send(turn % LOGIN_NTH === 0 ? login : (pick(requests, turn) as Request));
  };
}

/** A line for people: how many, how they ended, how long they took. */
export function summary(sent: readonly Sent[]): string {
  const statuses = Map.groupBy(sent, ({ kind, answer }) => `${kind} ${answer?.status ?? 'broken'}`);
  const took = sent.map(({ tookMs }) => tookMs).toSorted((a, b) => a - b);
  const at = (share: number) => Math.round(took[Math.min(took.length - 1, Math.floor(took.length * share))] ?? 0);
  const counts = [...statuses].map(([what, all]) => `${what}: ${all.length}`).toSorted();
  return `${sent.length} requests (${counts.join(', ')}), p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, longest ${at(1)} ms`;
}
