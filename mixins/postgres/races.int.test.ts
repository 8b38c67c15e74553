// Goal: whatever owners do at the same time, no commit is lost, none is half there, and the journal has no hole.
// Method: four owners with caches of their own, which go stale all the time, commit batches in random order: known actors,
// new ones, and commands that another owner has had already. Then what they were told is compared with what is stored.

import { expect, it } from '@jest/globals';
import { type ActorStore, bucketOf, BUCKETS, type Change } from '../store.ts';
import { postgresStore } from './store.ts';
import { testDatabase } from './testing.ts';

const ACTORS = 40;
const OWNERS = 4;
const BATCHES = 400;
const BATCH_MAX = 12;
const SEED = Number(process.env['SEED'] ?? 1);

/** A small generator of reproducible numbers below one (mulberry32). */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Owner {
  readonly store: ActorStore;
  readonly versions: Map<string, number>;
  readonly commits: { readonly id: string; readonly version: number; readonly commandId: string }[];
  readonly next: () => number;
}

function toChange(id: string, expected: number, commandId: string): Change {
  const version = expected + 1;
  return {
    id,
    expected,
    version,
    rows: [
      { key: 'count', data: version },
      { key: `odd`, data: version % 2 === 1 ? version : undefined },
    ],
    journal: [{ id, version, index: 0, type: 'Counted', data: { version }, commandId, at: Date.now() }],
    handled: [{ id, commandId, version }],
    outbox: [
      {
        messageId: `stock/${id}/${version}/0/0`,
        kind: 'send',
        target: 'order',
        sender: id,
        key: id,
        body: '{}',
        sealed: false,
        at: Date.now(),
        bucket: bucketOf(id, id),
      },
    ],
    timers: version % 3 === 0 ? [{ id, name: 't', afterMs: 0, commandId, command: { type: 'Wake', data: {} } }] : [],
    cancelled: version % 3 === 1 ? ['t'] : [],
  };
}

async function work(owner: Owner, commandIds: readonly string[]): Promise<void> {
  for (let batch = 0; batch < BATCHES; batch++) {
    const ids = new Set(
      Array.from(
        { length: 1 + Math.floor(owner.next() * BATCH_MAX) },
        () => `actor-${Math.floor(owner.next() * ACTORS)}`,
      ),
    );
    const changes = [...ids].map((id) => {
      const commandId = commandIds[Math.floor(owner.next() * commandIds.length)] as string;
      return toChange(id, owner.versions.get(id) ?? 0, commandId);
    });
    const won = await owner.store.commit(changes);
    for (const { id, version, handled } of changes) {
      if (won.has(id)) {
        owner.versions.set(id, version);
        owner.commits.push({ id, version, commandId: handled[0]!.commandId });
      }
    }
    const lost = changes.map(({ id }) => id).filter((id) => !won.has(id));
    const { actors } = await owner.store.load({ ids: lost, rows: [], commands: [] });
    for (const id of lost) owner.versions.set(id, actors.get(id)?.version ?? 0);
  }
}

it(`loses nothing between owners with stale caches (seed ${SEED})`, async () => {
  const database = await testDatabase({ poolMax: 4 });
  const deadlocks = async () =>
    Number(
      (
        await database
          .em()
          .execute<{ n: string }[]>('select deadlocks as n from pg_stat_database where datname = current_database()')
      )[0]?.n,
    );
  const deadlocksBefore = await deadlocks();
  const owners = await Promise.all(
    Array.from({ length: OWNERS }, async (_, i): Promise<Owner> => {
      const store = postgresStore({ database: await database.again(), actor: 'stock', rowsActor: true });
      return { store, versions: new Map(), commits: [], next: random(SEED * OWNERS + i) };
    }),
  );
  const commandIds = Array.from({ length: 2_000 }, (_, i) => `command-${i}`);
  await Promise.all(owners.map((owner) => work(owner, commandIds)));

  const told = owners.flatMap(({ commits }) => commits);
  expect(told.length).toBeGreaterThan(BATCHES);
  expect(await deadlocks()).toBe(deadlocksBefore);
  const [{ store }] = owners as [Owner];
  const unsent = (
    await store.unsent(
      Array.from({ length: BUCKETS }, (_, i) => i),
      0,
      1_000_000,
    )
  ).map(({ messageId }) => messageId);
  expect(unsent).toHaveLength(told.length);
  const due = new Map(
    (
      await store.due(
        Array.from({ length: BUCKETS }, (_, i) => i),
        1_000,
      )
    ).map((timer) => [timer.id, timer.commandId]),
  );
  for (let i = 0; i < ACTORS; i++) {
    const id = `actor-${i}`;
    const mine = told.filter((commit) => commit.id === id).sort((a, b) => a.version - b.version);
    const journal = (await store.journal(id)) ?? [];
    // Each version once, none missing, each by the command of the owner who was told that it won.
    expect(journal.map(({ version, commandId }) => ({ id, version, commandId }))).toEqual(mine);
    expect(journal.map(({ version }) => version)).toEqual(journal.map((_, n) => n + 1));
    // No command took effect twice.
    expect(new Set(mine.map(({ commandId }) => commandId)).size).toBe(mine.length);
    const latest = mine.length;
    const loaded = await store.load({
      ids: [id],
      rows: ['count', 'odd'].map((key) => ({ id, key })),
      commands: mine.map(({ commandId }) => ({ id, commandId })),
    });
    expect(loaded.actors.get(id)?.version).toBe(latest);
    expect(Object.fromEntries(loaded.rows.get(id) ?? [])).toEqual({
      count: latest,
      ...(latest % 2 === 1 ? { odd: latest } : {}),
    });
    expect(loaded.handled.size).toBe(latest);
    expect(unsent.filter((messageId) => messageId.startsWith(`stock/${id}/`))).toEqual(
      mine.map(({ version }) => `stock/${id}/${version}/0/0`),
    );
    expect(due.get(id)).toBe(latest % 3 === 0 ? mine.at(-1)?.commandId : undefined);
  }
  console.log(`${told.length} commits of ${ACTORS} actors by ${OWNERS} owners, no deadlock`);
  await database.close();
}, 60_000);
