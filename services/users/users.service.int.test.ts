// The users service on a real broker and PostgreSQL, beside carts that a test can make answer as it likes.

import { randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Context, ServiceBroker } from 'moleculer';
import type { Role } from '../../actors/user.ts';
import { createMemoryLog } from '../../brokers/memory-log.ts';
import { Problem } from '../../brokers/problem.ts';
import type { Caller } from '../../mixins/caller.ts';
import type { Hosting } from '../../mixins/hosts.mixin.ts';
import type { Platform } from '../../mixins/platform.ts';
import { testDatabase } from '../../mixins/postgres/testing.ts';
import { createTokens } from '../../mixins/tokens.ts';
import type { Login } from './logins.ts';
import type { UserView } from './user.view.ts';
import { usersService } from './users.service.ts';

const PASSWORD = 'correct horse battery';
const secret = (name: string) => Buffer.alloc(32, name);
const tokens = createTokens({ secret });
const log = createMemoryLog();
const broker = new ServiceBroker({ logger: false, nodeID: randomUUID() });
let users: Hosting<unknown, never>;
let merged: { token: string; userId: string }[] = [];
let cartsAreAway = false;

beforeAll(async () => {
  const platform = {
    secret,
    log: () => Promise.resolve(log),
    database: testDatabase,
    alert: () => undefined,
  } as unknown as Platform;
  broker.createService({
    name: 'carts',
    actions: {
      merge(ctx: Context<{ token: string; userId: string }>) {
        if (cartsAreAway) throw new Problem('unavailable', 'carts are away');
        merged.push(ctx.params);
        return { merged: true };
      },
    },
  });
  users = broker.createService(usersService(platform)) as unknown as Hosting<unknown, never>;
  await broker.start();
});
afterAll(async () => {
  await broker.stop();
  await log.close();
});
beforeEach(() => {
  merged = [];
});

/** Calls an action of users; what it says about its answer is found in `meta` afterwards. */
async function call<T>(action: string, params: object, meta: Partial<Caller> = {}): Promise<T> {
  const caller = {
    principal: { kind: 'guest' },
    requestId: 'r',
    commandId: randomUUID(),
    fingerprint: 'f',
    keyed: false,
  };
  Object.assign(meta, { ...caller, ...meta });
  return await broker.call<T, object>(`users.${action}`, params, { meta });
}

const newEmail = () => `ada.${randomUUID()}@example.org`;
const as = (id: string, role: Role = 'customer'): Pick<Caller, 'principal'> => ({
  principal: { kind: 'user', id, role },
});

async function register(more: object = {}, meta: Partial<Caller> = {}): Promise<Login> {
  return await call<Login>('register', { email: newEmail(), password: PASSWORD, name: 'Ada', ...more }, meta);
}

describe('registering', () => {
  it('makes an account and logs in', async () => {
    const meta: Partial<Caller> = {};
    const email = newEmail();
    const address = { name: 'Ada', line1: '1 St James Square', city: 'London', postcode: 'SW1Y', country: 'GB' };
    const login = await register({ email, phone: '+44 20 1', address }, meta);
    expect(meta.$statusCode).toBe(201);
    expect(login).toEqual({
      user: {
        id: expect.any(String),
        email,
        name: 'Ada',
        phone: '+44 20 1',
        address,
        role: 'customer',
        createdAt: expect.any(String),
      },
      accessToken: expect.any(String),
      refreshToken: expect.any(String),
      expiresIn: 900,
    });
    await expect(tokens.verifyAccessToken(login.accessToken)).resolves.toMatchObject({
      userId: login.user.id,
      role: 'customer',
    });
    await expect(call('me', {}, as(login.user.id))).resolves.toEqual(login.user);
  });

  it('gives an address one account, however it is typed', async () => {
    const email = newEmail();
    await register({ email });
    await expect(register({ email: ` ${email.toUpperCase()}` })).rejects.toMatchObject({
      type: 'email-exists',
      code: 409,
    });
  });

  it('of many at once with one address makes one account', async () => {
    const email = newEmail();
    const all = await Promise.allSettled(Array.from({ length: 6 }, () => register({ email })));
    expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it('that is repeated logs in again, but only with the same password', async () => {
    const meta = { commandId: randomUUID(), keyed: true };
    const email = newEmail();
    const first = await register({ email }, { ...meta });
    const again = await register({ email }, { ...meta });
    expect(again.user).toEqual(first.user);
    await expect(call('refresh', { refreshToken: again.refreshToken })).resolves.toMatchObject({ user: first.user });
    await expect(register({ email, password: 'another password' }, { ...meta })).rejects.toMatchObject({
      type: 'email-exists',
    });
  });

  it('keeps neither passwords nor tokens where a journal or an inbox could show them', async () => {
    const { user, refreshToken } = await register({}, { keyed: true });
    const journal = JSON.stringify(await users.store.journal(user.id));
    expect(journal).toContain('Registered');
    expect(journal).toContain('SessionOpened');
    expect(journal).not.toMatch(/argon2id|sealed|token":|password/i);
    expect(journal).not.toContain(refreshToken.split('.').at(-1));
  });
});

describe('logging in', () => {
  it('takes the right password, and says the same about a wrong one and an unknown address', async () => {
    const { user } = await register();
    await expect(call('login', { email: user.email, password: PASSWORD })).resolves.toMatchObject({ user });
    const wrong = await call('login', { email: user.email, password: 'wrong' }).catch((error: Problem) => error);
    const unknown = await call('login', { email: newEmail(), password: PASSWORD }).catch((error: Problem) => error);
    expect(wrong).toMatchObject({ type: 'bad-credentials', code: 401 });
    expect((unknown as Problem).message).toBe((wrong as Problem).message);
  });

  it('merges the guest cart before it answers', async () => {
    const { user } = await register();
    await call('login', { email: user.email, password: PASSWORD }, { cartToken: 'sc1.c.x' });
    expect(merged).toEqual([{ token: 'sc1.c.x', userId: user.id }]);
  });

  it('fails while carts are away, rather than leave the cart behind; a repeated registration brings it along', async () => {
    const meta = { commandId: randomUUID(), keyed: true, cartToken: 'sc1.c.y' };
    const email = newEmail();
    cartsAreAway = true;
    await expect(register({ email }, { ...meta })).rejects.toMatchObject({ type: 'unavailable', code: 503 });
    cartsAreAway = false;
    const { user } = await register({ email }, { ...meta });
    expect(merged).toEqual([{ token: 'sc1.c.y', userId: user.id }]);
  });
});

describe('a refresh token', () => {
  it('is replaced by each use', async () => {
    const { user, refreshToken } = await register();
    const next = await call<Login>('refresh', { refreshToken });
    expect(next.user).toEqual(user);
    expect(next.refreshToken).not.toBe(refreshToken);
    await expect(call('refresh', { refreshToken: next.refreshToken })).resolves.toMatchObject({ expiresIn: 900 });
  });

  it('gives the same next token when the answer was lost, to any number of repeats', async () => {
    const { refreshToken } = await register();
    const meta = { commandId: randomUUID() };
    const [one, two, three] = await Promise.all([
      call<Login>('refresh', { refreshToken }, { ...meta }),
      call<Login>('refresh', { refreshToken }, { ...meta }),
      call<Login>('refresh', { refreshToken }),
    ]);
    expect(two.refreshToken).toBe(one.refreshToken);
    expect(three.refreshToken).toBe(one.refreshToken);
  });

  it('that is two generations old ends the login', async () => {
    const { refreshToken } = await register();
    const second = await call<Login>('refresh', { refreshToken });
    const third = await call<Login>('refresh', { refreshToken: second.refreshToken });
    await expect(call('refresh', { refreshToken })).rejects.toMatchObject({ type: 'token-reused', code: 401 });
    await expect(call('refresh', { refreshToken: third.refreshToken })).rejects.toMatchObject({
      type: 'token-expired',
      code: 401,
    });
  });

  it('under the key of another one is refused', async () => {
    const meta = { commandId: randomUUID(), keyed: true };
    const { refreshToken } = await register();
    const { refreshToken: next } = await call<Login>('refresh', { refreshToken }, { ...meta, fingerprint: 'one' });
    await expect(call('refresh', { refreshToken: next }, { ...meta, fingerprint: 'two' })).rejects.toMatchObject({
      type: 'idempotency-key-reused',
    });
  });

  it('carries the role that the account has now', async () => {
    const { user, refreshToken } = await register();
    await call('setRole', { id: user.id, role: 'staff' }, as(randomUUID(), 'admin'));
    const { accessToken } = await call<Login>('refresh', { refreshToken });
    await expect(tokens.verifyAccessToken(accessToken)).resolves.toMatchObject({ role: 'staff' });
  });

  it.each(['', 'nonsense', `sr1.${randomUUID()}.${randomUUID()}.${'x'.repeat(43)}`])(
    'that is none is refused: %s',
    async (refreshToken) => {
      await expect(call('refresh', { refreshToken })).rejects.toMatchObject({ type: 'unauthenticated', code: 401 });
      const meta: Partial<Caller> = {};
      await call('logout', { refreshToken }, meta);
      expect(meta.$statusCode).toBe(204);
    },
  );

  it('is worth nothing after logging out', async () => {
    const { refreshToken } = await register();
    await call('logout', { refreshToken });
    await expect(call('refresh', { refreshToken })).rejects.toMatchObject({ type: 'token-expired' });
  });
});

describe('changing the password', () => {
  it('takes the current one, and ends the other logins', async () => {
    const { user, refreshToken } = await register();
    const mine = await call<Login>('login', { email: user.email, password: PASSWORD });
    const sessionId = mine.refreshToken.split('.')[2];
    const principal = { kind: 'user', id: user.id, role: 'customer', sessionId } as const;
    const meta: Partial<Caller> = { principal };
    await call('password', { current: PASSWORD, new: 'another password' }, meta);
    expect(meta.$statusCode).toBe(204);
    await expect(call('refresh', { refreshToken })).rejects.toMatchObject({ type: 'token-expired' });
    await expect(call('refresh', { refreshToken: mine.refreshToken })).resolves.toMatchObject({ user });
    await expect(call('login', { email: user.email, password: PASSWORD })).rejects.toMatchObject({
      type: 'bad-credentials',
    });
    await expect(call('login', { email: user.email, password: 'another password' })).resolves.toMatchObject({ user });
  });

  it('can be repeated when the answer was lost', async () => {
    const { user } = await register();
    const meta = { ...as(user.id), commandId: randomUUID(), keyed: true };
    const change = { current: PASSWORD, new: 'another password' };
    await call('password', change, { ...meta });
    await call('password', change, { ...meta });
    await expect(call('password', change, as(user.id))).rejects.toMatchObject({ type: 'bad-credentials' });
  });

  it('is refused without the current one', async () => {
    const { user } = await register();
    await expect(call('password', { current: 'wrong', new: 'another password' }, as(user.id))).rejects.toMatchObject({
      type: 'bad-credentials',
      data: { errors: [{ pointer: '/current' }] },
    });
  });
});

describe('an account', () => {
  it('is read and changed by its owner; an edit of what was changed meanwhile is refused', async () => {
    const { user } = await register({ phone: '+44 20 1' });
    const read: Partial<Caller> = as(user.id);
    await call('me', {}, read);
    const changed = await call<UserView>(
      'updateMe',
      { name: 'Ada L.', phone: null },
      { ...as(user.id), ifMatch: String(read.etag) },
    );
    expect(changed).toMatchObject({ name: 'Ada L.' });
    expect(changed).not.toHaveProperty('phone');
    await expect(call('updateMe', { name: 'X' }, { ...as(user.id), ifMatch: String(read.etag) })).rejects.toMatchObject(
      { type: 'precondition-failed' },
    );
  });

  it("that is not there is not found; without a login there is none of one's own", async () => {
    await expect(call('get', { id: randomUUID() }, as(randomUUID(), 'staff'))).rejects.toMatchObject({
      type: 'not-found',
    });
    await expect(call('setRole', { id: randomUUID(), role: 'staff' })).rejects.toMatchObject({ type: 'not-found' });
    await expect(call('contact', { id: randomUUID() })).rejects.toMatchObject({ type: 'not-found' });
    await expect(call('me', {})).rejects.toMatchObject({ type: 'unauthenticated' });
  });

  it('tells where its mail goes', async () => {
    const { user } = await register();
    await expect(call('contact', { id: user.id })).resolves.toEqual({ email: user.email, name: 'Ada' });
  });
});

describe('the list of accounts', () => {
  it('pages through all, newest first, and shows no secret; so does the export', async () => {
    const address = { name: 'A, B', line1: 'x', city: 'y', postcode: 'z', country: 'GB' };
    const newest: string[] = [];
    for (let i = 0; i < 3; i++) newest.unshift((await register({ address })).user.id);
    const ids: string[] = [];
    for (let cursor: string | null | undefined; cursor !== null; ) {
      const page: { items: readonly UserView[]; next: string | null } = await call('list', {
        limit: 2,
        ...(cursor === undefined ? {} : { cursor }),
      });
      ids.push(...page.items.map(({ id }) => id));
      cursor = page.next;
      expect(JSON.stringify(page)).not.toMatch(/argon2id|sessions/);
    }
    expect(ids.slice(0, 3)).toEqual(newest);
    expect(new Set(ids).size).toBe(ids.length);
    const exported = (await text(await call<Readable>('export', { format: 'jsonl' })))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as UserView);
    expect(exported.map(({ id }) => id)).toEqual(ids);
    expect(exported[0]).toMatchObject({ address });
    const csv = (await text(await call<Readable>('export', {}))).trimEnd().split('\n');
    expect(csv).toHaveLength(ids.length + 1);
    expect(csv[1]).toContain('"A, B",x,,y,z,GB');
    await expect(call('list', { cursor: 'made-up' })).rejects.toMatchObject({ type: 'invalid-request' });
  });
});

describe('the first admin', () => {
  it('is made once, and keeps a password that was changed since', async () => {
    const email = newEmail();
    await expect(call('ensureAdmin', { email, password: PASSWORD })).resolves.toMatchObject({ created: true });
    const { user } = await call<Login>('login', { email, password: PASSWORD });
    expect(user.role).toBe('admin');
    await call('password', { current: PASSWORD, new: 'another password' }, as(user.id));
    await expect(call('ensureAdmin', { email, password: PASSWORD })).resolves.toMatchObject({ created: false });
    await expect(call('login', { email, password: 'another password' })).resolves.toMatchObject({ user });
  });

  it('takes over an account that somebody else had registered with the address', async () => {
    const email = newEmail();
    const stranger = await register({ email });
    await expect(call('ensureAdmin', { email, password: 'of the operator' })).resolves.toMatchObject({
      created: false,
    });
    await expect(call('login', { email, password: PASSWORD })).rejects.toMatchObject({ type: 'bad-credentials' });
    await expect(call('refresh', { refreshToken: stranger.refreshToken })).rejects.toMatchObject({
      type: 'token-expired',
    });
    await expect(call('login', { email, password: 'of the operator' })).resolves.toMatchObject({
      user: { role: 'admin' },
    });
    await expect(call('ready', {})).resolves.toEqual({ ready: true });
  });
});
