// A gateway that lost a node repeats the call on another one under the same command id, whatever the call was: the repeat
// answers as the first attempt would have, also where the caller had named the version that it wanted to change.

import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { Caller } from '../mixins/caller.ts';
import { type Json, startTestShop, type TestShop } from '../infra/local/shop.fixture.ts';

let shop: TestShop;

beforeAll(async () => {
  shop = await startTestShop();
});

afterAll(() => shop.stop());

const by = (id: string, role: 'customer' | 'admin', ifMatch: string): Caller => ({
  principal: { kind: 'user', id, role },
  requestId: randomUUID(),
  commandId: randomUUID(),
  fingerprint: '',
  keyed: false,
  ifMatch,
});

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
