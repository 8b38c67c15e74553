// What is drawn of a history: seconds, and how soon a fault was forgotten.
import { expect, it } from '@jest/globals';
import type { Ending, Operation } from '../history/operation.ts';
import { recoveryOf, secondsOf } from './series.ts';

let ids = 0;
function operation(at: number, ending: Partial<Ending> | undefined, key: string | undefined = 'k'): Operation {
  const ended = { endedAt: at + 10, outcome: 'ok' as const, status: 200, ...ending };
  return {
    id: ids++,
    at,
    process: 'p',
    kind: 'place-order',
    principal: 'guest',
    intent: `i-${ids}`,
    method: 'POST',
    path: '/api/v1/orders',
    ...(key === undefined ? {} : { key }),
    ...(ending === undefined ? {} : { ending: ended }),
  };
}
const refused = { status: 503, outcome: 'fail' as const };
const every = (ms: number, from: number, to: number, ending: Partial<Ending> = {}) =>
  Array.from({ length: (to - from) / ms }, (_, i) => operation(from + i * ms, ending));

it('counts by the second of the answer', () => {
  const { status: _, ...unanswered } = { endedAt: 1_500, outcome: 'unknown' as const, status: 0 };
  const broken: Operation = { ...operation(1_400, {}), ending: unanswered };
  const history = [
    operation(0, {}),
    operation(995, { endedAt: 1_020 }),
    operation(1_100, refused),
    broken,
    operation(5, undefined),
  ];
  expect(secondsOf(history, 0, 2_000)).toEqual([
    { at: 0, ok: 1, fail: 0, refused: 0, unknown: 0, p50: 10, p99: 10 },
    { at: 1, ok: 1, fail: 0, refused: 1, unknown: 1, p50: 10, p99: 10 },
  ]);
});

it('has recovered when as much is served as before', () => {
  const history = [...every(20, 0, 5_000), ...every(20, 5_000, 8_000, refused), ...every(20, 8_000, 12_000)];
  const recovery = recoveryOf(history, { from: 5_000, to: 7_000 }, 12_000);
  expect(recovery).toBeGreaterThanOrEqual(800);
  expect(recovery).toBeLessThanOrEqual(1_000);
});

it('has recovered at once if nobody noticed, and never if nothing was served any more', () => {
  expect(recoveryOf(every(20, 0, 9_000), { from: 5_000, to: 6_000 }, 9_000)).toBe(0);
  const dead = [...every(20, 0, 5_000), ...every(20, 5_000, 12_000, refused)];
  expect(recoveryOf(dead, { from: 5_000, to: 6_000 }, 12_000)).toBeUndefined();
});

it('has not recovered by silence', () => {
  expect(recoveryOf(every(20, 0, 5_000), { from: 5_000, to: 6_000 }, 12_000)).toBeUndefined();
});
