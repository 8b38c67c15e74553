// The live stream of one order, by questions: who follows it asks for what is newer than the version seen last, and asks
// again after each answer. So nothing is held for a reader who has left, and any node can answer the next question.
//
//   { id, seen } ─► the order, if its version is newer already ─► else when a commit makes it so ─► else null, after a while

import type { Bulkhead } from '../../mixins/bulkheads.ts';
import { viewOrder } from './order.view.ts';
import type { ReadOrder, Versioned, Waiting } from './waiting.ts';

/** How long a question waits for news, in milliseconds. */
export const WAIT_MS = 10_000;
/** How long the answer to a question may take, in milliseconds. */
export const ANSWER_MS = WAIT_MS + 4_000;
/** How often the store is read for commits of other nodes, in milliseconds: soon at first, later as rarely as this. */
const REREAD_MS = { first: 250, most: 1_000 };
/** Questions that may wait at one node: two gateways full of readers. */
export const FOLLOWING: Bulkhead = { enabled: true, concurrency: 10_000, maxQueueSize: 1 };

/** One event of a `text/event-stream`. */
export interface StreamEvent {
  readonly id: string;
  readonly event: 'order';
  readonly data: object;
}

export interface Question {
  readonly id: string;
  /** The version that is known already. */
  readonly seen?: number;
  /** Whether to wait for a newer one. */
  readonly wait?: boolean;
}

export interface Answering {
  readonly waiting: Waiting;
  readonly readOrder: ReadOrder;
  /** The order, if the asker may see it. */
  readonly own: () => Promise<Versioned>;
  /** Whether the node stops: whoever waits shall ask another one. */
  readonly isStopping: () => boolean;
}

/** The order at a version newer than `seen`; null: there is none yet. Rejects as `own` does. */
export async function answerQuestion(
  { waiting, readOrder, own, isStopping }: Answering,
  { id, seen = 0, wait = false }: Question,
): Promise<StreamEvent | null> {
  let latest: Versioned | undefined;
  let isOver = !wait;
  let wake = () => {};
  const take = (found: Versioned) => {
    if (found.version <= (latest?.version ?? 0)) return;
    latest = found;
    wake();
  };
  // From before the first look: what is committed in between is not missed.
  const unwatch = waiting.watch(id, take);
  const timeout = setTimeout(() => {
    isOver = true;
    wake();
  }, WAIT_MS).unref();
  try {
    take(await own());
    for (let rereadMs = REREAD_MS.first; ; rereadMs = Math.min(2 * rereadMs, REREAD_MS.most)) {
      if (latest !== undefined && isNews())
        return { id: String(latest.version), event: 'order', data: viewOrder(id, latest.order) };
      if (isOver || isStopping()) return null;
      await new Promise<void>((resolve) => {
        wake = resolve;
        setTimeout(resolve, rereadMs).unref();
      });
      // An absent database is no reason to stop waiting.
      const stored = isOver || isNews() ? undefined : await readOrder(id).catch(() => undefined);
      if (stored !== undefined) take(stored);
    }
  } finally {
    clearTimeout(timeout);
    unwatch();
  }

  function isNews(): boolean {
    return latest !== undefined && latest.version > seen;
  }
}
