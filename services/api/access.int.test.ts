// Every call of the route table by every kind of caller: who gets in, who is asked to log in (401), who may not (403).

import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Context, ServiceSchema } from 'moleculer';
import { Problem } from '../../brokers/problem.ts';
import type { Role } from '../../actors/user.ts';
import { createTokens } from '../../mixins/tokens.ts';
import { judge } from './credentials.ts';
import { type Call, startStubShop, type StubShop } from './stub-shop.ts';
import type { Route } from './route.ts';
import { routes } from './routes.ts';

/** Services that answer every action of the table with nothing in particular. */
function everyService(): ServiceSchema[] {
  const actions = new Map<string, ServiceSchema['actions'] & object>();
  for (const { action, kind } of routes) {
    const [service = '', name = ''] = action.split('.');
    if (service === 'api') continue;
    const handler = kind === 'sse' ? nothingMore : () => (kind === 'export' ? Readable.from([]) : {});
    actions.set(service, { ...actions.get(service), [name]: { handler }, answered: { handler: () => null } });
  }
  return [...actions].map(([name, of]) => ({ name, actions: of }));
}

/** Nothing is new, and whoever waits for it is sent away: so the stream ends. */
function nothingMore({ params: { wait } }: Context<{ readonly wait: boolean }>): null {
  if (wait) throw new Problem('not-found', 'there is nothing to see any more');
  return null;
}

let shop: StubShop;
beforeAll(async () => {
  shop = await startStubShop(everyService());
});
afterAll(() => shop.stop());

const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });
const signedIn = async (role: Role) => bearer(await shop.tokens.signAccessToken({ userId: 'u-1', role }));
const long = 100 * 24 * 3_600_000;

/** Credentials, and what they make of a caller; undefined: they are bad. */
const callers: Record<
  string,
  { readonly headers: () => Promise<Record<string, string>>; readonly principal?: Parameters<typeof judge>[1] }
> = {
  anonymous: { headers: async () => ({}), principal: { kind: 'guest' } },
  'the bearer of a cart': {
    headers: async () => ({ 'X-Cart-Token': shop.tokens.cartToken('c-1') }),
    principal: { kind: 'cart', token: '' },
  },
  'the bearer of an order': {
    headers: async () => bearer(shop.tokens.orderToken('o-1', Date.now())),
    principal: { kind: 'order', orderId: 'o-1' },
  },
  'a customer': { headers: () => signedIn('customer'), principal: { kind: 'user', id: 'u-1', role: 'customer' } },
  staff: { headers: () => signedIn('staff'), principal: { kind: 'user', id: 'u-1', role: 'staff' } },
  'an admin': { headers: () => signedIn('admin'), principal: { kind: 'user', id: 'u-1', role: 'admin' } },
  'an expired token': {
    headers: async () => bearer(await shop.tokens.signAccessToken({ userId: 'u-1', role: 'admin' }, -60)),
  },
  'an expired order token': { headers: async () => bearer(shop.tokens.orderToken('o-1', Date.now() - long)) },
  'a token of another shop': {
    headers: async () =>
      bearer(
        await createTokens({ secret: () => Buffer.alloc(32, 9) }).signAccessToken({ userId: 'u-1', role: 'admin' }),
      ),
  },
  'a token that was tampered with': {
    headers: async () => bearer(`${await shop.tokens.signAccessToken({ userId: 'u-1', role: 'customer' })}x`),
  },
  'another scheme': { headers: async () => ({ Authorization: 'Basic YWRtaW46YWRtaW4=' }) },
};

function callOf({ method, kind }: Route, headers: Record<string, string>): Call {
  if (method === 'GET' || method === 'DELETE') return { method, headers };
  return {
    method,
    headers: { ...headers, 'Content-Type': kind === 'csv' ? 'text/csv' : 'application/json' },
    body: '{}',
  };
}

describe.each(Object.entries(callers))('%s', (_, { headers, principal }) => {
  it.each(routes.map((route) => [`${route.method} ${route.path}`, route] as const))('%s', async (_call, route) => {
    const { status, headers: answered } = await shop.call(
      route.path.replaceAll(/\{\w+\}/g, 'o-1'),
      callOf(route, await headers()),
    );
    const verdict =
      principal === undefined ? (route.who === 'public' ? 'admitted' : 'unauthenticated') : judge(route.who, principal);
    const expected = { admitted: 'in', unauthenticated: 401, forbidden: 403 }[verdict];
    expect(status === 401 || status === 403 ? status : 'in').toBe(expected);
    expect(answered.has('www-authenticate')).toBe(status === 401);
    expect(status < 500 || route.action === 'api.ready').toBe(true);
  });
});

describe('guessing', () => {
  it('is slowed down, where limits are on', async () => {
    const strict = await startStubShop(everyService(), { rateLimits: 'on' });
    const guess = () => strict.call('/api/v1/auth/login', { body: { email: 'ada@example.com', password: 'guess' } });
    const answers = await Promise.all(Array.from({ length: 21 }, guess));
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(1);
    const refused = await guess();
    expect([refused.status, refused.body.code, refused.headers.get('retry-after')]).toEqual([
      429,
      'too-many-requests',
      '3',
    ]);
    expect(refused.headers.get('ratelimit')).toBe('"credentials";r=0;t=3');
    expect((await strict.call('/health/live')).headers.get('ratelimit')).toBeNull();
    await strict.stop();
  });
});
