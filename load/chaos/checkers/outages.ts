// Times in which something was wrong on purpose, and the moment after: what liveness promises counts from their end.

import type { FaultRecord } from '../faults/fault.ts';

/** Faults that set the clocks of hosts: what they stamped in the meantime says nothing about how long something took. */
export const hasWrongClocks = (faults: readonly FaultRecord[]): boolean =>
  faults.some(({ kind }) => kind === 'clock-skew');

/** When the last fault was over; `from` if there was none. Milliseconds since 1970. */
export const lastHealed = (faults: readonly FaultRecord[], from: number): number =>
  Math.max(from, ...faults.map(({ to }) => to));

/** Whether a time is in a fault, or within `afterMs` of its end. */
export const isTroubled = (faults: readonly FaultRecord[], at: number, afterMs: number): boolean =>
  faults.some(({ from, to }) => from <= at && at <= to + afterMs);

/**
 * Until when something that was due has to be done: `graceMs` after it was due, or after the end of each fault that lay in
 * between, one after another.
 */
export function dueBy(faults: readonly FaultRecord[], due: number, graceMs: number): number {
  let by = due + graceMs;
  for (const { from, to } of faults.toSorted((a, b) => a.from - b.from)) {
    if (from <= by && to >= due) by = Math.max(by, to + graceMs);
  }
  return by;
}
