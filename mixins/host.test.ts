// Goal: every way to lose money that a host can have, each as a test with its name.
// Method: a small actor over the memory store, wrapped where a fault is wanted; no port, no process, no sleep.

import { describe, expect, it } from '@jest/globals';
import { type Actor, type At, invariant, refuse, type Slice } from '../actors/actor.ts';
import { InvalidEvent } from '../brokers/log-appender.ts';
import { ATTEMPTS_MAX, createHost, type Host, type HostOptions, MAILBOX_MAX } from './host.ts';
import { memoryStore } from './memory-store.ts';
import type { Transport } from './relay.ts';
import { type ActorStore, type Change, LEASE_MS, StoreUnavailable } from './store.ts';
import { inVirtualTime, pause } from './virtual-time.testing.ts';

type Command =
  | { readonly type: 'Put'; readonly data: { readonly row: string; readonly pieces: number } }
  | {
      readonly type: 'Take';
      readonly data: { readonly row: string; readonly pieces: number; readonly sealed?: string };
    }
  | { readonly type: 'Tell'; readonly data: { readonly to: string; readonly word: string } }
  | { readonly type: 'Later'; readonly data: { readonly afterMs: number; readonly breaks?: boolean } }
  | { readonly type: 'Break'; readonly data: object };
type Event =
  | {
      readonly type: 'Moved';
      readonly data: { readonly row: string; readonly pieces: number; readonly sealed?: string };
    }
  | { readonly type: 'Told'; readonly data: { readonly to: string; readonly word: string } }
  | { readonly type: 'Delayed'; readonly data: { readonly afterMs: number; readonly breaks?: boolean } };

/** A shelf with rows of pieces: the smallest actor that can be oversold. */
const shelf: Actor<Slice<number>, Command, Event> = {
  name: 'stock',
  initial: {},
  needs: ({ type, data }) => (type === 'Put' || type === 'Take' ? [data.row] : ['clock']),
  decide(rows, command: At<Command>) {
    switch (command.type) {
      case 'Put':
        return command.data.pieces === 0 ? [] : [{ type: 'Moved', data: command.data }];
      case 'Take': {
        const { row, pieces, sealed } = command.data;
        const there = rows[row] ?? 0;
        if (there < pieces) return refuse('insufficient-stock', `${pieces} of ${there}`);
        return [{ type: 'Moved', data: { row, pieces: -pieces, ...(sealed === undefined ? {} : { sealed }) } }];
      }
      case 'Tell':
        return [{ type: 'Told', data: command.data }];
      case 'Later':
        return [{ type: 'Delayed', data: command.data }];
      case 'Break':
        throw new TypeError('a bug in a rule');
    }
  },
  evolve: (rows, event) =>
    event.type === 'Moved' ? { ...rows, [event.data.row]: (rows[event.data.row] ?? 0) + event.data.pieces } : rows,
  react(_rows, event) {
    if (event.type === 'Told')
      return [
        { kind: 'send', to: 'order', id: event.data.to, command: { type: 'Hear', data: { word: event.data.word } } },
      ];
    if (event.type === 'Delayed') {
      const tick: Command = { type: 'Put', data: { row: 'clock', pieces: 1 } };
      const command = event.data.breaks === true ? { type: 'Break', data: {} } : tick;
      return [{ kind: 'timer', name: 'later', afterMs: event.data.afterMs, command }];
    }
    return [];
  },
  check(rows) {
    for (const [row, pieces] of Object.entries(rows)) invariant((pieces ?? 0) >= 0, `${row} has no negative pieces`);
  },
};

const never = () => new Promise<never>(() => {});
const silent: Transport = {
  deliver: async (_to, deliveries) => deliveries.map(() => ({ done: true })),
  publish: async () => {},
  perform: async () => {},
};

let ids = 0;
const next = () => `command-${(ids += 1)}`;
const put = (row: string, pieces: number): Command => ({ type: 'Put', data: { row, pieces } });
const take = (row: string, pieces: number): Command => ({ type: 'Take', data: { row, pieces } });

async function open(store: ActorStore, more: Partial<HostOptions<Slice<number>, Command, Event>> = {}) {
  const alerts: string[] = [];
  const host: Host<Slice<number>, Command> = createHost({
    actor: shelf,
    store,
    transport: silent,
    alert: (what) => alerts.push(what),
    ...more,
  });
  await host.start();
  const tell = (command: Command, commandId = next(), id = 'main') => host.tell(id, command, { commandId });
  const pieces = async (row: string, id = 'main') =>
    (await store.load({ ids: [], rows: [{ id, key: row }], commands: [] })).rows.get(id)?.get(row) ?? 0;
  return { host, tell, pieces, alerts };
}

/** A store whose commits can be counted, refused or answered in vain. */
function wrapped(
  store: ActorStore,
  commit: (changes: readonly Change[], real: ActorStore['commit']) => Promise<ReadonlySet<string>>,
): ActorStore {
  return { ...store, commit: (changes) => commit(changes, (real) => store.commit(real)) };
}

describe('one commit lane', () => {
  it('commits what arrived together in one statement', async () => {
    let commits = 0;
    const { host, tell, pieces } = await open(
      wrapped(memoryStore('stock'), (changes, real) => ((commits += 1), real(changes))),
    );
    await Promise.all(Array.from({ length: 200 }, () => tell(put('tea', 1))));
    expect(await pieces('tea')).toBe(200);
    expect(commits).toBe(1);
    await host.stop();
  });

  it('lets a batch gather while another one commits', async () => {
    const sizes: number[] = [];
    const { host, tell } = await open(
      wrapped(memoryStore('stock'), (changes, real) => (sizes.push(changes[0]?.journal.length ?? 0), real(changes))),
    );
    const first = tell(put('tea', 1));
    await new Promise(setImmediate);
    await Promise.all([first, ...Array.from({ length: 50 }, () => tell(put('tea', 1)))]);
    expect(sizes).toEqual([1, 50]);
    await host.stop();
  });
});

describe('fence', () => {
  it('never oversells when two hosts believe they own the actor', async () => {
    const store = memoryStore('stock');
    const [a, b] = [await open(store), await open(store)];
    await a.tell(put('tea', 100));
    const results = await Promise.all(
      Array.from({ length: 200 }, (_, i) => (i % 2 === 0 ? a : b).tell(take('tea', 1))),
    );
    expect(results.filter(({ refused }) => refused === undefined)).toHaveLength(100);
    expect(await a.pieces('tea')).toBe(0);
    await Promise.all([a.host.stop(), b.host.stop()]);
  });

  it('drops everything it has cached of an actor after a conflict, not a part of it', async () => {
    const store = memoryStore('stock');
    const [a, b] = [await open(store), await open(store)];
    await a.tell(put('tea', 5));
    await a.tell(put('cup', 5));
    await b.tell(take('cup', 5));
    // a's cache is stale in `cup`, but it meets the conflict with `tea`.
    await a.tell(take('tea', 1));
    expect((await a.tell(take('cup', 1))).refused?.refused).toBe('insufficient-stock');
    await Promise.all([a.host.stop(), b.host.stop()]);
  });
});

describe('answers', () => {
  it('refuses only after the version check, never from a stale cache', async () => {
    const store = memoryStore('stock');
    const [a, b] = [await open(store), await open(store)];
    expect((await a.tell(take('tea', 1))).refused).toBeDefined();
    await b.tell(put('tea', 1));
    expect((await a.tell(take('tea', 1))).refused).toBeUndefined();
    await Promise.all([a.host.stop(), b.host.stop()]);
  });

  it('confirms a no-op in the database as well', async () => {
    const store = memoryStore('stock');
    const [a, b] = [await open(store), await open(store)];
    await a.tell(put('tea', 1));
    await b.tell(put('tea', 1));
    const { state, version } = await a.tell(put('tea', 0));
    expect({ state, version }).toEqual({ state: { tea: 2 }, version: 2 });
    await Promise.all([a.host.stop(), b.host.stop()]);
  });

  it('does not answer before the commit', async () => {
    let release = () => {};
    const gate = new Promise<void>((resolve) => (release = resolve));
    const { host, tell } = await open(
      wrapped(memoryStore('stock'), async (changes, real) => (await gate, real(changes))),
    );
    let answered = false;
    const answer = tell(put('tea', 1)).then(() => (answered = true));
    for (let i = 0; i < 5; i++) await new Promise(setImmediate);
    expect(answered).toBe(false);
    release();
    await answer;
    await host.stop();
  });
});

describe('one bad command fails alone', () => {
  it('when a rule throws', async () => {
    const { host, tell, pieces, alerts } = await open(memoryStore('stock'));
    const results = await Promise.allSettled([
      tell(put('tea', 1)),
      tell({ type: 'Break', data: {} }),
      tell(put('tea', 1)),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(await pieces('tea')).toBe(2);
    expect(alerts).toContain('command failed');
    await host.stop();
  });

  it('when the database refuses its content', async () => {
    const poison = wrapped(memoryStore('stock'), (changes, real) => {
      if (JSON.stringify(changes).includes('poison')) throw new Error('invalid byte sequence');
      return real(changes);
    });
    const { host, tell, pieces } = await open(poison);
    const results = await Promise.allSettled([tell(put('tea', 1)), tell(put('poison', 1)), tell(put('tea', 1))]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(await pieces('tea')).toBe(2);
    await host.stop();
  });

  it('and is parked when nobody waits for its answer', async () => {
    const { host, alerts } = await open(memoryStore('stock'));
    const delivery = { id: 'main', commandId: next(), command: { type: 'Break', data: {} }, sentAt: Date.now() };
    expect(await host.receive([delivery])).toEqual([{ parked: 'a bug in a rule' }]);
    expect(alerts).toContain('command failed');
    await host.stop();
  });
});

describe('inbox', () => {
  it('takes a command id once: inside a batch, across batches, and on another host', async () => {
    const store = memoryStore('stock');
    const [a, b] = [await open(store), await open(store)];
    const id = next();
    await Promise.all([a.tell(put('tea', 1), id), a.tell(put('tea', 1), id)]);
    await a.tell(put('tea', 1), id);
    const repeated = await b.tell(put('tea', 1), id);
    expect(repeated.repeated?.commandId).toBe(id);
    expect(await a.pieces('tea')).toBe(1);
    await Promise.all([a.host.stop(), b.host.stop()]);
  });

  it('looks command ids up before it repeats a commit whose answer was lost', async () => {
    let losses = 1;
    const lossy = wrapped(memoryStore('stock'), async (changes, real) => {
      const won = await real(changes);
      if (losses-- > 0) throw new StoreUnavailable('connection lost after the commit');
      return won;
    });
    const { host, tell, pieces } = await open(lossy);
    expect((await tell(put('tea', 1))).repeated).toBeDefined();
    expect(await pieces('tea')).toBe(1);
    await host.stop();
  });

  it('keeps no failure as a success: a refused command may succeed later', async () => {
    const { host, tell } = await open(memoryStore('stock'));
    const id = next();
    expect((await tell(take('tea', 1), id)).refused).toBeDefined();
    await tell(put('tea', 1));
    expect((await tell(take('tea', 1), id)).refused).toBeUndefined();
    await host.stop();
  });

  it('keeps the answer for repeats', async () => {
    const { host, pieces } = await open(memoryStore('stock'));
    const options = { commandId: next(), fingerprint: 'f', answer: (rows: Slice<number>) => ({ tea: rows.tea }) };
    await host.tell('main', put('tea', 3), options);
    await host.tell('main', put('tea', 4), { commandId: next() });
    const { repeated } = await host.tell('main', put('tea', 3), options);
    expect(repeated).toMatchObject({ fingerprint: 'f', answer: '{"tea":3}' });
    expect(await pieces('tea')).toBe(7);
    await host.stop();
  });

  it('refuses a delivery that is older than its memory', async () => {
    const { host } = await open(memoryStore('stock'));
    expect(await host.receive([{ id: 'main', commandId: next(), command: put('tea', 1), sentAt: 0 }])).toEqual([
      { refused: 'too-old' },
    ]);
    await host.stop();
  });
});

describe('journal', () => {
  it('holds every event in order, and nothing sealed', async () => {
    const store = memoryStore('stock');
    const { host, tell } = await open(store);
    await tell(put('tea', 2));
    await tell({ type: 'Take', data: { row: 'tea', pieces: 1, sealed: 'secret' } });
    const journal = await store.journal('main');
    expect(journal?.map(({ version, type, data }) => ({ version, type, data }))).toEqual([
      { version: 1, type: 'Moved', data: { row: 'tea', pieces: 2 } },
      { version: 2, type: 'Moved', data: { row: 'tea', pieces: -1 } },
    ]);
    await host.stop();
  });
});

describe('outbox', () => {
  /** A transport that notes what it delivers and fails while `away` says so. */
  function noting(away: (word: string) => boolean) {
    const heard: string[] = [];
    let wake = () => {};
    const transport: Transport = {
      ...silent,
      async deliver(_to, deliveries) {
        return deliveries.map(({ id, command }) => {
          const { word } = command.data as { word: string };
          if (away(word)) return { retry: 'away' };
          heard.push(`${id}:${word}`);
          wake();
          return { done: true };
        });
      },
    };
    const until = async (count: number) => {
      while (heard.length < count) await new Promise<void>((resolve) => (wake = resolve));
      return heard;
    };
    return { transport, until, heard };
  }
  const say = (to: string, word: string): Command => ({ type: 'Tell', data: { to, word } });

  it('keeps the order of a pair through failures, and lets other pairs go on', async () => {
    let failures = 3;
    const { transport, until } = noting((word) => word === 'a1' && failures-- > 0);
    const { host, tell } = await open(memoryStore('stock'), { transport });
    await Promise.all([tell(say('a', 'a1')), tell(say('a', 'a2')), tell(say('b', 'b1')), tell(say('a', 'a3'))]);
    expect(await until(4)).toEqual(['b:b1', 'a:a1', 'a:a2', 'a:a3']);
    await host.stop();
  });

  const stuck: Transport = { ...silent, deliver: never };

  it('sends what a dead node left over, once its lease has run out', () =>
    inVirtualTime(async () => {
      const store = memoryStore('stock');
      let isDead = false;
      const mortal = { ...store, lease: (holder: string) => (isDead ? never() : store.lease(holder)) };
      const dead = await open(mortal, { transport: stuck });
      await dead.tell(say('a', 'left over'));
      isDead = true;
      const { transport, heard } = noting(() => false);
      const heir = await open(store, { transport });
      await pause(LEASE_MS - 100);
      expect(heard).toEqual([]);
      await pause(3_000);
      expect(heard).toEqual(['a:left over']);
      await heir.host.stop();
    }));

  it('sends what a node left that lives and is stuck before anything newer of the pair', () =>
    inVirtualTime(async () => {
      const store = memoryStore('stock');
      const owner = await open(store, { transport: stuck });
      await Promise.all([owner.tell(say('a', 'a1')), owner.tell(say('b', 'b1'))]);
      const { transport, heard } = noting(() => false);
      const heir = await open(store, { transport });
      await heir.tell(say('a', 'a2'));
      await heir.tell(say('a', 'a3'));
      await pause(100);
      expect(heard).toEqual(['a:a1', 'a:a2', 'a:a3']);
      await heir.host.stop();
    }));

  it('sends what a commit left there whose answer was lost, before anything newer', async () => {
    let losses = 1;
    const lossy = wrapped(memoryStore('stock'), async (changes, real) => {
      const won = await real(changes);
      if (losses-- > 0) throw new StoreUnavailable('connection lost after the commit');
      return won;
    });
    const { transport, until } = noting(() => false);
    const { host, tell } = await open(lossy, { transport });
    await Promise.all([tell(say('a', 'first')), new Promise(setImmediate).then(() => tell(say('a', 'second')))]);
    expect(await until(2)).toEqual(['a:first', 'a:second']);
    await host.stop();
  });

  it('puts an event aside that no log may take, and publishes the others', async () => {
    const published: string[] = [];
    const bad = (row: string) => row === 'bad';
    const transport: Transport = {
      ...silent,
      async publish(events) {
        const index = events.findIndex(({ data }) => bad((data as { row: string }).row));
        if (index >= 0) throw new InvalidEvent(index, 'does not fit its schema');
        published.push(...events.map(({ data }) => (data as { row: string }).row));
      },
    };
    const teller: typeof shelf = {
      ...shelf,
      react: (_rows, event, id) =>
        event.type === 'Moved'
          ? [{ kind: 'publish', topic: 'cart.updated', key: id, data: { row: event.data.row } }]
          : [],
    };
    const store = memoryStore('stock');
    const { host, tell, alerts } = await open(store, { actor: teller, transport });
    await Promise.all([tell(put('tea', 1)), tell(put('bad', 1)), tell(put('cup', 1))]);
    await host.stop();
    expect(published).toEqual(['tea', 'cup']);
    expect(alerts).toContain('delivery parked');
  });

  it('acknowledges what was delivered, so that a sweep finds nothing', async () => {
    const store = memoryStore('stock');
    const { transport, until } = noting(() => false);
    const { host, tell } = await open(store, { transport });
    await tell(say('a', 'once'));
    await until(1);
    await host.stop();
    expect(
      await store.unsent(
        Array.from({ length: 64 }, (_, bucket) => bucket),
        0,
        10,
      ),
    ).toEqual([]);
  });
});

describe('timers', () => {
  it('fires by the store, once, and is gone with the commit of its command', async () => {
    const store = memoryStore('stock');
    const { host, tell, pieces } = await open(store, { timers: true });
    const fired = new Promise<void>((resolve) => {
      host.onCommitted((all) => all.some(({ state }) => state.clock === 1) && resolve());
    });
    await tell({ type: 'Later', data: { afterMs: 0 } });
    await fired;
    expect(await pieces('clock')).toBe(1);
    expect(
      await store.due(
        Array.from({ length: 64 }, (_, bucket) => bucket),
        10,
      ),
    ).toEqual([]);
    await host.stop();
  });

  it('go on within 5 s at another node when the one that held their lease is dead', () =>
    inVirtualTime(async () => {
      const store = memoryStore('stock');
      let isDead = false;
      const mortal = { ...store, lease: (holder: string) => (isDead ? never() : store.lease(holder)) };
      const holder = await open(
        { ...mortal, due: async (...asked) => (isDead ? await never() : await store.due(...asked)) },
        { timers: true },
      );
      const heir = await open(store, { timers: true });
      await pause(10_000);
      await holder.tell({ type: 'Later', data: { afterMs: 100 } });
      isDead = true;
      await pause(5_000);
      expect(await heir.pieces('clock')).toBe(1);
      await heir.host.stop();
    }));

  it('puts a timer aside that breaks a rule, and fires the others', () =>
    inVirtualTime(async () => {
      const store = memoryStore('stock');
      const { host, tell, pieces, alerts } = await open(store, { timers: true });
      await tell({ type: 'Later', data: { afterMs: 0, breaks: true } }, next(), 'broken');
      await tell({ type: 'Later', data: { afterMs: 10 } });
      await pause(10_000);
      expect(await pieces('clock')).toBe(1);
      expect(alerts).toEqual(['command failed']);
      expect(store.parked()).toMatchObject([{ id: 'broken', command: { type: 'Break' }, reason: 'a bug in a rule' }]);
      await host.stop();
    }));
});

describe('bounded', () => {
  it('answers 503 when the mailbox is full, and takes commands again afterwards', async () => {
    const { host, tell } = await open(memoryStore('stock'));
    const results = await Promise.allSettled(Array.from({ length: MAILBOX_MAX + 1 }, () => tell(put('tea', 1))));
    const refused = results.filter(({ status }) => status === 'rejected');
    expect(refused).toHaveLength(1);
    expect((refused[0] as PromiseRejectedResult).reason).toMatchObject({
      code: 503,
      type: 'overloaded',
      retryable: true,
    });
    await tell(put('tea', 1));
    await host.stop();
  });

  it('tells the caller when others win every race for the actor', async () => {
    let commits = 0;
    const store = wrapped(memoryStore('stock'), () => {
      commits += 1;
      return Promise.resolve(new Set<string>());
    });
    const { host, tell } = await open(store);
    await expect(tell(put('tea', 1))).rejects.toMatchObject({ code: 503, type: 'unavailable' });
    expect(commits).toBe(ATTEMPTS_MAX);
    await host.stop();
  });

  it('tells the caller when the database stays away', async () => {
    let now = 0;
    const gone = {
      ...memoryStore('stock'),
      load: () => ((now += 3_000), Promise.reject(new StoreUnavailable('away'))),
    };
    const { host, tell } = await open(gone, { now: () => now });
    await expect(tell(put('tea', 1))).rejects.toMatchObject({ code: 503, type: 'unavailable' });
    await host.stop();
  });
});

describe('stop', () => {
  it('finishes what waits and takes nothing new', async () => {
    const { host, tell, pieces } = await open(memoryStore('stock'));
    const waiting = tell(put('tea', 1));
    const stopped = host.stop();
    await expect(tell(put('tea', 1))).rejects.toMatchObject({ code: 503 });
    await waiting;
    await stopped;
    expect(await pieces('tea')).toBe(1);
  });
});
