import { describe, expect, it } from '@jest/globals';
import { slips, wordsMeant } from './search-typos.ts';

describe('slips', () => {
  it.each([
    ['lantern', 'lantern', 0],
    ['lantren', 'lantern', 1],
    ['latern', 'lantern', 1],
    ['lanntern', 'lantern', 1],
    ['lamtern', 'lantern', 1],
    ['albel', 'label', 1],
    ['lnatren', 'lantern', 2],
    ['', 'cup', 3],
    ['cup', '', 3],
    ['日本', '日木', 1],
  ])('%s for %s: %i', (typed, word, count) => {
    expect(slips(typed, word)).toBe(count);
  });

  it.each([
    ['lant', 'lantern', 0],
    ['lnat', 'lantern', 1],
    ['', 'lantern', 0],
    ['lanterns', 'lantern', 1],
  ])('%s for a beginning of %s: %i', (typed, word, count) => {
    expect(slips(typed, word, true)).toBe(count);
  });
});

describe('what was meant', () => {
  const candidates = ['lantern', 'lanterns', 'lancer', 'red'].map((word, i) => ({ word, similarity: 0.5 - i / 10 }));
  const words = (asked: string, isUnfinished = false) =>
    wordsMeant(asked, candidates, isUnfinished).map(({ word, slips: count }) => `${word} ${count}`);

  it('is what takes the fewest slips, then what shares more trigrams', () => {
    expect(words('lantren')).toEqual(['lantern 1', 'lanterns 2']);
    expect(words('lantern')).toEqual(['lantern 0', 'lanterns 1', 'lancer 2']);
    expect(words('lnater', true)).toEqual(['lantern 1', 'lanterns 1', 'lancer 2']);
  });

  it('is nothing when nothing is near, and short words are allowed one slip only', () => {
    expect(words('zebra')).toEqual([]);
    expect(words('rde')).toEqual(['red 1']);
    expect(words('rxx')).toEqual([]);
  });

  it('is the word itself for numbers and for what is too short to be mistyped', () => {
    expect(words('85123a')).toEqual(['85123a 0']);
    expect(words('re')).toEqual(['re 0']);
  });

  it('is never more than eight words', () => {
    const many = Array.from({ length: 50 }, (_, i) => ({
      word: `lanter${String.fromCharCode(97 + i)}`,
      similarity: 0.5,
    }));
    expect(wordsMeant('lantern', many, false)).toHaveLength(8);
  });
});
