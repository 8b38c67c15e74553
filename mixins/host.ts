// Hosts one kind of actor: mailboxes, one commit lane, one statement per batch.
//
//   tell / receive / timers ──► queue ──► batch ──► load ──► decide (memory) ──► commit ──► answers
//                                 ▲                                               │  └────► relay (outbox)
//                                 └────────── conflict: drop the actor, again ────┘
//
// While one batch commits the next one gathers, so an idle shop pays no delay and a busy one shares its fsync.
// The order of safety: an answer, also a refusal or a no-op, leaves only after its actor's version was confirmed.

import { type Actor, type Message, type Refusal, slice } from '../actors/actor.ts';
import { fnv1a } from '../brokers/fnv1a.ts';
import type { Delivery, DeliveryAnswer } from '../brokers/hosting.ts';
import { nodeIsStopping, Problem } from '../brokers/problem.ts';
import { createCache } from './actor-cache.ts';
import { type Entry, isGuess, type Outcome, runBatch } from './batch.ts';
import { type Pressure, processPressure } from './pressure.ts';
import { createRelay, type Transport } from './relay.ts';
import { type ActorStore, type Change, type DueTimer, type Handled, StoreUnavailable } from './store.ts';

/** Commands that may wait in front of one lane; one more is answered 503. */
export const MAILBOX_MAX = 10_000;
/** Commands of one batch. More would only lengthen the statement; the rest shares the next one. */
export const BATCH_MAX = 256;
/** Times a command is decided anew after losing a version race, before its caller is told to come back. */
export const ATTEMPTS_MAX = 20;
/** Longest rest of a lane whose whole batch lost its race, in milliseconds: some commits of whoever won it. */
const YIELD_MAX_MS = 32;
/** How long a command may wait for an absent database before its caller is told, in milliseconds. */
export const PATIENCE_MS = 5_000;
/** Waiting commands for which a lane gathers no longer, unless callers need the machine. */
const GATHERED_ENOUGH = 256;
/** How far work behind may lag while callers need the machine, in milliseconds: half of what a message may take (L3). */
const LAG_MAX_MS = 1_000;
/** What its actors have sent and is not delivered yet shortens its rests, so many rows end them: this bounds memory. */
const LAG_MAX_ROWS = 30_000;
/** First and longest pause between attempts at an absent database, in milliseconds. */
const PAUSE_MS = { first: 20, longest: 500 };
/** How often due timers are looked for, in milliseconds. */
const TIMER_POLL_MS = 250;
const TIMERS_PER_POLL = 500;
/** Timers that broke a rule and were put aside; they are not fired again until the next start, or until so many are newer. */
const TIMERS_ASIDE_MAX = 1_000;
/** Deliveries older than the inbox remembers cannot be told from repeats and are refused, in milliseconds. */
export const DELIVERY_AGE_MAX_MS = 7 * 24 * 3_600_000;

/** What a command led to, released after its actor's version was confirmed in the database. */
export interface Told<S> {
  /** State after the command (after a refusal: the state that refused). For actors with rows: the command's slice. */
  readonly state: S;
  readonly version: number;
  readonly refused?: Refusal;
  /** Set when this command id was handled before: nothing was done again, this is what the inbox remembers. */
  readonly repeated?: Handled;
}

export interface TellOptions<S> {
  readonly commandId: string;
  /**
   * The command id is most likely new (random, or an outbox's): it is looked up only when something speaks against it,
   * which saves a query. A repeat still takes no effect, but may be answered as a no-op instead of as `repeated`.
   */
  readonly isNew?: boolean;
  /** Hash of the request; a repeat can compare it. */
  readonly fingerprint?: string;
  /** Makes the answer (plain JSON) that the inbox keeps for repeats; called before the commit, unless refused. */
  readonly answer?: (state: S, version: number) => object;
}

export interface Committed<S> {
  readonly id: string;
  readonly version: number;
  /** State after the batch; for actors with rows the rows that changed. */
  readonly state: S;
}

export interface Host<S, C extends Message> {
  /**
   * Gives a command to an actor and answers once the outcome is durable.
   * @throws Problem `overloaded` (mailbox full, 503), `unavailable` (database away or actor contended, 503).
   */
  tell(id: string, command: C, options: TellOptions<S>): Promise<Told<S>>;
  /** Commands from other actors' outboxes, answered one by one. Never throws. */
  receive(deliveries: readonly Delivery[]): Promise<readonly DeliveryAnswer[]>;
  /** Calls the listener after each commit with the actors it changed. Returns the way to stop listening. */
  onCommitted(listener: (committed: readonly Committed<S>[]) => void): () => void;
  /** What waits and what is cached, for health checks and the REPL. */
  stats(): { readonly waiting: number; readonly cached: number; readonly outbox: number; readonly parked: number };
  start(): Promise<void>;
  /** Drains: takes nothing new, commits what waits, stops relay and timers. */
  stop(): Promise<void>;
}

export interface HostOptions<S, C extends Message, E extends Message> {
  readonly actor: Actor<S, C, E>;
  readonly store: ActorStore;
  readonly transport: Transport;
  readonly alert: (what: string, particulars: object) => void;
  /** The actor uses timers: look for due ones. */
  readonly timers?: boolean;
  /** How long a busy lane gathers commands that no caller waits for, in milliseconds; default 0. */
  readonly gatherMs?: number;
  /** Whether callers need the machine; default: the pressure on this process. */
  readonly pressure?: Pressure;
  /** Milliseconds since 1970; the host's only clock. */
  readonly now?: () => number;
  /** Name of this lane among the holders of leases; stable for the life of the process. */
  readonly holder?: string;
}

/** By the global timer, which tests in virtual time own. */
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Numbers below one that differ from lane to lane. */
function chanceOf(holder: string): () => number {
  let state = fnv1a(holder);
  return () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
}

/** Makes the host of one kind of actor over its store. Nothing runs before `start`. */
export function createHost<S, C extends Message, E extends Message>(options: HostOptions<S, C, E>): Host<S, C> {
  const { actor, store, alert, gatherMs = 0, pressure = processPressure } = options;
  const now = options.now ?? Date.now;
  const holder = options.holder ?? `${actor.name}-${process.pid}-${process.hrtime.bigint().toString(36)}`;
  const cache = createCache();
  const chance = chanceOf(holder);
  const relay = createRelay({ store, actor: actor.name, holder, transport: options.transport, alert });
  const listeners = new Set<(committed: readonly Committed<S>[]) => void>();
  const queue: Entry<S, C>[] = [];
  let running: Promise<void> | undefined;
  const aside = new Set<string>();
  let timerPoll: NodeJS.Timeout | undefined;
  let firing: Promise<void> | undefined;
  let stopping = false;
  let parked = 0;

  function enqueue(entry: Entry<S, C>): void {
    queue.push(entry);
    running ??= runLane();
  }

  async function runLane(): Promise<void> {
    // One turn of the event loop, so that everything that arrived together shares the first batch.
    await new Promise(setImmediate);
    while (queue.length > 0) {
      const startedAt = performance.now();
      await settle(queue.splice(0, BATCH_MAX));
      if (gatherMs > 0 && queue.length > 0 && !stopping) await rest(performance.now() - startedAt);
    }
    // In the same turn as the last look at the queue: a command that comes now starts the lane anew.
    running = undefined;
  }

  /**
   * Work that nobody waits for gathers while the lane is busy: fewer, larger batches cost far less. While callers need
   * the machine it yields to them, but lags no more than `LAG_MAX_MS` and `LAG_MAX_ROWS` behind.
   */
  async function rest(workedMs: number): Promise<void> {
    const [oldest] = queue;
    const mayLag = oldest !== undefined && now() - oldest.command.at < LAG_MAX_MS;
    const patience = Math.max(0, 1 - relay.waiting() / LAG_MAX_ROWS);
    const restMs = mayLag ? pressure.restAfter(workedMs * patience) : 0;
    if (restMs > 0) await pause(Math.max(restMs, gatherMs));
    else if (queue.length < GATHERED_ENOUGH) await pause(gatherMs);
  }

  /** Runs a batch to the end: every entry is answered, or stands in the queue again. */
  async function settle(entries: Entry<S, C>[]): Promise<void> {
    let outcomes: readonly Outcome<S, C>[];
    let won: ReadonlySet<string>;
    let changes: readonly Change[] = [];
    let following: ReadonlySet<string>;
    try {
      ({ outcomes, changes, following } = await runBatch(actor, store, cache, entries));
      won = changes.length === 0 ? new Set() : await store.commit(changes);
    } catch (error) {
      // The outcome may be unknown: forget what was cached; the next load looks the command ids up again.
      for (const entry of entries) cache.drop(entry.id);
      if (error instanceof StoreUnavailable) {
        relay.doubt(changes.filter(({ outbox }) => outbox.length > 0).map(({ id }) => id));
        return await again(entries, error);
      }
      return await settleOneByOne(entries, error as Error);
    }
    const lost = new Set(changes.filter((change) => !won.has(change.id)).map((change) => change.id));
    for (const id of lost) cache.drop(id);
    const committed = release(outcomes, changes, following, lost);
    if (committed.length > 0) for (const listener of listeners) listener(committed);
    // Another node works on the same actors. The longer this one has lost, the longer it may let it go ahead.
    if (won.size === 0 && lost.size > 0)
      await pause(chance() * Math.min(2 ** (entries[0]?.attempts ?? 0), YIELD_MAX_MS));
  }

  /** Hands out the answers of a committed batch, and its outbox rows to the relay. */
  function release(
    outcomes: readonly Outcome<S, C>[],
    changes: readonly Change[],
    following: ReadonlySet<string>,
    lost: ReadonlySet<string>,
  ): Committed<S>[] {
    const committed: Committed<S>[] = [];
    // It took effect after its connection was lost: what it sends is in the outbox, but in no memory.
    for (const outcome of outcomes)
      if (outcome.entry.pauses > 0 && 'told' in outcome && outcome.told.repeated !== undefined)
        relay.doubt([outcome.entry.id]);
    for (const change of changes) {
      if (lost.has(change.id)) continue;
      const follows = following.has(change.id);
      cache.keep(change, follows && change.outbox.length === 0);
      if (follows) relay.follow(change.outbox);
      else if (change.outbox.length > 0) relay.push(change.outbox);
      if (change.version !== change.expected) committed.push(...seen(change));
    }
    const losers: Entry<S, C>[] = [];
    for (const outcome of outcomes) {
      const { entry } = outcome;
      // Also what failed, or repeated a command of this very batch, did so on a state that was not the stored one.
      // A refusal of what was not looked up proves nothing: the command may have been handled before.
      const isUnproven = isGuess(entry) && ('failed' in outcome || outcome.told.refused !== undefined);
      if (lost.has(entry.id) || isUnproven) losers.push(entry);
      else if ('failed' in outcome) fail(entry, outcome.failed);
      else entry.resolve(outcome.told);
    }
    requeue(losers, () => new Problem('unavailable', `${actor.name} is contended: try again`));
    return committed;
  }

  function seen({ id, version, rows, state }: Change): readonly Committed<S>[] {
    if (actor.needs !== undefined) {
      const changed: Record<string, unknown> = slice();
      for (const { key, data } of rows) changed[key] = data;
      return [{ id, version, state: changed as S }];
    }
    const known = state ?? cache.get(id)?.state;
    // Nothing happened to it but an answer that is kept, and the cache has let its state go: there is no news.
    return known === undefined ? [] : [{ id, version, state: known as S }];
  }

  function requeue(entries: readonly Entry<S, C>[], giveUp: () => Problem): void {
    const back = entries.filter((entry) => {
      entry.attempts += 1;
      entry.doubted = true;
      if (entry.attempts < ATTEMPTS_MAX) return true;
      entry.reject(giveUp());
      return false;
    });
    queue.unshift(...back);
  }

  /** The database is away: wait a little, then start over; who has waited too long is told. */
  async function again(entries: readonly Entry<S, C>[], error: Error): Promise<void> {
    const patient = entries.filter((entry) => {
      if (now() - entry.command.at < PATIENCE_MS && !stopping) return true;
      entry.reject(
        new Problem('unavailable', 'the database does not answer: try again', undefined, { cause: error.message }),
      );
      return false;
    });
    queue.unshift(...patient);
    const pauseMs = Math.min(PAUSE_MS.first * 2 ** (patient[0]?.pauses ?? 0), PAUSE_MS.longest);
    for (const entry of patient) {
      entry.pauses += 1;
      entry.doubted = true;
    }
    await pause(pauseMs);
  }

  /** One member spoils the batch: each is committed alone; the one that fails alone is answered and put aside. */
  async function settleOneByOne(entries: readonly Entry<S, C>[], error: Error): Promise<void> {
    const [only] = entries;
    if (entries.length === 1 && only !== undefined) return fail(only, error);
    for (const entry of entries) {
      entry.doubted = true;
      await settle([entry]);
    }
  }

  function fail(entry: Entry<S, C>, error: Error): void {
    alert('command failed', {
      actor: actor.name,
      id: entry.id,
      command: entry.command.type,
      error: String(error.stack ?? error),
    });
    entry.reject(error);
  }

  function admit(
    id: string,
    command: C,
    told: TellOptions<S>,
    more: { readonly at?: number; readonly timer?: string } = {},
  ): Promise<Told<S>> {
    if (stopping) return Promise.reject(nodeIsStopping());
    if (queue.length >= MAILBOX_MAX)
      return Promise.reject(new Problem('overloaded', `${actor.name}: too many commands are waiting`));
    return new Promise((resolve, reject) => {
      enqueue({
        ...told,
        id,
        command: { ...command, at: more.at ?? now() },
        timer: more.timer,
        resolve,
        reject,
        attempts: 0,
        pauses: 0,
        doubted: false,
      });
    });
  }

  async function deliver({ id, commandId, command, sentAt }: Delivery): Promise<DeliveryAnswer> {
    if (now() - sentAt > DELIVERY_AGE_MAX_MS) return { refused: 'too-old' };
    try {
      const { refused } = await admit(id, command as C, { commandId, isNew: true });
      return refused === undefined ? { done: true } : { refused: refused.refused };
    } catch (error) {
      if (error instanceof Problem && error.retryable) return { retry: error.message };
      return await putAside({ id, commandId, command }, error as Error);
    }
  }

  async function putAside({ id, commandId, command }: Omit<Delivery, 'sentAt'>, error: Error): Promise<DeliveryAnswer> {
    try {
      await store.park({ id, commandId, command, reason: error.message });
      parked += 1;
      return { parked: error.message };
    } catch (unavailable) {
      return { retry: String(unavailable) };
    }
  }

  async function fireTimers(): Promise<void> {
    try {
      const due = await store.due(relay.held(), TIMERS_PER_POLL + aside.size);
      await Promise.all(due.filter(({ commandId }) => !aside.has(commandId)).map(fire));
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) alert('timers failed', { actor: actor.name, error: String(error) });
    }
    if (!stopping) timerPoll = setTimeout(pollTimers, TIMER_POLL_MS).unref();
  }

  async function fire({ id, name, command, commandId }: DueTimer): Promise<void> {
    try {
      await admit(id, command as C, { commandId }, { timer: name });
    } catch (error) {
      // The next poll finds it again.
      if (error instanceof Problem && error.retryable) return;
      aside.add(commandId);
      for (const oldest of aside) if (aside.size > TIMERS_ASIDE_MAX) aside.delete(oldest);
      await putAside({ id, commandId, command }, error as Error);
    }
  }

  function pollTimers(): void {
    firing = fireTimers();
  }

  return {
    tell(id, command, told) {
      if (gatherMs === 0) pressure.noteCaller();
      return admit(id, command, told);
    },
    receive: (deliveries) => Promise.all(deliveries.map(deliver)),
    onCommitted(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    stats: () => ({ waiting: queue.length, cached: cache.size(), outbox: relay.waiting(), parked }),
    async start() {
      await relay.start({ keepLeases: options.timers === true });
      if (options.timers === true) pollTimers();
    },
    async stop() {
      stopping = true;
      clearTimeout(timerPoll);
      await running;
      await firing;
      await relay.stop();
    },
  };
}
