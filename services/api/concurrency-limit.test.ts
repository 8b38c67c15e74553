// Goal: under any load a route answers what it lets in within a caller's time, and loses nothing of its rate; a route that is
// merely slow, or whose shop stood still for a moment, refuses nobody for long.
// Method: a queue with a known rate in virtual time, of which the limit knows nothing, under more and less than it can serve.

import { describe, expect, it } from '@jest/globals';
import { isProblem } from '../../brokers/problem.ts';
import { createConcurrencyLimit, LATE_MS, LIMIT_FIRST, LIMIT_MAX, LIMIT_MIN } from './concurrency-limit.ts';

const TICK_MS = 10;

/** A server that answers in the order of arrival, so many a second, each after a time of its own besides. */
function createQueue(perSecond: number, { ownMs = 0, status = 200 } = {}) {
  let at = 0;
  const limit = createConcurrencyLimit(() => at);
  const waiting: { readonly since: number; readonly leave: (status: number) => void }[] = [];
  const rate = { perSecond, ownMs };
  const seen = { served: 0, refused: 0, longestMs: 0 };
  let [owed, due] = [0, 0];
  return {
    limit,
    rate,
    /** Offers so many a second for so long, and tells what became of them. */
    run(offered: number, forMs: number) {
      Object.assign(seen, { served: 0, refused: 0, longestMs: 0 });
      for (const end = at + forMs; at < end; at += TICK_MS) {
        for (due += (offered * TICK_MS) / 1_000; due >= 1; due -= 1) {
          try {
            waiting.push({ since: at, leave: limit.enter() });
          } catch (error) {
            if (!isProblem(error) || error.type !== 'overloaded') throw error;
            seen.refused += 1;
          }
        }
        owed = Math.min(owed + (rate.perSecond * TICK_MS) / 1_000, Math.max(rate.perSecond, 1));
        while (owed >= 1 && waiting[0] !== undefined && at - waiting[0].since >= rate.ownMs) {
          const { since, leave } = waiting.shift() as (typeof waiting)[number];
          owed -= 1;
          seen.longestMs = Math.max(seen.longestMs, at - since);
          seen.served += 1;
          leave(status);
        }
      }
      return { ...seen };
    },
  };
}

describe('a route of which ten times as much is asked as it can do', () => {
  it.each([30, 60, 120])('goes on at its rate of %i a second, and answers in time', (perSecond) => {
    const queue = createQueue(perSecond);
    queue.run(perSecond / 2, 10_000);
    // What comes within the first second is let in, until there is something to judge by; ten times as much takes ten.
    expect(queue.run(perSecond * 10, 20_000).longestMs).toBeLessThan(12_000);
    const { served, refused, longestMs } = queue.run(perSecond * 10, 20_000);
    expect(longestMs).toBeLessThan(2 * LATE_MS);
    expect(served).toBeGreaterThan(0.95 * perSecond * 20);
    expect(refused).toBeGreaterThan(8.5 * perSecond * 20);
  });

  it('lets everybody in again when it is over', () => {
    const queue = createQueue(100);
    queue.run(1_000, 30_000);
    queue.run(50, 10_000);
    expect(queue.run(90, 60_000)).toMatchObject({ refused: 0 });
  });

  it('notices that it has become faster', () => {
    const queue = createQueue(50);
    queue.run(1_000, 30_000);
    queue.rate.perSecond = 800;
    queue.run(1_000, 15_000);
    expect(queue.run(1_000, 30_000).served).toBeGreaterThan(0.95 * 800 * 30);
  });
});

describe('a route that waits 2 s for another one, as orders do for stock that is away,', () => {
  it('refuses nobody', () => {
    const queue = createQueue(1_000);
    expect(queue.run(200, 5_000)).toMatchObject({ refused: 0 });
    queue.rate.ownMs = 2_000;
    expect(queue.run(200, 60_000)).toMatchObject({ refused: 0 });
  });

  it('lets everybody in after the first answers when it has never been asked before', () => {
    const queue = createQueue(1_000, { ownMs: 2_000 });
    expect(queue.run(200, 3_000).served).toBeGreaterThanOrEqual(LIMIT_FIRST);
    expect(queue.run(200, 60_000)).toMatchObject({ refused: 0 });
  });
});

it('a shop that stood still for 5 s refuses nobody a second later', () => {
  const queue = createQueue(500);
  queue.run(100, 10_000);
  queue.rate.perSecond = 0;
  queue.run(100, 5_000);
  queue.rate.perSecond = 500;
  queue.run(100, 1_000);
  expect(queue.run(100, 10_000)).toMatchObject({ refused: 0 });
});

it('late failures serve nobody: few are let in, never none', () => {
  const queue = createQueue(100, { ownMs: 10_000, status: 503 });
  queue.run(200, 60_000);
  expect(queue.limit.limit).toBe(LIMIT_MIN);
  expect(queue.run(200, 30_000).served).toBeGreaterThan(0);
});

it('a surge on a route that has become slow is cut down before the first answer is late', () => {
  const queue = createQueue(1_000);
  queue.run(1_200, 10_000);
  expect(queue.limit.limit).toBeGreaterThan(4 * LIMIT_FIRST);
  queue.run(50, 5_000);
  queue.rate.perSecond = 100;
  // Not 11 s, as when only answers count that are late already.
  expect(queue.run(400, 20_000).longestMs).toBeLessThan(6_000);
});

it('a few late answers prove nothing', () => {
  const queue = createQueue(1, { ownMs: 5_000 });
  queue.run(1, 8_000);
  expect(queue.limit.limit).toBe(LIMIT_FIRST);
});

describe('the room of a route', () => {
  it('grows as it is used in time, up to one place for each connection', () => {
    const queue = createQueue(20_000, { ownMs: 1_000 });
    for (const offered of [100, 1_000, 9_000]) queue.run(offered, 10_000);
    expect(queue.limit.limit).toBe(LIMIT_MAX);
    expect(queue.run(9_000, 5_000)).toMatchObject({ refused: 0 });
  });

  it('is what has been answered in time, used or not', () => {
    const queue = createQueue(20_000);
    queue.run(200, 20_000);
    expect(queue.limit.limit).toBeGreaterThan(LIMIT_FIRST);
    expect(queue.limit.limit).toBeLessThan((1.1 * (200 * LATE_MS)) / 1_000);
  });

  it('stays as it was where little is asked', () => {
    const queue = createQueue(20_000);
    queue.run(40, 20_000);
    expect(queue.limit.limit).toBe(LIMIT_FIRST);
  });
});
