// Accounts over HTTP: signing up and in, staying in, one's own record, the staff's view; who may do what; and the guest's
// cart that comes along.

import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Account, type Json, startTestShop, tally, type TestShop } from '../infra/local/shop.fixture.ts';

let shop: TestShop;
beforeAll(async () => {
  shop = await startTestShop();
});
afterAll(() => shop?.stop());

const address = {
  name: 'Ada Lovelace',
  line1: '12 St James Square',
  line2: 'Flat 2',
  city: 'London',
  postcode: 'SW1Y',
  country: 'GB',
};
const somebody = (more: object = {}) => ({
  email: `${randomUUID()}@people.example`,
  password: 'correct horse',
  name: 'Ada',
  ...more,
});
const login = {
  user: expect.any(Object),
  accessToken: expect.any(String),
  refreshToken: expect.any(String),
  expiresIn: expect.any(Number),
};

describe('signing up', () => {
  it('answers as the contract says, and the tokens open the account', async () => {
    const body = somebody({ phone: '+44 20 7946 0000', address });
    const answer = await shop.expect(201, 'POST /api/v1/auth/register', { body });
    expect(answer).toStrictEqual(login);
    expect(answer.expiresIn).toBeLessThanOrEqual(900);
    const me = await shop.expect(200, 'GET /api/v1/customers/me', { token: answer.accessToken });
    expect(me).toStrictEqual(answer.user);
    const { password: _, ...shown } = body;
    expect(me).toMatchObject({ ...shown, id: expect.any(String), role: 'customer' });
    expect(JSON.stringify(answer)).not.toMatch(/password|argon|hash|session/i);
    const again = await shop.call('POST /api/v1/auth/register', { body: { ...body, email: body.email.toUpperCase() } });
    expect(again).toMatchObject({ status: 409, body: { code: 'email-exists' } });
  });

  it('for one address by many at once makes one account', async () => {
    const email = `${randomUUID()}@people.example`;
    const answers = await Promise.all(
      Array.from({ length: 6 }, (_, i) =>
        shop.call('POST /api/v1/auth/register', { body: somebody({ email, name: `Ada ${i}` }) }),
      ),
    );
    expect(tally(answers)).toEqual({ 201: 1, 409: 5 });
  });
});

describe('signing in', () => {
  it('takes the right password only, and says no more of an account that is not there', async () => {
    const { email, password } = await shop.account();
    expect(await shop.expect(200, 'POST /api/v1/auth/login', { body: { email, password } })).toStrictEqual(login);
    const wrong = await shop.expect(401, 'POST /api/v1/auth/login', { body: { email, password: 'wrong' } });
    const nobody = await shop.expect(401, 'POST /api/v1/auth/login', {
      body: { email: `${randomUUID()}@people.example`, password },
    });
    const { requestId: _, ...said } = wrong;
    expect(nobody).toMatchObject(said);
  });

  it('goes on with refresh tokens, each of which works once; a stolen one ends the login', async () => {
    const { refreshToken, token } = await shop.account();
    const refresh = (text: string) => shop.call('POST /api/v1/auth/refresh', { body: { refreshToken: text } });
    const first = await refresh(refreshToken);
    expect(first).toMatchObject({ status: 200 });
    expect(first.body).toStrictEqual(login);
    const second = await refresh(first.body.refreshToken);
    expect(second.status).toBe(200);
    await shop.expect(200, 'GET /api/v1/customers/me', { token: second.body.accessToken });
    // The first token was used before the second: whoever has it is not its owner, or its owner was robbed.
    expect(await refresh(refreshToken)).toMatchObject({ status: 401 });
    expect(await refresh(second.body.refreshToken)).toMatchObject({ status: 401 });
    for (const text of ['x', token, `${refreshToken}x`]) expect((await refresh(text)).status).toBe(401);
  });

  it('ends with logging out, which is no error twice', async () => {
    const { refreshToken } = await shop.account();
    const body = { refreshToken };
    await shop.expect(204, 'POST /api/v1/auth/logout', { body });
    await shop.expect(204, 'POST /api/v1/auth/logout', { body });
    await shop.expect(401, 'POST /api/v1/auth/refresh', { body });
  });

  it('with a changed password ends the other logins', async () => {
    const ada = await shop.account();
    const other = await shop.logIn(ada.email, ada.password);
    const change = (current: string) =>
      shop.call('POST /api/v1/auth/password', { token: ada.token, body: { current, new: 'battery staple' } });
    expect((await change('wrong')).status).toBe(401);
    expect((await change(ada.password)).status).toBe(204);
    await shop.expect(401, 'POST /api/v1/auth/refresh', { body: { refreshToken: other.refreshToken } });
    await shop.expect(200, 'POST /api/v1/auth/refresh', { body: { refreshToken: ada.refreshToken } });
    await shop.expect(401, 'POST /api/v1/auth/login', { body: { email: ada.email, password: ada.password } });
    await shop.logIn(ada.email, 'battery staple');
  });
});

describe('the own account', () => {
  it('is changed field by field, guarded by its ETag', async () => {
    const { token } = await shop.account();
    const read = await shop.call('GET /api/v1/customers/me', { token });
    const etag = read.headers.get('etag') ?? '';
    const patch = (body: object, ifMatch?: string) =>
      shop.call('PATCH /api/v1/customers/me', {
        token,
        body,
        ...(ifMatch === undefined ? {} : { headers: { 'If-Match': ifMatch } }),
      });
    const named = await patch({ name: 'Countess', address }, etag);
    expect(named).toMatchObject({ status: 200, body: { ...read.body, name: 'Countess', address } });
    expect(await patch({ name: 'Late' }, etag)).toMatchObject({ status: 412 });
    const bare = await patch({ address: null });
    expect(bare.body).not.toHaveProperty('address');
    expect(bare.body.name).toBe('Countess');
    expect(await shop.expect(200, 'GET /api/v1/customers/me', { token })).toStrictEqual(bare.body);
  });
});

describe('the staff’s view', () => {
  it('lists all accounts page by page, shows one, and exports them', async () => {
    const made: string[] = [];
    for (let i = 0; i < 3; i++) made.push((await shop.account()).id);
    const { token } = await shop.account('staff');
    const seen: Json[] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page: Json = await shop.expect(
        200,
        `GET /api/v1/customers?limit=2${cursor && `&cursor=${encodeURIComponent(cursor)}`}`,
        { token },
      );
      expect(page.items.length).toBeLessThanOrEqual(2);
      seen.push(...page.items);
      cursor = page.next;
    }
    expect(new Set(seen.map(({ id }) => id)).size).toBe(seen.length);
    expect(seen.map(({ id }) => id)).toEqual(expect.arrayContaining(made));
    const one = await shop.expect(200, `GET /api/v1/customers/${made[0]}`, { token });
    expect(seen.find(({ id }) => id === made[0])).toStrictEqual(one);
    const jsonl = await shop.call('GET /api/v1/customers/export?format=jsonl', { token });
    const exported = jsonl.text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(exported).toHaveLength(seen.length);
    expect(exported.find(({ id }) => id === made[0])).toStrictEqual(one);
    const csv = await shop.call('GET /api/v1/customers/export?format=csv', { token });
    expect(csv.text.trimEnd().split('\n')).toHaveLength(seen.length + 1);
    expect(`${jsonl.text}${csv.text}`).not.toMatch(/argon|passw|hash/i);
    await shop.expect(404, 'GET /api/v1/customers/nobody', { token });
  });

  it('lets an admin give roles, which the next login has', async () => {
    const ada = await shop.account();
    const target = `PATCH /api/v1/customers/${ada.id}`;
    const staff = await shop.account('staff');
    await shop.expect(403, target, { token: staff.token, body: { role: 'admin' } });
    await shop.expect(403, target, { token: ada.token, body: { role: 'admin' } });
    expect(await shop.expect(200, target, { token: shop.staff.token, body: { role: 'staff' } })).toMatchObject({
      id: ada.id,
      role: 'staff',
    });
    await shop.expect(200, 'GET /api/v1/customers', { token: (await shop.logIn(ada.email, ada.password)).token });
  });
});

describe('who may do what', () => {
  it('is as the contract says for nobody, guests, customers, staff and admins', async () => {
    const product = await shop.product();
    const order = await shop.place([[product, 1]]);
    const cart = await shop.expect(201, 'POST /api/v1/carts');
    const people: Readonly<Record<string, object>> = {
      nobody: {},
      guest: { cartToken: cart.token },
      buyer: { token: order.accessToken },
      customer: { token: (await shop.account()).token },
      staff: { token: (await shop.account('staff')).token },
      admin: { token: shop.staff.token },
    };
    const staffOnly = [401, 401, 403, 403];
    // In the order above; what passes the door stops at the empty body or the unknown id, so that nothing happens.
    const doors: readonly (readonly [target: string, ...statuses: number[]])[] = [
      ['GET /api/v1/products', 200, 200, 200, 200, 200, 200],
      ['GET /api/v1/categories', 200, 200, 200, 200, 200, 200],
      ['POST /api/v1/orders', 422, 422, 403, 422, 422, 422],
      ['GET /api/v1/orders', 401, 401, 403, 200, 200, 200],
      ['GET /api/v1/customers/me', 401, 401, 403, 200, 200, 200],
      ['GET /api/v1/carts/me', 401, 401, 403, 200, 200, 200],
      [`GET /api/v1/orders/${order.id}`, 401, 401, 200, 404, 200, 200],
      [`GET /api/v1/carts/${cart.id}`, 401, 200, 403, 404, 404, 404],
      ['POST /api/v1/products', ...staffOnly, 422, 422],
      ['PATCH /api/v1/products/x', ...staffOnly, 404, 404],
      ['DELETE /api/v1/products/x', ...staffOnly, 404, 404],
      ['POST /api/v1/products/import', ...staffOnly, 415, 415],
      ['GET /api/v1/products/export', ...staffOnly, 200, 200],
      ['GET /api/v1/orders/export', ...staffOnly, 200, 200],
      ['GET /api/v1/customers/export', ...staffOnly, 200, 200],
      ['GET /api/v1/customers', ...staffOnly, 200, 200],
      ['GET /api/v1/customers/x', ...staffOnly, 404, 404],
      ['PATCH /api/v1/customers/x', ...staffOnly, 403, 422],
      ['GET /api/v1/stock/x', ...staffOnly, 404, 404],
      ['POST /api/v1/stock/x/receive', ...staffOnly, 422, 422],
      ['POST /api/v1/stock/x/write-off', ...staffOnly, 422, 422],
      ['POST /api/v1/orders/x/ship', ...staffOnly, 404, 404],
      ['POST /api/v1/orders/x/deliver', ...staffOnly, 404, 404],
      ['POST /api/v1/orders/x/refund', ...staffOnly, 404, 404],
      ['POST /api/v1/events/flush', ...staffOnly, 422, 422],
      ['POST /api/v1/events', 422, 422, 422, 422, 422, 422],
      ['GET /health/live', 200, 200, 200, 200, 200, 200],
    ];
    for (const [target, ...wanted] of doors) {
      const body = /^(POST|PATCH)/.test(target) ? { body: {} } : {};
      const statuses: number[] = [];
      for (const credentials of Object.values(people))
        statuses.push((await shop.call(target, { ...body, ...credentials })).status);
      expect([target, ...statuses]).toEqual([target, ...wanted]);
    }
  });
});

describe('a guest’s cart', () => {
  const put = (cart: { id: string; token: string }, productId: string, quantity: number) =>
    shop.expect(200, `PUT /api/v1/carts/${cart.id}/lines/${productId}`, { cartToken: cart.token, body: { quantity } });
  const mine = (token: string) => shop.expect(200, 'GET /api/v1/carts/me', { token });
  const lines = (cart: Json) =>
    Object.fromEntries(cart.lines.map(({ productId, quantity }: Json) => [productId, quantity]));

  it('is set, shown and emptied line by line', async () => {
    const product = await shop.product('0.333', 5);
    const cart = await shop.expect(201, 'POST /api/v1/carts');
    expect((await put(cart, product.id, 3)).total).toEqual({ amount: '1.00', currency: 'GBP' });
    expect(lines(await put(cart, product.id, 1))).toEqual({ [product.id]: 1 });
    const target = `/api/v1/carts/${cart.id}`;
    const removed = await shop.expect(200, `DELETE ${target}/lines/${product.id}`, { cartToken: cart.token });
    expect(removed).toStrictEqual({ id: cart.id, lines: [], total: { amount: '0.00', currency: 'GBP' } });
    await shop.expect(200, `DELETE ${target}/lines/${product.id}`, { cartToken: cart.token });
    for (const quantity of [0, -1, 1.5, 1_000_001, '1', null]) {
      const refused = await shop.expect(422, `PUT ${target}/lines/${product.id}`, {
        cartToken: cart.token,
        body: { quantity },
      });
      expect(refused.errors).toMatchObject([{ pointer: '/quantity' }]);
    }
    await shop.expect(401, `GET ${target}`);
    const other = await shop.expect(201, 'POST /api/v1/carts');
    await shop.expect(404, `GET ${target}`, { cartToken: other.token });
  });

  it('comes along when its owner signs up or in: quantities are added, and it is gone', async () => {
    const [bag, cup] = [await shop.product(), await shop.product()];
    const ada: Account = await shop.account();
    await shop.expect(200, `PUT /api/v1/carts/me/lines/${bag.id}`, { token: ada.token, body: { quantity: 2 } });
    const cart = await shop.expect(201, 'POST /api/v1/carts');
    await put(cart, bag.id, 3);
    await put(cart, cup.id, 1);
    const body = { email: ada.email, password: ada.password };
    const [first] = await Promise.all([
      shop.expect(200, 'POST /api/v1/auth/login', { body, cartToken: cart.token }),
      shop.expect(200, 'POST /api/v1/auth/login', { body, cartToken: cart.token }),
    ]);
    expect(lines(await mine(first.accessToken))).toEqual({ [bag.id]: 5, [cup.id]: 1 });
    await shop.expect(200, 'POST /api/v1/auth/login', { body, cartToken: cart.token });
    expect(lines(await mine(ada.token))).toEqual({ [bag.id]: 5, [cup.id]: 1 });
    await shop.expect(404, `GET /api/v1/carts/${cart.id}`, { cartToken: cart.token });

    const another = await shop.expect(201, 'POST /api/v1/carts');
    await put(another, cup.id, 7);
    const eve = await shop.expect(201, 'POST /api/v1/auth/register', { body: somebody(), cartToken: another.token });
    expect(lines(await mine(eve.accessToken))).toEqual({ [cup.id]: 7 });
    // A cart that was taken cannot be taken by somebody else.
    await shop.expect(200, 'POST /api/v1/auth/login', { body, cartToken: another.token });
    expect(lines(await mine(ada.token))).toEqual({ [bag.id]: 5, [cup.id]: 1 });
  });
});
