// How busy this process is, for work that can wait: who answers callers goes first, what happens behind yields.
//
// Measured as the share of time in which the event loop had something to do (`performance.eventLoopUtilization`), and only
// while there are callers: work behind never yields to itself.

import { type EventLoopUtilization, performance } from 'node:perf_hooks';

/** How often the share is measured, in milliseconds. */
const SAMPLE_MS = 100;
/** Share of the time from which on work behind gives way. */
export const BUSY = 0.8;
/** Longest rest between two batches of work behind, in milliseconds: it always goes on. */
export const REST_MAX_MS = 250;
/** When all of the time is taken, work behind rests this many times as long as it worked; less when less is taken. */
const REST_PER_WORK = 24;

/** After the last command of a caller, the machine belongs to them for so long, in milliseconds. */
const CALLER_MS = 100;

let calledAt = Number.NEGATIVE_INFINITY;
let last: EventLoopUtilization = performance.eventLoopUtilization();
let sampledAt = performance.now();
let share = 0;

/** A command arrived that somebody waits for. */
export function noteCaller(): void {
  calledAt = performance.now();
}

/** Whether callers need this process for themselves just now. */
export function isBusy(): boolean {
  const now = performance.now();
  if (now - sampledAt >= SAMPLE_MS) {
    const current = performance.eventLoopUtilization();
    share = performance.eventLoopUtilization(current, last).utilization;
    last = current;
    sampledAt = now;
  }
  return share >= BUSY && now - calledAt < CALLER_MS;
}

/** How long work behind rests under pressure after a batch that took `workedMs`, all in milliseconds. */
export function restAfter(workedMs: number, leastMs: number): number {
  const need = Math.max(0, (share - BUSY) / (1 - BUSY));
  return Math.min(REST_MAX_MS, Math.max(leastMs, workedMs * REST_PER_WORK * need));
}
