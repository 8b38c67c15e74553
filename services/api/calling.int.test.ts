// How the gateway calls: which node it means, how much time it gives, and what it answers where nobody is there.
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { CallingOptions, Context, ServiceSchema } from 'moleculer';
import { cartIdOfUser } from '../../actors/cart.ts';
import { Problem } from '../../brokers/problem.ts';
import { idFromCommand } from '../../mixins/ids.ts';
import { ACTION_TIMEOUT_MS } from './route.ts';
import { type Call, startStubShop, type StubShop } from './stub-shop.ts';

interface Seen {
  readonly options: CallingOptions;
  readonly commandId: string;
}

/** How long the stub that refuses takes for it, in milliseconds. */
const REFUSES_AFTER_MS = 300;

let shop: StubShop;
let seen: Seen | undefined;
let lookup: Seen['options'] | undefined;

function service(name: string, actions: readonly string[]): ServiceSchema {
  const note = (ctx: Context<object, { commandId: string }>) => {
    seen = { options: ctx.options, commandId: ctx.meta.commandId };
    return {};
  };
  return { name, actions: { ...Object.fromEntries(actions.map((action) => [action, note])), answered: () => null } };
}

beforeAll(async () => {
  const orders = service('orders', ['place', 'get', 'cancel', 'list']);
  const refund = async () => {
    await delay(REFUSES_AFTER_MS);
    throw new Problem('wrong-state', 'an order that is not paid has nothing to refund');
  };
  const answered = (ctx: Context) => {
    lookup = ctx.options;
    return null;
  };
  shop = await startStubShop([
    { ...orders, actions: { ...orders.actions, refund, answered } },
    service('carts', ['create', 'get', 'mine']),
    service('users', ['me', 'get']),
    service('products', ['get']),
    service('inventory', ['writeOff', 'get']),
  ]);
});
afterAll(() => shop.stop());

async function seenOf(path: string, call?: Call): Promise<Seen> {
  const { status, text } = await shop.call(path, call);
  if (status >= 300 || seen === undefined) throw new Error(`${path}: ${status} ${text}`);
  return seen;
}

const anna = async () => ({
  headers: { Authorization: `Bearer ${await shop.tokens.signAccessToken({ userId: 'anna', role: 'admin' })}` },
});

describe('a call goes to the node of', () => {
  it.each([
    ['the order', 'GET /api/v1/orders/o-1', 'o-1'],
    ['the order that is changed', 'POST /api/v1/orders/o-1/cancel', 'o-1'],
    ['the cart', 'GET /api/v1/carts/c-1', 'c-1'],
    ["the caller's own cart", 'GET /api/v1/carts/me', cartIdOfUser('anna')],
    ['the caller', 'GET /api/v1/customers/me', 'anna'],
    ['the account', 'GET /api/v1/customers/u-1', 'u-1'],
    ['the product', 'GET /api/v1/products/p-1', 'p-1'],
    ['nobody in particular: a list', 'GET /api/v1/orders', undefined],
    ['nobody in particular: stock is read anywhere', 'GET /api/v1/stock/mug', undefined],
  ])('%s', async (_, call, key) => {
    const [method, path] = call.split(' ') as [string, string];
    const { options } = await seenOf(path, { method, ...(await anna()) });
    expect(options.shardKey).toBe(key);
    expect(options.timeout).toBeLessThanOrEqual(ACTION_TIMEOUT_MS);
    expect(options.timeout).toBeGreaterThan(ACTION_TIMEOUT_MS / 2);
  });

  it('the stock partition, for every change of stock', async () => {
    const body = { quantity: 1, reason: 'broken' };
    const { options } = await seenOf('/api/v1/stock/mug/write-off', { body, ...(await anna()) });
    expect(options.shardKey).toBe('main');
  });

  it('what it makes, known before it is made: a repeat goes the same way', async () => {
    const body = {
      lines: [{ productId: 'p-1', quantity: 1 }],
      email: 'a@example.org',
      payment: { method: 'simulated', token: 'tok_ok' },
    };
    const { options, commandId } = await seenOf('/api/v1/orders', { body });
    expect(options.shardKey).toBe(idFromCommand(commandId));
    const keyed = () => seenOf('/api/v1/orders', { body, headers: { 'Idempotency-Key': 'k-1' } });
    const [once, again] = [await keyed(), await keyed()];
    expect(again.options.shardKey).toBe(once.options.shardKey);
    const cart = await seenOf('/api/v1/carts', { method: 'POST' });
    expect(cart.options.shardKey).toBe(idFromCommand(cart.commandId));
  });
});

it('whatever is asked for a request shares the time of one call', async () => {
  const headers = { ...(await anna()).headers, 'Idempotency-Key': 'k-2' };
  const { status } = await shop.call('/api/v1/orders/o-1/refund', { method: 'POST', headers });
  expect(status).toBe(409);
  expect(lookup?.timeout).toBeGreaterThan(0);
  expect(lookup?.timeout).toBeLessThanOrEqual(ACTION_TIMEOUT_MS - REFUSES_AFTER_MS + 1);
});

describe('a call that no node is there for', () => {
  it('is 503 with Retry-After, because the call is known; an unknown one is 404', async () => {
    const away = await shop.call('/api/v1/analytics/products/p-1');
    expect(away.status).toBe(503);
    expect(away.headers.get('retry-after')).toBe('1');
    expect(away.body).toMatchObject({ code: 'unavailable' });
    expect((await shop.call('/api/v1/nowhere')).status).toBe(404);
  });
});

it('what is asked of the gateway is asked of this one', async () => {
  expect((await shop.call('/health/live')).status).toBe(200);
});
