// How many requests of a route may be under way at once: as many as are answered within the time that callers have.
//
//   L = λ × W (Little, 1961): at λ answers a second, a request that finds L = λ × W others in front of it waits W.
//
// λ is what a route has just managed, be it bound by processors, by a database or by another service; W is ours to choose.
// What comes beyond that is refused at once, so that what is let in is answered in time, and the shop goes on at its full
// rate under any load.

import { Problem } from '../../brokers/problem.ts';

/**
 * An answer that takes longer is late, in milliseconds: longer than an order waits for stock before 202 by itself
 * (`ANSWER_WITHIN_MS`), so that stock being away refuses nobody; a quarter of the time after which a call is given up.
 */
export const LATE_MS = 2_500;
/** Rates are taken over so long, in milliseconds, */
export const WINDOW_MS = 500;
/** and over so many answers at least: fewer say nothing about a queue. */
export const ANSWERS_MIN = 10;
/** So many are always let in: whether a route answers in time again shows only if it is asked. */
export const LIMIT_MIN = 64;
/** What a route may have under way before anything is known of it. */
export const LIMIT_FIRST = 128;
/** One for each connection. */
export const LIMIT_MAX = 10_000;

export interface ConcurrencyLimit {
  /**
   * Lets a request in. Call what it returns with the status of the answer, once.
   * @throws Problem `overloaded` if so many are under way that it would be answered late.
   */
  enter(): (status: number) => void;
  readonly limit: number;
  readonly underWay: number;
}

/** The limit of one route. `now` gives milliseconds of a clock that only goes forward. */
export function createConcurrencyLimit(now: () => number = () => performance.now()): ConcurrencyLimit {
  let limit = LIMIT_FIRST;
  let underWay = 0;
  let perMsBefore = 0;
  let window = { from: now(), answers: 0, late: 0, served: 0, least: 0 };

  function turn(at: number): void {
    const { from, answers, late, served, least } = window;
    const elapsedMs = at - from;
    if (elapsedMs < WINDOW_MS || answers < ANSWERS_MIN) return;
    const perMs = served / elapsedMs;
    // The better of two windows: what came in a burst leaves in a burst, and nothing is slow in between.
    const inTime = Math.min(LIMIT_MAX, Math.max(LIMIT_MIN, Math.ceil(Math.max(perMs, perMsBefore) * LATE_MS)));
    perMsBefore = perMs;
    // What was answered in time can be again, and perhaps more: a rate says how much at most only where answers are late,
    // or where more has been waiting all the time than can be answered in time (they will be late).
    if (late * 2 > answers || least > inTime) limit = Math.min(limit, inTime);
    else limit = Math.max(limit, inTime);
    window = { from: at, answers: 0, late: 0, served: 0, least: underWay };
  }

  return {
    get limit() {
      return limit;
    },
    get underWay() {
      return underWay;
    },
    enter() {
      if (underWay >= limit)
        throw new Problem('overloaded', 'more is asked of this part of the shop than it can answer in time: try again');
      underWay += 1;
      const enteredAt = now();
      return (status) => {
        const at = now();
        underWay -= 1;
        window.least = Math.min(window.least, underWay);
        window.answers += 1;
        if (at - enteredAt > LATE_MS) window.late += 1;
        // What failed has used time and served nobody.
        if (status < 500) window.served += 1;
        turn(at);
      };
    },
  };
}

/** For what may take as long as it likes. */
export const unlimited: ConcurrencyLimit = {
  enter: () => () => undefined,
  limit: Number.POSITIVE_INFINITY,
  underWay: 0,
};
