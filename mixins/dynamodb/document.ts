// One actor as one DynamoDB item: state, version, what still has to leave, and the commands it took last. Everything
// here is a pure function of documents; `store.ts` reads and writes them.
//
//   item ──documentOf──► document ──applied(change)──► document ──itemOf──► item

import { deflateRawSync, inflateRawSync } from 'node:zlib';
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { storable } from '../storable.ts';
import type { Change, Handled, Outgoing, StoredOutgoing } from '../store.ts';

/** Commands that an actor remembers, newest last. */
export const HANDLED_MAX = 64;
/** DynamoDB takes items of 400 KB; some room is left for what is counted differently there. */
export const ITEM_BYTES_MAX = 395 * 1_024;
/** Longer texts are stored deflated: what an item costs grows with its size. */
const DEFLATE_FROM = 4_096;
/** Digits of `seq`, which is compared as text. */
const SEQ_DIGITS = 12;

export type Item = Record<string, AttributeValue>;

/** A row that still has to leave, and when it was stored (ms since 1970). */
export interface Pending extends StoredOutgoing {
  readonly storedAt: number;
}

export interface Document {
  readonly id: string;
  readonly version: number;
  /** Written anew, at random, by each write of the item, also by those that leave the version alone. */
  readonly stamp: string;
  /** JSON text; undefined: the initial state. */
  readonly state: string | undefined;
  readonly handled: readonly Handled[];
  readonly pending: readonly Pending[];
  /** Outbox rows that the actor has ever had. */
  readonly rows: number;
  /** Seconds since 1970, as DynamoDB's time to live wants it. */
  readonly expiresAt: number | undefined;
}

export interface Writing {
  readonly stamp: string;
  readonly storedAt: number;
  readonly expiresAt: number | undefined;
  /** Topics whose newest event makes an unsent older one needless. */
  readonly latestOnly: ReadonlySet<string>;
}

/**
 * The document as the change leaves it.
 * @throws UnstorableText
 */
export function applied(before: Document | undefined, change: Change, writing: Writing): Document {
  const { stamp, storedAt, expiresAt, latestOnly } = writing;
  demandStorable(change);
  const rows = before?.rows ?? 0;
  const added = change.outbox.map((row, i) => ({ ...row, seq: String(rows + i).padStart(SEQ_DIGITS, '0'), storedAt }));
  const pending = [...(before?.pending ?? []), ...added];
  const newest = new Map(pending.map((row) => [slotOf(row), row]));
  return {
    id: change.id,
    version: change.version,
    stamp,
    state: change.state === undefined ? before?.state : JSON.stringify(change.state),
    handled: [...(before?.handled ?? []), ...change.handled].slice(-HANDLED_MAX),
    pending: pending.filter((row) => !latestOnly.has(row.target) || newest.get(slotOf(row)) === row),
    rows: rows + added.length,
    expiresAt,
  };
}

function demandStorable({ id, handled, outbox }: Change): void {
  storable(id);
  for (const { commandId, fingerprint = '', answer = '' } of handled)
    [commandId, fingerprint, answer].forEach(storable);
  for (const { messageId, target, key, body } of outbox) [messageId, target, key, body].forEach(storable);
}

function slotOf({ kind, target, key }: Outgoing): string {
  return `${kind}\n${target}\n${key}`;
}

/** The item as DynamoDB stores it. */
export function itemOf(document: Document): Item {
  const { id, version, stamp, state, handled, pending, rows, expiresAt } = document;
  return {
    id: { S: id },
    version: { N: String(version) },
    stamp: { S: stamp },
    rows: { N: String(rows) },
    handled: pack(
      JSON.stringify(
        handled.map((command) => [command.commandId, command.version, command.fingerprint, command.answer]),
      ),
    ),
    ...(state === undefined ? {} : { state: pack(state) }),
    ...(pending.length === 0 ? {} : { pending: pack(JSON.stringify(pending)) }),
    ...(expiresAt === undefined ? {} : { expiresAt: { N: String(expiresAt) } }),
  };
}

/** The document of a stored item. */
export function documentOf(item: Item): Document {
  const id = textOf(item, 'id');
  return {
    id,
    version: Number(item['version']?.N),
    stamp: textOf(item, 'stamp'),
    state: item['state'] === undefined ? undefined : textOf(item, 'state'),
    handled: (
      JSON.parse(textOf(item, 'handled')) as readonly (readonly [string, number, string | null, string | null])[]
    ).map(([commandId, version, fingerprint, answer]) => ({
      id,
      commandId,
      version,
      ...(fingerprint === null ? {} : { fingerprint }),
      ...(answer === null ? {} : { answer }),
    })),
    pending: pendingOf(item),
    rows: Number(item['rows']?.N),
    expiresAt: item['expiresAt'] === undefined ? undefined : Number(item['expiresAt'].N),
  };
}

/** What still has to leave, of an item of which perhaps nothing else was read. */
export function pendingOf(item: Item): readonly Pending[] {
  return item['pending'] === undefined ? [] : (JSON.parse(textOf(item, 'pending')) as readonly Pending[]);
}

/** Bytes of the item as DynamoDB counts them: names and values, UTF-8. */
export function sizeOf(item: Item): number {
  let bytes = 0;
  for (const [name, value] of Object.entries(item)) {
    bytes += name.length + (value.B?.byteLength ?? Buffer.byteLength(value.S ?? value.N ?? ''));
  }
  return bytes;
}

/** A text as an attribute, deflated where that saves something. */
export function pack(text: string): AttributeValue {
  return text.length < DEFLATE_FROM ? { S: text } : { B: deflateRawSync(text, { level: 1 }) };
}

/** The text of a packed attribute; empty if the item has none of this name. */
export function textOf(item: Item, name: string): string {
  const value = item[name];
  return value?.B === undefined ? (value?.S ?? '') : inflateRawSync(value.B).toString('utf8');
}
