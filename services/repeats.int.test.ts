// A gateway that lost a node repeats the call on another one under the same command id, whatever the call was: the repeat
// answers as the first attempt would have, also where the caller had named the version that it wanted to change.

import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { cartIdOfUser } from '../actors/cart.ts';
import type { User, UserCommand } from '../actors/user.ts';
import type { Hosting } from '../mixins/hosts.mixin.ts';
import type { Caller } from '../mixins/caller.ts';
import { type Json, startTestShop, type TestShop, until } from '../infra/local/shop.fixture.ts';

let shop: TestShop;

beforeAll(async () => {
  shop = await startTestShop();
});

afterAll(() => shop.stop());

const asked = (principal: Caller['principal'], more: Partial<Caller> = {}): Caller => ({
  principal,
  requestId: randomUUID(),
  commandId: randomUUID(),
  fingerprint: '',
  keyed: false,
  ...more,
});

const by = (id: string, role: 'customer' | 'admin', ifMatch?: string): Caller =>
  asked({ kind: 'user', id, role }, ifMatch === undefined ? {} : { ifMatch });

const byStaff = () => by(shop.staff.id, 'admin');

/** The same call twice; what both answered. */
async function twice(action: string, params: object, meta: Caller): Promise<readonly Json[]> {
  const first = await shop.broker.call(action, params, { meta: { ...meta } });
  return [first, await shop.broker.call(action, params, { meta: { ...meta } })];
}

const etagOf = async (path: string, token: string): Promise<string> =>
  ((await shop.call(`GET ${path}`, { token })).headers.get('etag') ?? '').replaceAll('"', '');

it('ships an order of the version that was named', async () => {
  const order = await shop.place([[await shop.product(), 1]]);
  await shop.reaches(order.id, 'PAID');
  const version = await etagOf(`/api/v1/orders/${order.id}`, shop.staff.token);
  const [first, again] = await twice('orders.ship', { id: order.id }, by(shop.staff.id, 'admin', version));
  expect(first.status).toBe('SHIPPED');
  expect(again).toEqual(first);
});

it('changes the cart of the version that was named', async () => {
  const ada = await shop.account();
  const product = await shop.product();
  const put = (quantity: number) =>
    shop.expect(200, `PUT /api/v1/carts/me/lines/${product.id}`, { token: ada.token, body: { quantity } });
  await put(1);
  const version = await etagOf('/api/v1/carts/me', ada.token);
  const [first, again] = await twice(
    'carts.putMyLine',
    { productId: product.id, quantity: 3 },
    by(ada.id, 'customer', version),
  );
  expect(first.lines[0].quantity).toBe(3);
  expect(again).toEqual(first);
});

it('edits the product of the version that was named', async () => {
  const { id } = await shop.product();
  const version = await etagOf(`/api/v1/products/${id}`, shop.staff.token);
  const [first, again] = await twice(
    'products.update',
    { id, name: 'Another name' },
    by(shop.staff.id, 'admin', version),
  );
  expect(first.name).toBe('Another name');
  expect(again).toEqual(first);
});

it('edits the account of the version that was named', async () => {
  const ada = await shop.account();
  const version = await etagOf('/api/v1/customers/me', ada.token);
  const [first, again] = await twice('users.updateMe', { name: 'Ada King' }, by(ada.id, 'customer', version));
  expect(first.name).toBe('Ada King');
  expect(again).toEqual(first);
});

it('refuses who comes with an old version under a command id of its own', async () => {
  const order = await shop.place([[await shop.product(), 1]]);
  await shop.reaches(order.id, 'PAID');
  const meta = by(shop.staff.id, 'admin', '1');
  await expect(shop.broker.call('orders.ship', { id: order.id }, { meta })).rejects.toMatchObject({
    type: 'precondition-failed',
  });
});

describe('placing', () => {
  const payment = { method: 'simulated', token: 'tok_ok' };
  const keyedOnce = (): Partial<Caller> => ({ keyed: true, fingerprint: 'what was asked' });

  it.each([
    ['without a key', () => ({})],
    ['with a key', keyedOnce],
  ])('answers with the order although its cart is empty by now, %s', async (_, more) => {
    const ada = await shop.account();
    const product = await shop.product();
    const body = { quantity: 2 };
    await shop.expect(200, `PUT /api/v1/carts/me/lines/${product.id}`, { token: ada.token, body });
    const meta = asked({ kind: 'user', id: ada.id, role: 'customer' }, more());
    const params = { cartId: cartIdOfUser(ada.id), payment };
    const first = await shop.broker.call<Json, object>('orders.place', params, { meta: { ...meta } });
    await shop.reaches(first.id, 'PAID');
    const cart = () => shop.expect(200, 'GET /api/v1/carts/me', { token: ada.token });
    await until('the cart is empty', async () => (await cart()).lines.length === 0);
    await expect(shop.broker.call('orders.place', params, { meta: { ...meta } })).resolves.toEqual(first);
    // Under another name it is another wish, which an empty cart cannot fulfil.
    const another = { ...meta, commandId: randomUUID() };
    await expect(shop.broker.call('orders.place', params, { meta: another })).rejects.toMatchObject({
      type: 'empty-cart',
    });
  });

  it('answers with the order although its product is no longer sold', async () => {
    const ada = await shop.account();
    const product = await shop.product();
    const meta = by(ada.id, 'customer');
    const params = { lines: [{ productId: product.id, quantity: 1 }], payment };
    const first = await shop.broker.call<Json, object>('orders.place', params, { meta: { ...meta } });
    await shop.expect(204, `DELETE /api/v1/products/${product.id}`, { token: shop.staff.token });
    await expect(shop.broker.call('orders.place', params, { meta: { ...meta } })).resolves.toEqual(first);
  });

  it('refuses again what was refused', async () => {
    const ada = await shop.account();
    const product = await shop.product('2.55', 1);
    const params = { lines: [{ productId: product.id, quantity: 2 }], payment };
    const meta = by(ada.id, 'customer');
    const refusal = () => shop.broker.call('orders.place', params, { meta: { ...meta } });
    await expect(refusal()).rejects.toMatchObject({ type: 'insufficient-stock' });
    await shop.expect(204, `DELETE /api/v1/products/${product.id}`, { token: shop.staff.token });
    await expect(refusal()).rejects.toMatchObject({ type: 'insufficient-stock' });
  });

  it('refuses another wish under the same key', async () => {
    const ada = await shop.account();
    const product = await shop.product();
    const meta = asked({ kind: 'user', id: ada.id, role: 'customer' }, keyedOnce());
    const params = { lines: [{ productId: product.id, quantity: 1 }], payment };
    await shop.broker.call('orders.place', params, { meta: { ...meta } });
    await shop.expect(204, `DELETE /api/v1/products/${product.id}`, { token: shop.staff.token });
    const other = { ...meta, fingerprint: 'something else' };
    await expect(shop.broker.call('orders.place', params, { meta: other })).rejects.toMatchObject({
      type: 'idempotency-key-reused',
    });
  });
});

describe('accounts', () => {
  const PASSWORD = 'correct horse battery';
  const guest = (more: Partial<Caller> = {}) => asked({ kind: 'guest' }, more);
  const newcomer = () => ({ email: `${randomUUID()}@people.example`, password: PASSWORD });

  /** The logins that are open. */
  async function loginsOf(id: string): Promise<readonly string[]> {
    const { store } = shop.broker.getLocalService('users') as unknown as Hosting<User, UserCommand>;
    const { actors } = await store.load({ ids: [id], rows: [], commands: [] });
    const { state } = actors.get(id) as { readonly state: User };
    return Object.keys(state.sessions);
  }

  it('are logged in to once', async () => {
    const { id, email, password } = await shop.account();
    const before = await loginsOf(id);
    const [first, again] = await twice('users.login', { email, password }, guest());
    expect(again.refreshToken).toBe(first.refreshToken);
    expect(await loginsOf(id)).toHaveLength(before.length + 1);
    // What the repeat has answered is as good.
    const refreshed = { body: { refreshToken: again.refreshToken } };
    await shop.expect(200, 'POST /api/v1/auth/refresh', refreshed);
  });

  it('are logged in to twice by two requests', async () => {
    const { id, email, password } = await shop.account();
    const before = await loginsOf(id);
    const log = () => shop.broker.call<Json, object>('users.login', { email, password }, { meta: guest() });
    const [one, other] = [await log(), await log()];
    expect(one.refreshToken).not.toBe(other.refreshToken);
    expect(await loginsOf(id)).toHaveLength(before.length + 2);
  });

  it('keep a login that was refreshed when its request comes once more: that is another login', async () => {
    const { email, password } = await shop.account();
    const meta = guest({ keyed: true, fingerprint: 'what was asked' });
    const log = () => shop.broker.call<Json, object>('users.login', { email, password }, { meta: { ...meta } });
    const first = await log();
    const refresh = (refreshToken: string) => shop.expect(200, 'POST /api/v1/auth/refresh', { body: { refreshToken } });
    const next = await refresh(first.refreshToken);
    const late = await log();
    expect(late.refreshToken).not.toBe(first.refreshToken);
    await refresh(late.refreshToken);
    await refresh(next.refreshToken);
  });

  it('are made once, with one login', async () => {
    const params = { ...newcomer(), name: 'Ada' };
    const [first, again] = await twice('users.register', params, guest());
    expect(again.refreshToken).toBe(first.refreshToken);
    expect(await loginsOf(first.user.id)).toHaveLength(1);
  });

  it('take in the cart of a guest once', async () => {
    const { email, password, token } = await shop.account();
    const cart = await shop.expect(201, 'POST /api/v1/carts');
    const product = await shop.product();
    const body = { quantity: 3 };
    await shop.expect(200, `PUT /api/v1/carts/${cart.id}/lines/${product.id}`, { cartToken: cart.token, body });
    await twice('users.login', { email, password }, guest({ cartToken: cart.token }));
    const { lines } = await shop.expect(200, 'GET /api/v1/carts/me', { token });
    expect(lines).toMatchObject([{ productId: product.id, quantity: 3 }]);
  });

  it('get a new password once', async () => {
    const { id, email, password } = await shop.account();
    await twice('users.password', { current: password, new: PASSWORD }, by(id, 'customer'));
    await shop.expect(200, 'POST /api/v1/auth/login', { body: { email, password: PASSWORD } });
  });

  it('are left once', async () => {
    const { id, refreshToken, email, password } = await shop.account();
    const other = await shop.expect(200, 'POST /api/v1/auth/login', { body: { email, password } });
    await twice('users.logout', { refreshToken }, guest());
    expect(await loginsOf(id)).toHaveLength(1);
    await shop.expect(200, 'POST /api/v1/auth/refresh', { body: { refreshToken: other.refreshToken } });
  });

  it('get a role once', async () => {
    const { id } = await shop.account();
    const [first, again] = await twice('users.setRole', { id, role: 'staff' }, byStaff());
    expect(first.role).toBe('staff');
    expect(again).toEqual(first);
  });
});

describe('goods', () => {
  it('are received once', async () => {
    const { sku } = await shop.product('2.55', 5);
    const [first, again] = await twice('inventory.receiveStock', { sku, quantity: 7 }, byStaff());
    expect(first).toMatchObject({ received: 12, onHand: 12 });
    expect(again).toEqual(first);
  });

  it('are written off once, though none are left for a second time', async () => {
    const { sku } = await shop.product('2.55', 5);
    const [first, again] = await twice('inventory.writeOff', { sku, quantity: 5, reason: 'wet' }, byStaff());
    expect(first).toMatchObject({ onHand: 0, writtenOff: 5 });
    expect(again).toEqual(first);
  });

  it('come into the catalogue once, with their opening stock', async () => {
    const params = { sku: `sku-${randomUUID()}`, name: 'Bag', price: { amount: '1.00', currency: 'GBP' }, stock: 5 };
    const [first, again] = await twice('products.create', params, byStaff());
    expect(first.available).toBe(5);
    expect(again).toEqual(first);
    const stock = await shop.expect(200, `GET /api/v1/stock/${params.sku}`, { token: shop.staff.token });
    expect(stock.received).toBe(5);
  });

  it('go from the catalogue once, in the version that was named', async () => {
    const { id } = await shop.product();
    const version = await etagOf(`/api/v1/products/${id}`, shop.staff.token);
    await twice('products.remove', { id }, by(shop.staff.id, 'admin', version));
    await shop.expect(404, `GET /api/v1/products/${id}`);
  });
});

describe('orders', () => {
  it('are cancelled once', async () => {
    const { id } = await shop.place([[await shop.product(), 1]]);
    const [first, again] = await twice('orders.cancel', { id }, byStaff());
    expect(again.status).toBe(first.status);
  });

  it('are refunded once, piece by piece', async () => {
    const product = await shop.product('2.00');
    const { id } = await shop.place([[product, 3]]);
    await shop.reaches(id, 'PAID');
    const lines = [{ productId: product.id, quantity: 1 }];
    const [first, again] = await twice('orders.refund', { id, lines }, byStaff());
    expect(first.refunded).toEqual({ amount: '2.00', currency: 'GBP' });
    expect(again).toEqual(first);
    const { charges, refunds } = shop.ledger();
    const { paymentId } = charges.find(({ orderId }) => orderId === id) ?? {};
    expect(refunds.filter((refund) => refund.paymentId === paymentId)).toHaveLength(1);
  });
});
