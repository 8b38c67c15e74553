// What is no longer sold leaves all carts, on the first pass or the second.
import { afterEach, describe, expect, it } from '@jest/globals';
import { type Cart, cartActor, type CartCommand } from '../../actors/cart.ts';
import type { LogRecord } from '../../brokers/event-log.ts';
import { createHost, type Host } from '../../mixins/host.ts';
import { memoryStore } from '../../mixins/memory-store.ts';
import { StoreUnavailable } from '../../mixins/store.ts';
import type { Again, CartIndex } from './cart-index.ts';
import { readCart } from './merging.ts';
import { startTidying, type Tidying } from './tidying.ts';

const NEVER_MS = 1e9;
const sold = (productId: string) => ({
  productId,
  sku: '1',
  name: 'Mug',
  unitPrice: 1,
  currency: 'GBP',
  deleted: false,
});
const deleted = { key: 'mug', id: 'product/mug/2/0/0', topic: 'product.deleted' } as LogRecord;
let running: Tidying[] = [];

afterEach(async () => {
  await Promise.all(running.map((tidying) => tidying.stop()));
  running = [];
});

/** Carts `c1` and `c2` with a mug and a pin; an index in memory; a catalogue without the mug. */
async function shop(more: { readonly lookEveryMs?: number; readonly againAfterMs?: number } = {}) {
  const store = memoryStore('cart');
  const pairs = new Map<string, string>();
  const plans = new Map<string, Again & { readonly dueAt: number }>();
  const index: CartIndex = {
    note: async (cartId, productIds) => productIds.forEach((productId) => pairs.set(`${productId} ${cartId}`, 'mark')),
    async *holders(productId) {
      for (const [pair, mark] of pairs) if (pair.startsWith(productId)) yield [{ cartId: pair.split(' ')[1]!, mark }];
    },
    forget: async (productId, found) => found.forEach(({ cartId }) => pairs.delete(`${productId} ${cartId}`)),
    plan: async (again, dueAt) => void plans.set(again.productId, { ...again, dueAt }),
    planned: async (before) => [...plans.values()].filter(({ dueAt }) => dueAt <= before),
    done: async ({ productId }) => void plans.delete(productId),
  };
  const host = createHost({
    actor: cartActor,
    store,
    transport: { deliver: async () => [], publish: async () => {}, perform: async () => {} },
    alert: (what) => expect(what).toBe('no alert'),
  });
  const catalogue = new Set(['pin']);
  const alerts: string[] = [];
  const start = (changed: Partial<Host<Cart, CartCommand>> = {}) => {
    const tidying = startTidying({
      index,
      host: { ...host, ...changed },
      quote: async (ids) => ids.map((id) => (catalogue.has(id) ? sold(id) : null)),
      alert: (what) => alerts.push(what),
      againAfterMs: 0,
      lookEveryMs: NEVER_MS,
      ...more,
    });
    running.push(tidying);
    return tidying;
  };
  let commands = 0;
  const put = async (cartId: string, productId: string) => {
    await index.note(cartId, [productId], undefined);
    await host.tell(cartId, { type: 'SetLine', data: { productId, quantity: 1 } }, { commandId: `put ${commands++}` });
  };
  for (const cartId of ['c1', 'c2']) for (const productId of ['mug', 'pin']) await put(cartId, productId);
  const content = async (cartId: string) =>
    (await readCart(store, cartId)).cart.lines.map(({ productId }) => productId);
  return { start, put, content, pairs, plans, catalogue, alerts, host };
}

describe('a deleted product', () => {
  it('leaves every cart that holds it, and what else is in them stays', async () => {
    const { start, content, pairs, plans } = await shop();
    await start().handle([deleted, deleted]);
    expect([await content('c1'), await content('c2')]).toEqual([['pin'], ['pin']]);
    // The pairs stay until nobody can write one any more.
    expect([...pairs.keys()]).toContain('mug c1');
    expect([...plans.keys()]).toEqual(['mug']);
  });

  it('leaves once more, for a node that did not know yet', async () => {
    const { start, put, content, pairs, plans } = await shop();
    await start().handle([deleted]);
    await put('late', 'mug');
    await start().look();
    expect(await content('late')).toEqual([]);
    expect([...pairs.keys()].filter((pair) => pair.startsWith('mug'))).toEqual([]);
    expect(plans.size).toBe(0);
  });

  it('is looked for by itself when the second pass is due', async () => {
    const { start, put, plans } = await shop({ lookEveryMs: 1 });
    await put('late', 'mug');
    const gone = new Promise<void>((resolve) => {
      const remove = plans.delete.bind(plans);
      plans.delete = (key) => remove(key) && (resolve(), true);
    });
    await start().handle([deleted]);
    await gone;
  });

  it('waits for its second pass as long as a node may not know', async () => {
    const { start, plans } = await shop({ againAfterMs: 60_000 });
    await start().handle([deleted]);
    await start().look();
    expect(plans.size).toBe(1);
  });

  it('stays where it is if it has come back', async () => {
    const { start, content, catalogue, plans } = await shop();
    catalogue.add('mug');
    await start().handle([deleted]);
    await start().look();
    expect(await content('c1')).toEqual(['mug', 'pin']);
    expect(plans.size).toBe(0);
  });

  it('is offered again by the log, and planned already, when carts cannot be reached', async () => {
    const { start, plans } = await shop();
    const away = start({ receive: async () => [{ retry: 'away' }] });
    await expect(away.handle([deleted])).rejects.toThrow(StoreUnavailable);
    expect(plans.size).toBe(1);
  });

  it('keeps its second pass when something is away, and calls a person only for a bug', async () => {
    const { start, plans, alerts, content } = await shop();
    plans.set('mug', { productId: 'mug', name: 'n', dueAt: 0 });
    await start({ receive: async () => [{ retry: 'away' }] }).look();
    expect([plans.size, alerts]).toEqual([1, []]);
    await start({ receive: () => Promise.reject(new TypeError('a bug')) }).look();
    expect([plans.size, alerts]).toEqual([1, ['tidying carts failed']]);
    await start().look();
    expect(await content('c1')).toEqual(['pin']);
  });
});
