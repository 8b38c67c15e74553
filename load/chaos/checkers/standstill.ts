// L1, before any order is there to be settled: the shop does something at all. A service whose every command waits for
// another leaves nothing wrong behind in any store, since nothing is in it.
//
//   calls of one kind, again and again, longer than any fault lasts ─► one of them is answered at least

import { examine, type Finding } from '../../../mixins/finding.ts';
import type { History, Operation } from '../history/operation.ts';
import type { Evidence } from './checker.ts';

/** What was asked seldom may have met one outage each time: calls and wishes of a kind, at least so many of each. */
const CALLS_MIN = 10;
const INTENTS_MIN = 3;
/** No fault lasts longer, in milliseconds; calls that lie less apart may all have met the same one. */
const APART_MS = 60_000;

/** L1, as far as answers tell of it. */
export function checkStandstill({ history }: Evidence): readonly Finding[] {
  const moving = examine('L1', 'what is asked for again and again, for longer than a minute, is answered', 'calls');
  for (const [kind, calls] of Map.groupBy(history, (operation) => operation.kind)) {
    const answered = calls.filter(isAnswered).length;
    if (answered === 0 && !isAskedEnough(calls)) continue;
    moving.look(calls.length);
    if (answered === 0)
      moving.wrong(`${kind} was asked for ${calls.length} times in ${spanOf(calls)} s, and never answered`);
  }
  return [moving.finding()];
}

/** Granted or refused; who is told to come back was not answered. */
const isAnswered = ({ ending }: Operation): boolean => ending?.status !== undefined && ending.status < 500;

function isAskedEnough(calls: History): boolean {
  const intents = new Set(calls.map(({ intent }) => intent));
  return calls.length >= CALLS_MIN && intents.size >= INTENTS_MIN && spanOf(calls) * 1_000 > APART_MS;
}

/** From the first to the last of them, in seconds. */
function spanOf(calls: History): number {
  const times = calls.map(({ at }) => at);
  return Math.round((times.reduce((a, b) => Math.max(a, b)) - times.reduce((a, b) => Math.min(a, b))) / 1_000);
}
