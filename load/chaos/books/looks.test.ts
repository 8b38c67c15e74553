// A look that fails says why and when; what only a mistake in the code makes fail ends the run instead of being counted.

import { expect, it } from '@jest/globals';
import { type Looks, startLooks } from './looks.ts';

/** Makes so many looks, one right after the other, and stops. @returns what became of it */
async function looking(
  look: (n: number) => Promise<number>,
  { many = 6, keepMax = 100 } = {},
): Promise<{ readonly looks: Looks<number>; readonly ended: PromiseSettledResult<readonly number[]>; closed: number }> {
  const enough = Promise.withResolvers<void>();
  let [made, closed] = [0, 0];
  const looks = startLooks({
    look: async () => {
      made += 1;
      if (made >= many) enough.resolve();
      return await look(made);
    },
    everyMs: 0,
    keepMax,
    close: async () => void (closed += 1),
  });
  await enough.promise;
  const [ended] = await Promise.allSettled([looks.stop()]);
  return { looks, ended, closed };
}

const refused = Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' });

it('says why looks failed and how often, and goes on with the next one', async () => {
  const from = Date.now();
  const { looks, ended, closed } = await looking(async (n) => {
    if (n === 2 || n === 3) throw refused;
    if (n === 5) throw new Error('Query read timeout');
    return n;
  });
  expect(ended).toMatchObject({ status: 'fulfilled', value: looks.samples });
  expect(looks.samples.slice(0, 3)).toEqual([1, 4, 6]);
  expect(looks.skipped).toBe(3);
  expect(looks.reasons).toEqual(['2 × ECONNREFUSED', '1 × Query read timeout']);
  expect(looks.failedAt).toHaveLength(3);
  for (const at of looks.failedAt) expect(at >= from && at <= Date.now()).toBe(true);
  expect(closed).toBe(1);
});

it('makes one more look when it is stopped, and can be stopped twice', async () => {
  let made = 0;
  const looks = startLooks({ look: async () => ++made, everyMs: 60_000, keepMax: 10, close: async () => {} });
  expect(await looks.stop()).toEqual([1, 2]);
  expect(await looks.stop()).toEqual([1, 2]);
});

it.each([
  new TypeError("Cannot read properties of undefined (reading 'at')"),
  new ReferenceError('orders is not defined'),
  new RangeError('Invalid time value'),
  new SyntaxError('Unexpected end of JSON input'),
])('is ended by a mistake in the code, and rejects with the first one: %s', async (mistake) => {
  let made = 0;
  const { looks, ended, closed } = await looking(
    async (n) => {
      made = n;
      if (n === 2) throw mistake;
      if (n > 2) throw new TypeError('another one');
      return n;
    },
    { many: 2 },
  );
  expect(ended).toMatchObject({ status: 'rejected', reason: mistake });
  await expect(looks.stop()).rejects.toBe(mistake);
  expect([made, closed]).toEqual([2, 1]);
});

it('keeps so many samples and reasons, and counts the rest', async () => {
  const many = await looking(async (n) => n, { keepMax: 2 });
  expect(many.looks.samples).toEqual([1, 2]);
  const { looks } = await looking(
    async (n) => {
      throw new Error(`reason ${n}`);
    },
    { many: 29, keepMax: 2 },
  );
  expect(looks.skipped).toBeGreaterThanOrEqual(30);
  expect(looks.failedAt).toHaveLength(2);
  expect(looks.reasons).toHaveLength(21);
  expect(looks.reasons.at(-1)).toBe(`${looks.skipped - 20} × other reasons`);
});
