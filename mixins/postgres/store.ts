// The store port on PostgreSQL. Loads and commits have a connection of their own, so that nothing stands in their way;
// acknowledgements, sweeps, timers and reads share a second one.

import type { ActorName } from '../../actors/actor.ts';
import { type ActorStore, type Handled, handledKey, LEASE_MS, type Outgoing, type StoredOutgoing } from '../store.ts';
import { int4Array, int8Array, textArray } from './arrays.ts';
import { encodeCommit, encodeConfirm, isConfirmation } from './commit.ts';
import type { Row } from './connection.ts';
import type { Database } from './database.ts';
import { isConflict } from './errors.ts';
import * as statements from './statements.ts';
import { COMMITTED, LOADED, type ReadColumn } from './statements.ts';

export type { ReadColumn } from './statements.ts';

export interface PostgresStoreOptions {
  readonly database: Pick<Database, 'lane'>;
  readonly actor: ActorName;
  /** Columns of `actors` that serve lists, by name. */
  readonly readColumns?: Readonly<Record<string, ReadColumn>>;
  /** The actor has many rows, and no other state. */
  readonly rowsActor?: boolean;
}

/**
 * Where an outbox row lies: its number, and when it was stored, which tells the day. Noted on rows that this process
 * committed or read (a WeakMap would cost the garbage collector dearly); others are found by their message id, slowly.
 */
const PLACE = Symbol('place');
interface Place {
  readonly seq: string;
  readonly storedAt: number;
}

function placeOf(row: Outgoing): Place | undefined {
  return (row as { [PLACE]?: Place })[PLACE];
}

function setPlace(row: Outgoing, place: Place): void {
  (row as { [PLACE]?: Place })[PLACE] = place;
}

/** The store of one kind of actor in the schema of its context. It ends with its database. */
export function postgresStore({
  database,
  actor,
  readColumns = {},
  rowsActor = false,
}: PostgresStoreOptions): ActorStore {
  const hot = database.lane();
  const side = database.lane({ deferred: true });
  const sections = { readColumns, hasRows: rowsActor };
  const commit = statements.commitStatement({ ...sections, hasTimers: false });
  const commitWithTimers = statements.commitStatement({ ...sections, hasTimers: true });

  return {
    actor,

    async load({ ids, rows, commands }) {
      const found = await hot.run(statements.load, [
        textArray(ids),
        ...pairs(rows, ({ id, key }) => [id, key]),
        ...pairs(commands, ({ id, commandId }) => [id, commandId]),
      ]);
      const actors = new Map<string, { version: number; state: unknown }>();
      const slices = new Map<string, Map<string, unknown>>();
      const handled = new Map<string, Handled>();
      for (const [kind, n, version, text, answer] of found as [
        string,
        string,
        string,
        string | null,
        string | null,
      ][]) {
        const at = Number(n) - 1;
        if (kind === LOADED.actor) {
          actors.set(ids[at] as string, {
            version: Number(version),
            state: text === null ? undefined : JSON.parse(text),
          });
        } else if (kind === LOADED.row) {
          const { id, key } = rows[at] as { id: string; key: string };
          const slice = slices.get(id) ?? new Map<string, unknown>();
          slices.set(id, slice.set(key, JSON.parse(text as string)));
        } else {
          const { id, commandId } = commands[at] as { id: string; commandId: string };
          const kept = { ...(text === null ? {} : { fingerprint: text }), ...(answer === null ? {} : { answer }) };
          handled.set(handledKey(id, commandId), { id, commandId, version: Number(version), ...kept });
        }
      }
      return { actors, rows: slices, handled };
    },

    async commit(changes) {
      if (changes.length === 0) return new Set();
      if (changes.every(isConfirmation)) {
        const confirmed = await hot.run(statements.confirm, encodeConfirm(changes));
        return new Set(confirmed.map(([id]) => id as string));
      }
      const hasTimers = changes.some(({ timers, cancelled }) => timers.length > 0 || cancelled.length > 0);
      const parameters = encodeCommit(changes, { ...sections, hasTimers });
      let answer: readonly Row[];
      try {
        answer = await hot.run(hasTimers ? commitWithTimers : commit, parameters);
      } catch (error) {
        if (isConflict(error)) return new Set();
        throw error;
      }
      const winners = new Set<string>();
      const seqs = new Map<string, string>();
      let storedAt = 0;
      for (const [kind, id, number] of answer as [string, string, string][]) {
        if (kind === COMMITTED.winner) winners.add(id);
        else if (kind === COMMITTED.outgoing) seqs.set(id, number);
        else storedAt = Number(number);
      }
      for (const { id, outbox } of changes) {
        if (!winners.has(id)) continue;
        for (const row of outbox) setPlace(row, { seq: seqs.get(row.messageId) as string, storedAt });
      }
      return winners;
    },

    async journal(id, afterVersion = 0) {
      const entries = await side.run(statements.journal, [id, afterVersion]);
      return (entries as string[][]).map(([version, index, type, data, commandId, at]) => ({
        id,
        version: Number(version),
        index: Number(index),
        type: type as string,
        data: JSON.parse(data as string) as object,
        commandId: commandId as string,
        at: Number(at),
      }));
    },

    async lease(holder) {
      return (await side.run(statements.lease, [holder, LEASE_MS])).map(([bucket]) => Number(bucket));
    },

    async unsent(buckets, olderThanMs, limit) {
      return placed(await side.run(statements.unsent, [int4Array(buckets), olderThanMs, limit]));
    },

    async unsentOf(senders, limit) {
      return placed(await side.run(statements.unsentOf, [textArray(senders), limit]));
    },

    async acknowledge(rows) {
      const found = rows.flatMap((row) => placeOf(row) ?? []);
      if (found.length > 0) {
        const seqs = int8Array(found.map(({ seq }) => Number(seq)));
        const times = found.map(({ storedAt }) => storedAt).sort((a, b) => a - b);
        await side.run(statements.acknowledge, [seqs, times.at(0) ?? 0, times.at(-1) ?? 0]);
      }
      const others = rows.filter((row) => placeOf(row) === undefined).map(({ messageId }) => messageId);
      if (others.length > 0) await side.run(statements.acknowledgeById, [textArray(others)]);
    },

    async due(buckets, limit) {
      const timers = await side.run(statements.due, [int4Array(buckets), limit]);
      return (timers as [string, string, string, string][]).map(([id, name, commandId, command]) => ({
        id,
        name,
        commandId,
        command: JSON.parse(command),
      }));
    },

    async park({ id, commandId, command, reason }) {
      await hot.run(statements.park, [id, commandId, JSON.stringify(command), reason.replaceAll('\0', '\\u0000')]);
    },
  };
}

/** Two parameters: the first and the second of each pair. */
function pairs<T>(items: readonly T[], of: (item: T) => readonly [string, string]): readonly [Buffer, Buffer] {
  const both = items.map(of);
  return [textArray(both.map(([first]) => first)), textArray(both.map(([, second]) => second))];
}

function placed(rows: readonly Row[]): readonly StoredOutgoing[] {
  return (rows as string[][]).map((row) => {
    const outgoing = toOutgoing(row);
    setPlace(outgoing, { seq: outgoing.seq, storedAt: Number(row[10]) });
    return outgoing;
  });
}

function toOutgoing(row: readonly string[]): StoredOutgoing {
  const [seq, messageId, kind, target, sender, key, body, sealed, at, bucket] = row as [
    string,
    string,
    Outgoing['kind'],
    string,
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  return {
    seq,
    messageId,
    kind,
    target,
    sender,
    key,
    body,
    sealed: sealed === '1',
    at: Number(at),
    bucket: Number(bucket),
  };
}
