// Actors in DynamoDB: one item each, written by single conditional puts alone, so that it runs on every DynamoDB there is.
//
//   load ──► documents (last seen) ──► commit: put if stamp unchanged ──► documents ──► acknowledge: put if unchanged
//                     ▲                              │ another write came first
//                     └────────── read anew ◄────────┘
//
// Each write draws a new random stamp and demands the one that it has read. So a document is only ever replaced by one
// made from it, an acknowledgement loses no row that a commit adds beside it, and a put whose answer was lost is known
// by its stamp. The actor's version is apart from that: only commits move it, so acknowledging makes no cache stale.
// There is no database clock to ask: leases and ages go by the node's. A wrong clock costs repeats, which receivers drop.

import { randomUUID } from 'node:crypto';
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { ActorName } from '../../actors/actor.ts';
import {
  type ActorStore,
  BUCKETS,
  type Change,
  type Handled,
  handledKey,
  LEASE_MS,
  type Loaded,
  type StoredOutgoing,
  StoreUnavailable,
} from '../store.ts';
import { conditionFailed, inParallel } from './client.ts';
import {
  applied,
  type Document,
  documentOf,
  type Item,
  ITEM_BYTES_MAX,
  itemOf,
  type Pending,
  pendingOf,
  sizeOf,
} from './document.ts';
import { type Condition, createItems, IN_PARALLEL } from './items.ts';

/** Documents remembered between a load and its commit; beyond it one is read anew. */
const DOCUMENTS_MAX = 512;
/** Times a write starts over because another write of the item came first. */
const RACES_MAX = 20;
/** Left-overs are looked for this often, and never for more than a tenth of the time, in milliseconds. */
const SCAN_EVERY_MS = 10_000;
const SCAN_SHARE = 10;
/** What is not an actor has an id that no actor has. */
const LEASE_ID = '#lease';
const PARKED_PREFIX = '#parked';

export interface DynamoStoreOptions {
  readonly client: DynamoDBClient;
  readonly actor: ActorName;
  readonly table: string;
  /** Milliseconds that an actor lives without a change; then it is as if it had never been. Undefined: for ever. */
  readonly lifetimeMs?: (id: string) => number | undefined;
  /** Topics whose newest event says everything: an unsent older one with the same key is replaced by it. */
  readonly latestOnly?: readonly string[];
  readonly scanEveryMs?: number;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

/** Opens the store on a table that exists (`tables.ts`). */
export function createDynamoStore(options: DynamoStoreOptions): ActorStore {
  const { client, actor, table } = options;
  const now = options.now ?? Date.now;
  const items = createItems(client, table);
  const latestOnly = new Set(options.latestOnly);
  const scanEveryMs = options.scanEveryMs ?? SCAN_EVERY_MS;
  /** As last seen. A put that was made from an outdated one is refused, so these are never trusted, only tried. */
  const documents = new Map<string, Document>();
  let scannedAt = 0;
  let nextScanAt = 0;

  function remember(document: Document): void {
    documents.delete(document.id);
    documents.set(document.id, document);
    for (const oldest of documents.keys()) {
      if (documents.size <= DOCUMENTS_MAX) break;
      documents.delete(oldest);
    }
  }

  async function read(id: string): Promise<Document | undefined> {
    const item = await items.get(id);
    return item === undefined ? undefined : documentOf(item);
  }

  /** Replaces a document by one made from it. Says whether that happened; false: another write came first. */
  async function replace({ before, after, item }: Replacement): Promise<boolean> {
    try {
      await items.put(item, unchangedSince(before));
    } catch (error) {
      documents.delete(after.id);
      if (!conditionFailed(error)) throw error;
      // The client repeats a put whose answer was lost: then it is our own stamp that stands in the way.
      const current = await read(after.id);
      if (current !== undefined) remember(current);
      return current?.stamp === after.stamp;
    }
    remember(after);
    return true;
  }

  /** What the change makes of the actor; undefined: it takes no part. */
  async function prepare(change: Change): Promise<Replacement | undefined> {
    let before = documents.get(change.id);
    if (!fits(before, change)) {
      // Only what was read just now may keep a change out.
      before = await read(change.id);
      if (!fits(before, change)) return undefined;
    }
    const lifetimeMs = options.lifetimeMs?.(change.id);
    const expiresAt = lifetimeMs === undefined ? undefined : Math.ceil((now() + lifetimeMs) / 1_000);
    const after = applied(live(before), change, { stamp: randomUUID(), storedAt: now(), expiresAt, latestOnly });
    const item = itemOf(after);
    const bytes = sizeOf(item);
    if (bytes > ITEM_BYTES_MAX)
      throw new Error(`${actor} ${change.id} would take ${bytes} of the ${ITEM_BYTES_MAX} bytes that an item may have`);
    return { before, after, item };
  }

  async function write(change: Change, first: Replacement | undefined): Promise<boolean> {
    let replacement = first;
    for (let race = 0; race < RACES_MAX; race++) {
      if (replacement === undefined) return false;
      if (await replace(replacement)) return true;
      replacement = await prepare(change);
    }
    throw new StoreUnavailable(`${actor} ${change.id} is written by too many at once`);
  }

  /** What has expired counts as gone, though its version and outbox go on. */
  function live(document: Document | undefined): Document | undefined {
    if (document?.expiresAt === undefined || document.expiresAt * 1_000 > now()) return document;
    return { ...document, state: undefined };
  }

  async function discharge(sender: string, messageIds: ReadonlySet<string>): Promise<void> {
    let before = documents.get(sender);
    for (let race = 0; race < RACES_MAX; race++) {
      if (before === undefined || !before.pending.some(({ messageId }) => messageIds.has(messageId))) {
        before = await read(sender);
        if (before === undefined || !before.pending.some(({ messageId }) => messageIds.has(messageId))) return;
      }
      const pending = before.pending.filter(({ messageId }) => !messageIds.has(messageId));
      const after = { ...before, stamp: randomUUID(), pending };
      if (await replace({ before, after, item: itemOf(after) })) return;
      before = documents.get(sender);
    }
    throw new StoreUnavailable(`${actor} ${sender} is written by too many at once`);
  }

  return {
    actor,

    async load({ ids, rows, commands }) {
      if (rows.length > 0) throw new Error(`${table} holds no actors with many rows`);
      const stored = await items.getMany([...new Set([...ids, ...commands.map(({ id }) => id)])]);
      const found = new Map(stored.map(documentOf).map((document) => [document.id, document]));
      for (const document of found.values()) remember(document);
      const actors = new Map<string, { version: number; state: unknown }>();
      for (const id of ids) {
        const document = found.get(id);
        if (document === undefined) continue;
        const state = live(document)?.state;
        actors.set(id, { version: document.version, state: state === undefined ? undefined : JSON.parse(state) });
      }
      const handled = new Map<string, Handled>();
      for (const { id, commandId } of commands) {
        const known = found.get(id)?.handled.find((command) => command.commandId === commandId);
        if (known !== undefined) handled.set(handledKey(id, commandId), known);
      }
      return { actors, rows: new Map(), handled } satisfies Loaded;
    },

    async commit(changes) {
      const writing = changes.filter((change) => !onlyConfirms(change));
      const confirming = changes.filter(onlyConfirms);
      // All are prepared before the first is written: one that can never be stored keeps the others out, too.
      const prepared = await inParallel(writing, IN_PARALLEL, prepare);
      const [written, current] = await Promise.all([
        inParallel(writing, IN_PARALLEL, (change, i) => write(change, prepared[i])),
        items.getMany(
          confirming.map(({ id }) => id),
          ['id', 'version'],
        ),
      ]);
      const versions = new Map(current.map((item) => [item['id']?.S, Number(item['version']?.N)]));
      return new Set([
        ...writing.filter((_, i) => written[i]).map(({ id }) => id),
        ...confirming.filter(({ id, expected }) => (versions.get(id) ?? 0) === expected).map(({ id }) => id),
      ]);
    },

    journal: () => Promise.resolve(undefined),

    async lease(holder) {
      const time = now();
      const item = { id: { S: LEASE_ID }, holder: { S: holder }, until: { N: String(time + LEASE_MS) } };
      try {
        await items.put(item, {
          ConditionExpression: 'attribute_not_exists(#id) OR #holder = :holder OR #until < :now',
          ExpressionAttributeNames: { '#id': 'id', '#holder': 'holder', '#until': 'until' },
          ExpressionAttributeValues: { ':holder': { S: holder }, ':now': { N: String(time) } },
        });
      } catch (error) {
        if (conditionFailed(error)) return [];
        throw error;
      }
      return Array.from({ length: BUCKETS }, (_, bucket) => bucket);
    },

    async unsent(buckets, olderThanMs, limit) {
      // Whoever asks for everything takes over from another node and gets everything; the watch for left-overs may wait.
      const started = now();
      // A clock that was set back is before both: then nothing is known of how long ago it was.
      if (olderThanMs > 0 && started >= scannedAt && started < nextScanAt) return [];
      const youngest = olderThanMs > 0 ? started - olderThanMs : Number.POSITIVE_INFINITY;
      const wanted = new Set(buckets);
      const found: (readonly Pending[])[] = [];
      let count = 0;
      let from: Item | undefined;
      do {
        const page = await items.having('pending', from);
        for (const item of page.items) {
          // Clocks differ: within an actor the order of commits counts, and nothing goes ahead of a row that is too young.
          const rows = pendingOf(item).filter(({ bucket }) => wanted.has(bucket));
          const young = rows.findIndex(({ storedAt }) => storedAt > youngest);
          found.push(young < 0 ? rows : rows.slice(0, young));
          count += found.at(-1)?.length ?? 0;
        }
        from = page.next;
      } while (from !== undefined && count < limit);
      if (count < limit) {
        scannedAt = now();
        nextScanAt = scannedAt + Math.max(scanEveryMs, SCAN_SHARE * (scannedAt - started));
      }
      const oldestFirst = found.toSorted((a, b) => (a[0]?.storedAt ?? 0) - (b[0]?.storedAt ?? 0)).flat();
      return oldestFirst.slice(0, limit).map(toStored);
    },

    async unsentOf(senders, limit) {
      const stored = await items.getMany([...new Set(senders)], ['id', 'pending']);
      return stored.flatMap((item) => pendingOf(item).map(toStored)).slice(0, limit);
    },

    async acknowledge(rows) {
      const bySender = Map.groupBy(rows, ({ sender }) => sender);
      await inParallel([...bySender], IN_PARALLEL, ([sender, sent]) =>
        discharge(sender, new Set(sent.map(({ messageId }) => messageId))),
      );
    },

    due: () => Promise.resolve([]),

    async park({ id, commandId, command, reason }) {
      const item = {
        id: { S: [PARKED_PREFIX, actor, id, commandId].join('/') },
        command: { S: JSON.stringify(command) },
        reason: { S: reason },
        at: { N: String(now()) },
      };
      await items.put(item);
    },
  };
}

const toStored = ({ storedAt: _, ...row }: Pending): StoredOutgoing => row;

interface Replacement {
  readonly before: Document | undefined;
  readonly after: Document;
  /** `after` as it is stored. */
  readonly item: Item;
}

/** Whether the change may be made to the document: its version is the expected one, and its commands are new. */
function fits(document: Document | undefined, change: Change): boolean {
  if ((document?.version ?? 0) !== change.expected) return false;
  const known = new Set(document?.handled.map(({ commandId }) => commandId));
  return !change.handled.some(({ commandId }) => known.has(commandId));
}

function onlyConfirms({ version, expected, state, handled, outbox, rows, timers }: Change): boolean {
  if (rows.length > 0 || timers.length > 0) throw new Error('actors in DynamoDB have neither rows nor timers');
  return version === expected && state === undefined && handled.length === 0 && outbox.length === 0;
}

function unchangedSince(before: Document | undefined): Condition {
  if (before === undefined) return { ConditionExpression: 'attribute_not_exists(id)' };
  return { ConditionExpression: 'stamp = :stamp', ExpressionAttributeValues: { ':stamp': { S: before.stamp } } };
}
