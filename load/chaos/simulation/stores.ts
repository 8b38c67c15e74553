// The databases of the simulated shop: the memory store of each kind of actor, the log's storage and the tables of
// activity and analytics, as nodes reach them (unsteadily), and as the books are read from them (whole).
//
//   node ──unsteady──► KeptStore ──► memoryStore (the shop's own)          books ──► actors, rows, journal, inbox, outbox

import type { ActorName } from '../../../actors/actor.ts';
import type { CheckedEvent, LogStorage, Place } from '../../../brokers/log-storage.ts';
import type { MemoryStore } from '../../../mixins/memory-store.ts';
import { type ActorStore, handledKey } from '../../../mixins/store.ts';
import type { ContextBooks, StoredActor } from '../books/books.ts';
import type { ShopModules } from './seams.ts';
import type { Life, Trouble } from './trouble.ts';

/** A store with what the port does not list: who is in it. */
export interface KeptStore {
  readonly store: MemoryStore;
  /** As a node reaches it, by a connection of its own: whoever asks while it is taken waits. */
  reachedBy(life: Life): ActorStore & {
    readonly holder: string;
    /** Does work while nobody else has the connection; nobody here needs that, and some shops do it. */
    locked<T>(work: () => Promise<T>): Promise<T>;
  };
  /** Every actor with its version and state. */
  actors(): Promise<readonly StoredActor<unknown>[]>;
  rows(): Promise<readonly { readonly id: string; readonly key: string; readonly row: unknown }[]>;
  books(): Promise<ContextBooks>;
  /** Age of the oldest message that has not left, in milliseconds; 0: there is none. */
  lag(): number;
}

/** Lets one do its work at a time. */
function mutex(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const mine = last.then(work);
    last = mine.catch(() => {});
    return mine;
  };
}

/** An empty store of one kind of actor. */
export function keptStore(modules: ShopModules, trouble: Trouble, actor: ActorName): KeptStore {
  const store = modules.memoryStore(actor);
  const { outside, happens } = trouble;
  const away = (): void => {
    if (trouble.isAway(actor) || happens('store away', 1)) throw new modules.StoreUnavailable('the store is away');
  };
  const ids = new Set<string>();
  const keys = new Map<string, { readonly id: string; readonly key: string }>();
  const commands = new Map<string, { readonly id: string; readonly commandId: string }>();
  const timers = new Map<string, { readonly actorId: string; readonly name: string; readonly dueAt: number }>();
  const storedAt = new Map<string, number>();
  const sentAt = new Map<string, number>();

  function note(changes: Parameters<ActorStore['commit']>[0], won: ReadonlySet<string>): void {
    for (const change of changes) {
      if (!won.has(change.id) || change.version === change.expected) continue;
      ids.add(change.id);
      for (const { key } of change.rows) keys.set(handledKey(change.id, key), { id: change.id, key });
      for (const { id, commandId } of change.handled) commands.set(handledKey(id, commandId), { id, commandId });
      for (const { messageId } of change.outbox) storedAt.set(messageId, Date.now());
      for (const name of change.cancelled) timers.delete(handledKey(change.id, name));
      for (const { id, name, afterMs } of change.timers)
        timers.set(handledKey(id, name), { actorId: id, name, dueAt: Date.now() + afterMs });
    }
  }

  const everything = () => store.load({ ids: [...ids], rows: [...keys.values()], commands: [...commands.values()] });

  return {
    store,
    reachedBy(life) {
      const free = mutex();
      const through = <T>(work: () => Promise<T>): Promise<T> => free(() => outside(life, work, { before: away }));
      return {
        ...store,
        locked: free,
        holder: `${actor}-${life.node}-${Date.now()}`,
        load: (request) => through(() => store.load(request)),
        commit: (changes) =>
          free(() =>
            outside(
              life,
              async () => {
                const won = await store.commit(changes);
                note(changes, won);
                return won;
              },
              {
                before() {
                  away();
                  const members = changes.reduce((sum, { handled }) => sum + handled.length, 0);
                  if (members > 1 && happens('batch spoilt', 15)) throw new TypeError('one of them cannot be stored');
                },
                after() {
                  if (happens('commit answer lost', 2)) throw new modules.StoreUnavailable('the answer was lost');
                },
              },
            ),
          ),
        journal: (id, afterVersion) => through(() => store.journal(id, afterVersion)),
        lease: (holder) => through(() => store.lease(holder)),
        unsent: (buckets, olderThanMs, limit) => through(() => store.unsent(buckets, olderThanMs, limit)),
        unsentOf: (senders, limit) => through(() => store.unsentOf(senders, limit)),
        acknowledge: (rows) =>
          through(async () => {
            await store.acknowledge(rows);
            for (const { messageId } of rows) if (!sentAt.has(messageId)) sentAt.set(messageId, Date.now());
          }),
        due: (buckets, limit) => through(() => store.due(buckets, limit)),
        park: (command) => through(() => store.park(command)),
      };
    },
    async actors() {
      const { actors } = await everything();
      return [...actors].map(([id, { version, state }]) => ({ id, version, state }));
    },
    async rows() {
      const { rows } = await everything();
      return [...keys.values()].flatMap(({ id, key }) => {
        const row = rows.get(id)?.get(key);
        return row === undefined ? [] : [{ id, key, row }];
      });
    },
    async books() {
      const { handled } = await everything();
      const journals = await Promise.all([...ids].map((id) => store.journal(id)));
      return {
        journal: journals.flatMap((entries) => entries ?? []),
        outbox: store.outbox().map(({ seq, messageId, kind, target, sender, key, at, sent }) => ({
          seq: Number(seq),
          messageId,
          kind,
          target,
          sender,
          key,
          storedAt: storedAt.get(messageId) ?? at,
          ...(sent ? { sentAt: sentAt.get(messageId) ?? at } : {}),
        })),
        inbox: [...handled.values()].map(({ id, commandId, version }) => ({ actorId: id, commandId, version })),
        parked: store.parked().map(({ id, commandId, reason }) => ({ actorId: id, commandId, reason })),
        timers: [...timers.values()],
      };
    },
    lag() {
      const waiting = store.outbox().flatMap(({ messageId, sent }) => (sent ? [] : (storedAt.get(messageId) ?? [])));
      return waiting.length === 0 ? 0 : Date.now() - Math.min(...waiting);
    },
  };
}

export interface KeptLog {
  reachedBy(life: Life): LogStorage;
  readonly storage: LogStorage;
  /** The next offset of each group and partition, as far as it was stored. */
  positions(): readonly { readonly group: string; readonly place: Place }[];
}

/** An empty log. */
export function keptLog(modules: ShopModules, trouble: Trouble): KeptLog {
  const storage = modules.memoryStorage();
  const positions = new Map<string, { readonly group: string; readonly place: Place }>();
  const { outside, happens } = trouble;
  const away = (): void => {
    if (trouble.isAway('log') || happens('log away', 0.5)) throw new modules.LogUnavailable('the log is away');
  };
  return {
    storage,
    positions: () => [...positions.values()],
    reachedBy(life) {
      const through = <T>(work: () => Promise<T>): Promise<T> => outside(life, work, { before: away });
      return {
        append: (events: readonly CheckedEvent[]) =>
          outside(
            life,
            async () => {
              const records = await storage.append(events);
              // As a producer does that has heard no answer.
              if (happens('appended twice', 3)) await storage.append(events);
              return records;
            },
            {
              before: away,
              after() {
                if (happens('append answer lost', 3)) throw new modules.LogUnavailable('the answer was lost');
              },
            },
          ),
        read: (from, limit) => through(() => storage.read(from, limit)),
        ends: () => through(() => storage.ends()),
        claim: (group, topics, holder, leaseMs) => through(() => storage.claim(group, topics, holder, leaseMs)),
        release: (group, holder) => through(() => storage.release(group, holder)),
        advance: (group, moved) =>
          through(async () => {
            await storage.advance(group, moved);
            for (const place of moved) {
              const name = `${group}/${place.topic}/${place.partition}`;
              if ((positions.get(name)?.place.offset ?? 0) < place.offset) positions.set(name, { group, place });
            }
          }),
        seek: (group, place) => through(() => storage.seek(group, place)),
        bury: (letter) => through(() => storage.bury(letter)),
        deadLetters: () => through(() => storage.deadLetters()),
        expire: (topic, retentionMs) => through(() => storage.expire(topic, retentionMs)),
        close: () => Promise.resolve(),
      };
    },
  };
}
