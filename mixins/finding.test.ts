// Findings say how much was looked at; looking ends with the rows, at their bound, or when time is up.
import { expect, it } from '@jest/globals';
import { examine, inSlices } from './finding.ts';

it('counts what is wrong, and shows the first few', () => {
  const examination = examine('I5', 'stock is there', 'SKUs');
  expect(examination.finding()).toMatchObject({ looked: 0, wrongCount: 0, wrong: [] });
  examination.look(9);
  examination.wrong('one');
  examination.wrong(['two', 'three', 'four'], 700);
  for (const sentence of ['five', 'six', 'seven']) examination.wrong(sentence);
  expect(examination.finding('some')).toEqual({
    invariant: 'I5',
    claim: 'stock is there',
    looked: 9,
    of: 'SKUs',
    wrongCount: 704,
    wrong: ['one', 'two', 'three', 'four', 'five'],
    partly: 'some',
  });
});

/** Goes through 1 … `rows` in slices of 3; `clock` tells when time is up. */
async function through(rows: number, { rowsMax = 1_000, giveUpAt = Number.POSITIVE_INFINITY } = {}) {
  const seen: number[] = [];
  const end = await inSlices<number, number>({
    first: 0,
    sliceMax: 3,
    rowsMax,
    giveUpAt,
    ask: (after) => Promise.resolve([1, 2, 3].map((n) => after + n).filter((n) => n <= rows)),
    keyOf: (row) => row,
    take: (some) => seen.push(...some),
  });
  return { ...end, seen: seen.length };
}

it.each([
  [0, { last: 0, complete: true, seen: 0 }],
  [2, { last: 2, complete: true, seen: 2 }],
  [6, { last: 6, complete: true, seen: 6 }],
  [8, { last: 8, complete: true, seen: 8 }],
])('reaches the end of %d rows', async (rows, end) => {
  expect(await through(rows)).toEqual(end);
});

it('stops at its bound, and when its time is up', async () => {
  expect(await through(100, { rowsMax: 6 })).toEqual({ last: 6, complete: false, seen: 6 });
  expect(await through(100, { giveUpAt: performance.now() - 1 })).toEqual({ last: 0, complete: false, seen: 0 });
});
