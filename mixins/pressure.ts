// How busy this process is, for work that can wait: who answers callers goes first, what happens behind yields.
//
// Measured as the share of time in which the event loop had something to do (`performance.eventLoopUtilization`), and only
// while there are callers: work behind never yields to itself.

import { performance } from 'node:perf_hooks';

/** How often the share is measured, in milliseconds. */
const SAMPLE_MS = 100;
/** Share of the time from which on work behind gives way. */
const BUSY = 0.8;
/** Longest rest between two batches of work behind, in milliseconds: it always goes on. */
export const REST_MAX_MS = 250;
/** When all of the time is taken, work behind rests this many times as long as it worked; less when less is taken. */
const REST_PER_WORK = 24;
/** After the last command of a caller, the machine belongs to them for so long, in milliseconds. */
const CALLER_MS = 100;

/** What a host asks before its next batch of work that nobody waits for. */
export interface Pressure {
  /** A command arrived that somebody waits for. */
  noteCaller(): void;
  /** How long work behind rests after a batch that took `workedMs`, in milliseconds; 0: nobody needs the machine. */
  restAfter(workedMs: number): number;
}

export interface Gauges {
  /** Milliseconds of a clock that only goes forward. */
  readonly now: () => number;
  /** Share of the time since it was last asked in which there was something to do, 0 to 1. */
  readonly utilization: () => number;
}

/** A pressure that is read from these gauges. */
export function createPressure({ now, utilization }: Gauges): Pressure {
  let calledAt = Number.NEGATIVE_INFINITY;
  let sampledAt = now();
  let share = 0;
  return {
    noteCaller() {
      calledAt = now();
    },
    restAfter(workedMs) {
      const at = now();
      if (at - sampledAt >= SAMPLE_MS) {
        share = utilization();
        sampledAt = at;
      }
      if (share < BUSY || at - calledAt >= CALLER_MS) return 0;
      return Math.min(REST_MAX_MS, (workedMs * REST_PER_WORK * (share - BUSY)) / (1 - BUSY));
    },
  };
}

let last = performance.eventLoopUtilization();

/** The pressure on this process. */
export const processPressure: Pressure = createPressure({
  now: () => performance.now(),
  utilization() {
    const current = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(current, last);
    last = current;
    return utilization;
  },
});
