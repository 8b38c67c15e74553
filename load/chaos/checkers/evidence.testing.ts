// Evidence made by hand, for tests of checkers: clients do one thing after another at a shop that does nothing wrong
// (`shop.testing.ts`), and a test then plants what is wrong into a copy.
//
//   const story = storyOf(); const order = story.place('ada', [[story.product(), 2]]); story.settle();
//   check(story.evidence())                                     holds
//   check(planted(story.evidence(), ({ books }) => { … }))      must not

import { cartIdOfUser, mergeOf } from '../../../actors/cart.ts';
import { exactSum, formatExact, parseAmount } from '../../../actors/money.ts';
import type { RefundWish } from '../../../actors/order.ts';
import { derivedId } from '../../../mixins/ids.ts';
import type { Finding } from '../../../mixins/finding.ts';
import { commandIdOf } from '../../../services/api/command-id.ts';
import { viewOrder } from '../../../services/orders/order.view.ts';
import type { Ending, Invocation, Json, Operation } from '../history/operation.ts';
import type { Evidence } from './checker.ts';
import { type Mutable, shopInMemory, stockView } from './shop.testing.ts';

export type { Mutable } from './shop.testing.ts';

const FROM = Date.parse('2026-03-01T12:00:00.000Z');
const STEP_MS = 10;
const DEADLINE_MS = 20_000;
const STAFF = 'staff';
const address = (name: string) => ({
  name,
  line1: `${name} Road 1`,
  city: 'Exeter',
  postcode: 'EX1 1AA',
  country: 'GB',
});

export interface Product {
  readonly id: string;
  readonly sku: string;
  readonly currency: string;
  readonly price: string;
}

/** How an operation goes: under which key, for which intent, and whether its answer gets lost (the effect does not). */
export interface How {
  readonly key?: string;
  readonly intent?: string;
  readonly process?: string;
  readonly lost?: boolean;
}

/** A copy with something planted into it. */
export function planted<T>(sound: T, plant: (copy: Mutable<T>) => void): T {
  const copy = structuredClone(sound);
  plant(copy as Mutable<T>);
  return copy;
}

/** The operations of a kind, to be changed. */
export function ofKind(evidence: Mutable<Evidence>, kind: Operation['kind']): Mutable<Operation>[] {
  return evidence.history.filter((operation) => operation.kind === kind);
}

/** The story of some clients and a shop; customers come to be when they are first named. */
export function storyOf() {
  let clock = FROM;
  const shop = shopInMemory(() => clock);
  const history: Operation[] = [];
  const products = new Map<string, Product>();
  const accounts = new Map<string, Json>();
  const carts = new Map<string, string>();
  let keys = 0;

  /** `customer` is a name; guests have none and are `guest`. */
  const principalOf = (name: string) => (name === STAFF || name === 'guest' ? name : derivedId('user', name));
  const begins = { at: 0, id: 0 };
  const begin = () => Object.assign(begins, { at: (clock += STEP_MS), id: begins.id + 1 });

  function did(
    how: How,
    invocation: Pick<Invocation, 'kind' | 'principal' | 'method' | 'path'> & Partial<Invocation>,
    ending: Partial<Ending>,
  ): Operation {
    const { at, id } = begins;
    clock += STEP_MS / 2;
    const { status = 200 } = ending;
    const outcome = status < 300 ? 'ok' : 'fail';
    const lost: Ending = { endedAt: clock, outcome: 'unknown', error: 'the connection was reset' };
    const operation: Operation = {
      id,
      at,
      process: how.process ?? invocation.principal,
      intent: how.intent ?? how.key ?? `intent-${id}`,
      ...(how.key === undefined ? {} : { key: how.key }),
      ...invocation,
      ending: how.lost === true ? lost : { endedAt: clock, outcome, status, ...ending },
    };
    history.push(operation);
    return operation;
  }

  const orderView = (id: string) => viewOrder(id, shop.state('order', id));
  const keyOf = (how: How) => how.key ?? `key-${(keys += 1)}`;
  /** The id of a keyed command, as the gateway mints it. */
  const commandId = (principal: string, path: string, params: Json, key: string) =>
    principal === 'guest'
      ? commandIdOf({ kind: 'guest' }, { method: 'POST', path } as Json, params, key)
      : commandIdOf({ kind: 'user', id: principal, role: 'customer' }, { method: 'POST', path } as Json, params, key);

  function register(name: string): string {
    const principal = principalOf(name);
    if (accounts.has(principal)) return principal;
    begin();
    const user = { id: principal, email: `${name}@people.example`, name: `${name} Person`, address: address(name) };
    accounts.set(principal, { ...user, revision: 1 });
    const { id: _, ...body } = user;
    const path = '/api/v1/auth/register';
    did({}, { kind: 'register', principal, method: 'POST', path, body }, { status: 201, answer: { user } });
    return principal;
  }

  function changeOrder(kind: Operation['kind'], id: string, name: string, how: How, command: Json, body?: Json): Json {
    const key = keyOf(how);
    begin();
    const principal = principalOf(name);
    const verb = kind.slice(0, kind.indexOf('-'));
    const route = `/api/v1/orders/{id}/${verb}`;
    const named = commandId(principal, route, { id }, key);
    if (verb === 'refund') command.data.refundId = named;
    const { refused } = shop.tell('order', id, command, named, true);
    const path = `/api/v1/orders/${id}/${verb}`;
    const answer = refused === undefined ? orderView(id) : { status: 409, code: refused.refused };
    const status = refused === undefined ? 200 : 409;
    const sent = body === undefined ? {} : { body };
    did({ ...how, key }, { kind, principal, method: 'POST', path, ...sent }, { status, answer });
    return answer;
  }

  function moveStock(type: 'Receive' | 'WriteOff', sku: string, quantity: number, how: How): void {
    const key = keyOf(how);
    begin();
    const [kind, verb] =
      type === 'Receive' ? (['receive-stock', 'receive'] as const) : (['write-off-stock', 'write-off'] as const);
    const movementId = commandId(STAFF, `/api/v1/stock/{sku}/${verb}`, { sku }, key);
    const reason = type === 'Receive' ? {} : { reason: 'broken' };
    shop.tell('stock', 'main', { type, data: { sku, quantity, movementId, ...reason } }, movementId, true);
    const path = `/api/v1/stock/${encodeURIComponent(sku)}/${verb}`;
    const invocation = { kind, principal: STAFF, method: 'POST', path, body: { quantity, ...reason } };
    did({ ...how, key }, { ...invocation, skus: [{ sku, quantity }] }, { answer: stockView(sku, shop.balance(sku)) });
  }

  return {
    shop,
    principalOf,
    register,
    settle: () => shop.settle(),
    sample: () => shop.sample(),
    /** Lets time pass, in milliseconds. */
    pass: (ms: number) => void (clock += ms),

    /** A product with so many pieces; the same SKU is made once. */
    product(sku = 'sku-1', { stock = 10, price = '2.50', currency = 'GBP' } = {}): Product {
      const known = products.get(sku);
      if (known !== undefined) return known;
      begin();
      const product = { id: derivedId('product', sku), sku, currency, price };
      products.set(sku, product);
      const key = keyOf({});
      shop.tell('stock', 'main', { type: 'Receive', data: { sku, quantity: stock } }, `open/${sku}`);
      const body = { sku, name: `Thing ${sku}`, price: { amount: price, currency }, stock };
      const path = '/api/v1/products';
      did(
        { key },
        { kind: 'create-product', principal: STAFF, method: 'POST', path, body, skus: [{ sku, quantity: stock }] },
        { status: 201, answer: { id: product.id, ...body, stock: undefined, available: stock } },
      );
      return product;
    },
    receive: (sku: string, quantity: number, how: How = {}) => moveStock('Receive', sku, quantity, how),
    writeOff: (sku: string, quantity: number, how: How = {}) => moveStock('WriteOff', sku, quantity, how),
    readStock(sku: string) {
      begin();
      const path = `/api/v1/stock/${encodeURIComponent(sku)}`;
      did(
        {},
        { kind: 'read-stock', principal: STAFF, method: 'GET', path },
        { answer: stockView(sku, shop.balance(sku)) },
      );
    },

    /** Places an order of a customer or a `guest`, up to the answer of stock; `settle` brings its payment. */
    place(
      name: string,
      wanted: readonly (readonly [Product, number])[],
      options: How & { cartId?: string; declined?: boolean } = {},
    ): string {
      const principal = name === 'guest' ? name : register(name);
      const key = keyOf(options);
      begin();
      const id = commandId(principal, '/api/v1/orders', {}, key);
      if (options.declined === true) shop.declined.add(id);
      const email = `${name}@people.example`;
      const lines = wanted.map(([{ id: productId, sku, price }, quantity]) => ({
        productId,
        sku,
        name: `Thing ${sku}`,
        quantity,
        unitPrice: parseAmount(price) as number,
        partition: 'main',
      }));
      const { cartId } = options;
      const facts = { email, shippingAddress: address(name), ...(cartId === undefined ? {} : { cartId }) };
      const owner = principal === 'guest' ? {} : { customerId: principal };
      const { currency } = (wanted[0] as readonly [Product, number])[0];
      const payment = { method: 'simulated', token: 'tok_ok' };
      const data = {
        ...owner,
        ...facts,
        currency,
        lines,
        payment: { method: 'simulated', sealed: 'a token' },
        deadlineMs: DEADLINE_MS,
      };
      shop.tell('order', id, { type: 'Place', data }, id);
      const order = shop.state('order', id);
      const asked = lines.map(({ productId, quantity }) => ({ productId, quantity }));
      const skus = lines.map(({ sku, quantity }) => ({ sku, quantity }));
      const body = { ...facts, ...(cartId === undefined ? { lines: asked } : {}), payment };
      const isShort = order.shortages.length > 0;
      const refusal = { status: 409, code: 'insufficient-stock', orderId: id, errors: order.shortages };
      const answer = isShort ? refusal : { ...orderView(id), status: 'AWAITING_PAYMENT' };
      did(
        { ...options, key },
        { kind: 'place-order', principal, method: 'POST', path: '/api/v1/orders', body, skus },
        { status: isShort ? 409 : 201, answer },
      );
      return id;
    },
    read(id: string, name: string) {
      begin();
      const etag = `"${shop.versionOf('order', id)}"`;
      const path = `/api/v1/orders/${id}`;
      did(
        {},
        { kind: 'read-order', principal: principalOf(name), method: 'GET', path },
        { answer: orderView(id), etag },
      );
    },
    list(name: string) {
      begin();
      const principal = principalOf(name);
      const all = shop.orders().filter(({ state }) => name === STAFF || state.customerId === principal);
      const newest = all.toSorted((a, b) => b.state.createdAt - a.state.createdAt || (a.id < b.id ? 1 : -1));
      const answer = { items: newest.map(({ id }) => orderView(id)), next: null };
      did({}, { kind: 'list-orders', principal, method: 'GET', path: '/api/v1/orders?limit=100' }, { answer });
    },
    cancel: (id: string, name: string, how: How = {}) =>
      changeOrder('cancel-order', id, name, how, { type: 'Cancel', data: {} }),
    ship: (id: string, how: How = {}) => changeOrder('ship-order', id, STAFF, how, { type: 'Ship', data: {} }),
    deliver: (id: string, how: How = {}) => changeOrder('deliver-order', id, STAFF, how, { type: 'Deliver', data: {} }),
    refund(id: string, lines?: readonly RefundWish[], how: How = {}) {
      const data = { restock: true, ...(lines === undefined ? {} : { lines }) };
      return changeOrder('refund-order', id, STAFF, how, { type: 'Refund', data }, data);
    },

    readAccount(name: string) {
      const principal = register(name);
      begin();
      const { revision, ...answer } = accounts.get(principal);
      const path = '/api/v1/customers/me';
      did({}, { kind: 'read-account', principal, method: 'GET', path }, { answer, etag: `"${revision}"` });
    },
    changeAccount(name: string, body: Json, how: How = {}) {
      const principal = register(name);
      begin();
      const account = { ...accounts.get(principal), ...body };
      accounts.set(principal, { ...account, revision: account.revision + 1 });
      const { revision: _, ...answer } = account;
      did(how, { kind: 'change-account', principal, method: 'PATCH', path: '/api/v1/customers/me', body }, { answer });
    },

    /** A guest's cart. */
    cart(): string {
      begin();
      const id = derivedId('cart', String(carts.size));
      carts.set(id, `cart:${id}`);
      const answer = { id, lines: [], total: null };
      did(
        { key: keyOf({}) },
        { kind: 'create-cart', principal: 'guest', method: 'POST', path: '/api/v1/carts' },
        { status: 201, answer },
      );
      return id;
    },
    /** The own cart of a customer. */
    cartOf(name: string): string {
      const id = cartIdOfUser(register(name));
      carts.set(id, principalOf(name));
      return id;
    },
    put(cartId: string, { id: productId }: Product, quantity: number, how: How = {}) {
      begin();
      shop.tell('cart', cartId, { type: 'SetLine', data: { productId, quantity } }, `put-${begins.id}`);
      const path = `/api/v1/carts/${shownCart(cartId)}/lines/${productId}`;
      const invocation = { kind: 'change-cart', principal: carts.get(cartId) ?? '', path } as const;
      const sent = quantity === 0 ? { method: 'DELETE' } : { method: 'PUT', body: { quantity } };
      did(how, { ...invocation, ...sent }, { answer: cartView(cartId) });
    },
    readCart(cartId: string) {
      begin();
      const path = `/api/v1/carts/${shownCart(cartId)}`;
      did(
        {},
        { kind: 'read-cart', principal: carts.get(cartId) ?? '', method: 'GET', path },
        { answer: cartView(cartId) },
      );
    },
    /** Signs in with a guest's cart, as the carts service merges it. */
    merge(cartId: string, name: string, how: How = {}) {
      const principal = register(name);
      begin();
      const tell = (id: string, command: Json) => shop.tell('cart', id, command, `merge-${begins.id}-${command.type}`);
      const { state: guest } = tell(cartId, { type: 'Freeze', data: { userId: principal } });
      if (guest.status === 'frozen') {
        const data = { merge: mergeOf(cartId, guest), lines: guest.lines };
        tell(cartIdOfUser(principal), { type: 'Absorb', data });
        tell(cartId, { type: 'Close', data: { userId: principal } });
      }
      const { revision: _, ...user } = accounts.get(principal);
      const body = { email: user.email, cartId };
      did(
        how,
        { kind: 'merge-cart', principal, method: 'POST', path: '/api/v1/auth/login', body },
        { answer: { user } },
      );
    },

    /** An operation of any kind, at this time. */
    operation(invocation: Parameters<typeof did>[1], ending: Partial<Ending>, how: How = {}): Operation {
      begin();
      return did(how, invocation, ending);
    },
    /** Another attempt of an operation, with the same answer unless another is given. */
    again(operation: Operation, ending: Partial<Ending> = {}) {
      begin();
      const { id: _, at: __, ending: first, ...invocation } = operation;
      did({}, invocation, { ...first, ...ending });
    },
    last: () => history.at(-1) as Operation,

    evidence(more: Partial<Evidence> = {}): Evidence {
      const all: Evidence = {
        history,
        books: shop.books(),
        faults: [],
        from: FROM,
        to: clock,
        quietAt: clock,
        paymentDeadlineMs: DEADLINE_MS,
        products: [...products.values()],
        ...more,
      };
      // Through JSON, as it would be read: nothing in it is in two places, so that what is planted is planted once.
      return JSON.parse(JSON.stringify(all)) as Evidence;
    },
  };

  function shownCart(cartId: string): string {
    return cartId.startsWith(cartIdOfUser('')) ? 'me' : cartId;
  }
  function cartView(id: string): object {
    const byId = new Map([...products.values()].map((product) => [product.id, product]));
    const lines = (shop.state('cart', id).lines as readonly RefundWish[]).map(({ productId, quantity }) => {
      const { sku, price, currency } = byId.get(productId) as Product;
      const unitPrice = parseAmount(price) as number;
      const total = formatExact(exactSum([{ quantity, unitPrice }]) as number);
      const money = (amount: string) => ({ amount, currency });
      return { productId, sku, name: `Thing ${sku}`, quantity, unitPrice: money(price), total: money(total) };
    });
    return { id, lines };
  }
}

export type Story = ReturnType<typeof storyOf>;

/** What is wrong, each as `I1: a sentence`. */
export function wrongs(findings: readonly Finding[]): readonly string[] {
  return findings.flatMap(({ invariant, wrong }) => wrong.map((sentence) => `${invariant}: ${sentence}`));
}

export type Plant = (copy: Mutable<Evidence>) => void;

/** The answer of the first operation of a kind, or of the one after so many, to be changed. */
export function answerOf({ history }: Mutable<Evidence>, kind: Operation['kind'], after = 0): Json {
  return history.filter((operation) => operation.kind === kind)[after]?.ending?.answer;
}
