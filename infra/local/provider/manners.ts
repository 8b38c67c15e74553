// What a payment token makes the provider do: the ways in which cards, issuers and networks behave.

import type { Charge } from './rows.ts';

export interface Manner {
  readonly status: Charge['status'];
  readonly reason: string | null;
  /** The first call fails before anything happened (`error`), or is charged and never answered (`none`). */
  readonly firstAnswer?: 'error' | 'none';
  /** Charged at once, answered this much later; so are repeats that come in between. */
  readonly slowMs?: number;
}

const succeeds: Manner = { status: 'succeeded', reason: null };
const unknownToken: Manner = { status: 'declined', reason: 'unknown-token' };

/** What each token makes the provider do. That a call was the first is known by the ledger, so a restart changes nothing. */
const manners: ReadonlyMap<string, Manner> = new Map([
  ['tok_ok', succeeds],
  ['tok_declined', { status: 'declined', reason: 'card-declined' }],
  ['tok_timeout_then_ok', { ...succeeds, firstAnswer: 'none' }],
  ['tok_error_then_ok', { ...succeeds, firstAnswer: 'error' }],
  ['tok_slow', { ...succeeds, slowMs: 3_000 }],
]);

/** What this token makes the provider do. */
export function mannerOf(token: string): Manner {
  return manners.get(token) ?? unknownToken;
}
