// What a lane remembers of its actors between batches. The version in the database decides; this is only speed.
// After a conflict everything of that actor goes, never a part of it.

import type { Change, Loaded } from './store.ts';

/** Weight of all that is cached (about one per 300 bytes); beyond it the actor used longest ago goes. */
export const CACHE_WEIGHT_MAX = 15_000;
/** Rows remembered of one actor with many rows; beyond it the oldest go (its version stays). */
export const CACHE_ROWS_MAX = 12_000;
/** Versions remembered of actors that were let go: some seconds of a busy shop. Of others the outbox has to be asked. */
export const NOTES_MAX = 20_000;
/** What stays when something has to go. A Map walks over what it has lost, so much goes at once instead of one by one. */
const lowered = (max: number) => max - (max >> 4);

export interface CachedActor {
  version: number;
  /** State of a single-state actor. */
  state: unknown;
  /** Rows of an actor with many rows: `undefined` is known to be absent, a missing key is not known. */
  readonly rows: Map<string, unknown>;
  /** Others made its version: what they have sent of it, and perhaps not delivered, is not known here yet. */
  follows: boolean;
  weight: number;
}

export interface ActorCache {
  get(id: string): CachedActor | undefined;
  /** Takes what a load brought; never overwrites what is cached already. */
  learn(ids: readonly string[], rows: readonly { readonly id: string; readonly key: string }[], loaded: Loaded): void;
  /** Takes what a commit confirmed; `follows` as in `CachedActor`. */
  keep(change: Change, follows?: boolean): void;
  /** Whether others may have made this version of an actor that is not cached. A new actor has sent nothing. */
  isForeign(id: string, version: number): boolean;
  /** Forgets everything of the actor. */
  drop(id: string): void;
  size(): number;
}

/** Rough weight of a state: list entries and long texts count, so that a thousand-line order weighs a thousand. */
function weigh(state: unknown): number {
  if (typeof state !== 'object' || state === null) return 1;
  let weight = 1;
  for (const value of Object.values(state)) {
    if (Array.isArray(value)) weight += value.length;
    else if (typeof value === 'string') weight += value.length >> 8;
    else if (typeof value === 'object' && value !== null) weight += Object.keys(value).length >> 2;
  }
  return weight;
}

/** An empty cache of one lane. */
export function createCache(weightMax = CACHE_WEIGHT_MAX, rowsMax = CACHE_ROWS_MAX): ActorCache {
  // A Map keeps the order of insertion: the first entry is the one used longest ago.
  const actors = new Map<string, CachedActor>();
  const notes = new Map<string, number>();
  let total = 0;

  /** Every actor leaves this way: which version it had is kept a while longer. */
  function letGo(id: string, { version, weight, follows }: CachedActor): void {
    actors.delete(id);
    total -= weight;
    if (follows) return;
    notes.delete(id);
    notes.set(id, version);
    if (notes.size <= NOTES_MAX) return;
    for (const oldest of notes.keys()) {
      if (notes.size <= lowered(NOTES_MAX)) break;
      notes.delete(oldest);
    }
  }

  const isForeign = (id: string, version: number) => version > 0 && notes.get(id) !== version;

  function put(id: string, actor: CachedActor): void {
    actors.delete(id);
    actors.set(id, actor);
    if (total <= weightMax) return;
    for (const [oldest, letting] of actors) {
      if (total <= lowered(weightMax) || oldest === id) break;
      letGo(oldest, letting);
    }
  }

  function reweigh(actor: CachedActor): void {
    total -= actor.weight;
    actor.weight = weigh(actor.state);
    total += actor.weight;
  }

  function setRow(actor: CachedActor, key: string, data: unknown): void {
    actor.rows.delete(key);
    actor.rows.set(key, data);
    if (actor.rows.size <= rowsMax) return;
    for (const oldest of actor.rows.keys()) {
      if (actor.rows.size <= lowered(rowsMax)) break;
      actor.rows.delete(oldest);
    }
  }

  return {
    get: (id) => actors.get(id),
    learn(ids, rows, loaded) {
      for (const id of ids) {
        if (actors.has(id)) continue;
        const found = loaded.actors.get(id);
        const version = found?.version ?? 0;
        const actor = { version, state: found?.state, rows: new Map(), follows: isForeign(id, version), weight: 0 };
        reweigh(actor);
        put(id, actor);
      }
      for (const { id, key } of rows) {
        const actor = actors.get(id);
        if (actor !== undefined && !actor.rows.has(key)) setRow(actor, key, loaded.rows.get(id)?.get(key));
      }
    },
    isForeign,
    keep(change, follows = false) {
      const known = actors.get(change.id);
      // Let go since it was loaded: a version without the state that belongs to it would pass for a fresh actor.
      if (known === undefined && change.state === undefined) return;
      const actor = known ?? { version: 0, state: undefined, rows: new Map<string, unknown>(), follows, weight: 0 };
      actor.version = change.version;
      actor.follows = follows;
      if (change.state !== undefined) actor.state = change.state;
      for (const { key, data } of change.rows) setRow(actor, key, data);
      reweigh(actor);
      put(change.id, actor);
    },
    drop(id) {
      const actor = actors.get(id);
      if (actor !== undefined) letGo(id, actor);
    },
    size: () => actors.size,
  };
}
