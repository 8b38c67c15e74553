// Goal: what stands in an outbox leaves it, at least once, in order per pair, whatever fails in between.
// Method: a relay over the memory store, with transports and stores that fail as told, in virtual time.
// What is older on another node, and whose leases are whose, is in `relay-takeover.test.ts`.

import { describe, expect, it, jest } from '@jest/globals';
import { OUTBOX_MEMORY_MAX } from './relay.ts';
import { never, office, unsent } from './relay.testing.ts';
import { type ActorStore, LEASE_MS, StoreUnavailable } from './store.ts';
import { inVirtualTime, pause } from './virtual-time.testing.ts';

describe('what was committed', () => {
  it('leaves at once, each kind its own way, and is marked', () =>
    inVirtualTime(async () => {
      const { store, commit, open, transport, until } = office();
      const relay = open('a', transport());
      await relay.start({ keepLeases: false });
      const before = Date.now();
      relay.push(await commit('o-1', 'stock/main:reserve', '!order.created:created', '*mail:confirmation'));
      expect((await until(3)).toSorted()).toEqual([
        '!order.created:created',
        '*mail:confirmation',
        'stock/main:reserve',
      ]);
      expect(Date.now() - before).toBeLessThanOrEqual(10);
      await relay.stop();
      expect(await unsent(store)).toEqual([]);
      expect(relay.waiting()).toBe(0);
    }));

  it('keeps its order within a pair while others overtake it', () =>
    inVirtualTime(async () => {
      let failures = 3;
      const { commit, open, transport, until } = office();
      const relay = open(
        'a',
        transport((word) => (word === 'stock/a:1' && failures-- > 0 ? { retry: 'away' } : { done: true })),
      );
      await relay.start({ keepLeases: false });
      relay.push(await commit('o', 'stock/a:1', 'stock/a:2', 'stock/b:1', 'stock/a:3', '!topic:1'));
      expect(await until(5)).toEqual(['stock/b:1', '!topic:1', 'stock/a:1', 'stock/a:2', 'stock/a:3']);
      await relay.stop();
    }));

  it('is no longer in memory twice when it is pushed twice', () =>
    inVirtualTime(async () => {
      const { heard, commit, open, transport, until } = office();
      const relay = open('a', transport());
      await relay.start({ keepLeases: false });
      const rows = await commit('o', 'stock/a:1');
      relay.push(rows);
      relay.push(rows);
      await until(1);
      relay.push(rows);
      await pause(1_000);
      expect(heard).toEqual(['stock/a:1']);
      await relay.stop();
    }));
});

describe('what fails', () => {
  it('is tried again with growing pauses, for ever, and a person is told once', () =>
    inVirtualTime(async () => {
      let attempts = 0;
      const { alerts, commit, open, transport } = office();
      const relay = open(
        'a',
        transport(() => ((attempts += 1), { retry: 'away' })),
      );
      await relay.start({ keepLeases: false });
      relay.push(await commit('o', 'stock/a:1'));
      await pause(100_000);
      // 25, 50, 100 … ms, then every 2 s.
      expect(attempts).toBeGreaterThan(45);
      expect(attempts).toBeLessThan(60);
      expect(alerts).toEqual(['delivery keeps failing']);
      await relay.stop();
    }));

  it('holds up nobody but its own pair, even if it spoils whole batches', () =>
    inVirtualTime(async () => {
      const { commit, open, transport, until } = office();
      const relay = open(
        'a',
        transport((word) => (word === '!topic/k1:poison' ? { retry: 'too large' } : { done: true })),
      );
      await relay.start({ keepLeases: false });
      relay.push(await commit('o', '!topic/k1:poison', '!topic/k1:behind', '!topic/k2:fine', '!topic/k3:fine'));
      expect(await until(2)).toEqual(['!topic/k2:fine', '!topic/k3:fine']);
      relay.push(await commit('o', '!topic/k4:fine'));
      expect(await until(3)).toHaveLength(3);
      expect(relay.waiting()).toBe(2);
      await relay.stop();
    }));

  it('leaves in batches once an outage is over, however long it was and however slow what comes after', () =>
    inVirtualTime(async () => {
      let isAway = true;
      const { commit, open, transport, until, heard } = office();
      const whole = transport();
      const relay = open('a', {
        ...whole,
        async publish(events) {
          await pause(300);
          if (isAway) throw new Error('no acknowledgement');
          await whole.publish(events);
        },
      });
      await relay.start({ keepLeases: false });
      for (let n = 0; n < 2_000; n++) relay.push(await commit(`o-${n}`, '!topic:1'));
      await pause(30_000);
      isAway = false;
      const overAt = Date.now();
      expect(await until(2_000)).toHaveLength(2_000);
      // The longest pause between two attempts, then batches of 1, 2, 4 …; message by message it would take ten minutes.
      expect(Date.now() - overAt).toBeLessThan(8_000);
      expect(heard).toHaveLength(2_000);
      await relay.stop();
    }));

  it('goes alone when it fails while others get through, so that it spoils no batch for long', () =>
    inVirtualTime(async () => {
      const { commit, open, transport, until } = office();
      const whole = transport((word) => (word === '!topic/k1:poison' ? { retry: 'too large' } : { done: true }));
      const spoilt: number[] = [];
      const relay = open('a', {
        ...whole,
        async publish(events) {
          await pause(20);
          await whole.publish(events).catch((error: unknown) => {
            if (events.length > 1) spoilt.push(Date.now());
            throw error;
          });
        },
      });
      await relay.start({ keepLeases: false });
      const began = Date.now();
      relay.push(await commit('o', '!topic/k1:poison'));
      for (let n = 0; n < 1_000; n++) {
        relay.push(await commit(`o-${n}`, '!topic:1', '!topic/b:2', '!topic/c:3'));
        await pause(30);
      }
      expect(await until(3_000)).toHaveLength(3_000);
      expect(Math.max(began, ...spoilt) - began).toBeLessThan(2_000);
      await relay.stop();
    }));

  it.each([
    [{ refused: 'wrong-state' }, 'delivery refused'],
    [{ parked: 'a bug in a rule' }, 'delivery parked'],
  ] as const)('for good is an end as well, and a person is told: %j', (answer, alert) =>
    inVirtualTime(async () => {
      const { store, alerts, commit, open, transport, until } = office();
      const relay = open(
        'a',
        transport((word) => (word === 'stock/a:1' ? answer : { done: true })),
      );
      await relay.start({ keepLeases: false });
      relay.push(await commit('o', 'stock/a:1', 'stock/a:2'));
      expect(await until(2)).toEqual(['stock/a:1', 'stock/a:2']);
      expect(alerts).toEqual([alert]);
      await relay.stop();
      expect(await unsent(store)).toEqual([]);
    }),
  );

  it('includes a transport that answers for too few', () =>
    inVirtualTime(async () => {
      let isShort = true;
      const { commit, open, transport, until } = office();
      const whole = transport();
      const relay = open('a', {
        ...whole,
        deliver: async (to, deliveries) =>
          isShort ? ((isShort = false), whole.deliver(to, deliveries.slice(0, 1))) : whole.deliver(to, deliveries),
      });
      await relay.start({ keepLeases: false });
      relay.push(await commit('o', 'stock/a:1', 'stock/b:1'));
      expect(await until(2)).toEqual(['stock/a:1', 'stock/b:1']);
      await relay.stop();
    }));
});

describe('what a dead node left over', () => {
  it('is found in time by a node whose clock was set back by ten minutes', () =>
    inVirtualTime(async () => {
      const { commit, open, transport, until } = office();
      const relay = open('a', transport());
      await relay.start({ keepLeases: false });
      // Longer than it is set back: nothing from its start is still to come.
      await pause(700_000);
      jest.setSystemTime(Date.now() - 600_000);
      await commit('o', 'stock/a:1');
      expect(await until(1, 10_000)).toEqual(['stock/a:1']);
      await relay.stop();
    }));

  it('is sent once its lease has run out', () =>
    inVirtualTime(async () => {
      const { store, heard, commit, open, transport, until } = office();
      const dead = open('dead', { deliver: never, publish: never, perform: never });
      await dead.start({ keepLeases: false });
      dead.push(await commit('o', 'stock/a:1', 'stock/a:2'));
      const diedAt = Date.now();
      // It renews its lease no more; what it left stands in the store alone.
      const heir = open('heir', transport());
      await heir.start({ keepLeases: false });
      await dead.stop();
      expect(await until(2)).toEqual(['stock/a:1', 'stock/a:2']);
      expect(Date.now() - diedAt).toBeLessThan(LEASE_MS + 3_000);
      await pause(10_000);
      expect(heard).toHaveLength(2);
      await heir.stop();
      expect(await unsent(store)).toEqual([]);
    }));

  it('is sent within 5 s by whoever holds the lease, if the dead node did not', () =>
    inVirtualTime(async () => {
      const { commit, open, transport, until } = office();
      const relay = open('holder', transport());
      await relay.start({ keepLeases: true });
      await pause(20_000);
      await commit('o', 'stock/a:1');
      const diedAt = Date.now();
      expect(await until(1)).toEqual(['stock/a:1']);
      expect(Date.now() - diedAt).toBeLessThan(5_000);
      await relay.stop();
    }));

  it('is not hidden by what is stuck, however much that is', () =>
    inVirtualTime(async () => {
      const { commit, open, transport, until } = office();
      for (let n = 0; n < 2_500; n++) await commit(`o-${n}`, 'cart/c:stuck');
      for (let n = 0; n < 5; n++) await commit(`o-${n}`, 'stock/a:fine');
      const relay = open(
        'a',
        transport((word) => (word.includes('stuck') ? { retry: 'away' } : { done: true })),
      );
      await relay.start({ keepLeases: false });
      expect(await until(5, 5_000)).toHaveLength(5);
      relay.push(await commit('o-9', 'stock/a:new'));
      expect(await until(6, 2_000)).toHaveLength(6);
      await relay.stop();
    }));

  it('is looked for again if the first looks failed', () =>
    inVirtualTime(async () => {
      let failures = 3;
      const { store, commit, open, transport, until } = office();
      await commit('o', 'stock/a:1', 'stock/a:2');
      const flaky: ActorStore = {
        ...store,
        async unsent(...asked) {
          await pause(5);
          if (failures-- > 0) throw new StoreUnavailable('away');
          return await store.unsent(...asked);
        },
      };
      const relay = open('a', transport(), flaky);
      await relay.start({ keepLeases: false });
      expect(await until(2, 15_000)).toEqual(['stock/a:1', 'stock/a:2']);
      await relay.stop();
    }));
});

describe('more than memory holds', () => {
  it(
    'is left to the sweep, and keeps its order per pair',
    () =>
      inVirtualTime(async () => {
        let isOpen = false;
        const { store, heard, order, commit, open, transport, until } = office();
        const relay = open(
          'a',
          transport(() => (isOpen ? { done: true } : { retry: 'away' })),
        );
        await relay.start({ keepLeases: false });
        const [senders, each] = [50, OUTBOX_MEMORY_MAX / 50 + 20];
        const words = (from: number, to: number) =>
          Array.from({ length: to - from }, (_, n) => `stock/k${(from + n) % 7}:${from + n}`);
        for (let sender = 0; sender < senders; sender++) relay.push(await commit(`o-${sender}`, ...words(0, each)));
        expect(relay.waiting()).toBe(OUTBOX_MEMORY_MAX);
        isOpen = true;
        relay.push(await commit('o-0', ...words(each, each + 5)));
        await until(senders * each + 5);
        expect(heard).toHaveLength(senders * each + 5);
        await relay.stop();
        expect(await unsent(store)).toEqual([]);
        for (const [pair, places] of Map.groupBy(order, (told) => told.pair)) {
          expect([pair, places]).toEqual([
            pair,
            places.toSorted((one, other) => one.version - other.version || one.n - other.n),
          ]);
        }
      }),
    30_000,
  );
});

describe('marking what was delivered', () => {
  it('is tried again when the store is away, and nothing is sent twice meanwhile', () =>
    inVirtualTime(async () => {
      let isAway = true;
      const { store, heard, commit, open, transport, until } = office();
      const flaky: ActorStore = {
        ...store,
        acknowledge: async (rows) => {
          if (isAway) throw new StoreUnavailable('away');
          await store.acknowledge(rows);
        },
      };
      const relay = open('a', transport(), flaky);
      await relay.start({ keepLeases: false });
      relay.push(await commit('o', 'stock/a:1', 'stock/a:2'));
      await until(2);
      // Long enough for several sweeps of what is older than 5 s.
      await pause(15_000);
      relay.doubt(['o']);
      await pause(1_000);
      expect(heard).toEqual(['stock/a:1', 'stock/a:2']);
      isAway = false;
      await pause(1_000);
      expect(await unsent(store)).toEqual([]);
      await relay.stop();
    }));

  it('is done for many at a time', () =>
    inVirtualTime(async () => {
      let marks = 0;
      const { store, commit, open, transport, until } = office();
      const relay = open('a', transport(), {
        ...store,
        acknowledge: (rows) => ((marks += 1), store.acknowledge(rows)),
      });
      await relay.start({ keepLeases: false });
      for (let n = 0; n < 1_200; n++) relay.push(await commit(`o-${n}`, 'stock/a:1'));
      await until(1_200);
      await relay.stop();
      expect(marks).toBeLessThan(10);
      expect(await unsent(store)).toEqual([]);
    }));
});

describe('stopping', () => {
  it('waits for what is under way, and sends nothing afterwards', () =>
    inVirtualTime(async () => {
      const { store, heard, commit, open, transport } = office();
      const relay = open(
        'a',
        transport(async () => (await pause(300), { done: true })),
      );
      await relay.start({ keepLeases: false });
      relay.push(await commit('o', 'stock/a:1', 'stock/a:2'));
      await relay.stop();
      expect(heard).toEqual(['stock/a:1', 'stock/a:2']);
      expect(await unsent(store)).toEqual([]);
    }));

  it('does not wait longer than 2 s for what cannot leave', () =>
    inVirtualTime(async () => {
      let attempts = 0;
      const { store, commit, open, transport } = office();
      const relay = open(
        'a',
        transport(() => ((attempts += 1), { retry: 'away' })),
      );
      await relay.start({ keepLeases: true });
      relay.push(await commit('o', 'stock/a:1'));
      const before = Date.now();
      await relay.stop();
      expect(Date.now() - before).toBeLessThanOrEqual(2_100);
      const made = attempts;
      await pause(10_000);
      expect(attempts).toBe(made);
      expect(await unsent(store)).toHaveLength(1);
    }));
});
