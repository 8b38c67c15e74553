// Who uses the simulated shop: customers and a guest, who order, look, change their minds and fill carts; staff, who
// receive, write off, ship, deliver and refund; and somebody who reports what users look at.
//
// They share few SKUs with few pieces, use the same Idempotency-Keys as others do, and repeat what they were answered.

import { formatExact } from '../../../actors/money.ts';
import type { Chance } from '../../../actors/scheduler.simulation.ts';
import { accessToken, type SimulatedGateway } from './gateway.ts';
import { catalogue, contactOf, customers } from './market.ts';
import type { Answered, ClientWish, Recorder } from './recording.ts';
import { pause } from './trouble.ts';

const tokens = ['tok_ok', 'tok_ok', 'tok_ok', 'tok_declined', 'tok_timeout_then_ok', 'tok_error_then_ok', 'tok_slow'];
const STEPS = 7;
/** Pieces. */
const PALLET = 100;
/** Longest rest between two steps of a client, in milliseconds. */
const REST_MS = 900;
/** How much older than it is an event may be reported, in milliseconds. */
const EVENT_AGE_MS = 9_000;

export interface Placed {
  readonly id: string;
  readonly principal: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly lines: readonly { readonly productId: string; readonly quantity: number }[];
}

/** All clients of one run; `placed` are the orders that were acknowledged. */
export function clientsOf(
  chance: Chance,
  { insist }: Recorder,
  merge: (token: string, userId: string) => Promise<boolean>,
) {
  const placed: Placed[] = [];
  const as = (role: 'customer' | 'staff', id: string) => ({ authorization: `Bearer ${accessToken(role, id)}` });
  const staffHeaders = as('staff', 'sam');
  let keys = 0;
  const newKey = (): string => `key-${(keys += 1)}-${chance.below(1_000_000)}`;
  const rest = () => pause(chance.below(REST_MS));

  function lines(): { productId: string; quantity: number }[] {
    const first = chance.pick(catalogue);
    const others = catalogue.filter(({ currency }) => currency === first.currency);
    return Array.from({ length: 1 + chance.below(2) }, (_, i) => {
      return { productId: i === 0 ? first.id : chance.pick(others).id, quantity: 1 + chance.below(3) };
    });
  }

  const skusOf = (all: readonly { readonly productId: string; readonly quantity: number }[]) =>
    all.map(({ productId, quantity }) => {
      return { sku: catalogue.find(({ id }) => id === productId)?.sku ?? '', quantity };
    });

  async function place(
    process: string,
    principal: string,
    headers: Readonly<Record<string, string>>,
    { key, email, cartId }: { readonly key: string; readonly email?: string; readonly cartId?: string },
  ): Promise<Placed | undefined> {
    const wanted = lines();
    // By it a stored order is known to be this wish, also if nobody was told its id.
    const intent = `order ${principal} ${key}`;
    const wish: ClientWish = {
      kind: 'place-order',
      principal,
      method: 'POST',
      path: '/api/v1/orders',
      key,
      headers,
      intent,
      body: {
        ...(cartId === undefined ? { lines: wanted } : { cartId }),
        ...(email === undefined ? {} : { email }),
        reference: intent,
        payment: { method: 'simulated', token: chance.pick(tokens) },
      },
      ...(cartId === undefined ? { skus: skusOf(wanted) } : {}),
    };
    const seen = await insist(process, wish);
    // Some ask again although they were answered, and some use a key for something else.
    if (chance.percent(25)) await insist(process, wish);
    if (chance.percent(15)) {
      await insist(process, { ...wish, body: { ...wish.body, reference: `${intent}.other` } });
    }
    if (seen.outcome !== 'ok') return undefined;
    const token = seen.answer?.accessToken as string | undefined;
    const own = token === undefined ? headers : { authorization: `Bearer ${token}` };
    const order: Placed = { id: seen.answer.id as string, principal, headers: own, lines: wanted };
    placed.push(order);
    return order;
  }

  /** Names a price, which is nobody's to name: there is no such field. */
  async function haggle(process: string, principal: string, headers: Placed['headers'], key: string): Promise<void> {
    const wanted = lines();
    const cheap = wanted.map((line) => ({ ...line, unitPrice: 1 }));
    const intent = `order ${principal} ${key}`;
    const { outcome, answer } = await insist(process, {
      kind: 'place-order',
      principal,
      method: 'POST',
      path: '/api/v1/orders',
      key,
      headers,
      intent,
      body: { lines: cheap, reference: intent, payment: { method: 'simulated', token: 'tok_ok' } },
      skus: skusOf(wanted),
    });
    if (outcome === 'ok') placed.push({ id: answer.id as string, principal, headers, lines: wanted });
  }

  const read = (process: string, { id, principal, headers }: Placed) =>
    insist(process, { kind: 'read-order', principal, method: 'GET', path: `/api/v1/orders/${id}`, headers });

  const cancel = (process: string, { id, principal, headers }: Placed, key: string) =>
    insist(process, {
      kind: 'cancel-order',
      principal,
      method: 'POST',
      path: `/api/v1/orders/${id}/cancel`,
      key,
      headers,
    });

  async function list(process: string, principal: string, headers: Readonly<Record<string, string>>): Promise<void> {
    for (let path: string | undefined = '/api/v1/orders?limit=3'; path !== undefined; ) {
      const { answer }: Answered = await insist(process, {
        kind: 'list-orders',
        principal,
        method: 'GET',
        path,
        headers,
      });
      const next = answer?.next as string | null | undefined;
      path = typeof next === 'string' ? `/api/v1/orders?limit=3&cursor=${encodeURIComponent(next)}` : undefined;
    }
  }

  const putLine = (process: string, principal: string, cart: string, headers: Readonly<Record<string, string>>) => {
    const { productId, quantity } = lines()[0] as { productId: string; quantity: number };
    const path = `/api/v1/carts/${cart}/lines/${productId}`;
    return insist(process, { kind: 'change-cart', principal, method: 'PUT', path, body: { quantity }, headers });
  };

  const readCart = (process: string, principal: string, cart: string, headers: Readonly<Record<string, string>>) =>
    insist(process, { kind: 'read-cart', principal, method: 'GET', path: `/api/v1/carts/${cart}`, headers });

  /** Somebody fills a cart before signing in, signs in, and perhaps once more. */
  async function signInWithCart(process: string, id: string): Promise<void> {
    const created = await insist(process, {
      kind: 'create-cart',
      principal: 'guest',
      method: 'POST',
      path: '/api/v1/carts',
      key: newKey(),
    });
    const { id: cartId, token } = (created.answer ?? {}) as { id?: string; token?: string };
    if (cartId === undefined || token === undefined) return;
    const bearer = { 'x-cart-token': token };
    for (let n = 1 + chance.below(2); n > 0; n--) await putLine(process, `cart:${cartId}`, cartId, bearer);
    await readCart(process, `cart:${cartId}`, cartId, bearer);
    const { email } = contactOf(id);
    const login: ClientWish = {
      kind: 'merge-cart',
      principal: id,
      method: 'POST',
      path: '/api/v1/auth/login',
      body: { email, cartId },
      intent: `merge ${cartId}`,
      async instead() {
        const isMerged = await merge(token, id);
        return isMerged ? { status: 200, body: { user: contactOf(id) } } : { status: 503, body: undefined };
      },
    };
    await insist(process, login);
    if (chance.percent(40)) await insist(process, login);
    await readCart(process, id, 'me', as('customer', id));
  }

  async function customer(id: string): Promise<void> {
    const [process, headers] = [`customer-${id}`, as('customer', id)];
    for (let step = 0; step < STEPS; step++) {
      await rest();
      // Two customers may well choose the same key.
      const key = `order-${step}`;
      const kind = chance.below(10);
      if (kind < 5) {
        const order = await place(process, id, headers, { key });
        if (order !== undefined && chance.percent(40)) await list(process, id, headers);
        if (order !== undefined && chance.percent(50)) {
          await rest();
          await cancel(process, order, `cancel-${step}`);
          if (chance.percent(30)) await cancel(process, order, `cancel-${step}`);
        }
        if (order !== undefined) await read(process, order);
      } else if (kind < 7) {
        await signInWithCart(process, id);
        if (chance.percent(60)) await place(process, id, headers, { key, cartId: `user-${id}` });
      } else if (kind < 8) {
        await putLine(process, id, 'me', headers);
        await readCart(process, id, 'me', headers);
      } else if (kind < 9) {
        await haggle(process, id, headers, `haggle-${step}`);
        // Whoever has seen the id of an order may ask for it: it is not there for them.
        if (placed.length > 0) await read(process, { ...chance.pick(placed), principal: id, headers });
      } else {
        await list(process, id, headers);
      }
    }
  }

  async function guest(): Promise<void> {
    for (let step = 0; step < STEPS; step++) {
      await rest();
      const order = await place('guest-1', 'guest', {}, { key: newKey(), email: 'gil@people.example' });
      if (order === undefined) continue;
      if (chance.percent(50)) await cancel('guest-1', order, 'cancel');
      await read('guest-1', order);
    }
  }

  const move = (process: string, verb: 'receive' | 'write-off', sku: string, quantity: number, key: string) =>
    insist(process, {
      kind: verb === 'receive' ? 'receive-stock' : 'write-off-stock',
      principal: 'staff',
      method: 'POST',
      path: `/api/v1/stock/${sku}/${verb}`,
      key,
      headers: staffHeaders,
      body: { quantity, ...(verb === 'receive' ? {} : { reason: 'broken' }) },
      skus: [{ sku, quantity }],
    });
  const readStock = (process: string, sku: string) =>
    insist(process, {
      kind: 'read-stock',
      principal: 'staff',
      method: 'GET',
      path: `/api/v1/stock/${sku}`,
      headers: staffHeaders,
    });

  async function warehouse(): Promise<void> {
    for (let step = 0; step < STEPS; step++) {
      await rest();
      const { sku } = chance.pick(catalogue);
      const [verb, quantity, key] = [
        chance.percent(60) ? 'receive' : 'write-off',
        1 + chance.below(4),
        newKey(),
      ] as const;
      await move('staff-1', verb, sku, quantity, key);
      if (chance.percent(40)) await move('staff-1', verb, sku, quantity, key);
      if (chance.percent(40)) {
        // More than there ever is, until it has come.
        await move('staff-1', 'write-off', sku, PALLET, newKey());
        await move('staff-1', 'receive', sku, PALLET, newKey());
        await move('staff-1', 'write-off', sku, PALLET, newKey());
      }
      await readStock('staff-1', chance.pick(catalogue).sku);
    }
  }

  async function handling(): Promise<void> {
    for (let step = 0; step < 2 * STEPS; step++) {
      await rest();
      if (placed.length === 0) continue;
      const { id, lines: ordered } = chance.pick(placed);
      const verb = chance.pick(['ship', 'deliver', 'refund', 'refund'] as const);
      const some = chance.pick(ordered);
      const partly = chance.percent(50) ? { lines: [{ productId: some.productId, quantity: 1 }] } : {};
      const body = verb === 'refund' ? { body: { ...partly, restock: chance.percent(70) } } : {};
      const path = `/api/v1/orders/${id}/${verb}`;
      const wish: ClientWish = {
        kind: `${verb}-order`,
        principal: 'staff',
        method: 'POST',
        path,
        // The same for many orders: a key belongs to what it was used for.
        key: `handled-${step % 3}`,
        headers: staffHeaders,
        intent: `${verb} ${id} ${step % 3}`,
        ...body,
      };
      await insist('staff-2', wish);
      if (chance.percent(25)) await insist('staff-2', wish);
    }
  }

  async function reporting(): Promise<void> {
    for (let step = 0; step < 2 * STEPS; step++) {
      await rest();
      const events = Array.from({ length: 1 + chance.below(3) }, (_, i) => ({
        event_id: `e-${step}-${i}-${chance.below(1_000_000)}`,
        user_id: chance.pick(customers),
        product_id: chance.pick(catalogue).id,
        event_type: 'view',
        timestamp: new Date(Date.now() - chance.below(EVENT_AGE_MS)).toISOString(),
      }));
      await insist('reporter-1', {
        kind: 'send-event',
        principal: 'guest',
        method: 'POST',
        path: '/api/v1/events',
        key: newKey(),
        body: events,
      });
    }
  }

  return {
    placed: placed as readonly Placed[],
    async open(): Promise<void> {
      for (const id of customers) {
        const { id: _, ...body } = contactOf(id);
        const register: ClientWish = {
          kind: 'register',
          principal: id,
          method: 'POST',
          path: '/api/v1/auth/register',
          body,
          // Accounts are there from the start: passwords are hashed on other threads, which know no virtual time.
          instead: () => Promise.resolve({ status: 201, body: { user: contactOf(id) } }),
        };
        await insist(`customer-${id}`, register);
      }
      for (const { id, sku, name, unitPrice, currency } of catalogue) {
        const price = { amount: formatExact(unitPrice), currency };
        const product = { sku, name, price };
        await insist('staff-1', {
          kind: 'create-product',
          principal: 'staff',
          method: 'POST',
          path: '/api/v1/products',
          body: { ...product, stock: 0 },
          skus: [{ sku, quantity: 0 }],
          instead: () => Promise.resolve({ status: 201, body: { id, ...product, available: 0 } }),
        });
      }
      for (const { sku, stock } of catalogue) await move('staff-1', 'receive', sku, stock, `opening-${sku}`);
    },
    async day(): Promise<void> {
      await Promise.all([...customers.map(customer), guest(), warehouse(), handling(), reporting()]);
    },
    /** Everything that was acknowledged is looked at once more, by somebody each. */
    async close(): Promise<void> {
      const looks = [
        ...placed.map((order) => (process: string) => read(process, order)),
        ...customers.map((id) => (process: string) => list(process, id, as('customer', id))),
        ...customers.map((id) => (process: string) => readCart(process, id, 'me', as('customer', id))),
        ...catalogue.map(
          ({ sku }) =>
            (process: string) =>
              readStock(process, sku),
        ),
        ...catalogue.map(({ id }) => (process: string) => {
          const path = `/api/v1/analytics/products/${id}`;
          return insist(process, { kind: 'read-windows', principal: 'guest', method: 'GET', path });
        }),
      ];
      await Promise.all(looks.map((look, i) => look(`closing-${i + 1}`)));
    },
    /** Lets event time pass the end of this minute, so that its windows close. */
    async flush(gateway: SimulatedGateway): Promise<number> {
      const until = new Date(Date.now() + 60_000).toISOString();
      const headers = { ...staffHeaders, 'idempotency-key': newKey() };
      return (await gateway.answer({ method: 'POST', path: '/api/v1/events/flush', headers, body: { until } })).status;
    },
  };
}
