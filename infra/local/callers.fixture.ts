// Callers of a shop who know nothing of it but the REST contract. Whatever it answers is held against what is true of every
// answer (`sound`), so each test checks that.
//
//   callersOf(url) ─► call('POST /api/v1/orders', …) ─► sound? ─► { status, headers, body }        until(…) instead of sleeping

import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { soundAnswers } from './answers.fixture.ts';

// oxlint-disable-next-line typescript/no-explicit-any -- tests look into answers as they please
export type Json = any;

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Json;
  readonly text: string;
}

export interface Call {
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as it is, with this content type (none: without one). */
  readonly raw?: { readonly type?: string; readonly content: string | Uint8Array<ArrayBuffer> };
  readonly token?: string;
  readonly cartToken?: string;
  readonly key?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Account {
  readonly id: string;
  readonly email: string;
  readonly password: string;
  readonly token: string;
  readonly refreshToken: string;
}

export interface OrderWish {
  readonly email?: string;
  readonly token?: string;
  readonly key?: string;
  /** The payment token; default `tok_ok`. */
  readonly pay?: string;
  readonly more?: object;
}

export type Line = readonly [product: { readonly id: string }, quantity: number];

/** Asked again after so many milliseconds. */
const POLL_MS = 15;
/** What never comes is told after so many milliseconds; how long something takes on a busy machine is no matter of a test. */
const WITHIN_MS = 60_000;

/** Asks until there is an answer (anything but undefined and false), and fails with the last error or the question. */
export async function until<T>(
  question: string,
  ask: () => Promise<T | undefined | false> | T | undefined | false,
  withinMs = WITHIN_MS,
): Promise<T> {
  const giveUpAt = performance.now() + withinMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    if (performance.now() > giveUpAt) throw new Error(`not within ${withinMs} ms: ${question}`);
    await pause(POLL_MS);
  }
}

/** How often each status was answered: `{ 201: 50, 409: 14 }`. */
export function tally(answers: readonly Answer[]): Readonly<Record<number, number>> {
  const counts: Record<number, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

/** The account that the first start makes. */
export const admin = { email: 'admin@shop.example', password: 'a password for tests' };

export type Callers = Awaited<ReturnType<typeof callersOf>>;

/** Guests, customers and staff of the shop at this address. */
export async function callersOf(url: string) {
  const sound = await soundAnswers(url);

  /** `call('GET /health/live')`: one request, one answer. */
  async function call(target: string, { body, raw, token, cartToken, key, headers = {} }: Call = {}): Promise<Answer> {
    const [method = '', path = ''] = target.split(' ', 2);
    const sent: Record<string, string> = { ...headers };
    if (body !== undefined) sent['Content-Type'] ??= 'application/json';
    if (raw?.type !== undefined) sent['Content-Type'] = raw.type;
    if (token !== undefined) sent['Authorization'] = `Bearer ${token}`;
    if (cartToken !== undefined) sent['X-Cart-Token'] = cartToken;
    if (key !== undefined) sent['Idempotency-Key'] = key;
    const content = raw?.content ?? (body === undefined ? undefined : JSON.stringify(body));
    const response = await fetch(url + path, {
      method,
      headers: sent,
      ...(content === undefined ? {} : { body: content }),
    });
    const text = await response.text();
    const isJson = text !== '' && /\bjson\b/.test(response.headers.get('content-type') ?? '');
    const answer = { status: response.status, headers: response.headers, text, body: isJson ? JSON.parse(text) : text };
    sound(method, path, answer);
    return answer;
  }

  /** As `call`, but any other status is an error that shows the answer. */
  async function expectStatus(status: number, target: string, options: Call = {}): Promise<Json> {
    const answer = await call(target, options);
    if (answer.status === status) return answer.body;
    throw new Error(`${target} answered ${answer.status} instead of ${status}: ${answer.text.slice(0, 1_000)}`);
  }

  async function logIn(email: string, password: string): Promise<Account> {
    const login = await expectStatus(200, 'POST /api/v1/auth/login', { body: { email, password } });
    return { id: login.user.id, email, password, token: login.accessToken, refreshToken: login.refreshToken };
  }

  const staff = await logIn(admin.email, admin.password);

  /** A new customer, or staff whom the admin appoints. */
  async function account(role: 'customer' | 'staff' | 'admin' = 'customer'): Promise<Account> {
    const email = `${role}-${randomUUID()}@people.example`;
    const password = randomUUID();
    const body = { email, password, name: 'Ada Lovelace' };
    const login = await expectStatus(201, 'POST /api/v1/auth/register', { body });
    if (role === 'customer') {
      return { id: login.user.id, email, password, token: login.accessToken, refreshToken: login.refreshToken };
    }
    await expectStatus(200, `PATCH /api/v1/customers/${login.user.id}`, { token: staff.token, body: { role } });
    return await logIn(email, password);
  }

  /** A new product with a SKU of its own. */
  async function product(
    price = '2.55',
    stock = 100,
    more: { readonly currency?: string; readonly name?: string } = {},
  ) {
    const { currency = 'GBP', name = 'Jumbo bag' } = more;
    const body = { sku: `sku-${randomUUID()}`, name, price: { amount: price, currency }, stock };
    const made = await expectStatus(201, 'POST /api/v1/products', { token: staff.token, body });
    return made as { readonly id: string; readonly sku: string; readonly name: string };
  }

  /** An order's request: by a guest, unless `token` says who. */
  function wish(lines: readonly Line[], { email, token, key, pay = 'tok_ok', more = {} }: OrderWish = {}): Call {
    return {
      ...(token === undefined ? {} : { token }),
      ...(key === undefined ? {} : { key }),
      body: {
        lines: lines.map(([{ id }, quantity]) => ({ productId: id, quantity })),
        ...(token === undefined || email !== undefined ? { email: email ?? 'guest@people.example' } : {}),
        payment: { method: 'simulated', token: pay },
        ...more,
      },
    };
  }

  const place = (lines: readonly Line[], options: OrderWish = {}): Promise<Json> =>
    expectStatus(201, 'POST /api/v1/orders', wish(lines, options));

  const orderOf = (id: string): Promise<Json> => expectStatus(200, `GET /api/v1/orders/${id}`, { token: staff.token });

  /** The order, once it has the status. */
  const reaches = (id: string, status: string, withinMs?: number): Promise<Json> =>
    until(
      `order ${id} is ${status}`,
      async () => {
        const order = await orderOf(id);
        return order.status === status ? order : undefined;
      },
      withinMs,
    );

  const stockOf = (sku: string): Promise<Json> =>
    expectStatus(200, `GET /api/v1/stock/${encodeURIComponent(sku)}`, { token: staff.token });

  /** The balances of a SKU, once they are these. */
  const stockReaches = (sku: string, wanted: Readonly<Record<string, number>>): Promise<Json> =>
    until(`stock of ${sku} is ${JSON.stringify(wanted)}`, async () => {
      const stock = await stockOf(sku);
      return Object.entries(wanted).every(([name, pieces]) => stock[name] === pieces) ? stock : undefined;
    });

  return {
    staff,
    call,
    expect: expectStatus,
    logIn,
    account,
    product,
    wish,
    place,
    orderOf,
    reaches,
    stockOf,
    stockReaches,
  };
}
