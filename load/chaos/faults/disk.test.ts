// What is said of a slow disk is true also if its writes did not come to an end.
import { expect, it } from '@jest/globals';
import { slownessOf } from './disk.ts';

const before = [1, 1.5, 2, 1];

it('says how long a write took when all of them were done', () => {
  expect(slownessOf(before, [40, 35, 60, 70])).toBe(
    'a write of 8192 bytes to it was on the disk after 35 ms, before after 1.0 ms (the quickest of 4)',
  );
});

it.each([
  [[], 'of 4 writes of 8192 bytes to it, one after another, none was on the disk after 5000 ms'],
  [[2_000], 'of 4 writes of 8192 bytes to it, one after another, only 1 was on the disk after 5000 ms'],
  [[900, 1_000, 2_000], 'of 4 writes of 8192 bytes to it, one after another, only 3 were on the disk after 5000 ms'],
])('says of writes that were not done by then that they were not: %j', (done, sentence) => {
  expect(slownessOf(before, done)).toBe(`${sentence}, before all of them after 5.5 ms`);
});

it('says nothing of a disk that is hardly slower, or was as slow before', () => {
  expect(slownessOf(before, [1.9, 3, 4, 5])).toBeUndefined();
  expect(slownessOf([900, 900, 900, 900], [2_000, 2_000])).toBeUndefined();
});
