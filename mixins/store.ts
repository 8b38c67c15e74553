// The port between the host and a database: load what a batch needs, commit what a batch did.
// Implementations: PostgreSQL, DynamoDB (carts), memory. `store.contract.ts` is the suite that all of them pass.

import type { ActorName } from '../actors/actor.ts';
import { fnv1a } from '../brokers/fnv1a.ts';

/** What the host asks for before a batch: the actors' versions (and states or rows), and which command ids are known. */
export interface LoadRequest {
  /** Actor ids whose version and, for single-state actors, whose state is wanted. */
  readonly ids: readonly string[];
  /** Rows of actors with many rows. */
  readonly rows: readonly { readonly id: string; readonly key: string }[];
  readonly commands: readonly { readonly id: string; readonly commandId: string }[];
}

/** A command that took effect, as the inbox remembers it. Unique by (actor id, command id). */
export interface Handled {
  readonly id: string;
  readonly commandId: string;
  /** Actor version after the command. */
  readonly version: number;
  /** Hash of the request, to tell a repeat from another request with the same key. */
  readonly fingerprint?: string;
  /** The answer kept for repeats, as JSON text. */
  readonly answer?: string;
}

export interface Loaded {
  /** Version and state by actor id; an id that is absent has version 0. */
  readonly actors: ReadonlyMap<string, { readonly version: number; readonly state: unknown }>;
  /** Rows by actor id, then by key; absent ones are absent. */
  readonly rows: ReadonlyMap<string, ReadonlyMap<string, unknown>>;
  /** Known commands, keyed by `handledKey`. */
  readonly handled: ReadonlyMap<string, Handled>;
}

/** The key under which a handled command is found in `Loaded.handled`. */
export function handledKey(id: string, commandId: string): string {
  return `${id}\n${commandId}`;
}

/** One journal entry; (id, version, index) is its place. `at` in ms since 1970. */
export interface JournalEntry {
  readonly id: string;
  readonly version: number;
  readonly index: number;
  readonly type: string;
  readonly data: object;
  readonly commandId: string;
  readonly at: number;
}

/** A row of the outbox: one thing that has to leave. */
export interface Outgoing {
  /** `<actor>/<id>/<version>/<index>/<n>`: where in the journal it comes from. The receiver's command id or the event's id. */
  readonly messageId: string;
  readonly kind: 'send' | 'publish' | 'perform';
  /** Actor name, topic or task. */
  readonly target: string;
  /** Sender's actor id. */
  readonly sender: string;
  /** Receiver id, aggregate key, or (perform) the sender's id. Order is kept per (sender, target, key). */
  readonly key: string;
  /** JSON text: the command `{type, data}` of a send, else the data. */
  readonly body: string;
  /** The body holds something sealed: it is blanked once it was delivered. */
  readonly sealed: boolean;
  /** Milliseconds since 1970, of the commit's batch. */
  readonly at: number;
  /** Hash of (sender, key), below `BUCKETS`. */
  readonly bucket: number;
}

/** An outbox row as the store gives it back, with the store's own handle of it. */
export interface StoredOutgoing extends Outgoing {
  /** Ascending in the order of commits of one actor. */
  readonly seq: string;
}

export interface NewTimer {
  readonly id: string;
  readonly name: string;
  readonly afterMs: number;
  readonly commandId: string;
  readonly command: { readonly type: string; readonly data: object };
}

export interface DueTimer {
  readonly id: string;
  readonly name: string;
  readonly commandId: string;
  readonly command: { readonly type: string; readonly data: object };
}

/** Everything that a batch does to one actor. Takes effect whole, or not at all if the version is another. */
export interface Change {
  readonly id: string;
  /** Version that the decisions were made on; 0: there is no such actor yet. */
  readonly expected: number;
  /** Version afterwards; equal to `expected` when nothing was decided: then the commit only confirms it. */
  readonly version: number;
  /** New state of a single-state actor; absent if unchanged or if the actor has rows. */
  readonly state?: unknown;
  /** Rows set (or, with `data` undefined, deleted) of an actor with many rows. */
  readonly rows: readonly { readonly key: string; readonly data: unknown }[];
  readonly journal: readonly JournalEntry[];
  readonly handled: readonly Handled[];
  readonly outbox: readonly Outgoing[];
  readonly timers: readonly NewTimer[];
  /** Names of timers of this actor that go away (cancelled, or fired by a command of this batch). */
  readonly cancelled: readonly string[];
}

/** A command that cannot be carried out, put aside for a person. */
export interface Parked {
  readonly id: string;
  readonly commandId: string;
  readonly command: object;
  readonly reason: string;
}

export interface ActorStore {
  readonly actor: ActorName;
  /** One query. */
  load(request: LoadRequest): Promise<Loaded>;
  /**
   * One statement in one round trip (DynamoDB: one conditional put per actor). Ids appear at most once.
   * @returns the ids that took part: their version was the expected one and none of their command ids was known; also
   *   for changes that only confirm a version. The others changed nothing.
   * @throws StoreUnavailable if the outcome is unknown or the database away; any other error means that nothing
   *   of the batch was stored.
   */
  commit(changes: readonly Change[]): Promise<ReadonlySet<string>>;
  /** The actor's journal in order, from `afterVersion` (exclusive, default 0). Stores without one return undefined. */
  journal(id: string, afterVersion?: number): Promise<readonly JournalEntry[] | undefined>;

  // outbox and timers
  /** Takes or renews the leases of up to all buckets for this holder (2 s, database clock). Returns the buckets held. */
  lease(holder: string): Promise<readonly number[]>;
  /** Unsent rows of the buckets, oldest first, committed at least `olderThanMs` ago by the database's clock. */
  unsent(buckets: readonly number[], olderThanMs: number, limit: number): Promise<readonly StoredOutgoing[]>;
  /** Unsent rows of these senders, whoever committed them, in the order of commits; sees every commit answered before. */
  unsentOf(senders: readonly string[], limit: number): Promise<readonly StoredOutgoing[]>;
  /** Marks rows as delivered (by message id), blanking sealed bodies. */
  acknowledge(rows: readonly Outgoing[]): Promise<void>;
  /** Timers due by the database's clock in the buckets held. */
  due(buckets: readonly number[], limit: number): Promise<readonly DueTimer[]>;
  park(parked: Parked): Promise<void>;
}

export const BUCKETS = 64;
export const LEASE_MS = 2_000;

/** The bucket of a pair (sender, key). */
export function bucketOf(sender: string, key: string): number {
  return fnv1a(sender, '\n', key) % BUCKETS;
}

/** The database is away, or an answer was lost: the outcome of a commit is unknown until its command ids are looked up. */
export class StoreUnavailable extends Error {
  override name = 'StoreUnavailable';
}
