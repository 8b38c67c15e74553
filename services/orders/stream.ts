// The live stream of one order: every version that is committed, newest state first seen, until the reader leaves.

import { setTimeout as pause } from 'node:timers/promises';
import { viewOrder } from './order.view.ts';
import type { ReadOrder, Versioned, Waiting } from './waiting.ts';

/** How often the store is read for news of other nodes, in milliseconds. */
const REREAD_MS = 1_000;

/** One event of a `text/event-stream`. */
export interface StreamEvent {
  readonly id: string;
  readonly event: 'order';
  readonly data: object;
}

/** Yields the order now (unless `seen` is its version already) and whenever it changes. */
export async function* streamOrder(
  waiting: Waiting,
  readOrder: ReadOrder,
  id: string,
  now: Versioned,
  seen: number,
): AsyncGenerator<StreamEvent> {
  let latest = now;
  let shown = seen;
  let wake = () => {};
  const stop = waiting.watch(id, (changed) => {
    if (changed.version > latest.version) latest = changed;
    wake();
  });
  try {
    for (;;) {
      if (latest.version > shown) {
        shown = latest.version;
        yield { id: String(shown), event: 'order', data: viewOrder(id, latest.order) };
        continue;
      }
      const changed = new Promise<void>((resolve) => {
        wake = resolve;
      });
      const woken = await Promise.race([changed.then(() => true), pause(REREAD_MS, false, { ref: false })]);
      const stored = woken ? undefined : await readOrder(id).catch(() => undefined);
      if (stored !== undefined && stored.version > latest.version) latest = stored;
    }
  } finally {
    stop();
  }
}
