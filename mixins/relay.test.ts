// Goal: what stands in an outbox leaves it, at least once, in order per pair, whatever fails in between.
// Method: a relay over the memory store, with transports and stores that fail as told, in virtual time.

import { describe, expect, it, jest } from '@jest/globals';
import type { DeliveryAnswer } from '../brokers/hosting.ts';
import { memoryStore, type MemoryStore } from './memory-store.ts';
import { createRelay, OUTBOX_MEMORY_MAX, type Relay, type Transport } from './relay.ts';
import { type ActorStore, bucketOf, BUCKETS, LEASE_MS, type Outgoing, StoreUnavailable } from './store.ts';
import { FOUND_MAX } from './takeover.ts';
import { inVirtualTime, pause } from './virtual-time.testing.ts';

const allBuckets = Array.from({ length: BUCKETS }, (_, bucket) => bucket);

/** A place in which outbox rows are committed, as a host would, and what was delivered of them. */
function office() {
  const store = memoryStore('order');
  const heard: string[] = [];
  /** Commands only, with their places in the journals of their senders. */
  const order: { readonly pair: string; readonly version: number; readonly n: number }[] = [];
  const versions = new Map<string, number>();
  /** Commits rows of a sender. `target/key:word` is a command, `!topic` a public event. */
  const commit = async (sender: string, ...words: string[]): Promise<readonly Outgoing[]> => {
    const version = (versions.get(sender) ?? 0) + 1;
    versions.set(sender, version);
    const outbox = words.map((word, n) => outgoing(sender, version, n, word));
    const change = {
      id: sender,
      expected: version - 1,
      version,
      rows: [],
      journal: [],
      handled: [],
      timers: [],
      cancelled: [],
    };
    await store.commit([{ ...change, outbox }]);
    return outbox;
  };
  const transport = (
    answer: (word: string) => DeliveryAnswer | Promise<DeliveryAnswer> = () => ({ done: true }),
  ): Transport => {
    const take = async (word: string) => {
      const given = await answer(word);
      if (!('retry' in given)) heard.push(word);
      return given;
    };
    return {
      deliver: (_to, deliveries) =>
        Promise.all(
          deliveries.map(async ({ id, commandId, command }) => {
            const given = await take((command.data as { word: string }).word);
            const [, sender, version, , n] = commandId.split('/');
            if (!('retry' in given)) order.push({ pair: `${sender} to ${id}`, version: Number(version), n: Number(n) });
            return given;
          }),
        ),
      async publish(events) {
        for (const { data } of events) {
          const { word } = data as { word: string };
          const given = await answer(word);
          if ('retry' in given) throw new Error(given.retry);
        }
        heard.push(...events.map(({ data }) => (data as { word: string }).word));
      },
      async perform(_task, data) {
        const given = await take((data as { word: string }).word);
        if ('retry' in given) throw new Error(given.retry);
      },
    };
  };
  const alerts: string[] = [];
  const open = (holder: string, sends: Transport, over: ActorStore = store): Relay =>
    createRelay({ store: over, actor: 'order', holder, transport: sends, alert: (what) => alerts.push(what) });
  const until = async (count: number, withinMs = 60_000) => {
    for (const deadline = Date.now() + withinMs; heard.length < count && Date.now() < deadline; ) await pause(10);
    return heard;
  };
  return { store, heard, order, alerts, commit, transport, open, until };
}

function outgoing(sender: string, version: number, n: number, word: string): Outgoing {
  const kind = word.startsWith('!') ? 'publish' : word.startsWith('*') ? 'perform' : 'send';
  const [target = '', key = sender] = word.replace(/^[!*]/, '').split(':')[0]?.split('/') ?? [];
  const data = { word };
  return {
    messageId: `order/${sender}/${version}/0/${n}`,
    kind,
    target,
    sender,
    key,
    body: JSON.stringify(kind === 'send' ? { type: 'Hear', data } : data),
    sealed: false,
    at: Date.now(),
    bucket: bucketOf(sender, key),
  };
}

const never = () => new Promise<never>(() => {});
const unsent = async (store: MemoryStore) =>
  (await store.unsent(allBuckets, 0, 1_000_000)).map(({ messageId }) => messageId);

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
