import { describe, expect, it } from '@jest/globals';
import { coalesce } from './coalesce.ts';

/** A query that waits to be let go, and remembers what it was asked. */
function slowQuery() {
  const asked: (readonly string[])[] = [];
  const letGo: ((error?: Error) => void)[] = [];
  return {
    asked,
    query: (keys: readonly string[]) =>
      new Promise<ReadonlyMap<string, string>>((resolve, reject) => {
        asked.push(keys);
        letGo.push((error) => {
          if (error === undefined) resolve(new Map(keys.map((key) => [key, key.toUpperCase()])));
          else reject(error);
        });
      }),
    async next(error?: Error): Promise<void> {
      while (letGo.length === 0) await new Promise(setImmediate);
      letGo.shift()?.(error);
    },
  };
}

describe('callers who ask at the same time', () => {
  it('share one query, in which each key stands once', async () => {
    const { asked, query, next } = slowQuery();
    const ask = coalesce(query);
    const both = Promise.all([ask(['a', 'b']), ask(['b', 'c'])]);
    await next();
    expect(asked).toEqual([['a', 'b', 'c']]);
    for (const answer of await both) expect(answer.get('b')).toBe('B');
  });

  it('get a query that starts after they asked: those who come while one runs share the next', async () => {
    const { asked, query, next } = slowQuery();
    const ask = coalesce(query);
    const first = ask(['a']);
    while (asked.length === 0) await new Promise(setImmediate);
    const later = Promise.all([ask(['a']), ask(['b'])]);
    await next();
    await first;
    await next();
    await later;
    expect(asked).toEqual([['a'], ['a', 'b']]);
  });

  it('do not make a query longer than it may be', async () => {
    const { asked, query, next } = slowQuery();
    const ask = coalesce(query, 2);
    const all = Promise.all([ask(['a', 'b', 'c']), ask(['d']), ask(['e']), ask(['f'])]);
    for (let i = 0; i < 3; i++) await next();
    await all;
    expect(asked).toEqual([['a', 'b', 'c'], ['d', 'e'], ['f']]);
  });

  it('share its failure, and the next query starts afresh', async () => {
    const { query, next } = slowQuery();
    const ask = coalesce(query);
    const failing = Promise.allSettled([ask(['a']), ask(['b'])]);
    await next(new Error('database away'));
    expect((await failing).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    const again = ask(['a']);
    await next();
    expect((await again).get('a')).toBe('A');
  });

  it('get an empty answer to no question at all', async () => {
    const { asked, query } = slowQuery();
    expect((await coalesce(query)([])).size).toBe(0);
    expect(asked).toEqual([]);
  });
});
