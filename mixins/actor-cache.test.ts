import { describe, expect, it } from '@jest/globals';
import { createCache, NOTES_MAX } from './actor-cache.ts';
import type { Change, Loaded } from './store.ts';

function change(part: Partial<Change> & Pick<Change, 'id'>): Change {
  return {
    expected: 0,
    version: 1,
    rows: [],
    journal: [],
    handled: [],
    outbox: [],
    timers: [],
    cancelled: [],
    ...part,
  };
}

function loaded(
  actors: Readonly<Record<string, { version: number; state: unknown }>>,
  rows: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {},
): Loaded {
  const slices = Object.entries(rows).map(([id, slice]) => [id, new Map(Object.entries(slice))] as const);
  return { actors: new Map(Object.entries(actors)), rows: new Map(slices), handled: new Map() };
}

describe('whether others made a version', () => {
  const tea = (version: number) => change({ id: 'tea', version, state: 'tea' });

  it('is told of what was loaded, until this lane has committed and sent', () => {
    const cache = createCache();
    cache.learn(['tea', 'new'], [], loaded({ tea: { version: 3, state: 'tea' } }));
    expect([cache.get('tea')?.follows, cache.get('new')?.follows]).toEqual([true, false]);
    cache.keep(tea(4), true);
    expect(cache.get('tea')?.follows).toBe(true);
    cache.keep(tea(5));
    expect(cache.get('tea')?.follows).toBe(false);
  });

  it('is known of an actor that was let go, as long as nobody else makes another one', () => {
    const cache = createCache();
    cache.keep(tea(5));
    cache.drop('tea');
    expect([4, 5, 6].map((version) => cache.isForeign('tea', version))).toEqual([true, false, true]);
    cache.learn(['tea'], [], loaded({ tea: { version: 5, state: 'tea' } }));
    expect(cache.get('tea')?.follows).toBe(false);
    expect(cache.isForeign('new', 0)).toBe(false);
  });

  it('is known of the last ones that were let go for want of room', () => {
    const cache = createCache(16);
    for (let n = 0; n < 2 * NOTES_MAX; n++) cache.keep(change({ id: `order-${n}`, version: 3, state: {} }));
    const isKnown = (n: number) => !cache.isForeign(`order-${n}`, 3);
    const gone = 2 * NOTES_MAX - cache.size();
    expect([isKnown(gone - 1), isKnown(gone - NOTES_MAX + NOTES_MAX / 8), isKnown(0)]).toEqual([true, true, false]);
  });

  it('is not forgotten of one that was let go before this lane had sent for it', () => {
    const cache = createCache();
    cache.learn(['tea'], [], loaded({ tea: { version: 3, state: 'tea' } }));
    cache.drop('tea');
    expect(cache.isForeign('tea', 3)).toBe(true);
  });
});

describe('what was loaded', () => {
  it('is remembered, also that there is no such actor, and no such row', () => {
    const cache = createCache();
    cache.learn(
      ['a', 'b'],
      [
        { id: 'a', key: 'tea' },
        { id: 'a', key: 'cup' },
      ],
      loaded({ a: { version: 3, state: 's' } }, { a: { tea: 5 } }),
    );
    expect(cache.get('a')).toMatchObject({ version: 3, state: 's' });
    expect(cache.get('b')).toMatchObject({ version: 0, state: undefined });
    expect([...(cache.get('a')?.rows ?? [])]).toEqual([
      ['tea', 5],
      ['cup', undefined],
    ]);
  });

  it('never replaces what is known: the commit decides who is right', () => {
    const cache = createCache();
    cache.keep(change({ id: 'a', version: 7, state: 'new', rows: [{ key: 'tea', data: 1 }] }));
    cache.learn(['a'], [{ id: 'a', key: 'tea' }], loaded({ a: { version: 3, state: 'old' } }, { a: { tea: 5 } }));
    expect(cache.get('a')).toMatchObject({ version: 7, state: 'new' });
    expect(cache.get('a')?.rows.get('tea')).toBe(1);
  });

  it('brings no rows of an actor that was let go', () => {
    const cache = createCache();
    cache.learn([], [{ id: 'a', key: 'tea' }], loaded({}, { a: { tea: 5 } }));
    expect(cache.get('a')).toBeUndefined();
  });
});

describe('what was committed', () => {
  it('replaces version and state; a state that did not change stays', () => {
    const cache = createCache();
    cache.keep(change({ id: 'a', version: 1, state: 'one' }));
    cache.keep(change({ id: 'a', version: 2 }));
    expect(cache.get('a')).toMatchObject({ version: 2, state: 'one' });
  });

  it('remembers that a row was deleted', () => {
    const cache = createCache();
    cache.keep(change({ id: 'a', state: null, rows: [{ key: 'tea', data: 1 }] }));
    cache.keep(change({ id: 'a', version: 2, rows: [{ key: 'tea', data: undefined }] }));
    expect([...(cache.get('a')?.rows ?? [])]).toEqual([['tea', undefined]]);
  });

  it('does not make a fresh actor of one that was let go between its load and its commit', () => {
    const cache = createCache();
    cache.keep(change({ id: 'a', expected: 4, version: 4 }));
    expect(cache.get('a')).toBeUndefined();
  });
});

describe('a conflict', () => {
  it('drops everything of the actor, and nothing of others', () => {
    const cache = createCache();
    for (const id of ['a', 'b']) cache.keep(change({ id, state: id, rows: [{ key: 'tea', data: 1 }] }));
    cache.drop('a');
    cache.drop('never there');
    expect(cache.get('a')).toBeUndefined();
    expect(cache.get('b')?.rows.size).toBe(1);
    expect(cache.size()).toBe(1);
  });
});

describe('room', () => {
  it('is made by letting the actor go that was used longest ago', () => {
    const cache = createCache(3);
    for (const id of ['a', 'b', 'c']) cache.keep(change({ id, state: {} }));
    cache.keep(change({ id: 'a', version: 2, state: {} }));
    cache.keep(change({ id: 'd', state: {} }));
    expect(['a', 'b', 'c', 'd'].filter((id) => cache.get(id) !== undefined)).toEqual(['a', 'c', 'd']);
  });

  it('is measured in what states hold: one long order is worth many short ones', () => {
    const cache = createCache(100);
    for (let i = 0; i < 50; i++) cache.keep(change({ id: `short-${i}`, state: { lines: [1] } }));
    expect(cache.size()).toBe(50);
    cache.keep(change({ id: 'long', state: { lines: Array.from({ length: 90 }) } }));
    expect(cache.size()).toBeLessThan(10);
    expect(cache.get('long')).toBeDefined();
    cache.drop('long');
    for (let i = 0; i < 45; i++) cache.keep(change({ id: `again-${i}`, state: { lines: [1] } }));
    expect(cache.size()).toBeGreaterThanOrEqual(45);
  });

  it('never costs the actor its place that is worked on, however heavy it is', () => {
    const cache = createCache(10);
    cache.keep(
      change({
        id: 'whale',
        state: { lines: Array.from({ length: 2_000 }), note: 'x'.repeat(10_000), more: { a: 1 } },
      }),
    );
    expect(cache.get('whale')).toBeDefined();
  });

  it('for rows is made by letting the oldest go; the version stays', () => {
    const cache = createCache(1_000, 2);
    const rows = ['tea', 'cup', 'pot'].map((key) => ({ key, data: 1 }));
    cache.keep(change({ id: 'a', state: null, version: 5, rows }));
    expect([...(cache.get('a')?.rows.keys() ?? [])]).toEqual(['cup', 'pot']);
    expect(cache.get('a')?.version).toBe(5);
  });
});
