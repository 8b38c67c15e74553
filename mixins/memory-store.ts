// The store port in memory: what tests and simulations run on, and the plainest statement of what a store does.
// Everything is kept as JSON text, as in the others, so that no object is shared between two loads.

import type { ActorName } from '../actors/actor.ts';
import { storable } from './storable.ts';
import {
  type ActorStore,
  bucketOf,
  BUCKETS,
  type Change,
  type Handled,
  handledKey,
  type JournalEntry,
  LEASE_MS,
  type Loaded,
  type NewTimer,
  type Outgoing,
  type Parked,
  type StoredOutgoing,
} from './store.ts';

export interface MemoryStoreOptions {
  /** The clock that a database would have: milliseconds since 1970. */
  readonly now?: () => number;
  readonly leaseMs?: number;
}

/** The port, and what only memory can show: everything at once. */
export interface MemoryStore extends ActorStore {
  /** Every outbox row ever committed, delivered ones included, in the order of commits. */
  outbox(): readonly (StoredOutgoing & { readonly sent: boolean })[];
  parked(): readonly Parked[];
}

interface ActorRecord {
  version: number;
  state: string | undefined;
  readonly rows: Map<string, string>;
  readonly journal: string[];
}

interface OutboxRecord {
  row: StoredOutgoing;
  readonly storedAt: number;
  sent: boolean;
}

interface TimerRecord extends NewTimer {
  readonly dueAt: number;
}

const newActor = (): ActorRecord => ({ version: 0, state: undefined, rows: new Map(), journal: [] });

const copy = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

/** A store that lives as long as the object. Two hosts over one object are two owners of the same actors. */
export function memoryStore(actor: ActorName, options: MemoryStoreOptions = {}): MemoryStore {
  const { now = Date.now, leaseMs = LEASE_MS } = options;
  const actors = new Map<string, ActorRecord>();
  const handled = new Map<string, Handled>();
  const outbox = new Map<string, OutboxRecord>();
  /** The rows of the outbox that were not acknowledged, in order. */
  const waiting = new Map<string, OutboxRecord>();
  const timers = new Map<string, TimerRecord>();
  const leases = new Map<number, { readonly holder: string; readonly until: number }>();
  const parked = new Map<string, Parked>();

  function takesPart(change: Change): boolean {
    if ((actors.get(change.id)?.version ?? 0) !== change.expected) return false;
    if (change.version === change.expected) return true;
    return change.handled.every(({ id, commandId }) => !handled.has(handledKey(id, commandId)));
  }

  function apply(change: Change): void {
    if (change.version === change.expected) return;
    const record = actors.get(change.id) ?? newActor();
    actors.set(change.id, record);
    record.version = change.version;
    if (change.state !== undefined) record.state = JSON.stringify(change.state);
    for (const { key, data } of change.rows) {
      if (data === undefined) record.rows.delete(key);
      else record.rows.set(key, JSON.stringify(data));
    }
    record.journal.push(...change.journal.map((entry) => JSON.stringify(entry)));
    for (const entry of change.handled) handled.set(handledKey(entry.id, entry.commandId), { ...entry });
    for (const row of change.outbox) {
      const stored: OutboxRecord = { row: { ...row, seq: String(outbox.size + 1) }, storedAt: now(), sent: false };
      outbox.set(row.messageId, stored);
      waiting.set(row.messageId, stored);
    }
    for (const name of change.cancelled) timers.delete(handledKey(change.id, name));
    for (const timer of change.timers) {
      const command = copy(timer.command);
      timers.set(handledKey(timer.id, timer.name), { ...timer, command, dueAt: now() + timer.afterMs });
    }
  }

  return {
    actor,

    async load(request): Promise<Loaded> {
      const states = new Map<string, { version: number; state: unknown }>();
      for (const id of request.ids) {
        const record = actors.get(id);
        if (record === undefined) continue;
        states.set(id, {
          version: record.version,
          state: record.state === undefined ? undefined : JSON.parse(record.state),
        });
      }
      const rows = new Map<string, Map<string, unknown>>();
      for (const { id, key } of request.rows) {
        const text = actors.get(id)?.rows.get(key);
        if (text !== undefined) rows.set(id, (rows.get(id) ?? new Map<string, unknown>()).set(key, JSON.parse(text)));
      }
      const known = new Map<string, Handled>();
      for (const { id, commandId } of request.commands) {
        const entry = handled.get(handledKey(id, commandId));
        if (entry !== undefined) known.set(handledKey(id, commandId), { ...entry });
      }
      return { actors: states, rows, handled: known };
    },

    async commit(changes) {
      for (const change of changes) assertStorable(change);
      const winners = changes.filter(takesPart);
      winners.forEach(apply);
      return new Set(winners.map(({ id }) => id));
    },

    async journal(id, afterVersion = 0) {
      const entries = (actors.get(id)?.journal ?? []).map((text) => JSON.parse(text) as JournalEntry);
      return entries.filter(({ version }) => version > afterVersion);
    },

    async lease(holder) {
      const held: number[] = [];
      for (let bucket = 0; bucket < BUCKETS; bucket++) {
        const lease = leases.get(bucket);
        if (lease !== undefined && lease.holder !== holder && lease.until > now()) continue;
        leases.set(bucket, { holder, until: now() + leaseMs });
        held.push(bucket);
      }
      return held;
    },

    async unsent(buckets, olderThanMs, limit) {
      const wanted = new Set(buckets);
      const rows: StoredOutgoing[] = [];
      for (const { row, storedAt } of waiting.values()) {
        if (rows.length === limit) break;
        if (wanted.has(row.bucket) && storedAt <= now() - olderThanMs) rows.push({ ...row });
      }
      return rows;
    },

    async unsentOf(senders, limit) {
      const wanted = new Set(senders);
      const rows = [...waiting.values()].filter(({ row }) => wanted.has(row.sender));
      return rows.slice(0, limit).map(({ row }) => ({ ...row }));
    },

    async acknowledge(rows: readonly Outgoing[]) {
      for (const { messageId } of rows) {
        const record = waiting.get(messageId);
        if (record === undefined) continue;
        waiting.delete(messageId);
        record.sent = true;
        if (record.row.sealed) record.row = { ...record.row, body: '' };
      }
    },

    async due(buckets, limit) {
      const wanted = new Set(buckets);
      return [...timers.values()]
        .filter(({ id, dueAt }) => dueAt <= now() && wanted.has(bucketOf(id, id)))
        .sort((a, b) => a.dueAt - b.dueAt)
        .slice(0, limit)
        .map(({ id, name, commandId, command }) => ({ id, name, commandId, command }));
    },

    async park(command) {
      parked.set(handledKey(command.id, command.commandId), command);
    },

    outbox: () => [...outbox.values()].map(({ row, sent }) => ({ ...row, sent })),
    parked: () => [...parked.values()],
  };
}

function assertStorable(change: Change): void {
  storable(change.id);
  for (const { key } of change.rows) storable(key);
  for (const { commandId, fingerprint = '', answer = '' } of change.handled)
    [commandId, fingerprint, answer].forEach(storable);
  for (const { commandId, type } of change.journal) [commandId, type].forEach(storable);
  for (const { messageId, target, key, body } of change.outbox) [messageId, target, key, body].forEach(storable);
  for (const { name, commandId } of change.timers) [name, commandId].forEach(storable);
  for (const name of change.cancelled) storable(name);
}
