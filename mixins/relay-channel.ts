// One way out of an outbox: to one kind of actor, to the event log, to one kind of task.
//
//   add ─► first of its pair ─► ready ─► batch, as wide as the channel ─► send ─► answered ─► next of its pair
//             └─ behind it                          ▲                       └─ not now ─► a pause, ready again
//                                                   └── twice as wide after each success, half after each failure
//
// A batch that cannot be sent may be too much for whoever takes it, may hold a message that nobody can take, or nobody is
// there. Halving serves the first, asks an absent receiver with little, and grows again in a few answers when it is back:
// what an outage has gathered leaves in batches. A message without which others get through is the second: it goes alone.

import type { DeliveryAnswer } from '../brokers/hosting.ts';
import type { Outgoing } from './store.ts';
import { pairOf } from './takeover.ts';

/** Pause before a failed pair is tried again, in milliseconds; doubled each time up to the longest. */
export const RETRY_MS = { first: 25, longest: 2_000 };
/** Failures of a message between which others got through, after which it goes alone: it must not hold them up. */
const ALONE_AFTER = 3;

interface Item {
  readonly row: Outgoing;
  readonly pair: string;
  failures: number;
  /** How often it failed though others had got through since it failed before. */
  spoilt: number;
  /** Batches of the channel that had got through when it last failed. */
  passedBefore: number;
}

export interface ChannelOptions {
  /** Batches under way at most. */
  readonly concurrency: number;
  /** Messages of a batch at most. */
  readonly batchMax: number;
  /** One answer for each row. A rejection means that none of them could be sent now. */
  readonly send: (rows: readonly Outgoing[]) => Promise<readonly (DeliveryAnswer | { readonly retry: string })[]>;
  /** Called for each message with its definite answer. */
  readonly onEnd: (row: Outgoing, answer: DeliveryAnswer) => void;
  /** Called each time that a message could not be delivered now, with how often that was so in a row. */
  readonly onFailure: (row: Outgoing, reason: string, failures: number) => void;
  /** Called when a batch is done with. */
  readonly onRest: () => void;
}

export interface Channel {
  /** Takes a message; it leaves at the next `pump`, or after those of its pair that came before. */
  add(row: Outgoing): void;
  /** Sends what may be sent. */
  pump(): void;
  /** Sends nothing more; what is under way still ends. */
  stop(): void;
}

/** An open channel. */
export function createChannel(options: ChannelOptions): Channel {
  const { concurrency, batchMax, send, onEnd, onFailure, onRest } = options;
  const ready: Item[] = [];
  /** Pairs with a message ready or under way, and what waits behind it. */
  const pairs = new Map<string, Item[]>();
  let underWay = 0;
  let width = batchMax;
  let passed = 0;
  let stopped = false;

  function pump(): void {
    while (!stopped && ready.length > 0 && underWay < concurrency) {
      underWay += 1;
      void run(nextBatch());
    }
  }

  const goesAlone = ({ spoilt }: Item): boolean => spoilt >= ALONE_AFTER;

  /** The first of what is ready, as many as go together; looks no further than that, however many wait. */
  function nextBatch(): readonly Item[] {
    let size = 0;
    while (size < width && size < ready.length && !goesAlone(ready[size] as Item)) size += 1;
    return ready.splice(0, Math.max(size, 1));
  }

  async function run(items: readonly Item[]): Promise<void> {
    try {
      const answers = await send(items.map(({ row }) => row));
      width = Math.min(batchMax, width * 2);
      passed += 1;
      items.forEach((item, i) => settle(item, answers[i] ?? { retry: 'no answer' }));
    } catch (error) {
      const [first] = items;
      // What goes alone says nothing of how much the others may be.
      if (first !== undefined && !goesAlone(first)) width = Math.max(1, items.length >> 1);
      for (const item of items) {
        if (item.failures > 0 && item.passedBefore < passed) item.spoilt += 1;
        item.passedBefore = passed;
        settle(item, { retry: (error as Error).message });
      }
    }
    underWay -= 1;
    pump();
    onRest();
  }

  function settle(item: Item, answer: DeliveryAnswer): void {
    if ('retry' in answer) return again(item, answer.retry);
    onEnd(item.row, answer);
    const next = pairs.get(item.pair)?.shift();
    if (next !== undefined) ready.push(next);
    else pairs.delete(item.pair);
  }

  function again(item: Item, reason: string): void {
    item.failures += 1;
    onFailure(item.row, reason, item.failures);
    const pauseMs = Math.min(RETRY_MS.first * 2 ** (item.failures - 1), RETRY_MS.longest);
    setTimeout(() => {
      ready.push(item);
      pump();
    }, pauseMs).unref();
  }

  return {
    add(row) {
      const item: Item = { row, pair: pairOf(row), failures: 0, spoilt: 0, passedBefore: 0 };
      const behind = pairs.get(item.pair);
      if (behind !== undefined) behind.push(item);
      else {
        pairs.set(item.pair, []);
        ready.push(item);
      }
    },
    pump,
    stop: () => void (stopped = true),
  };
}
