// What every store does, run by memory and by the real ones. A test opens the store anew and uses fresh ids, so that
// nothing has to be cleaned. `second` is the same store seen from another node.

import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  type ActorStore,
  bucketOf,
  BUCKETS,
  type Change,
  type Handled,
  handledKey,
  type JournalEntry,
  LEASE_MS,
  type NewTimer,
  type Outgoing,
  StoreUnavailable,
} from './store.ts';

/** A store under test, and the same one as another node sees it. */
export interface StoreUnderTest {
  readonly store: ActorStore;
  readonly second?: ActorStore;
  close(): Promise<void>;
}

/** What a store need not offer; all is expected unless it says so. */
export interface StoreFeatures {
  /** Actors with many rows. */
  readonly rows?: boolean;
  readonly journal?: boolean;
  readonly timers?: boolean;
  readonly leases?: boolean;
  /** Changes of one batch. */
  readonly batchMax?: number;
  /** Command ids are remembered for ever, not only the last ones of an actor. */
  readonly inbox?: boolean;
}

const allBuckets = Array.from({ length: BUCKETS }, (_, bucket) => bucket);
const AT = Date.UTC(2026, 10, 4, 9, 30, 0, 123);
const POLL_MS = 50;

/** Texts that were misunderstood by some store once. */
const AWKWARD = [
  `it's "quoted"`,
  'back\\slash \\n \\u0041',
  '{curly,"brace"}',
  '[1,2]',
  'NULL',
  'null',
  '',
  ' ',
  '$1',
  '%s %I',
  "'; drop table actors; --",
  'naïve ☕ 🦄 𝕊𝕠𝕦𝕜',
  'line\nbreak\ttab\rreturn',
  '\u2028\u2029\ufeff',
  '__proto__',
  'a'.repeat(20_000),
];

function change(part: Partial<Change> & Pick<Change, 'id'>): Change {
  const expected = part.expected ?? 0;
  const version = part.version ?? expected + 1;
  return { expected, version, rows: [], journal: [], handled: [], outbox: [], timers: [], cancelled: [], ...part };
}

const confirmation = (id: string, version: number) => change({ id, expected: version, version });

function handled(id: string, commandId: string, version = 1, more: Partial<Handled> = {}): Handled {
  return { id, commandId, version, ...more };
}

function entry(id: string, version: number, index = 0, more: Partial<JournalEntry> = {}): JournalEntry {
  return {
    id,
    version,
    index,
    type: 'Placed',
    data: { version, index },
    commandId: `c-${version}`,
    at: AT + version,
    ...more,
  };
}

function outgoing(sender: string, version: number, n = 0, more: Partial<Outgoing> = {}): Outgoing {
  const key = more.key ?? 'main';
  return {
    messageId: `order/${sender}/${version}/0/${n}`,
    kind: 'send',
    target: 'stock',
    sender,
    key,
    body: JSON.stringify({ type: 'Reserve', data: { version, n } }),
    sealed: false,
    at: AT,
    bucket: bucketOf(sender, key),
    ...more,
  };
}

function timer(id: string, name: string, afterMs: number, more: Partial<NewTimer> = {}): NewTimer {
  return { id, name, afterMs, commandId: `${id}/${name}`, command: { type: 'Expire', data: {} }, ...more };
}

/** Tries again until there is an answer; for things that need a moment of the database's clock. */
async function eventually<T>(look: () => Promise<T | undefined>, deadlineMs: number): Promise<T> {
  for (const deadline = Date.now() + deadlineMs; ; await delay(POLL_MS)) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > deadline) throw new Error(`not so within ${deadlineMs} ms`);
  }
}

/** The suite. */
export function storeContract(name: string, open: () => Promise<StoreUnderTest>, features: StoreFeatures = {}): void {
  // What a store does not offer (a cart needs no journal) is not part of its contract.
  const describeWhere = (offered: boolean | undefined) => (offered === false ? () => {} : describe);
  describe(`${name}, as a store`, () => {
    let store: ActorStore;
    let second: ActorStore;
    let close: () => Promise<void>;
    let id: string;
    const fresh = () => (id = randomUUID());

    beforeAll(async () => {
      const opened = await open();
      store = opened.store;
      second = opened.second ?? opened.store;
      close = () => opened.close();
    });
    afterAll(() => close());

    const won = async (...changes: Change[]) => [...(await store.commit(changes))].sort();
    const state = async (of = id) => (await second.load({ ids: [of], rows: [], commands: [] })).actors.get(of);
    const knows = async (commandId: string, of = id) =>
      (await second.load({ ids: [], rows: [], commands: [{ id: of, commandId }] })).handled.get(
        handledKey(of, commandId),
      );
    const unsent = async (of = id) =>
      (await second.unsent(allBuckets, 0, 100_000)).filter(({ sender }) => sender === of);

    describe('actors', () => {
      it('have no version and no state before their first commit', async () => {
        expect(await state(fresh())).toBeUndefined();
      });

      it('are stored with version and state', async () => {
        expect(await won(change({ id: fresh(), state: { status: 'NEW', lines: [1, 2.5, null] } }))).toEqual([id]);
        expect(await state()).toEqual({ version: 1, state: { status: 'NEW', lines: [1, 2.5, null] } });
        expect(await won(change({ id, expected: 1, version: 4, state: { status: 'PAID' } }))).toEqual([id]);
        expect(await state()).toEqual({ version: 4, state: { status: 'PAID' } });
      });

      it('keep their state when a commit brings none', async () => {
        await won(change({ id: fresh(), state: { status: 'NEW' } }));
        await won(change({ id, expected: 1 }));
        expect(await state()).toEqual({ version: 2, state: { status: 'NEW' } });
      });

      it('may have a version and no state, or the state null', async () => {
        await won(change({ id: fresh() }));
        expect((await state())?.version).toBe(1);
        expect((await state())?.state).toBeUndefined();
        await won(change({ id, expected: 1, state: null }));
        expect(await state()).toEqual({ version: 2, state: null });
      });

      it('keep the difference between absent and null within a state', async () => {
        await won(change({ id: fresh(), state: { absent: undefined, none: null, list: [undefined] } }));
        const loaded = (await state())?.state as object;
        expect(loaded).toStrictEqual({ none: null, list: [null] });
      });

      it('are loaded as objects of their own', async () => {
        const given = { lines: [1] };
        await won(change({ id: fresh(), state: given }));
        given.lines.push(2);
        const loaded = await store.load({ ids: [id], rows: [], commands: [] });
        (loaded.actors.get(id)?.state as typeof given | undefined)?.lines.push(3);
        expect((await state())?.state).toEqual({ lines: [1] });
      });

      it('come back unharmed whatever text they hold', async () => {
        await won(change({ id: fresh(), state: AWKWARD }));
        expect((await state())?.state).toEqual(AWKWARD);
        await won(change({ id, expected: 1, state: { zero: '\u0000', half: '\ud83d' } }));
        expect((await state())?.state).toEqual({ zero: '\u0000', half: '\ud83d' });
      });

      it('may have any id that is text', async () => {
        const prefix = randomUUID();
        for (const text of AWKWARD.filter((candidate) => candidate.length < 1_000)) {
          id = `${prefix} ${text}`;
          expect(await won(change({ id, state: { text }, handled: [handled(id, `${text} c`)] }))).toEqual([id]);
          expect((await state())?.state).toEqual({ text });
          expect((await knows(`${text} c`))?.commandId).toBe(`${text} c`);
        }
      });

      it('are many in one batch', async () => {
        const ids = Array.from({ length: features.batchMax ?? 1_000 }, () => randomUUID());
        const batch = ids.map((each, i) =>
          change({
            id: each,
            state: { i },
            journal: [entry(each, 1)],
            handled: [handled(each, 'c-1')],
            outbox: [outgoing(each, 1)],
          }),
        );
        expect(await won(...batch)).toEqual([...ids].sort());
        const loaded = await store.load({
          ids,
          rows: [],
          commands: ids.map((each) => ({ id: each, commandId: 'c-1' })),
        });
        expect(ids.map((each) => loaded.actors.get(each)?.state)).toEqual(ids.map((_, i) => ({ i })));
        expect(loaded.handled.size).toBe(ids.length);
      });
    });

    describe('the version', () => {
      it('lets one of two commits at the same version win', async () => {
        await won(change({ id: fresh(), state: {} }));
        const [one, two] = await Promise.all([
          store.commit([change({ id, expected: 1, state: { by: 'one' }, handled: [handled(id, 'one', 2)] })]),
          second.commit([change({ id, expected: 1, state: { by: 'two' }, handled: [handled(id, 'two', 2)] })]),
        ]);
        expect(one.size + two.size).toBe(1);
        const winner = one.has(id) ? 'one' : 'two';
        expect(await state()).toEqual({ version: 2, state: { by: winner } });
        expect([(await knows('one')) !== undefined, (await knows('two')) !== undefined]).toEqual([
          winner === 'one',
          winner === 'two',
        ]);
      });

      it('lets one of two owners make a new actor', async () => {
        for (let round = 0; round < 10; round++) {
          fresh();
          const results = await Promise.all(
            [store, second, store, second].map((owner, i) =>
              owner.commit([change({ id, version: i + 1, state: { i } })]),
            ),
          );
          const winner = results.findIndex((ids) => ids.has(id));
          expect(results.filter((ids) => ids.size > 0)).toHaveLength(1);
          expect(await state()).toEqual({ version: winner + 1, state: { i: winner } });
        }
      });

      it('of one actor does not stop the others of the batch', async () => {
        const [stale, good] = [randomUUID(), randomUUID()];
        await won(change({ id: stale }), change({ id: good }));
        await won(change({ id: stale, expected: 1 }));
        expect(await won(change({ id: stale, expected: 1 }), change({ id: good, expected: 1, state: {} }))).toEqual([
          good,
        ]);
        expect((await state(stale))?.version).toBe(2);
      });

      it('is never taken for the one after it, nor a new actor for an old one', async () => {
        await won(change({ id: fresh(), version: 3 }));
        expect(await won(change({ id }))).toEqual([]);
        expect(await won(change({ id, version: 9 }))).toEqual([]);
        expect(await won(change({ id, expected: 2 }))).toEqual([]);
        expect(await won(change({ id, expected: 4 }))).toEqual([]);
        expect(await won(change({ id: randomUUID(), expected: 1 }))).toEqual([]);
      });
    });

    describe('a confirmation', () => {
      it('takes part without writing', async () => {
        await won(change({ id: fresh(), state: { a: 1 } }));
        expect(await won(confirmation(id, 1))).toEqual([id]);
        expect(await state()).toEqual({ version: 1, state: { a: 1 } });
      });

      it('of an actor that is not there takes part and leaves it so', async () => {
        expect(await won(confirmation(fresh(), 0))).toEqual([id]);
        expect(await state()).toBeUndefined();
      });

      it('catches a refusal that was answered from a stale cache (bug 15)', async () => {
        await won(change({ id: fresh() }));
        await second.commit([change({ id, expected: 1 })]);
        expect(await won(confirmation(id, 1))).toEqual([]);
        expect(await won(confirmation(id, 0))).toEqual([]);
        expect(await won(confirmation(randomUUID(), 7))).toEqual([]);
      });

      it('stands beside changes in one batch', async () => {
        const [a, b, c] = [randomUUID(), randomUUID(), randomUUID()].sort() as [string, string, string];
        await won(change({ id: a }), change({ id: b }));
        expect(await won(confirmation(a, 1), change({ id: b, expected: 1 }), confirmation(c, 0))).toEqual([a, b, c]);
        expect(await won(confirmation(a, 1), confirmation(b, 1), change({ id: c }))).toEqual([a, c]);
      });
    });

    describe('a command id', () => {
      it('is known once its effect is, with fingerprint and answer', async () => {
        fresh();
        expect(await knows('c-1')).toBeUndefined();
        const remembered = [
          handled(id, 'c-1', 1, { fingerprint: 'f"1', answer: '{"a":"\\\\"}' }),
          handled(id, 'c-2', 2),
        ];
        await won(change({ id, version: 2, handled: remembered }));
        expect(await knows('c-1')).toStrictEqual(remembered[0]);
        expect(await knows('c-2')).toStrictEqual(remembered[1]);
      });

      it('that is known keeps its change out while the others commit', async () => {
        const [repeated, other] = [randomUUID(), randomUUID()];
        await won(change({ id: repeated, handled: [handled(repeated, 'c-1')] }));
        const again = change({
          id: repeated,
          expected: 1,
          state: { twice: true },
          handled: [handled(repeated, 'c-0', 2), handled(repeated, 'c-1', 2)],
          journal: [entry(repeated, 2)],
          outbox: [outgoing(repeated, 2)],
        });
        expect(await won(again, change({ id: other, handled: [handled(other, 'c-1')] }))).toEqual([other]);
        expect((await state(repeated))?.version).toBe(1);
        expect(await knows('c-0', repeated)).toBeUndefined();
        expect(await unsent(repeated)).toEqual([]);
      });

      it('belongs to its actor: another one may have the same', async () => {
        const [a, b] = [randomUUID(), randomUUID()];
        expect(await won(change({ id: a, handled: [handled(a, 'c-1')] }))).toEqual([a]);
        expect(await won(change({ id: b, handled: [handled(b, 'c-1')] }))).toEqual([b]);
        expect(await knows('c-1', randomUUID())).toBeUndefined();
      });

      it('of a change that lost is not remembered: a failure is never stored as a success (bug 6)', async () => {
        await won(change({ id: fresh() }));
        expect(await won(change({ id, handled: [handled(id, 'c-1')] }))).toEqual([]);
        expect(await knows('c-1')).toBeUndefined();
        expect(await won(change({ id, expected: 1, handled: [handled(id, 'c-1', 2)] }))).toEqual([id]);
        expect((await knows('c-1'))?.version).toBe(2);
      });
    });

    describeWhere(features.rows)('rows', () => {
      const rows = async (...keys: string[]) =>
        Object.fromEntries(
          (await second.load({ ids: [id], rows: keys.map((key) => ({ id, key })), commands: [] })).rows.get(id) ?? [],
        );

      it('are set, replaced and deleted', async () => {
        await won(
          change({
            id: fresh(),
            rows: [
              { key: 'a', data: { n: 1 } },
              { key: 'b', data: { n: 2 } },
              { key: 'c', data: null },
            ],
          }),
        );
        expect(await rows('a', 'b', 'c', 'd')).toStrictEqual({ a: { n: 1 }, b: { n: 2 }, c: null });
        const next = [
          { key: 'a', data: undefined },
          { key: 'b', data: { n: 3 } },
          { key: 'd', data: 'new' },
          { key: 'e', data: undefined },
        ];
        await won(change({ id, expected: 1, rows: next }));
        expect(await rows('a', 'b', 'c', 'd', 'e')).toStrictEqual({ b: { n: 3 }, c: null, d: 'new' });
        expect(await state()).toEqual({ version: 2, state: undefined });
      });

      it('change only with the version of their actor: the fence is the actor, not the row (bug 14)', async () => {
        await won(
          change({
            id: fresh(),
            rows: [
              { key: 'a', data: 1 },
              { key: 'b', data: 1 },
            ],
          }),
        );
        await second.commit([change({ id, expected: 1, rows: [{ key: 'a', data: 2 }] })]);
        const stale = change({
          id,
          expected: 1,
          rows: [
            { key: 'b', data: 9 },
            { key: 'a', data: undefined },
            { key: 'c', data: 9 },
          ],
        });
        expect(await won(stale)).toEqual([]);
        expect(await rows('a', 'b', 'c')).toEqual({ a: 2, b: 1 });
      });

      it('of two actors do not mix', async () => {
        const [a, b] = [randomUUID(), randomUUID()];
        await won(
          change({ id: a, rows: [{ key: 'k', data: 'a' }] }),
          change({ id: b, rows: [{ key: 'k', data: 'b' }] }),
        );
        await won(change({ id: a, expected: 1, rows: [{ key: 'k', data: undefined }] }));
        const asked = [a, b].map((each) => ({ id: each, key: 'k' }));
        const loaded = await store.load({ ids: [], rows: asked, commands: [] });
        expect(loaded.rows.get(a)?.get('k')).toBeUndefined();
        expect(loaded.rows.get(b)?.get('k')).toBe('b');
      });

      it('have any text as key and as content, and are many', async () => {
        const given = AWKWARD.map((text) => ({ key: `k ${text.slice(0, 1_000)}`, data: text }));
        await won(change({ id: fresh(), rows: given }));
        expect(await rows(...given.map(({ key }) => key))).toEqual(
          Object.fromEntries(given.map(({ key, data }) => [key, data])),
        );
        const many = Array.from({ length: 5_000 }, (_, i) => ({ key: `sku-${i}`, data: { i } }));
        await won(change({ id, expected: 1, rows: many }));
        expect(await rows(...many.map(({ key }) => key))).toEqual(
          Object.fromEntries(many.map(({ key, data }) => [key, data])),
        );
      });
    });

    describeWhere(features.journal)('the journal', () => {
      it('tells what happened in order, from any version on', async () => {
        fresh();
        await won(change({ id, version: 2, journal: [entry(id, 1, 0), entry(id, 1, 1), entry(id, 2)] }));
        await won(
          change({ id, expected: 2, version: 11, journal: [entry(id, 10, 0), entry(id, 10, 1), entry(id, 11)] }),
        );
        const all = [entry(id, 1, 0), entry(id, 1, 1), entry(id, 2), entry(id, 10, 0), entry(id, 10, 1), entry(id, 11)];
        expect(await second.journal(id)).toStrictEqual(all);
        expect(await second.journal(id, 2)).toStrictEqual(all.slice(3));
        expect(await second.journal(id, 11)).toEqual([]);
        expect(await second.journal(randomUUID())).toEqual([]);
      });

      it('gives back times and texts exactly', async () => {
        fresh();
        const ancient = entry(id, 1, 0, { at: 1, type: 'Ünïcode "T"', data: { texts: AWKWARD }, commandId: "c'\\" });
        const late = entry(id, 1, 1, { at: Date.UTC(2099, 0, 1) + 999 });
        await won(change({ id, journal: [ancient, late] }));
        expect(await second.journal(id)).toStrictEqual([ancient, late]);
      });

      it('holds nothing of a change that lost', async () => {
        await won(change({ id: fresh(), journal: [entry(id, 1)] }));
        await won(change({ id, journal: [entry(id, 1, 0, { type: 'Lost' })] }));
        expect((await second.journal(id))?.map(({ type }) => type)).toEqual(['Placed']);
      });
    });

    describe('the outbox', () => {
      it('holds what has to leave from the commit on, so that a crash between commit and publish loses nothing (bug 5)', async () => {
        fresh();
        const rows = [
          outgoing(id, 1, 0),
          outgoing(id, 1, 1, { kind: 'publish', target: 'order.created', key: id }),
          outgoing(id, 1, 2),
        ];
        await won(change({ id, outbox: rows }));
        const found = await unsent();
        expect(found.map(({ seq: _, ...row }) => row)).toStrictEqual(rows);
      });

      it('holds nothing of a change that lost', async () => {
        await won(change({ id: fresh() }));
        await won(change({ id, outbox: [outgoing(id, 1)] }));
        expect(await unsent()).toEqual([]);
      });

      it('gives rows in the order of commits, oldest first, up to a limit', async () => {
        fresh();
        const expected: string[] = [];
        for (let version = 1; version <= 4; version++) {
          const rows = Array.from({ length: 30 }, (_, n) => outgoing(id, version, n));
          expected.push(...rows.map(({ messageId }) => messageId));
          await won(change({ id, expected: version - 1, outbox: rows }));
        }
        const found = await unsent();
        expect(found.map(({ messageId }) => messageId)).toEqual(expected);
        const bucket = bucketOf(id, 'main');
        const first = await second.unsent([bucket], 0, 7);
        expect(first).toHaveLength(7);
        expect(
          await second.unsent(
            allBuckets.filter((each) => each !== bucket),
            0,
            100_000,
          ),
        ).not.toContainEqual(found[0]);
        expect(await second.unsent([], 0, 10)).toEqual([]);
      });

      it('leaves fresh rows to the node that committed them', async () => {
        await won(change({ id: fresh(), outbox: [outgoing(id, 1)] }));
        const old = await second.unsent(allBuckets, 60_000, 100_000);
        expect(old.filter(({ sender }) => sender === id)).toEqual([]);
      });

      it('no longer gives what was delivered, whoever delivered it', async () => {
        fresh();
        const rows = [0, 1, 2, 3].map((n) => outgoing(id, 1, n));
        await won(change({ id, outbox: rows }));
        await store.acknowledge([rows[0]!]);
        const swept = await unsent();
        expect(swept).toHaveLength(3);
        await second.acknowledge([swept.find(({ messageId }) => messageId === rows[1]!.messageId)!]);
        await second.acknowledge([{ ...rows[2]! }]);
        expect((await unsent()).map(({ messageId }) => messageId)).toEqual([rows[3]!.messageId]);
        await second.acknowledge([rows[0]!, rows[3]!]);
        await store.acknowledge([...rows]);
        await store.acknowledge([]);
        expect(await unsent()).toEqual([]);
      });

      it('tells what is unsent of some senders, on whichever node it was committed, in the order of commits', async () => {
        const [one, two, other] = [randomUUID(), randomUUID(), randomUUID()];
        const rows = (sender: string, version: number) => [0, 1, 2].map((n) => outgoing(sender, version, n));
        await won(change({ id: one, outbox: rows(one, 1) }), change({ id: other, outbox: rows(other, 1) }));
        await second.commit([change({ id: one, expected: 1, outbox: rows(one, 2) })]);
        await store.commit([
          change({ id: one, expected: 2, outbox: rows(one, 3) }),
          change({ id: two, outbox: rows(two, 1) }),
        ]);
        for (const node of [store, second]) {
          const found = await node.unsentOf([one, two, randomUUID(), one], 100);
          expect(found.filter(({ sender }) => sender === one).map(({ messageId, body }) => [messageId, body])).toEqual(
            [1, 2, 3].flatMap((version) => rows(one, version).map(({ messageId, body }) => [messageId, body])),
          );
          expect(found.filter(({ sender }) => sender === two)).toHaveLength(3);
          expect(found).toHaveLength(12);
          expect(await node.unsentOf([one, two], 5)).toHaveLength(5);
          expect((await node.unsentOf([one], 5)).map(({ messageId }) => messageId)).toEqual(
            found
              .filter(({ sender }) => sender === one)
              .slice(0, 5)
              .map(({ messageId }) => messageId),
          );
        }
        // Whoever was told of a row can mark it.
        await second.acknowledge(await second.unsentOf([one], 4));
        expect((await store.unsentOf([one], 100)).map(({ messageId }) => messageId)).toEqual(
          [...rows(one, 2).slice(1), ...rows(one, 3)].map(({ messageId }) => messageId),
        );
        expect(await store.unsentOf([], 100)).toEqual([]);
      });

      it('holds any text', async () => {
        fresh();
        const rows = AWKWARD.map((text, n) =>
          outgoing(id, 1, n, { body: JSON.stringify(text), target: text.slice(0, 200), key: text.slice(0, 200) }),
        );
        await won(change({ id, outbox: rows }));
        expect((await unsent()).map(({ seq: _, ...row }) => row)).toEqual(rows);
      });
    });

    describeWhere(features.timers)('timers', () => {
      const due = async () => (await second.due(allBuckets, 100_000)).filter((each) => each.id === id);

      it('are due when the time has come, not before', async () => {
        fresh();
        const now = timer(id, 'now', 0, { command: { type: 'Expire', data: { texts: AWKWARD } } });
        await won(change({ id, timers: [now, timer(id, 'soon', 150), timer(id, 'later', 60_000)] }));
        expect(await due()).toStrictEqual([{ id, name: 'now', commandId: now.commandId, command: now.command }]);
        const both = await eventually(async () => ((await due()).length === 2 ? due() : undefined), 5_000);
        expect(both.map(({ name: each }) => each)).toEqual(['now', 'soon']);
      });

      it('are replaced by name, and cancelled by name', async () => {
        await won(change({ id: fresh(), timers: [timer(id, 'a', 0), timer(id, 'b', 0), timer(id, 'c', 0)] }));
        await won(
          change({
            id,
            expected: 1,
            timers: [timer(id, 'a', 60_000), timer(id, 'b', 0, { commandId: 'again' })],
            cancelled: ['c', 'd'],
          }),
        );
        expect((await due()).map(({ name: each, commandId }) => [each, commandId])).toEqual([['b', 'again']]);
      });

      it('that fire and are set again in one commit stay set', async () => {
        await won(change({ id: fresh(), timers: [timer(id, 'a', 0)] }));
        await won(change({ id, expected: 1, cancelled: ['a'], timers: [timer(id, 'a', 0, { commandId: 'again' })] }));
        expect((await due()).map(({ commandId }) => commandId)).toEqual(['again']);
        await won(change({ id, expected: 2, cancelled: ['a'] }));
        expect(await due()).toEqual([]);
      });

      it('of a change that lost are neither set nor cancelled', async () => {
        await won(change({ id: fresh(), timers: [timer(id, 'a', 0)] }));
        await won(change({ id, cancelled: ['a'], timers: [timer(id, 'b', 0)] }));
        expect((await due()).map(({ name: each }) => each)).toEqual(['a']);
      });

      it('are given by bucket and up to a limit', async () => {
        await won(change({ id: fresh(), timers: ['a', 'b', 'c'].map((each) => timer(id, each, 0)) }));
        expect(await second.due([], 10)).toEqual([]);
        expect(await second.due(allBuckets, 2)).toHaveLength(2);
      });
    });

    describeWhere(features.leases)('leases', () => {
      it('are held by one holder until they run out, and renewed by asking again', async () => {
        const [a, b] = [`a ${randomUUID()}`, `b ${randomUUID()}`];
        const taken = await eventually(async () => {
          const held = await store.lease(a);
          return held.length === BUCKETS ? held : undefined;
        }, 3 * LEASE_MS);
        expect([...taken].sort((x, y) => x - y)).toEqual(allBuckets);
        expect(await second.lease(b)).toEqual([]);

        // Renewed half way, they outlive the time that was first given.
        const half = Date.now() + LEASE_MS / 2;
        await eventually(async () => (Date.now() >= half ? true : undefined), LEASE_MS);
        const renewedAt = Date.now();
        expect(await store.lease(a)).toHaveLength(BUCKETS);
        const passed = await eventually(async () => {
          return (await second.lease(b)).length === BUCKETS ? Date.now() - renewedAt : undefined;
        }, 3 * LEASE_MS);
        expect(passed).toBeGreaterThan(LEASE_MS - 100);
        expect(await store.lease(a)).toEqual([]);
      }, 20_000);
    });

    describe('what cannot be stored', () => {
      it.each([
        ['the id of an actor', (text: string) => change({ id: `${randomUUID()}${text}` })],
        [
          'a command id',
          (text: string) => ((each) => change({ id: each, handled: [handled(each, text)] }))(randomUUID()),
        ],
        [
          'the body of a message',
          (text: string) =>
            ((each) => change({ id: each, outbox: [outgoing(each, 1, 0, { body: text })] }))(randomUUID()),
        ],
      ])('is a plain error, and the batch leaves no trace: the zero character in %s', async (_where, make) => {
        const bad = make('zero \u0000 character');
        fresh();
        const failure = await store.commit([change({ id, state: {} }), bad]).then(
          () => undefined,
          (error: Error) => error,
        );
        expect(failure).toBeInstanceOf(Error);
        expect(failure).not.toBeInstanceOf(StoreUnavailable);
        expect(await state()).toBeUndefined();
      });

      it('may be put aside, twice if need be', async () => {
        fresh();
        const parked = {
          id,
          commandId: 'c-1',
          command: { type: 'Place', data: { text: AWKWARD } },
          reason: 'a bug: "x" \u0000',
        };
        await store.park(parked);
        await store.park({ ...parked, reason: 'again' });
      });
    });

    it('is asked for nothing and gives nothing', async () => {
      const nothing = await store.load({ ids: [], rows: [], commands: [] });
      expect([nothing.actors.size, nothing.rows.size, nothing.handled.size]).toEqual([0, 0, 0]);
      expect(await store.commit([])).toEqual(new Set());
    });
  });
}
