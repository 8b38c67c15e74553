// Turns the changes of a batch into the parameters of its statement: arrays, in the order of `commitStatement`.

import { bucketOf, type Change, type Outgoing } from '../store.ts';
import { float8Array, int4Array, int8Array, textArray } from './arrays.ts';
import type { CommitSections, ReadColumn } from './statements.ts';

/** Whether a change only asks if its actor still has the expected version. */
export function isConfirmation(change: Change): boolean {
  return change.version === change.expected;
}

export function encodeConfirm(changes: readonly Change[]): Buffer[] {
  return [textArray(changes.map(({ id }) => id)), int8Array(changes.map(({ expected }) => expected))];
}

/**
 * @throws UnstorableText for text that PostgreSQL cannot hold.
 */
export function encodeCommit(
  changes: readonly Change[],
  { readColumns, hasRows, hasTimers }: CommitSections,
): Buffer[] {
  const writing = changes.filter((change) => !isConfirmation(change));
  return [
    ...encodeConfirm(changes.filter(isConfirmation)),
    ...encodeWanted(writing, Object.values(readColumns)),
    ...encodeInbox(writing),
    ...encodeJournal(writing),
    ...encodeOutbox(writing),
    ...(hasRows ? encodeRows(writing) : []),
    ...(hasTimers ? [...encodeCancelled(writing), ...encodeTimers(writing)] : []),
  ];
}

/** The elements that hang on changes, with the number of their change: `n` is its place in `wanted`. */
function flat<T>(
  changes: readonly Change[],
  of: (change: Change) => readonly T[],
): { readonly n: Buffer; readonly ids: Buffer; readonly items: T[] } {
  const [n, ids, items]: [number[], string[], T[]] = [[], [], []];
  changes.forEach((change, i) => {
    for (const item of of(change)) {
      n.push(i);
      ids.push(change.id);
      items.push(item);
    }
  });
  return { n: int4Array(n), ids: textArray(ids), items };
}

function encodeWanted(changes: readonly Change[], columns: readonly ReadColumn[]): Buffer[] {
  return [
    int4Array(changes.map((_, i) => i)),
    textArray(changes.map(({ id }) => id)),
    int8Array(changes.map(({ expected }) => expected)),
    int8Array(changes.map(({ version }) => version)),
    textArray(changes.map(({ state }) => (state === undefined ? null : JSON.stringify(state)))),
    ...columns.map((column) => encodeColumn(column, changes)),
  ];
}

function encodeColumn({ type, of }: ReadColumn, changes: readonly Change[]): Buffer {
  const values = changes.map(({ state }) => (state === undefined ? null : (of(state as never) ?? null)));
  switch (type) {
    case 'text':
      return textArray(values as (string | null)[]);
    case 'bigint':
      return int8Array(values as (number | null)[]);
    case 'timestamptz':
      return float8Array(values as (number | null)[]);
  }
}

function encodeInbox(changes: readonly Change[]): Buffer[] {
  const { n, ids, items } = flat(changes, ({ handled }) => handled);
  return [
    n,
    ids,
    textArray(items.map(({ commandId }) => commandId)),
    int8Array(items.map(({ version }) => version)),
    textArray(items.map(({ fingerprint }) => fingerprint ?? null)),
    textArray(items.map(({ answer }) => answer ?? null)),
  ];
}

function encodeJournal(changes: readonly Change[]): Buffer[] {
  const { n, ids, items } = flat(changes, ({ journal }) => journal);
  return [
    n,
    ids,
    int8Array(items.map(({ version }) => version)),
    int4Array(items.map(({ index }) => index)),
    textArray(items.map(({ type }) => type)),
    textArray(items.map(({ data }) => JSON.stringify(data))),
    textArray(items.map(({ commandId }) => commandId)),
    float8Array(items.map(({ at }) => at)),
  ];
}

function encodeOutbox(changes: readonly Change[]): Buffer[] {
  const { n, items } = flat(changes, ({ outbox }) => outbox);
  const texts = (of: (row: Outgoing) => string) => textArray(items.map(of));
  return [
    n,
    texts(({ messageId }) => messageId),
    texts(({ kind }) => kind),
    texts(({ target }) => target),
    texts(({ sender }) => sender),
    texts(({ key }) => key),
    texts(({ body }) => body),
    int4Array(items.map(({ sealed }) => Number(sealed))),
    float8Array(items.map(({ at }) => at)),
    int4Array(items.map(({ bucket }) => bucket)),
  ];
}

function encodeRows(changes: readonly Change[]): Buffer[] {
  const { n, ids, items } = flat(changes, ({ rows }) => rows);
  return [
    n,
    ids,
    textArray(items.map(({ key }) => key)),
    textArray(items.map(({ data }) => (data === undefined ? null : JSON.stringify(data)))),
  ];
}

/** A name that is set as well is not cancelled: one statement cannot touch a row twice. */
function encodeCancelled(changes: readonly Change[]): Buffer[] {
  const { n, ids, items } = flat(changes, ({ cancelled, timers }) =>
    cancelled.filter((name) => timers.every((timer) => timer.name !== name)),
  );
  return [n, ids, textArray(items)];
}

function encodeTimers(changes: readonly Change[]): Buffer[] {
  const { n, ids, items } = flat(changes, ({ timers }) => timers);
  return [
    n,
    ids,
    textArray(items.map(({ name }) => name)),
    float8Array(items.map(({ afterMs }) => afterMs)),
    int4Array(items.map(({ id }) => bucketOf(id, id))),
    textArray(items.map(({ commandId }) => commandId)),
    textArray(items.map(({ command }) => JSON.stringify(command))),
  ];
}
