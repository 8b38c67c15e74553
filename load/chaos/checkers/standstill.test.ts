// A shop that answers nothing is seen; one that was away for a while is not.

import { expect, it } from '@jest/globals';
import type { Json } from '../history/operation.ts';
import type { Evidence } from './checker.ts';
import { storyOf, wrongs } from './evidence.testing.ts';
import { checkStandstill } from './standstill.ts';

interface Asked {
  readonly calls?: number;
  readonly intents?: number;
  /** From the first to the last, in milliseconds. */
  readonly overMs?: number;
  /** The status of the last; of all others it is 503. */
  readonly last?: number;
}

function asked({ calls = 12, intents = 4, overMs = 90_000, last = 503 }: Asked = {}): Evidence {
  const { from, ...story } = storyOf().evidence();
  const history = Array.from({ length: calls }, (_, n): Json => {
    const at = from + (n * overMs) / (calls - 1);
    const status = n === calls - 1 ? last : 503;
    const call = { id: n, at, process: 'one', kind: 'receive-stock', principal: 'staff', method: 'POST', path: '/' };
    return { ...call, intent: `i-${n % intents}`, ending: { endedAt: at + 10, outcome: 'unknown', status } };
  });
  return { ...story, from, history };
}

it('sees that a kind of call is never answered', () => {
  const findings = checkStandstill(asked());
  expect(wrongs(findings)).toEqual(['L1: receive-stock was asked for 12 times in 90 s, and never answered']);
  expect(findings).toMatchObject([{ looked: 12 }]);
});

it.each<readonly [string, Asked, number]>([
  ['one was granted', { last: 201 }, 12],
  ['one was refused', { last: 409 }, 12],
  ['it was asked for a few times only', { calls: 9 }, 0],
  ['it was two wishes, again and again', { intents: 2 }, 0],
  ['a fault may have lasted as long', { overMs: 59_000 }, 0],
])('finds nothing wrong if %s', (_, how, looked) => {
  const findings = checkStandstill(asked(how));
  expect(wrongs(findings)).toEqual([]);
  expect(findings).toMatchObject([{ looked }]);
});

it('looks at nothing if nobody asked', () => {
  expect(checkStandstill(storyOf().evidence())).toMatchObject([{ looked: 0 }]);
});
