// Gaps are told with their most frequent reason, whatever numbers and names stand in it.
import { expect, it } from '@jest/globals';
import { gapsOf } from './gaps.ts';
import { findingOf } from './result.testing.ts';

let run = 0;
const seen = (partly?: string) => ({ ...findingOf('I5'), run: ++run, ...(partly === undefined ? {} : { partly }) });
const unseen = (partly?: string) => ({ ...seen(partly), looked: 0 });

it('where all was looked at there are none', () => {
  expect(gapsOf([seen(), seen()], 2)).toEqual([]);
});

it('of one run are told as they are', () => {
  expect(gapsOf([seen('the newest 200')], 1)).toEqual(['only the newest 200']);
  expect(gapsOf([unseen('nothing: none was killed')], 1)).toEqual(['not at all: none was killed']);
  expect(gapsOf([unseen()], 1)).toEqual(['not at all: there was nothing to look at']);
});

it('of several runs are counted, the most frequent reason first', () => {
  const findings = [
    seen('all but 1, after which another came'),
    seen('2 of 54 were given up: x-7 had 30 operations'),
    seen('9 of 54 were given up: y-12 had 4 operations'),
    unseen('nothing: 12 messages are too few'),
    unseen('nothing: 712 messages are too few'),
    seen(),
  ];
  expect(gapsOf(findings, 7)).toEqual([
    'in 3 of 7 runs only 2 of 54 were given up: x-7 had 30 operations (2 ×), all but 1, after which another came (1 ×)',
    'in 2 of 7 runs not at all: 12 messages are too few',
  ]);
});

it('of many reasons the number of the others is told', () => {
  const why = ['a', 'b', 'b', 'c', 'd'].map((reason) => unseen(reason));
  expect(gapsOf(why, 5)).toEqual(['in 5 of 5 runs not at all: b (2 ×), a (1 ×), and 2 other reasons']);
});

it('of one run are of one run, also where a claim is made twice in it', () => {
  const twice = [seen('the newest 200'), seen('the newest 200')].map((finding) => ({ ...finding, run: 1 }));
  expect(gapsOf(twice, 3)).toEqual(['in 1 of 3 runs only the newest 200']);
});
