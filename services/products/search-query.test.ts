import { expect, it } from '@jest/globals';
import { asAsked, asMeant, onlyUnknown } from './search-query.ts';

it('asks for every word, the last one as a beginning, the better matches first', () => {
  expect(asAsked(['red', 'bag'])).toEqual({
    every: `'red' & 'bag':*`,
    tiers: [
      { column: 'names', query: `'red' & 'bag'` },
      { column: 'names', query: `'red' & 'bag':*` },
      { column: 'words', query: `'red' & 'bag'` },
      { column: 'words', query: `'red' & 'bag':*` },
    ],
  });
});

it('asks for one of the words meant in the place of each, the closest ones first', () => {
  const meant = [
    [{ word: 'red', slips: 0 }],
    [
      { word: 'lantern', slips: 1 },
      { word: 'lanterns', slips: 2 },
    ],
  ];
  expect(asMeant(meant)).toEqual({
    every: `('red') & ('lantern' | 'lanterns')`,
    tiers: [
      { column: 'names', query: `('red') & ('lantern')` },
      { column: 'names', query: `('red') & ('lantern' | 'lanterns')` },
      { column: 'words', query: `('red') & ('lantern')` },
      { column: 'words', query: `('red') & ('lantern' | 'lanterns')` },
    ],
  });
  expect(asMeant([[{ word: 'lant', slips: 0 }]])).toMatchObject({ every: `('lant':*)`, tiers: { length: 2 } });
});

it('has nothing to ask for when a word means nothing', () => {
  expect(asMeant([[{ word: 'red', slips: 0 }], []])).toBeUndefined();
});

it('leaves words that exist as they are', () => {
  const [red, rid] = [
    { word: 'red', slips: 0 },
    { word: 'rid', slips: 1 },
  ];
  expect(onlyUnknown([red, rid])).toEqual([red]);
  expect(onlyUnknown([rid])).toEqual([rid]);
});
