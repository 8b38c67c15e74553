import { expect, it } from '@jest/globals';
import { toldNumbers } from './numbers.ts';

it.each<[readonly number[], string]>([
  [[], ''],
  [[7], '7'],
  [[1, 2], '1, 2'],
  [[1, 2, 3], '1–3'],
  [[1, 3, 4, 5, 6, 9, 10], '1, 3–6, 9, 10'],
])('%j are told as "%s"', (numbers, told) => {
  expect(toldNumbers(numbers)).toBe(told);
});
