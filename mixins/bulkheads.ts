// How many calls of a kind one node works on at a time, and how many wait behind them (Moleculer's bulkheads). A call
// that finds no room is refused at once (503 at the gateway), instead of waiting for an answer that comes too late.
//
// A host commits up to 256 commands at once, while the next batch gathers: each room holds several batches.

/** What Moleculer takes as `bulkhead` of an action. */
export interface Bulkhead {
  readonly enabled: true;
  readonly concurrency: number;
  readonly maxQueueSize: number;
}

const room = (concurrency: number, maxQueueSize: number): Bulkhead => ({ enabled: true, concurrency, maxQueueSize });

/** Calls that may wait up to 2 s for another service (placing, cancelling, refunding): four batches, and sixteen behind. */
export const WAITING = room(1_024, 4_096);
/** Calls that wait for one commit: two batches, and eight behind. */
export const CHANGING = room(512, 2_048);
/** Reads: each takes one of a node's few connections for a moment; more at a time would only wait there. */
export const READING = room(256, 1_024);
/** `receive`: a call brings up to 256 commands, so this many fill the host's mailbox (10,000), and no more get there. */
export const RECEIVING = room(32, 256);
