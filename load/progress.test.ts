import type { WriteStream } from 'node:tty';
import { expect, it } from '@jest/globals';
import { createProgress, paceOf } from './progress.ts';

it.each([
  [0, 10, 1_000, ''],
  [5_000, 5_000, 1_000, ', 5,000/s, 1 s left'],
  [5, 500, 1_000, ', 5.0/s, 2 min left'],
  [10, 0, 1_000, ', 10/s'],
])('progress of %s with %s left after %s ms shows "%s"', (done, left, ms, shown) => {
  expect(paceOf(done, left, ms)).toBe(shown);
});

/** What is written to a stream while the clock goes on by a second with each look. */
function written(isTTY: boolean, ...steps: readonly (readonly [what: string, done: number, all: number])[]): string {
  let text = '';
  let now = 0;
  const out = { isTTY, write: (some: string) => ((text += some), true) } as unknown as WriteStream;
  const progress = createProgress(out, () => (now += 1_000));
  for (const [what, done, all] of steps) progress.show(what, done, all);
  progress.end();
  return text;
}

it('shows a line per tenth where nobody watches', () => {
  const steps = Array.from({ length: 101 }, (_, done) => ['placing', done, 100] as const);
  const lines = written(false, ...steps)
    .trimEnd()
    .split('\n');
  expect(lines).toHaveLength(11);
  expect(lines[0]).toBe('  placing: 0 of 100');
  expect(lines.at(-1)).toMatch(/^ {2}placing: 100 of 100, [\d.]+\/s$/);
});

it('shows a bar on a terminal, and ends its line', () => {
  const text = written(true, ['placing', 0, 2], ['placing', 2, 2], ['comparing', 0, 0]);
  expect(text).toMatch(/placing .*100 % 2\/2, [\d.]+\/s\n/);
  expect(text).toMatch(/comparing .* 0\/0\n$/);
});
