// Goal: nothing overtakes what is older of its pair and stands in the outbox alone, left by another node or by a commit in
// doubt; leases go where they are needed, and nobody waits for another node.
// Method: a relay over the memory store, with transports and stores that fail as told, in virtual time.

import { describe, expect, it } from '@jest/globals';
import { office, unsent } from './relay.testing.ts';
import { type ActorStore, BUCKETS, LEASE_MS, StoreUnavailable } from './store.ts';
import { FOUND_MAX } from './takeover.ts';
import { inVirtualTime, pause } from './virtual-time.testing.ts';

describe('what another node has not delivered yet', () => {
  it('goes before anything newer of its pair, and only that; at once, whether that node lives or not', () =>
    inVirtualTime(async () => {
      const { commit, heard, open, transport, until } = office();
      await commit('o', 'stock/a:1', 'stock/b:1');
      await commit('other', 'stock/a:other');
      const relay = open('b', transport());
      await relay.start({ keepLeases: false });
      const before = Date.now();
      relay.follow(await commit('o', 'stock/a:2', 'stock/c:1'));
      expect((await until(3)).toSorted()).toEqual(['stock/a:1', 'stock/a:2', 'stock/c:1']);
      expect(heard.indexOf('stock/a:1')).toBeLessThan(heard.indexOf('stock/a:2'));
      expect(Date.now() - before).toBeLessThanOrEqual(20);
      // Another pair of the same actor, of which this node knows nothing as yet, is asked for in its turn.
      relay.push(await commit('o', 'stock/b:2'));
      expect((await until(5)).slice(3)).toEqual(['stock/b:1', 'stock/b:2']);
      await relay.stop();
    }));

  it('is not overtaken by what comes while the store is asked, nor while it does not answer', () =>
    inVirtualTime(async () => {
      let failures = 3;
      const { store, commit, heard, open, transport, until } = office();
      await commit('o', 'stock/a:1');
      const relay = open('b', transport(), {
        ...store,
        async unsentOf(...asked) {
          await pause(50);
          if (failures-- > 0) throw new StoreUnavailable('away');
          return await store.unsentOf(...asked);
        },
      });
      await relay.start({ keepLeases: false });
      relay.follow(await commit('o', 'stock/a:2'));
      expect(relay.waiting()).toBe(1);
      await pause(10);
      relay.push(await commit('o', 'stock/a:3'));
      relay.push(await commit('new', 'stock/a:new'));
      await pause(100);
      expect(heard).toEqual(['stock/a:new']);
      expect((await until(4)).slice(1)).toEqual(['stock/a:1', 'stock/a:2', 'stock/a:3']);
      await relay.stop();
      expect(await unsent(store)).toEqual([]);
    }));

  it('is asked for once: afterwards its heir sends from memory alone', () =>
    inVirtualTime(async () => {
      let questions = 0;
      const { store, commit, open, transport, until } = office();
      await commit('o', 'stock/a:1');
      const relay = open('b', transport(), {
        ...store,
        unsentOf: (...asked) => ((questions += 1), store.unsentOf(...asked)),
      });
      await relay.start({ keepLeases: false });
      relay.follow(await commit('o', 'stock/a:2'));
      await until(2);
      for (let n = 3; n < 20; n++) relay.push(await commit('o', `stock/a:${n}`));
      expect(await until(19)).toHaveLength(19);
      expect(questions).toBe(1);
      await relay.stop();
    }));

  it('is asked for again when others committed again', () =>
    inVirtualTime(async () => {
      const { store, commit, open, transport, until } = office();
      const relay = open('b', transport(), {
        ...store,
        unsentOf: async (...asked) => {
          const rows = await store.unsentOf(...asked);
          await pause(50);
          return rows;
        },
      });
      await relay.start({ keepLeases: false });
      relay.follow(await commit('o', 'stock/a:1'));
      await pause(10);
      // The question is under way, and its answer is out of date already.
      await commit('o', 'stock/a:2');
      relay.follow(await commit('o', 'stock/a:3'));
      expect(await until(3)).toEqual(['stock/a:1', 'stock/a:2', 'stock/a:3']);
      await relay.stop();
    }));

  it('is no repeat of what has been delivered meanwhile', () =>
    inVirtualTime(async () => {
      const { store, commit, heard, open, transport } = office();
      const relay = open('b', transport());
      await relay.start({ keepLeases: false });
      const rows = await commit('o', 'stock/a:1');
      await store.acknowledge(rows);
      relay.follow(rows);
      await pause(1_000);
      expect([heard, relay.waiting()]).toEqual([[], 0]);
      await relay.stop();
    }));

  it('comes by the sweep if it is more than one answer holds; nothing overtakes it', () =>
    inVirtualTime(async () => {
      const { store, heard, commit, open, transport, until } = office();
      const words = Array.from({ length: FOUND_MAX + 5 }, (_, n) => `stock/a:${n}`);
      await commit('o', ...words);
      const relay = open('b', transport());
      await relay.start({ keepLeases: false });
      relay.follow(await commit('o', 'stock/a:last'));
      relay.push(await commit('new', 'stock/b:beside'));
      await pause(1);
      relay.push(await commit('o', 'stock/a:after'));
      await until(words.length + 3);
      expect(heard.filter((word) => word !== 'stock/b:beside')).toEqual([...words, 'stock/a:last', 'stock/a:after']);
      await relay.stop();
      expect(await unsent(store)).toEqual([]);
    }));

  it('comes by another sweep if it became too much while one was under way', () =>
    inVirtualTime(async () => {
      const { store, commit, open, transport, until } = office();
      const relay = open('b', transport(), {
        ...store,
        async unsent(...asked) {
          const rows = await store.unsent(...asked);
          await pause(50);
          return rows;
        },
        unsentOf: async (...asked) => Array(FOUND_MAX).fill((await store.unsentOf(...asked))[0]),
      });
      await relay.start({ keepLeases: false });
      relay.follow(await commit('o', 'stock/a:1'));
      await pause(20);
      // The sweep has read what there was; of this it knows nothing.
      relay.follow(await commit('o', 'stock/a:2'));
      await pause(40);
      relay.push(await commit('o', 'stock/a:3'));
      expect(await until(3)).toEqual(['stock/a:1', 'stock/a:2', 'stock/a:3']);
      await relay.stop();
    }));
});

describe('after a doubt', () => {
  it('rows that nobody pushed are sent, whether anything follows them or not', () =>
    inVirtualTime(async () => {
      const { commit, open, transport, until } = office();
      const relay = open('a', transport());
      await relay.start({ keepLeases: false });
      await commit('o', 'stock/a:1', 'stock/b:1');
      await commit('other', 'stock/a:other');
      relay.doubt(['o']);
      expect((await until(2, 100)).toSorted()).toEqual(['stock/a:1', 'stock/b:1']);
      await relay.stop();
    }));

  it('rows that nobody pushed are sent at once, before anything newer of the same pair', () =>
    inVirtualTime(async () => {
      const { commit, open, transport, until } = office();
      const relay = open('a', transport());
      await relay.start({ keepLeases: false });
      // The commit took effect, its answer was lost: the host knows of no rows.
      await commit('o', 'stock/a:1');
      const before = Date.now();
      relay.doubt(['o']);
      relay.follow(await commit('o', 'stock/a:2'));
      expect(await until(2)).toEqual(['stock/a:1', 'stock/a:2']);
      expect(Date.now() - before).toBeLessThan(100);
      await relay.stop();
    }));

  it('a look that began before it does not count', () =>
    inVirtualTime(async () => {
      const { store, commit, open, transport, until } = office();
      let looks = 0;
      const slow: ActorStore = {
        ...store,
        async unsentOf(...asked) {
          looks += 1;
          const rows = await store.unsentOf(...asked);
          await pause(50);
          return rows;
        },
      };
      const relay = open('a', transport(), slow);
      await relay.start({ keepLeases: false });
      relay.doubt(['o']);
      await pause(10);
      await commit('o', 'stock/a:1');
      relay.doubt(['o']);
      relay.follow(await commit('o', 'stock/a:2'));
      expect(await until(2)).toEqual(['stock/a:1', 'stock/a:2']);
      expect(looks).toBeLessThan(10);
      await relay.stop();
    }));
});

describe('leases', () => {
  it('are kept while they are needed, and go to another node when their holder is dead', () =>
    inVirtualTime(async () => {
      const { store, open, transport } = office();
      const relay = open('a', transport());
      await relay.start({ keepLeases: true });
      for (let n = 0; n < 20; n++) {
        await pause(500);
        expect(relay.held()).toHaveLength(BUCKETS);
        expect(await store.lease('b')).toEqual([]);
      }
      await relay.stop();
      await pause(LEASE_MS);
      expect(await store.lease('b')).toHaveLength(BUCKETS);
    }));

  it('are not believed in while the store is away', () =>
    inVirtualTime(async () => {
      let isAway = false;
      const { store, open, transport } = office();
      const relay = open('a', transport(), {
        ...store,
        lease: async (holder) => {
          if (isAway) throw new StoreUnavailable('away');
          return await store.lease(holder);
        },
      });
      await relay.start({ keepLeases: true });
      isAway = true;
      await pause(LEASE_MS);
      expect(relay.held()).toEqual([]);
      isAway = false;
      await pause(LEASE_MS);
      expect(relay.held()).toHaveLength(BUCKETS);
      await relay.stop();
    }));

  it('that another living node holds are its affair: nothing waits for them for ever', () =>
    inVirtualTime(async () => {
      const { commit, open, transport, until } = office();
      const other = open('b', transport());
      await other.start({ keepLeases: true });
      const relay = open('a', transport());
      await relay.start({ keepLeases: false });
      await pause(3 * LEASE_MS);
      relay.push(await commit('o', 'stock/a:1'));
      expect(await until(1, 100)).toEqual(['stock/a:1']);
      await Promise.all([relay.stop(), other.stop()]);
    }));
});
