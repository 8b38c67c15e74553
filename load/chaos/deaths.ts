// Processes that ended although nobody had ended them: the supervisor brings them back in a moment, and callers may never
// notice, but a shop whose nodes die of a message or of a clock is a broken one.

import type { FaultKind, FaultRecord } from './faults/fault.ts';

/** A unit of the supervisor whose process ended. */
export interface Death {
  readonly name: string;
  /** Milliseconds since 1970, to a second. */
  readonly at: number;
  /** As the supervisor says it. */
  readonly reason: string;
}

/** Faults that end the process that they name. */
const endTheirTarget: ReadonlySet<FaultKind> = new Set([
  'kill',
  'crash-point',
  'nats',
  'kafka',
  'postgres',
  'dynamodb',
]);
/** Faults that end several, or that PostgreSQL may die of. */
const endOthers: ReadonlySet<FaultKind> = new Set([
  'rolling-restart',
  'rewind',
  'full-disk',
  'slow-disk',
  'postgres-backend',
]);
/** Deaths are seen by the second, and a process may be slow to die. */
const SLACK_MS = 3_000;

const during = ({ from, to }: FaultRecord, at: number): boolean => at >= from - SLACK_MS && at <= to + SLACK_MS;

/** What no fault explains, as sentences. */
export function unexplained(deaths: readonly Death[], faults: readonly FaultRecord[], from: number): readonly string[] {
  return deaths
    .filter(
      ({ name, at }) =>
        !faults.some(
          (fault) =>
            during(fault, at) &&
            (endOthers.has(fault.kind) || (endTheirTarget.has(fault.kind) && fault.target.includes(name))),
        ),
    )
    .map(
      ({ name, at, reason }) =>
        `${name} ${reason}, ${((at - from) / 1_000).toFixed(0)} s after the beginning, and no fault had ended it`,
    );
}
