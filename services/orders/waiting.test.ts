import { describe, expect, it } from '@jest/globals';
import { type Order, orderActor, type OrderCommand, type OrderStatus } from '../../actors/order.ts';
import type { Committed, Host } from '../../mixins/host.ts';
import { inVirtualTime, pause } from '../../mixins/virtual-time.testing.ts';
import { createWaiting, type Versioned } from './waiting.ts';

const order = (status: OrderStatus): Order => ({ ...orderActor.initial, status, currency: 'GBP', lines: [] });
const versioned = (version: number, status: OrderStatus): Versioned => ({ version, order: order(status) });
const isPaid = ({ status }: Order) => status === 'PAID';

/** Waiters over a node whose commits and whose store are the test's. */
function node(stored: () => Promise<Versioned | undefined> = async () => undefined) {
  let listener: (committed: readonly Committed<Order>[]) => void = () => {};
  const host = {
    onCommitted(listen: typeof listener) {
      listener = listen;
      return () => {};
    },
  };
  const waiting = createWaiting(host as unknown as Host<Order, OrderCommand>, stored);
  const commit = (id: string, version: number, status: OrderStatus) =>
    listener([{ id, version, state: order(status) }]);
  return { waiting, commit, stored };
}

describe('whoever waits for an order', () => {
  it('is answered at once if it has come that far', async () => {
    const { waiting } = node();
    const known = versioned(3, 'PAID');
    expect(await waiting.until('o', known, isPaid, 1_000)).toBe(known);
  });

  it('is woken by the commit that leads there, not by others', () =>
    inVirtualTime(async () => {
      const { waiting, commit } = node();
      const found = waiting.until('o', versioned(1, 'AWAITING_STOCK'), isPaid, 1_000);
      const before = Date.now();
      commit('another', 2, 'PAID');
      commit('o', 2, 'AWAITING_PAYMENT');
      commit('o', 3, 'PAID');
      expect(await found).toMatchObject({ version: 3, order: { status: 'PAID' } });
      expect(Date.now()).toBe(before);
    }));

  it('hears of the commits of other nodes through the store, also when it is away for a while', () =>
    inVirtualTime(async () => {
      let reads = 0;
      const { waiting } = node(async () => {
        reads += 1;
        if (reads === 1) throw new Error('away');
        return reads === 2 ? undefined : versioned(4, 'PAID');
      });
      expect(await waiting.until('o', versioned(1, 'AWAITING_STOCK'), isPaid, 2_000)).toMatchObject({ version: 4 });
      expect(reads).toBe(3);
      await pause(5_000);
      expect(reads).toBe(3);
    }));

  it('is told when it has waited long enough, and is forgotten', () =>
    inVirtualTime(async () => {
      const { waiting, commit } = node();
      const before = Date.now();
      expect(await waiting.until('o', versioned(1, 'AWAITING_STOCK'), isPaid, 2_000)).toBeUndefined();
      expect(Date.now() - before).toBe(2_000);
      commit('o', 2, 'PAID');
    }));
});

describe('whoever watches an order', () => {
  it('sees every commit until it has had enough', () => {
    const { waiting, commit } = node();
    const [one, other]: [number[], number[]] = [[], []];
    const stop = waiting.watch('o', ({ version }) => one.push(version));
    waiting.watch('o', ({ version }) => other.push(version));
    commit('o', 1, 'AWAITING_STOCK');
    stop();
    stop();
    commit('o', 2, 'PAID');
    expect([one, other]).toEqual([[1], [1, 2]]);
  });
});
