import { describe, expect, it } from '@jest/globals';
import { type Order, orderActor, type OrderStatus } from '../../actors/order.ts';
import { Problem } from '../../brokers/problem.ts';
import { inVirtualTime, turn } from '../../mixins/virtual-time.testing.ts';
import { answerQuestion, type Question, WAIT_MS } from './stream.ts';
import type { Versioned } from './waiting.ts';

const order = (status: OrderStatus): Order => ({ ...orderActor.initial, status, currency: 'GBP', lines: [] });
const versioned = (version: number, status: OrderStatus): Versioned => ({ version, order: order(status) });

/** A node that commits what the test says, over a store that holds what the test says. */
function node(now: Versioned, stored: () => Promise<Versioned | undefined> = async () => now) {
  const watching = new Set<(now: Versioned) => void>();
  const state = { isStopping: false, reads: 0 };
  const waiting = {
    until: () => Promise.reject(new Error('nobody waits here')),
    watch(_: string, changed: (now: Versioned) => void) {
      watching.add(changed);
      return () => void watching.delete(changed);
    },
  };
  const readOrder = () => {
    state.reads += 1;
    return stored();
  };
  return {
    state,
    watching,
    commit: (version: number, status: OrderStatus) =>
      watching.forEach((changed) => changed(versioned(version, status))),
    ask: (question: Omit<Question, 'id'>, own: () => Promise<Versioned> = async () => now) =>
      answerQuestion({ waiting, readOrder, own, isStopping: () => state.isStopping }, { id: 'o', ...question }),
  };
}

describe('a question for what is new of an order', () => {
  it('is answered with what is, unless the asker has seen it', async () => {
    const { ask, watching } = node(versioned(2, 'AWAITING_PAYMENT'));
    const event = { id: '2', event: 'order', data: expect.objectContaining({ id: 'o', status: 'AWAITING_PAYMENT' }) };
    expect(await ask({})).toEqual(event);
    expect(await ask({ seen: 1, wait: true })).toEqual(event);
    expect(await ask({ seen: 2 })).toBeNull();
    expect(watching.size).toBe(0);
  });

  it('waits for the commit that brings news, and shows the newest of several', async () => {
    const { ask, commit, watching, state } = node(versioned(2, 'AWAITING_PAYMENT'));
    const answer = ask({ seen: 2, wait: true });
    await turn();
    commit(4, 'SHIPPED');
    commit(3, 'PAID');
    expect(await answer).toMatchObject({ id: '4', data: { status: 'SHIPPED' } });
    expect([watching.size, state.reads]).toEqual([0, 0]);
  });

  it('misses nothing that is committed while it looks for the first time', async () => {
    const { ask, commit } = node(versioned(2, 'AWAITING_PAYMENT'));
    const found = Promise.withResolvers<Versioned>();
    const answer = ask({ seen: 2, wait: true }, () => found.promise);
    commit(3, 'PAID');
    found.resolve(versioned(2, 'AWAITING_PAYMENT'));
    expect(await answer).toMatchObject({ id: '3' });
  });

  it('hears of other nodes through the store, also when it is away for a while', () =>
    inVirtualTime(async () => {
      const { ask, state } = node(versioned(4, 'PAID'), async () => {
        if (state.reads === 1) throw new Error('away');
        return state.reads === 2 ? undefined : versioned(5, 'SHIPPED');
      });
      const askedAt = Date.now();
      expect(await ask({ seen: 4, wait: true })).toMatchObject({ id: '5', data: { status: 'SHIPPED' } });
      expect(Date.now() - askedAt).toBe(250 + 500 + 1_000);
    }));

  it('is answered with null when it has waited long enough, and at once when its node stops', () =>
    inVirtualTime(async () => {
      const { ask, state, watching } = node(versioned(4, 'PAID'));
      const askedAt = Date.now();
      expect(await ask({ seen: 4, wait: true })).toBeNull();
      expect(Date.now() - askedAt).toBe(WAIT_MS);
      state.isStopping = true;
      expect(await ask({ seen: 4, wait: true })).toBeNull();
      expect(Date.now() - askedAt).toBe(WAIT_MS);
      expect(watching.size).toBe(0);
    }));

  it('is refused to whoever may not see the order, and then nobody watches it', async () => {
    const { ask, watching } = node(versioned(4, 'PAID'));
    const refused = () => Promise.reject(new Problem('not-found', 'there is no such order'));
    await expect(ask({ wait: true }, refused)).rejects.toThrow('there is no such order');
    expect(watching.size).toBe(0);
  });
});
