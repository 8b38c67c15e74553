// Carts and what orders, logins and the catalogue ask of them, on a real broker and a real DynamoDB API.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { cartIdOfUser, type CartLine } from '../../actors/cart.ts';
import type { Principal } from '../../mixins/caller.ts';
import { bearer, meta, nobody, openTestCarts, quantities, type TestCarts, user } from './carts.testing.ts';

let shop: TestCarts;
beforeAll(async () => {
  shop = await openTestCarts();
});
afterAll(() => shop.close());

const holds = async (id: string, productId: string) => productId in quantities((await shop.stored(id)).lines);
const paid = (orderId: string, ...lines: CartLine[]) => ({ type: 'RemoveOrdered', data: { orderId, lines } });
const deliver = (id: string, commandId: string, command: object) =>
  shop.broker.call('carts.receive', { deliveries: [{ id, commandId, command, sentAt: Date.now() }] });

describe('an order', () => {
  const checkout = (caller: Principal, cartId: string) => shop.call<object>('checkoutLines', meta(caller), { cartId });

  it('gets what is sold, for whoever may use the cart', async () => {
    const [mug, gone] = [shop.product(), shop.product()];
    const cart = await shop.guestCart({ productId: mug, quantity: 2 }, { productId: gone, quantity: 1 });
    shop.discontinue(gone);
    const lines = [{ productId: mug, quantity: 2 }];
    expect(await checkout(bearer(cart.token), cart.id)).toEqual({ cartId: cart.id, lines });
    await expect(checkout(nobody, cart.id)).rejects.toMatchObject({ type: 'unauthenticated' });
    shop.discontinue(mug);
    await expect(checkout(bearer(cart.token), cart.id)).rejects.toMatchObject({ type: 'empty-cart', code: 422 });
    const anna = user();
    await expect(checkout(anna, cartIdOfUser(anna.id))).rejects.toMatchObject({ type: 'empty-cart' });
  });

  it('that is paid takes its lines out of the cart, once', async () => {
    const mug = shop.product();
    const cart = await shop.guestCart({ productId: mug, quantity: 5 });
    for (const commandId of ['order/o1/7/0/0', 'order/o1/7/0/0', 'another way']) {
      expect(await deliver(cart.id, commandId, paid('o1', { productId: mug, quantity: 2 }))).toEqual([{ done: true }]);
    }
    expect(quantities((await shop.stored(cart.id)).lines)).toEqual({ [mug]: 3 });
  });

  it('may hold more pieces of a product than a cart can, when it has several lines of it', async () => {
    const mug = shop.product();
    const cart = await shop.guestCart({ productId: mug, quantity: 5 });
    expect(await deliver(cart.id, 'c', paid('o2', { productId: mug, quantity: 1_500_000 }))).toEqual([{ done: true }]);
    expect((await shop.stored(cart.id)).lines).toEqual([]);
  });
});

describe('a login', () => {
  const merge = (token: string, userId: string) => shop.broker.call('carts.merge', { token, userId });

  it('adds the guest cart to the own one, which then is all there is', async () => {
    const [anna, mug, pin] = [user(), shop.product(), shop.product()];
    await shop.call('putMyLine', meta(anna), { productId: pin, quantity: 10 });
    const cart = await shop.guestCart({ productId: mug, quantity: 2 }, { productId: pin, quantity: 3 });
    for (let time = 0; time < 2; time++) {
      expect(await merge(cart.token, anna.id)).toEqual({ merged: true });
      expect(quantities((await shop.call('mine', meta(anna))).lines)).toEqual({ [mug]: 2, [pin]: 13 });
    }
    const guest = meta(bearer(cart.token));
    expect(await shop.refusal('get', guest, cart)).toBe('not-found');
    expect(await shop.refusal('putLine', guest, { ...cart, productId: mug, quantity: 1 })).toBe('not-found');
    expect(await shop.refusal('checkoutLines', guest, { cartId: cart.id })).toBe('not-found');
    expect(await merge(cart.token, user().id)).toEqual({ merged: false, reason: 'cart-is-frozen' });
    expect(await merge('sc1.forged', anna.id)).toEqual({ merged: false, reason: 'unauthenticated' });
  });

  it('takes along what the guest has ordered and not yet paid for', async () => {
    const [anna, mug] = [user(), shop.product()];
    await shop.call('putMyLine', meta(anna), { productId: mug, quantity: 10 });
    const cart = await shop.guestCart({ productId: mug, quantity: 3 });
    await merge(cart.token, anna.id);
    await deliver(cart.id, 'order/o3/7/0/0', paid('o3', { productId: mug, quantity: 3 }));
    await shop.until(async () => quantities((await shop.stored(cartIdOfUser(anna.id))).lines)[mug] === 10);
  });
});

describe('a deleted product', () => {
  async function remove(productId: string): Promise<void> {
    shop.discontinue(productId);
    const data = { productId, sku: 'sku', version: 2 };
    const event = {
      topic: 'product.deleted',
      key: productId,
      id: randomUUID(),
      source: 'souk/products',
      time: Date.now(),
    };
    await shop.log.append([{ ...event, data }]);
  }

  it('leaves all carts, merged ones too', async () => {
    const [anna, mug, pin] = [user(), shop.product(), shop.product()];
    const lines = [mug, pin].map((productId) => ({ productId, quantity: 1 }));
    const carts = await Promise.all(Array.from({ length: 5 }, () => shop.guestCart(...lines)));
    await shop.broker.call('carts.merge', { token: carts[0]!.token, userId: anna.id });
    await remove(mug);
    for (const id of [cartIdOfUser(anna.id), ...carts.map((cart) => cart.id)])
      await shop.until(async () => !(await holds(id, mug)));
    expect(quantities((await shop.call('mine', meta(anna))).lines)).toEqual({ [pin]: 1 });
    expect((await shop.stored(carts[4]!.id)).lines).toEqual([{ productId: pin, quantity: 1 }]);
  });

  it('finds every cart: a line is written only after its pair in the index', async () => {
    const [mug, cart] = [shop.product(), await shop.guestCart()];
    const { index } = shop.carts;
    shop.carts.index = { ...index, note: () => Promise.reject(new Error('the index is away')) };
    const put = shop.call('putLine', meta(bearer(cart.token)), { ...cart, productId: mug, quantity: 1 });
    await expect(put).rejects.toThrow('away');
    shop.carts.index = index;
    expect(await holds(cart.id, mug)).toBe(false);
  });

  it('leaves once more the carts that got it from a node that did not know, also after a restart', async () => {
    const [mug, late] = [shop.product(), await shop.guestCart()];
    const early = await shop.guestCart({ productId: mug, quantity: 1 });
    await remove(mug);
    await shop.until(async () => !(await holds(early.id, mug)));
    await shop.carts.index.note(late.id, [mug], undefined);
    const command = { type: 'SetLine', data: { productId: mug, quantity: 1 } } as const;
    await shop.carts.host.tell(late.id, command, { commandId: randomUUID() });
    await shop.restart();
    const { index, tidying } = shop.carts;
    expect(await index.planned(Date.now())).toContainEqual({ productId: mug, name: expect.any(String) });
    await tidying.look();
    expect(await holds(late.id, mug)).toBe(false);
    expect(await index.planned(Date.now())).toEqual([]);
    for await (const held of index.holders(mug)) expect(held).toEqual([]);
  });
});
