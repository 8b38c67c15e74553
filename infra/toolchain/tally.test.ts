import { describe, expect, it } from '@jest/globals';
import { count, none, plus, summary, type JestReport } from './tally.ts';

const report = (more: Partial<JestReport> = {}): JestReport => ({
  numPassedTests: 3,
  numFailedTests: 0,
  numRuntimeErrorTestSuites: 0,
  testResults: [],
  ...more,
});
const lastLine = (...tallies: ReturnType<typeof count>[]): string | undefined =>
  summary(tallies.reduce(plus, none), true).at(-1);

describe('the closing line', () => {
  it('adds up the levels', () => {
    const sim = count(['sim'], report({ numPassedTests: 4, numFailedTests: 1 }), 1, undefined);
    expect(lastLine(count(['unit'], report(), 0, undefined), sim)).toBe('7 passed, 1 failed');
  });

  it('counts a file that did not load', () => {
    expect(lastLine(count(['unit'], report({ numRuntimeErrorTestSuites: 2 }), 1, undefined))).toBe(
      '3 passed, 2 failed',
    );
  });

  it('counts a missed threshold, a crash of jest and a run that never ended', () => {
    expect(lastLine(count(['unit'], report(), 1, undefined))).toBe('3 passed, 1 failed');
    expect(lastLine(count(['unit'], undefined, 134, undefined))).toBe('0 passed, 1 failed');
    expect(lastLine(count(['int'], report(), null, 'a test left a handle open'))).toBe('3 passed, 1 failed');
  });
});

it('lists what could not be shown, with its reason, and does not fail for it', () => {
  const left = report({
    testResults: [
      {
        assertionResults: [
          { status: 'passed', fullName: 'a' },
          { status: 'todo', fullName: 'replays a day (no data)' },
        ],
      },
    ],
  });
  expect(summary(count(['int'], left, 0, undefined), true)).toEqual([
    '',
    'not shown: replays a day (no data)',
    '3 passed, 0 failed',
  ]);
});

it('says so when there was nothing to run', () => {
  expect(summary(none, true)).toContain('broken: no test was found');
});
