// The DynamoDB store on a real server of its API, among other writers and with answers that get lost.
import type { DynamoDBClient, ServiceInputTypes } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  type ActorStore,
  BUCKETS,
  bucketOf,
  type Change,
  handledKey,
  LEASE_MS,
  type Outgoing,
  StoreUnavailable,
} from '../store.ts';
import { storeContract } from '../store.contract.ts';
import { HANDLED_MAX } from './document.ts';
import { createItems } from './items.ts';
import { createDynamoStore, type DynamoStoreOptions } from './store.ts';
import { ensureTable } from './tables.ts';
import { type TestDynamo, testDynamo } from './testing.ts';

const BUCKETS_ALL = Array.from({ length: BUCKETS }, (_, bucket) => bucket);
const START = 1_700_000_000_000;
let dynamo: TestDynamo;
let client: DynamoDBClient;
let tables = 0;

beforeAll(async () => {
  dynamo = await testDynamo();
  ({ client } = dynamo);
});

afterAll(() => dynamo.close());

/** Stores over one fresh table, as that many nodes would have them. */
async function nodes(count: number, more: Partial<DynamoStoreOptions> = {}): Promise<ActorStore[]> {
  const table = `actors-${++tables}`;
  await ensureTable(client, { name: table, keys: ['id'] });
  return Array.from({ length: count }, () => createDynamoStore({ client, actor: 'cart', table, ...more }));
}

async function node(more: Partial<DynamoStoreOptions> = {}): Promise<ActorStore> {
  return (await nodes(1, more))[0]!;
}

const row = (id: string, version: number, more: Partial<Outgoing> = {}): Outgoing => ({
  messageId: `cart/${id}/${version}/0/0`,
  kind: 'publish',
  target: 'cart.updated',
  sender: id,
  key: id,
  body: JSON.stringify({ version }),
  sealed: false,
  at: START,
  bucket: bucketOf(id, id),
  ...more,
});

const change = (id: string, version: number, more: Partial<Change> = {}): Change => ({
  id,
  expected: version - 1,
  version,
  state: { version },
  rows: [],
  journal: [],
  handled: [{ id, commandId: `${id}-${version}`, version }],
  outbox: [row(id, version)],
  timers: [],
  cancelled: [],
  ...more,
});

const confirmation = (id: string, version: number): Change => {
  const { state: _, ...rest } = change(id, version, { expected: version, handled: [], outbox: [] });
  return rest;
};

const load = (store: ActorStore, ...ids: string[]) => store.load({ ids, rows: [], commands: [] });
const knows = async (store: ActorStore, id: string, commandId: string) =>
  (await store.load({ ids: [], rows: [], commands: [{ id, commandId }] })).handled.get(handledKey(id, commandId));
const unsent = async (store: ActorStore, olderThanMs = 0, limit = 1_000) =>
  (await store.unsent(BUCKETS_ALL, olderThanMs, limit)).map(({ messageId }) => messageId);

storeContract(
  'DynamoDB',
  async () => {
    const [store, second] = (await nodes(2)) as [ActorStore, ActorStore];
    return { store, second, close: async () => {} };
  },
  { rows: false, journal: false, timers: false, inbox: false },
);

describe('load and commit', () => {
  it('bring back what was stored, for more actors than one request may name', async () => {
    const store = await node();
    const ids = Array.from({ length: 230 }, (_, i) => `a${i}`);
    expect((await load(store, ...ids)).actors.size).toBe(0);
    expect(await store.commit(ids.map((id) => change(id, 1)))).toEqual(new Set(ids));
    const { actors } = await load(store, ...ids, 'nobody');
    expect(actors.size).toBe(230);
    expect(actors.get('a7')).toEqual({ version: 1, state: { version: 1 } });
    expect(await knows(store, 'a7', 'a7-1')).toEqual({ id: 'a7', commandId: 'a7-1', version: 1 });
    expect(await store.journal('a7')).toBeUndefined();
  });

  it('bring back large actors, which the database hands out in portions', async () => {
    const store = await node();
    const ids = Array.from({ length: 12 }, (_, i) => `large${i}`);
    const state = { text: Array.from({ length: 7_000 }, () => crypto.randomUUID()).join() };
    await store.commit(ids.map((id) => change(id, 1, { state })));
    expect([...(await load(store, ...ids)).actors.keys()].sort()).toEqual(ids.sort());
  });

  it('let one of two changes at the same version win, and say which', async () => {
    const [one, two] = (await nodes(2)) as [ActorStore, ActorStore];
    await one.commit([change('c', 1)]);
    await load(two, 'c');
    const race = await Promise.all([
      one.commit([change('c', 2, { handled: [{ id: 'c', commandId: 'one', version: 2 }] })]),
      two.commit([change('c', 2, { handled: [{ id: 'c', commandId: 'two', version: 2 }] })]),
    ]);
    expect(race.map((won) => won.size).toSorted((a, b) => a - b)).toEqual([0, 1]);
    const winner = race[0].size === 1 ? 'one' : 'two';
    expect(await knows(one, 'c', winner)).toBeDefined();
    expect(await knows(one, 'c', winner === 'one' ? 'two' : 'one')).toBeUndefined();
  });

  it('confirm a version, and refuse an old one, without writing', async () => {
    const [one, two] = (await nodes(2)) as [ActorStore, ActorStore];
    await one.commit([change('c', 1), change('d', 1)]);
    await two.commit([change('c', 2)]);
    const confirmed = await one.commit([
      confirmation('c', 1),
      confirmation('d', 1),
      confirmation('none', 0),
      change('e', 1),
    ]);
    expect(confirmed).toEqual(new Set(['d', 'none', 'e']));
  });

  it('refuse a command that is known, whatever the version', async () => {
    const store = await node();
    await store.commit([change('c', 1)]);
    const repeated = change('c', 2, { handled: [{ id: 'c', commandId: 'c-1', version: 2 }] });
    expect(await store.commit([repeated])).toEqual(new Set());
    expect((await load(store, 'c')).actors.get('c')?.version).toBe(1);
  });

  it(`know the last ${HANDLED_MAX} commands`, async () => {
    const store = await node();
    for (let version = 1; version <= HANDLED_MAX + 1; version++) await store.commit([change('c', version)]);
    expect(await knows(store, 'c', 'c-1')).toBeUndefined();
    expect(await knows(store, 'c', 'c-2')).toBeDefined();
  });

  it('store nothing of a batch in which one is larger than an item may be', async () => {
    const store = await node();
    const state = { text: Array.from({ length: 20_000 }, () => crypto.randomUUID()).join() };
    await expect(store.commit([change('small', 1), change('huge', 1, { state })])).rejects.toThrow('huge would take');
    expect((await load(store, 'small', 'huge')).actors.size).toBe(0);
  });

  it('refuse what this store has no place for', async () => {
    const store = await node();
    await expect(store.load({ ids: [], rows: [{ id: 'c', key: 'k' }], commands: [] })).rejects.toThrow('many rows');
    await expect(store.commit([change('fine', 1), change('c\uD800', 1)])).rejects.toThrow('half of a surrogate pair');
    expect((await load(store, 'fine')).actors.size).toBe(0);
    await expect(store.commit([change('c', 1, { rows: [{ key: 'k', data: 1 }] })])).rejects.toThrow(
      'neither rows nor timers',
    );
    expect(await store.due(BUCKETS_ALL, 10)).toEqual([]);
  });
});

describe('expiry', () => {
  it('makes an actor as if it had never been, while its version and its outbox go on', async () => {
    let now = START;
    const store = await node({ now: () => now, lifetimeMs: (id) => (id.startsWith('guest') ? 1_000 : undefined) });
    await store.commit([change('guest', 1), change('user', 1)]);
    now += 1_001;
    const { actors } = await load(store, 'guest', 'user');
    expect(actors.get('guest')).toEqual({ version: 1, state: undefined });
    expect(actors.get('user')).toEqual({ version: 1, state: { version: 1 } });
    const { state: _, ...silent } = change('guest', 2);
    expect(await store.commit([silent])).toEqual(new Set(['guest']));
    expect((await load(store, 'guest')).actors.get('guest')).toEqual({ version: 2, state: undefined });
    expect(await unsent(store)).toContain('cart/guest/1/0/0');
    await store.commit([change('guest', 3)]);
    expect((await load(store, 'guest')).actors.get('guest')).toEqual({ version: 3, state: { version: 3 } });
  });
});

describe('the outbox', () => {
  it('is found by any node, oldest first, in the order of commits within an actor', async () => {
    let now = START;
    const [one, two] = (await nodes(2, { now: () => now })) as [ActorStore, ActorStore];
    await one.commit([change('c', 1)]);
    now += 5;
    await one.commit([change('late', 1)]);
    // The second commit comes from a node whose clock is behind.
    now -= 100;
    await two.commit([change('c', 2)]);
    expect(await unsent(two)).toEqual(['cart/c/1/0/0', 'cart/c/2/0/0', 'cart/late/1/0/0']);
    expect(await unsent(two, 0, 2)).toEqual(['cart/c/1/0/0', 'cart/c/2/0/0']);
    expect(await two.unsent([bucketOf('late', 'late')], 0, 10)).toEqual([{ ...row('late', 1), seq: '000000000000' }]);
  });

  it('leaves young rows to the node that committed them, and what follows them too', async () => {
    let now = START + 10_000;
    const store = await node({ now: () => now, scanEveryMs: 0 });
    await store.commit([change('c', 1)]);
    now = START;
    await store.commit([change('c', 2)]);
    now = START + 14_999;
    expect(await unsent(store, 5_000)).toEqual([]);
    now += 1;
    expect(await unsent(store, 5_000)).toEqual(['cart/c/1/0/0', 'cart/c/2/0/0']);
  });

  it('is watched every ten seconds, but seen at once by a node that takes over', async () => {
    let now = START + 60_000;
    const store = await node({ now: () => now });
    expect(await unsent(store, 5_000)).toEqual([]);
    now -= 6_000;
    await store.commit([change('c', 1)]);
    now += 15_999;
    expect(await unsent(store, 5_000)).toEqual([]);
    expect(await unsent(store, 0)).toHaveLength(1);
    now += 10_000;
    expect(await unsent(store, 5_000)).toHaveLength(1);
  });

  it('is watched on by a node whose clock was set back by ten minutes', async () => {
    let now = START + 1_000_000;
    const store = await node({ now: () => now });
    expect(await unsent(store, 5_000)).toEqual([]);
    now -= 600_000;
    await store.commit([change('c', 1)]);
    now += 6_000;
    expect(await unsent(store, 5_000)).toEqual(['cart/c/1/0/0']);
  });

  it('loses no row that a commit adds while others are acknowledged', async () => {
    const [one, two] = (await nodes(2)) as [ActorStore, ActorStore];
    await one.commit([change('c', 1)]);
    for (let version = 2; version <= 30; version++) {
      const [won] = await Promise.all([one.commit([change('c', version)]), two.acknowledge([row('c', version - 1)])]);
      // Acknowledging moves no version: the other node's next commit is still the expected one.
      expect(won).toEqual(new Set(['c']));
    }
    expect(await unsent(one)).toEqual(['cart/c/30/0/0']);
    await Promise.all([one.acknowledge([row('c', 30)]), two.acknowledge([row('c', 30), row('nobody', 1)])]);
    expect(await unsent(one)).toEqual([]);
    expect(await one.commit([confirmation('c', 30)])).toEqual(new Set(['c']));
  });

  it('holds one unsent event per key of a topic whose newest says everything', async () => {
    const store = await node({ latestOnly: ['cart.updated'] });
    await store.commit([change('c', 1)]);
    await store.commit([change('c', 2)]);
    await store.acknowledge([row('c', 1)]);
    expect(await unsent(store)).toEqual(['cart/c/2/0/0']);
  });

  it('is swept by one holder at a time, and by another when that one has gone', async () => {
    let now = START;
    const [one, two] = (await nodes(2, { now: () => now })) as [ActorStore, ActorStore];
    expect(await one.lease('one')).toEqual(BUCKETS_ALL);
    expect(await two.lease('two')).toEqual([]);
    now += LEASE_MS;
    expect(await one.lease('one')).toHaveLength(BUCKETS);
    now += LEASE_MS + 1;
    expect(await two.lease('two')).toHaveLength(BUCKETS);
    expect(await one.lease('one')).toEqual([]);
  });
});

describe('trouble', () => {
  it('parks a command with its reason, beside the actors', async () => {
    const store = await node({ now: () => START });
    await store.park({ id: 'c', commandId: 'x', command: { type: 'Nonsense' }, reason: 'unknown command' });
    expect(await createItems(client, `actors-${tables}`).get('#parked/cart/c/x')).toEqual({
      id: { S: '#parked/cart/c/x' },
      command: { S: '{"type":"Nonsense"}' },
      reason: { S: 'unknown command' },
      at: { N: String(START) },
    });
  });

  it('knows its own write when the answer is lost and the client repeats it', async () => {
    const flaky = dynamo.connect();
    let lost = 0;
    flaky.middlewareStack.add(
      (next) => async (args) => {
        const answer = await next(args);
        if (lost++ === 0) throw Object.assign(new Error('socket hang up'), { name: 'TimeoutError' });
        return answer;
      },
      { step: 'finalizeRequest', priority: 'low' },
    );
    const store = createDynamoStore({ client: flaky, actor: 'cart', table: (await node(), `actors-${tables}`) });
    expect(await store.commit([change('c', 1)])).toEqual(new Set(['c']));
    expect(lost).toBeGreaterThan(1);
    expect(await unsent(store)).toEqual(['cart/c/1/0/0']);
  });

  it('says that the outcome is unknown when the database is away', async () => {
    const nobody = dynamo.connect({ endpoint: 'http://127.0.0.1:9', maxAttempts: 1 });
    const store = createDynamoStore({ client: nobody, actor: 'cart', table: 'actors' });
    for (const attempt of [
      () => load(store, 'c'),
      () => store.commit([change('c', 1)]),
      () => store.lease('one'),
      () => unsent(store),
    ]) {
      await expect(attempt()).rejects.toThrow(StoreUnavailable);
    }
  });

  it('gives up on an item that others write all the time, and on keys that are never read', async () => {
    const jammed = dynamo.connect();
    jammed.middlewareStack.add(
      (next) => async (args) => {
        const input = args.input as ServiceInputTypes & { Item?: unknown; RequestItems?: object };
        if (input.Item !== undefined) throw Object.assign(new Error('no'), { name: 'ConditionalCheckFailedException' });
        const answer = await next(args);
        if (input.RequestItems !== undefined) Object.assign(answer.output, { UnprocessedKeys: input.RequestItems });
        return answer;
      },
      { step: 'initialize' },
    );
    const fine = await node();
    await fine.commit([change('c', 1)]);
    const store = createDynamoStore({ client: jammed, actor: 'cart', table: `actors-${tables}` });
    await expect(store.commit([change('c', 2)])).rejects.toThrow('too many at once');
    await expect(store.acknowledge([row('c', 1)])).rejects.toThrow('too many at once');
    await expect(load(store, 'c')).rejects.toThrow('keys unread');
  });
});

describe('tables', () => {
  it('are made once, by whichever node is first', async () => {
    const table = { name: 'made-once', keys: ['a', 'b'] as const };
    await Promise.all([ensureTable(client, table), ensureTable(client, table), ensureTable(client, table)]);
    await ensureTable(client, table);
  });
});
