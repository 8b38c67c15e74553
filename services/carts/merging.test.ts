// I13: merging carts is idempotent and loses no line, whatever is interrupted.
// Method: the real host over the memory store; the node dies before or after any step, and another one begins anew.
import { describe, expect, it } from '@jest/globals';
import { type Cart, cartActor, type CartLine, cartIdOfUser } from '../../actors/cart.ts';
import { LINES_MAX } from '../../actors/order.ts';
import { createHost } from '../../mixins/host.ts';
import { memoryStore } from '../../mixins/memory-store.ts';
import { mergeCart, type MergingParts, readCart } from './merging.ts';

const MINE = cartIdOfUser('anna');
const lines = (cart: Cart) => Object.fromEntries(cart.lines.map(({ productId, quantity }) => [productId, quantity]));

/** A guest cart `guest` and anna's own, which share the pins; and what the index was told. */
async function shop() {
  const store = memoryStore('cart');
  const noted: (readonly [string, readonly string[]])[] = [];
  const node = (): MergingParts => ({
    host: createHost({
      actor: cartActor,
      store,
      transport: { deliver: async () => [], publish: async () => {}, perform: async () => {} },
      alert: (what) => expect(what).toBe('no alert'),
    }),
    note: async (...pair) => void noted.push(pair),
  });
  const { host } = node();
  let commands = 0;
  const set = (id: string, productId: string, quantity: number) =>
    host.tell(id, { type: 'SetLine', data: { productId, quantity } }, { commandId: `set ${commands++}` });
  await set('guest', 'mug', 2);
  await set('guest', 'pin', 3);
  await set(MINE, 'pin', 10);
  await set(MINE, 'cup', 1);
  return { node, set, noted, cart: async (id: string) => (await readCart(store, id)).cart };
}

const both = { mug: 2, pin: 13, cup: 1 };

describe('a merge', () => {
  it('adds the quantities, notes the products first, and closes the guest cart', async () => {
    const { node, noted, cart } = await shop();
    expect(await mergeCart(node(), 'guest', 'anna')).toEqual({ merged: true });
    expect(lines(await cart(MINE))).toEqual(both);
    expect(noted).toEqual([[MINE, ['mug', 'pin']]]);
    expect((await cart('guest')).status).toBe('closed');
    expect(await mergeCart(node(), 'guest', 'anna')).toEqual({ merged: true });
    expect(lines(await cart(MINE))).toEqual(both);
  });

  it('happens for one user only', async () => {
    const { node, cart } = await shop();
    await mergeCart(node(), 'guest', 'anna');
    expect(await mergeCart(node(), 'guest', 'bert')).toEqual({ merged: false, reason: 'cart-is-frozen' });
    expect(lines(await cart(cartIdOfUser('bert')))).toEqual({});
  });

  it('of two users at once gives all lines to one of them', async () => {
    const { node, cart } = await shop();
    const merged = await Promise.all([mergeCart(node(), 'guest', 'anna'), mergeCart(node(), 'guest', 'bert')]);
    expect(merged.filter((each) => each.merged)).toHaveLength(1);
    const [anna, bert] = [lines(await cart(MINE)), lines(await cart(cartIdOfUser('bert')))];
    expect(merged[0].merged ? [anna, bert] : [anna, bert].toReversed()).toEqual(
      merged[0].merged
        ? [both, {}]
        : [
            { mug: 2, pin: 3 },
            { pin: 10, cup: 1 },
          ],
    );
  });

  it('leaves an empty cart alone, for it may still be used', async () => {
    const { node, set, cart } = await shop();
    expect(await mergeCart(node(), 'unused', 'anna')).toEqual({ merged: true });
    await set('unused', 'mug', 1);
    expect(lines(await cart('unused'))).toEqual({ mug: 1 });
  });

  it('keeps a cart for which there is no room frozen, until there is', async () => {
    const { node, cart } = await shop();
    const { host } = node();
    const many: CartLine[] = Array.from({ length: LINES_MAX - 3 }, (_, i) => ({ productId: `p${i}`, quantity: 1 }));
    await host.tell(MINE, { type: 'Absorb', data: { merge: 'm', lines: many } }, { commandId: 'fill' });
    await host.tell(MINE, { type: 'SetLine', data: { productId: 'q', quantity: 1 } }, { commandId: 'brim' });
    expect(await mergeCart(node(), 'guest', 'anna')).toEqual({ merged: false, reason: 'wrong-state' });
    expect(await cart('guest')).toMatchObject({ status: 'frozen', lines: [{}, {}] });
    await host.tell(MINE, { type: 'RemoveLine', data: { productId: 'q' } }, { commandId: 'room' });
    expect(await mergeCart(node(), 'guest', 'anna')).toEqual({ merged: true });
    expect(lines(await cart(MINE))).toMatchObject(both);
  });

  const steps = ['Freeze', 'note', 'Absorb', 'Close'].flatMap((step) => [
    [step, 'before'] as const,
    [step, 'after'] as const,
  ]);
  it.each(steps)('loses no line and adds none twice when the node dies at %s, %s it', async (step, when) => {
    const { node, cart } = await shop();
    const dying = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
      if (name === step && when === 'before') throw new Error('killed');
      const result = await work();
      if (name === step) throw new Error('killed');
      return result;
    };
    const { host, note } = node();
    const tell: typeof host.tell = (id, command, options) => dying(command.type, () => host.tell(id, command, options));
    const victim = {
      host: { ...host, tell },
      note: (...pair: Parameters<typeof note>) => dying('note', () => note(...pair)),
    };
    await expect(mergeCart(victim, 'guest', 'anna')).rejects.toThrow('killed');
    // The caller's retry and a second login, on two other nodes, at once.
    const again = await Promise.all([mergeCart(node(), 'guest', 'anna'), mergeCart(node(), 'guest', 'anna')]);
    expect(again).toEqual([{ merged: true }, { merged: true }]);
    expect(lines(await cart(MINE))).toEqual(both);
    expect(await cart('guest')).toMatchObject({ status: 'closed', lines: [] });
  });
});
