// What an error of PostgreSQL or of its connection means to a store:
//
//   conflict     somebody else was there first: nothing was stored, decide again
//   unavailable  the database is away or unwell: nothing is known, look the command ids up again
//   anything else is about the statement or its values: nothing was stored, and trying again would not help

import { StoreUnavailable } from '../store.ts';

/** serialization_failure, deadlock_detected, lock_not_available */
const CONFLICTS = ['40001', '40P01', '55P03'];
/** query_canceled (time-out), idle_in_transaction_session_timeout, read_only_sql_transaction (a former primary) */
const UNWELL = ['57014', '25P03', '25006'];
/** insufficient resources (disk, memory, connections), system error, internal error */
const UNWELL_CLASSES = ['53', '58', 'XX'];
/** connection exception, shutdown (by an operator, after a crash, while starting) */
const LOST_CLASSES = ['08', '57P'];

const isOneOf = (state: string, prefixes: readonly string[]) => prefixes.some((prefix) => state.startsWith(prefix));

/** The SQLSTATE of an error that PostgreSQL itself reported. */
export function sqlState(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('severity' in error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' && /^[0-9A-Z]{5}$/.test(error.code) ? error.code : undefined;
}

/** Whether the statement lost a race for a lock: nothing of it was stored. */
export function isConflict(error: unknown): boolean {
  return isOneOf(sqlState(error) ?? '', CONFLICTS);
}

/** Whether the connection cannot be used any more. What has no SQLSTATE and is no bug comes from the connection itself. */
export function isConnectionLost(error: unknown): boolean {
  if (error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError) return false;
  const state = sqlState(error);
  return state === undefined || isOneOf(state, LOST_CLASSES);
}

/** The error that a store's caller sees: `StoreUnavailable` where that is what it means, else the error itself. */
export function storeError(error: unknown): unknown {
  if (error instanceof StoreUnavailable) return error;
  const state = sqlState(error) ?? '';
  if (!isConnectionLost(error) && !isOneOf(state, UNWELL) && !isOneOf(state, UNWELL_CLASSES)) return error;
  return new StoreUnavailable(`PostgreSQL: ${error instanceof Error ? error.message : String(error)}`, {
    cause: error,
  });
}
