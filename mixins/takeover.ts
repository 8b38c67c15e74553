// Keeps order per pair when an actor moves from one node to another: what the former owner committed and has not
// delivered goes first, whoever delivers it.
//
//   first send of an actor that others committed ──► its rows wait ──► what is unsent of it? ──► older rows, then its own
//
// A lane knows all that its actor has sent if it made every version itself, or asked once when it took it over. The
// former owner may be alive and send as well: that is a repeat, which receivers drop by id. Nobody waits for another
// node, so none that is paused or dead holds up a pair.

import { type ActorStore, type Outgoing, StoreUnavailable } from './store.ts';

/** Senders that may be under suspicion at a time; with more, everything is left to the sweep. */
export const STRANGERS_MAX = 10_000;
/** Senders of one question, and rows of its answer; with more rows, everything is left to the sweep. */
const SENDERS_MAX = 1_000;
export const FOUND_MAX = 5_000;
/** A living node delivers and marks a row within a fraction of this; older ones are taken over whoever wants them, in ms. */
const STALE_MS = 1_000;
/** Pause before a question that failed is asked again, in milliseconds; doubled each time up to the longest. */
const AGAIN_MS = { first: 25, longest: 1_000 };

/** Order is kept per (sender, target, key): what follows in a pair waits for what is before it. */
export function pairOf({ sender, target, key }: Outgoing): string {
  return `${sender}\n${target}\n${key}`;
}

export interface Takeover {
  /** Whether rows of this sender have to wait here. */
  holds(sender: string): boolean;
  /** A row of a sender that is held, committed by this node on top of its own version. */
  wait(row: Outgoing): void;
  /** Rows of senders whose versions before were made by others: what is unsent of them is looked for first. */
  follow(rows: readonly Outgoing[]): void;
  /** Rows of these senders may have been committed that are in no memory: they are looked for, and sent. */
  doubt(senders: Iterable<string>): void;
  /** Rows that wait here. */
  waiting(): number;
  /** Forgets everything: from now on the sweep finds it. */
  clear(): void;
  stop(): void;
}

export interface TakeoverOptions {
  readonly store: Pick<ActorStore, 'unsentOf'>;
  /** Takes rows into memory, in this order; those that are there already it leaves alone. */
  readonly send: (rows: readonly Outgoing[]) => void;
  readonly isKnown: (messageId: string) => boolean;
  /** There is too much to look for one by one. */
  readonly giveUp: () => void;
  readonly alert: (what: string, particulars: object) => void;
}

interface Stranger {
  rows: Outgoing[];
  /** The question has to be asked (again). */
  isDue: boolean;
  /** Whatever is found is to be sent by this node. */
  takesAll: boolean;
}

/** What one relay has taken over, or is about to. */
export function createTakeover({ store, send, isKnown, giveUp, alert }: TakeoverOptions): Takeover {
  const strangers = new Map<string, Stranger>();
  let waiting = 0;
  let failures = 0;
  let isAsking = false;
  let stopped = false;

  function suspect(sender: string): Stranger {
    let stranger = strangers.get(sender);
    if (stranger === undefined) strangers.set(sender, (stranger = { rows: [], isDue: true, takesAll: false }));
    stranger.isDue = true;
    return stranger;
  }

  function wait(row: Outgoing): void {
    strangers.get(row.sender)?.rows.push(row);
    waiting += 1;
    ask();
  }

  function follow(rows: readonly Outgoing[]): void {
    for (const row of rows) {
      suspect(row.sender).rows.push(row);
      waiting += 1;
    }
    ask();
  }

  function doubt(senders: Iterable<string>): void {
    for (const sender of senders) suspect(sender).takesAll = true;
    ask();
  }

  function clear(): void {
    strangers.clear();
    waiting = 0;
  }

  /** One question at a time: what comes in this turn shares it, what comes meanwhile shares the next one. */
  function ask(): void {
    if (isAsking || stopped) return;
    isAsking = true;
    queueMicrotask(() => void askAll());
  }

  async function askAll(): Promise<void> {
    for (let asked = due(); asked.size > 0 && !stopped; asked = due()) await answer(asked);
    isAsking = false;
  }

  function due(): ReadonlyMap<string, Stranger> {
    const asked = new Map<string, Stranger>();
    if (strangers.size > STRANGERS_MAX) giveUp();
    for (const [sender, stranger] of strangers) {
      if (asked.size === SENDERS_MAX) break;
      if (!stranger.isDue && stranger.rows.length === 0) continue;
      asked.set(sender, { ...stranger });
      Object.assign(stranger, { rows: [], isDue: false, takesAll: false });
    }
    return asked;
  }

  async function answer(asked: ReadonlyMap<string, Stranger>): Promise<void> {
    try {
      const found = await store.unsentOf([...asked.keys()], FOUND_MAX);
      failures = 0;
      if (found.length === FOUND_MAX) giveUp();
      else settle(asked, found);
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) {
        alert('takeover failed', { senders: asked.size, error: String((error as Error).stack) });
        return giveUp();
      }
      for (const [sender, { rows, takesAll }] of asked) {
        const stranger = strangers.get(sender);
        if (stranger === undefined) continue;
        stranger.rows.unshift(...rows);
        stranger.isDue = true;
        stranger.takesAll ||= takesAll;
      }
      const pauseMs = Math.min(AGAIN_MS.first * 2 ** failures, AGAIN_MS.longest);
      failures += 1;
      await new Promise((resolve) => setTimeout(resolve, pauseMs).unref());
    }
  }

  function settle(asked: ReadonlyMap<string, Stranger>, found: readonly Outgoing[]): void {
    const wanted = new Set([...asked.values()].flatMap(({ rows }) => rows.map(pairOf)));
    const staleAt = Date.now() - STALE_MS;
    const rest = new Set<string>();
    // What waited is among it, behind what is older, unless somebody has delivered it already.
    const mine = found.filter((row) => {
      if (isKnown(row.messageId)) return false;
      if (asked.get(row.sender)?.takesAll === true || row.at <= staleAt || wanted.has(pairOf(row))) return true;
      rest.add(row.sender);
      return false;
    });
    const later: Outgoing[] = [];
    for (const [sender, { rows }] of asked) {
      const stranger = strangers.get(sender);
      // Given up meanwhile: the sweep finds them.
      if (stranger === undefined) continue;
      waiting -= rows.length;
      // Others' rows that are still young stay with them, but are looked at again before the next send.
      if (rest.has(sender) || stranger.isDue) continue;
      strangers.delete(sender);
      waiting -= stranger.rows.length;
      later.push(...stranger.rows);
    }
    send([...mine, ...later]);
  }

  return {
    holds: (sender) => strangers.size > 0 && strangers.has(sender),
    wait,
    follow,
    doubt,
    waiting: () => waiting,
    clear,
    stop() {
      stopped = true;
    },
  };
}
