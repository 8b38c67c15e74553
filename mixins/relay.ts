// Sends what the outbox holds: at once from memory what this node committed, by sweeping what was left over.
//
//   commit ──push──► channel (relay-channel.ts) ──► transport ──► acknowledge (many at a time)
//   sweep of leased buckets ──►─┘    a pair (sender, target, key) has one message under way at a time
//   takeover of others' actors ─┘
//
// At least once, in order per pair, on however many nodes; receivers drop repeats by id. A pair that fails waits alone,
// the others go on.

import type { ActorName } from '../actors/actor.ts';
import type { NewEvent } from '../brokers/event-log.ts';
import { InvalidEvent } from '../brokers/log-appender.ts';
import type { Delivery, DeliveryAnswer } from '../brokers/hosting.ts';
import { type Channel, createChannel, RETRY_MS } from './relay-channel.ts';
import { type ActorStore, BUCKETS, type Outgoing, StoreUnavailable } from './store.ts';
import { createTakeover } from './takeover.ts';

/** Outbox rows kept in memory; beyond it a bucket is left to the sweep. */
export const OUTBOX_MEMORY_MAX = 50_000;
/** How often leases are renewed while they must be kept, and how often left-overs are looked for, in milliseconds. */
const RENEW_MS = 700;
const SWEEP_MS = 1_500;
/** The same while memory holds many rows, all of which a sweep reads again. */
const SWEEP_MUCH_MS = 5_000;
/** Rows younger than this are with the node that committed them, in milliseconds. */
const LEFT_OVER_AFTER_MS = 3_000;
/** The same while a lease has newly been taken (for `LEFT_OVER_AFTER_MS`): whoever held it is most likely dead. */
const BEREFT_AFTER_MS = 1_000;
const SWEEP_ROWS = 1_000;
/** Acknowledgements are gathered this long, in milliseconds, or until so many are there. */
const ACKNOWLEDGE_MS = 100;
const ACKNOWLEDGE_MAX = 500;
/** Failures in a row after which a person is told. */
const ALERT_AFTER = 20;
/** How long `stop` waits for messages under way, in milliseconds. */
const DRAIN_MS = 2_000;

/** How messages leave this node. Implemented by the hosting service. */
export interface Transport {
  deliver(to: ActorName, deliveries: readonly Delivery[]): Promise<readonly DeliveryAnswer[]>;
  publish(events: readonly NewEvent[]): Promise<void>;
  /** Does a task to its definite end; a rejection means "not yet", it is repeated. */
  perform(task: string, data: object, sender: string, messageId: string): Promise<void>;
}

export interface Relay {
  /** Sends rows of actors whose versions before were made by this host, or that are new. */
  push(rows: readonly Outgoing[]): void;
  /** Sends rows of actors whose versions before others made: what those have not delivered goes first. */
  follow(rows: readonly Outgoing[]): void;
  /** Rows of these actors may have been committed that nobody pushed (an answer was lost): they are looked for and sent. */
  doubt(senders: Iterable<string>): void;
  /** Buckets whose lease this node holds. */
  held(): readonly number[];
  waiting(): number;
  start(options: { readonly keepLeases: boolean }): Promise<void>;
  stop(): Promise<void>;
}

interface RelayOptions {
  readonly store: ActorStore;
  readonly actor: ActorName;
  readonly holder: string;
  readonly transport: Transport;
  readonly alert: (what: string, particulars: object) => void;
}

/** The relay of one host. */
export function createRelay({ store, actor, holder, transport, alert }: RelayOptions): Relay {
  const channels = new Map<string, Channel>();
  /** Message ids in memory, so that a sweep does not take them a second time. */
  const known = new Set<string>();
  /** Buckets that hold rows of this node which are not in memory: new rows must not overtake them. */
  const left = new Set<number>();
  /** Buckets held before the last lease, and until when some of them count as newly taken. */
  let heldBefore: ReadonlySet<number> = new Set();
  let bereftUntil = 0;
  const done: Outgoing[] = [];
  /** Message ids of what was delivered and is not marked so in the store: a sweep still finds it there. */
  const unmarked = new Set<string>();
  let losses = 0;
  let held: readonly number[] = [];
  let buffered: Outgoing[] | undefined;
  let stopped = false;
  let sweepTimer: NodeJS.Timeout | undefined;
  let acknowledgeTimer: NodeJS.Timeout | undefined;
  let acknowledging: Promise<void> | undefined;
  let sweeping: Promise<void> | undefined;
  let drained: (() => void) | undefined;
  let sweepSoon = () => {};
  const isKnown = (messageId: string) => known.has(messageId) || unmarked.has(messageId);
  const takeover = createTakeover({ store, send: enter, isKnown, giveUp, alert });

  function channelOf(row: Outgoing): Channel {
    const name = row.kind === 'publish' ? 'publish' : `${row.kind}:${row.target}`;
    let channel = channels.get(name);
    if (channel === undefined) {
      channel = createChannel({ ...waysOf(row), onEnd, onFailure, onRest });
      channels.set(name, channel);
    }
    return channel;
  }

  function waysOf({ kind, target }: Outgoing) {
    if (kind === 'publish') return { concurrency: 1, batchMax: 500, send: publish };
    if (kind === 'perform') return { concurrency: 64, batchMax: 1, send: perform };
    return {
      concurrency: 4,
      batchMax: 256,
      send: (rows: readonly Outgoing[]) => deliver(target as ActorName, rows),
    };
  }

  function deliver(to: ActorName, rows: readonly Outgoing[]): Promise<readonly DeliveryAnswer[]> {
    return transport.deliver(
      to,
      rows.map((row) => ({ id: row.key, commandId: row.messageId, command: JSON.parse(row.body), sentAt: row.at })),
    );
  }

  /** An event that no log may take is put aside alone: it must not keep the others back for ever. */
  async function publish(rows: readonly Outgoing[]): Promise<readonly DeliveryAnswer[]> {
    const aside = new Map<Outgoing, DeliveryAnswer>();
    for (let rest = rows; rest.length > 0; rest = rows.filter((row) => !aside.has(row))) {
      try {
        await transport.publish(rest.map(eventOf));
        break;
      } catch (error) {
        const wrong = error instanceof InvalidEvent ? rest[error.index] : undefined;
        if (wrong === undefined) throw error;
        const { sender, messageId, target, body } = wrong;
        const reason = (error as Error).message;
        await store.park({ id: sender, commandId: messageId, command: { publish: target, body }, reason });
        aside.set(wrong, { parked: reason });
      }
    }
    return rows.map((row) => aside.get(row) ?? { done: true });
  }

  function eventOf({ target, key, messageId, at, body }: Outgoing): NewEvent {
    return { topic: target, key, id: messageId, source: `souk/${actor}`, time: at, data: JSON.parse(body) };
  }

  async function perform(rows: readonly Outgoing[]): Promise<readonly DeliveryAnswer[]> {
    for (const row of rows) await transport.perform(row.target, JSON.parse(row.body), row.sender, row.messageId);
    return rows.map(() => ({ done: true }));
  }

  function add(row: Outgoing): void {
    if (isKnown(row.messageId)) return;
    known.add(row.messageId);
    channelOf(row).add(row);
  }

  function push(rows: readonly Outgoing[]): void {
    for (const row of rows) {
      if (takeover.holds(row.sender)) takeover.wait(row);
      else take(row);
    }
    pump();
  }

  function enter(rows: readonly Outgoing[]): void {
    rows.forEach(take);
    pump();
    onRest();
  }

  function take(row: Outgoing): void {
    if (left.has(row.bucket)) buffered?.push(row);
    else if (known.size + takeover.waiting() < OUTBOX_MEMORY_MAX) add(row);
    else left.add(row.bucket);
  }

  const isEmpty = () => known.size + takeover.waiting() === 0;

  /** From now on all rows come by the sweep alone, until it has found all that there is. */
  function giveUp(): void {
    takeover.clear();
    losses += 1;
    for (let bucket = 0; bucket < BUCKETS; bucket++) left.add(bucket);
    sweepSoon();
  }

  function pump(): void {
    if (!stopped) for (const channel of channels.values()) channel.pump();
  }

  function onRest(): void {
    if (isEmpty()) drained?.();
  }

  function onFailure({ messageId, target }: Outgoing, reason: string, failures: number): void {
    if (failures === ALERT_AFTER) alert('delivery keeps failing', { messageId, target, reason });
  }

  function onEnd(row: Outgoing, answer: DeliveryAnswer): void {
    const { messageId, target } = row;
    // A refusal of a compensation is an answer too, but one that a person should see.
    if ('refused' in answer) alert('delivery refused', { messageId, target, refused: answer.refused });
    if ('parked' in answer) alert('delivery parked', { messageId, target, reason: answer.parked });
    known.delete(messageId);
    unmarked.add(messageId);
    done.push(row);
    if (done.length >= ACKNOWLEDGE_MAX) void acknowledge();
    else if (!stopped) acknowledgeTimer ??= setTimeout(() => void acknowledge(), ACKNOWLEDGE_MS);
  }

  /** Marks what was delivered. Losing this costs a repeat, nothing more. */
  async function acknowledge(): Promise<void> {
    clearTimeout(acknowledgeTimer);
    acknowledgeTimer = undefined;
    if (acknowledging !== undefined || done.length === 0) return;
    const rows = done.splice(0);
    acknowledging = store.acknowledge(rows).then(
      () => rows.forEach(({ messageId }) => unmarked.delete(messageId)),
      () => void done.push(...rows),
    );
    await acknowledging;
    acknowledging = undefined;
    if (done.length > 0 && !stopped) acknowledgeTimer ??= setTimeout(() => void acknowledge(), ACKNOWLEDGE_MS);
  }

  /** Takes up what no memory holds: rows of a node that died, or that did not fit. Returns whether there is more. */
  async function sweep(): Promise<boolean> {
    // What memory holds is found as well: however much of it is stuck, the page reaches beyond it.
    const page = known.size + unmarked.size + SWEEP_ROWS;
    let isMore = false;
    // Of these, whoever holds the lease, all is wanted: what this node lost must go before what it commits next.
    const unknown = [...left];
    if (unknown.length > 0 && known.size < OUTBOX_MEMORY_MAX) {
      const lostBefore = losses;
      let isAll = false;
      // New rows of these buckets wait here until the older ones are in their queues.
      buffered = [];
      try {
        const rows = await store.unsent(unknown, 0, page);
        for (const row of rows) add(row);
        isMore = rows.length === page;
        isAll = !isMore && losses === lostBefore;
      } finally {
        const waiting = buffered;
        buffered = undefined;
        if (isAll) for (const bucket of unknown) left.delete(bucket);
        push(waiting);
      }
    }
    const rest = held.filter((bucket) => !left.has(bucket));
    if (rest.length > 0 && known.size < OUTBOX_MEMORY_MAX) {
      for (const row of await store.unsent(rest, isBereft() ? BEREFT_AFTER_MS : LEFT_OVER_AFTER_MS, page)) add(row);
    }
    pump();
    return isMore;
  }

  // By a clock that only goes forward: one that is set back must not keep what was left over waiting.
  const isBereft = () => performance.now() < bereftUntil;
  const sweepMs = () => (known.size > SWEEP_ROWS ? SWEEP_MUCH_MS : SWEEP_MS);

  async function lease(): Promise<void> {
    held = await store.lease(holder);
    if (held.some((bucket) => !heldBefore.has(bucket))) bereftUntil = performance.now() + LEFT_OVER_AFTER_MS;
    heldBefore = new Set(held);
  }

  async function keepSweeping(keepLeases: boolean): Promise<void> {
    let sweptAt = Number.NEGATIVE_INFINITY;
    let isUnderWay = false;
    const round = async () => {
      isUnderWay = true;
      let isMore = false;
      try {
        await lease();
        if (left.size > 0 || isBereft() || performance.now() - sweptAt >= sweepMs()) {
          isMore = await sweep();
          sweptAt = performance.now();
        }
      } catch (error) {
        held = [];
        if (!(error instanceof StoreUnavailable))
          alert('sweep failed', { actor, error: String((error as Error).stack) });
      }
      isUnderWay = false;
      // Whoever holds nothing is the one who goes on when the holder dies.
      const isWatchful = keepLeases || held.length === 0 || isBereft();
      next(isMore ? 0 : left.size > 0 ? RETRY_MS.first * 4 : isWatchful ? RENEW_MS : SWEEP_MS);
    };
    const next = (pauseMs: number) => {
      clearTimeout(sweepTimer);
      if (stopped) return;
      sweepTimer = setTimeout(() => {
        sweeping = round();
      }, pauseMs).unref();
    };
    // A round under way finds the doubt at its end.
    sweepSoon = () => {
      if (!isUnderWay) next(0);
    };
    sweeping = round();
    await sweeping;
  }

  return {
    push,
    follow(rows) {
      if (known.size + takeover.waiting() >= OUTBOX_MEMORY_MAX) giveUp();
      else takeover.follow(rows);
    },
    doubt: (senders) => takeover.doubt(senders),
    held: () => held,
    waiting: () => known.size + takeover.waiting(),
    start: ({ keepLeases }) => keepSweeping(keepLeases),
    async stop() {
      clearTimeout(sweepTimer);
      if (!isEmpty()) {
        let timer: NodeJS.Timeout | undefined;
        await Promise.race([
          new Promise<void>((resolve) => {
            drained = resolve;
          }),
          new Promise<void>((resolve) => {
            timer = setTimeout(resolve, DRAIN_MS);
          }),
        ]);
        clearTimeout(timer);
      }
      stopped = true;
      for (const channel of channels.values()) channel.stop();
      takeover.stop();
      clearTimeout(sweepTimer);
      await sweeping;
      await acknowledging;
      await acknowledge();
    },
  };
}
