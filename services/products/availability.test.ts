import { expect, it } from '@jest/globals';
import { AVAILABLE_AGE_MAX_MS, createAvailability } from './availability.ts';

function stockOf(pieces: Readonly<Record<string, number>>) {
  const calls: (readonly string[])[] = [];
  let clock = 0;
  const availability = createAvailability(
    (skus) => {
      calls.push(skus);
      return Promise.resolve(pieces);
    },
    () => clock,
  );
  return { calls, available: availability.of, forget: availability.forget, later: (ms: number) => (clock += ms) };
}

it('asks stock once for all readers of a moment', async () => {
  const { calls, available } = stockOf({ a: 1, b: 2 });
  const [one, other] = await Promise.all([available(['a', 'b', 'a']), available(['b', 'c'])]);
  expect([one('a'), one('b'), other('b'), other('c')]).toEqual([1, 2, 2, 0]);
  expect(calls).toEqual([['a', 'b', 'c']]);
});

it('remembers an answer for a quarter of a second, also that there is nothing', async () => {
  const { calls, available, later } = stockOf({ a: 1 });
  await available(['a', 'c']);
  later(AVAILABLE_AGE_MAX_MS);
  expect((await available(['a', 'c']))('a')).toBe(1);
  expect(calls).toHaveLength(1);
  later(1);
  await available(['a']);
  expect(calls).toHaveLength(2);
});

it('forgets the oldest answers when it has seen very many SKUs', async () => {
  const { calls, available } = stockOf({});
  await available(['first']);
  await available(Array.from({ length: 10_000 }, (_, i) => String(i)));
  await available(['9999', 'first']);
  expect(calls.at(-1)).toEqual(['first']);
});

it('asks again about what has just changed', async () => {
  const { calls, available, forget } = stockOf({ a: 1 });
  await available(['a', 'b']);
  forget(['a']);
  await available(['a', 'b']);
  expect(calls).toEqual([['a', 'b'], ['a']]);
});
