// A whole shop for tests, in this process, on a free port and on data of its own; and callers who know nothing of it but
// the REST contract. Whatever it answers is held against what is true of every answer (`sound`), so each test checks that.
//
//   startTestShop ─► call('POST /api/v1/orders', …) ─► sound? ─► { status, headers, body }        until(…) instead of sleeping

import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Message } from '../../actors/actor.ts';
import type { Host } from '../../mixins/host.ts';
import { readSettings, type Settings } from '../../mixins/settings.ts';
import { soundAnswers } from './answers.fixture.ts';
import { commandLine, treeOf } from './process-tree.ts';
import { readLedger } from './provider/ledger.ts';
import { type Shop, startShop } from './shop.ts';

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
const WITHIN_MS = 15_000;

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

export interface TestShopOptions {
  /** The data of a shop that was stopped with `stop('keep')`. */
  readonly dataDir?: string;
  readonly settings?: Partial<Settings>;
  readonly webhooks?: 'all' | 'unanswered';
  readonly catalogue?: boolean;
}

export type TestShop = Awaited<ReturnType<typeof startTestShop>>;

/** Starts a shop; `stop` it. */
export async function startTestShop({
  settings = {},
  webhooks = 'all',
  catalogue = false,
  dataDir,
}: TestShopOptions = {}) {
  const folder = dataDir ?? mkdtempSync(join(tmpdir(), 'souk-shop-'));
  const admin = { email: 'admin@shop.example', password: 'a password for tests' };
  const broken: string[] = [];
  const shop: Shop = await startShop({
    settings: {
      ...readSettings({}),
      port: 0,
      dataDir: folder,
      adminEmail: admin.email,
      adminPassword: admin.password,
      ...settings,
    },
    progress: () => {},
    onBroken: (message) => broken.push(message),
    webhooks,
    withoutCatalogue: !catalogue,
  });
  const sound = await soundAnswers(shop.url);

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
    const response = await fetch(shop.url + path, {
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

  /** A process below ours that was started with these words; undefined: there is none just now. */
  function pidOf(...words: string[]): number | undefined {
    return treeOf(process.pid).find((pid) => words.every((word) => commandLine(pid).some((it) => it.includes(word))));
  }

  const providerPid = () => pidOf('provider.ts', shop.dataDir);

  function signalProvider(signal: NodeJS.Signals): number {
    const pid = providerPid();
    if (pid === undefined) throw new Error('the payment provider does not run');
    process.kill(pid, signal);
    return pid;
  }

  return {
    url: shop.url,
    dataDir: shop.dataDir,
    providerUrl: shop.providerUrl,
    broker: shop.broker,
    /** What the shop could not live without and lost. */
    broken,
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
    /** The provider's book, read beside it. */
    ledger: () => readLedger(join(shop.dataDir, 'provider', 'ledger.sqlite')),
    /** kill -9; resolves once there is another one. */
    async killProvider(): Promise<void> {
      const killed = signalProvider('SIGKILL');
      await until('there is another provider', () => ![undefined, killed].includes(providerPid()));
    },
    /** The provider stands still until the returned function is called. */
    pauseProvider() {
      signalProvider('SIGSTOP');
      return () => void signalProvider('SIGCONT');
    },
    /** All of PostgreSQL stands still until the returned function is called. */
    pauseDatabase() {
      const server = pidOf('bin/postgres', join(shop.dataDir, 'postgres'));
      if (server === undefined) throw new Error('PostgreSQL does not run');
      const pids = treeOf(server);
      for (const pid of pids) process.kill(pid, 'SIGSTOP');
      return () => {
        for (const pid of pids) process.kill(pid, 'SIGCONT');
      };
    },
    async stop(data: 'keep' | 'remove' = 'remove') {
      await shop.stop();
      if (data === 'remove') rmSync(folder, { recursive: true, force: true });
    },
    /** What is sent to stock waits until the returned function is called. */
    holdStock() {
      const { host } = shop.broker.getLocalService('inventory') as unknown as { host: Host<unknown, Message> };
      const { receive } = host;
      const { promise, resolve } = Promise.withResolvers<void>();
      Object.assign(host, {
        async receive(deliveries: Parameters<typeof receive>[0]) {
          await promise;
          return await receive(deliveries);
        },
      });
      return () => {
        Object.assign(host, { receive });
        resolve();
      };
    },
  };
}
