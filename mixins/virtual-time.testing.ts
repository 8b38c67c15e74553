// Virtual time for tests: clocks and timers are those of jest, and nobody waits for them.
//
//   everything that can run has run ──► the next timer fires, and the clock stands where it was due ──► …
//
// A run takes as long as its work, is the same every time, and a shop that stands still is noticed at once: there is
// work that has not ended, and no timer that could ever wake it.

import { jest } from '@jest/globals';

const START = Date.UTC(2026, 10, 4, 9, 30);
/** More virtual time than any test needs, in milliseconds. */
const LIMIT_MS = 3_600_000;

const realImmediate = setImmediate;

/** Work that cannot end: nothing is left that could wake it, or it has taken an hour. */
export class StandsStill extends Error {
  override name = 'StandsStill';
}

/** Lets everything run that waits for no timer. */
export function turn(): Promise<void> {
  return new Promise((resolve) => realImmediate(resolve));
}

/** Pauses the caller for a while of virtual time, in milliseconds. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/**
 * Does work whose timers fire without anybody waiting for them; returns its result.
 * @throws StandsStill if it can never end; otherwise what the work throws.
 */
export async function inVirtualTime<T>(work: () => Promise<T>): Promise<T> {
  jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask', 'hrtime'], now: START });
  try {
    const result = work();
    const state = { isDone: false };
    const end = () => void (state.isDone = true);
    result.then(end, end);
    for (await turn(); !state.isDone; await turn()) {
      if (jest.getTimerCount() === 0) throw new StandsStill('nothing is left to wait for, and the work is not done');
      if (Date.now() > START + LIMIT_MS) throw new StandsStill(`the work is not done after ${LIMIT_MS} ms`);
      jest.advanceTimersToNextTimer();
    }
    return await result;
  } finally {
    jest.clearAllTimers();
    jest.useRealTimers();
  }
}
