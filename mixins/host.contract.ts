// Goal: whatever happens to nodes, stores and deliveries, what a host acknowledged is stored once, nothing is oversold,
// and what it says to others arrives once, as it was committed, and in order, on whichever nodes.
// Method: a shelf whose pieces are taken and a purse that is told of each piece, on nodes that share two stores, in
// virtual time. A seed decides who asks whom, what fails, whose answer is lost and who is killed or paused (a paused node
// says and hears nothing, and goes on where it stood). Then everything heals, and histories, stores and deliveries are compared. Run by the production files, and by copies with a bug put back.
//
//   clients ──keyed commands, repeated until answered──► node: shelf host ──outbox──► node: purse host
//                                                          └── memory store (unsteady) ──┘

import { type Actor, type At, invariant, refuse, type Slice } from '../actors/actor.ts';
import type { Delivery } from '../brokers/hosting.ts';
import type { Problem } from '../brokers/problem.ts';
import type { createHost, Host } from './host.ts';
import type { MemoryStore, memoryStore } from './memory-store.ts';
import type { Transport } from './relay.ts';
import type { ActorStore, JournalEntry, StoreUnavailable } from './store.ts';
import { pause } from './virtual-time.testing.ts';

/** What a host is made of: the production files, or a copy. */
export interface HostModules {
  readonly createHost: typeof createHost;
  readonly memoryStore: typeof memoryStore;
  readonly StoreUnavailable: typeof StoreUnavailable;
  readonly Problem: typeof Problem;
}

/** What a run says that was not so. */
export class Violation extends Error {
  override name = 'Violation';
}

/** States something that must be so in every run. */
export function demand(holds: boolean, words: () => string): asserts holds {
  if (!holds) throw new Violation(words());
}

const faultNames = [
  'away',
  'answer lost',
  'batch spoilt',
  'delivery lost',
  'delivery answer lost',
  'delivery repeated',
  'killed',
  'paused',
] as const;
export type Fault = (typeof faultNames)[number];

export interface Report {
  readonly faults: Readonly<Record<Fault, number>>;
  readonly commands: number;
  readonly deliveries: number;
}

const CLIENTS = 5;
const STEPS = 8;
const SHARED_PIECES = 60;
const PURSES = 3;
const ATTEMPTS_MAX = 200;
/** When a caller, or a sender, stops waiting for a node that may be dead, in milliseconds. */
const PATIENCE_MS = 3_000;
/** Longest time of a round trip to a store or another node, in milliseconds. */
const LAG_MS = 8;
/** What a host whose callers do not wait may gather, in milliseconds. */
const GATHER_MS = 10;
/** Longest pause of a node: longer than a lease, and than its senders' patience. */
const PAUSE_MAX_MS = 5_000;
/** Longest rest of a host whose callers do not wait, in milliseconds. */
const REST_MAX_MS = 250;
/** How long everything may take to come to rest after the last fault, in milliseconds. */
const HEAL_MS = 30_000;

type Command =
  | { readonly type: 'Put'; readonly data: { readonly row: string; readonly pieces: number } }
  | { readonly type: 'Take'; readonly data: { readonly row: string; readonly pieces: number; readonly purse: string } }
  | { readonly type: 'Later'; readonly data: { readonly name: string; readonly afterMs: number } };
type Event =
  | {
      readonly type: 'Moved';
      readonly data: { readonly row: string; readonly pieces: number; readonly purse?: string };
    }
  | { readonly type: 'Delayed'; readonly data: { readonly name: string; readonly afterMs: number } };

/** Rows of pieces: the smallest actor that can be oversold. */
const shelf: Actor<Slice<number>, Command, Event> = {
  name: 'stock',
  initial: {},
  needs: ({ type, data }) => (type === 'Later' ? [] : [data.row]),
  decide(rows, command: At<Command>) {
    if (command.type === 'Later') return [{ type: 'Delayed', data: command.data }];
    if (command.type === 'Put') return [{ type: 'Moved', data: command.data }];
    const { row, pieces, purse } = command.data;
    const there = rows[row] ?? 0;
    return there < pieces
      ? refuse('insufficient-stock', `${pieces} of ${there}`)
      : [{ type: 'Moved', data: { row, pieces: -pieces, purse } }];
  },
  evolve: (rows, { type, data }) =>
    type === 'Moved' ? { ...rows, [data.row]: (rows[data.row] ?? 0) + data.pieces } : rows,
  react(_rows, { type, data }) {
    if (type === 'Delayed') {
      return [
        {
          kind: 'timer',
          name: data.name,
          afterMs: data.afterMs,
          command: { type: 'Put', data: { row: 'clock', pieces: 1 } },
        },
      ];
    }
    if (data.purse === undefined) return [];
    return [
      { kind: 'send', to: 'payment', id: data.purse, command: { type: 'Spend', data: { pieces: -data.pieces } } },
    ];
  },
  check(rows) {
    for (const [row, pieces] of Object.entries(rows)) invariant((pieces ?? 0) >= 0, `${row} has no negative pieces`);
  },
};

/** The command and the event of a purse. */
export interface Counter {
  readonly type: 'Spend' | 'Spent';
  readonly data: { readonly pieces: number };
}

/** Counts what it is told: the smallest actor that notices a repeat. */
export const purse: Actor<{ readonly pieces: number }, Counter, Counter> = {
  name: 'payment',
  initial: { pieces: 0 },
  creates: ['Spend'],
  decide: (_state, { data }) => [{ type: 'Spent', data }],
  evolve: ({ pieces }, { data }) => ({ pieces: pieces + data.pieces }),
  react: () => [],
  check: ({ pieces }) => invariant(pieces >= 0, 'a purse holds no negative pieces'),
};

/** A transport for hosts whose actors say nothing. */
export const silent: Transport = {
  deliver: async (_to, deliveries) => deliveries.map(() => ({ done: true })),
  publish: async () => {},
  perform: async () => {},
};

interface Life {
  isAlive: boolean;
  pausedUntil: number;
}

interface Node extends Life {
  readonly shelf: Host<Slice<number>, Command>;
  readonly purse: Host<{ readonly pieces: number }, Counter>;
}

/** A message as it was handed to a transport. */
interface Sent {
  readonly messageId: string;
  readonly body: string;
}

/** Random numbers from a seed: mulberry32. */
export function chanceOf(seed: number) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return { below: (n: number) => Math.floor(next() * n), percent: (likelihood: number) => next() * 100 < likelihood };
}

/**
 * One run. Call it in virtual time.
 * @param nodes how many nodes believe at the same time that they own the shelf
 * @throws Violation naming the seed
 */
export async function campaign(modules: HostModules, seed: number, nodes: number): Promise<Report> {
  const world = createWorld(modules, seed);
  try {
    const acknowledged = await world.run(nodes);
    await check(world, acknowledged);
  } catch (error) {
    if (!isFinding(error)) throw error;
    throw new Violation(`seed ${seed}, ${nodes} node(s): ${error.message}`, { cause: error });
  }
  return { faults: world.faults, commands: world.commands(), deliveries: world.sent.length };
}

/** Whether an error says that something was not so; anything else is a bug of the test. By name: copies have classes of their own. */
export function isFinding(error: unknown): error is Error {
  return error instanceof Error && ['Violation', 'InvariantViolated', 'StandsStill'].includes(error.name);
}

interface Acknowledged {
  readonly commandId: string;
  readonly command: Command;
  readonly refused: boolean;
}

type World = ReturnType<typeof createWorld>;

function createWorld({ createHost, memoryStore, StoreUnavailable, Problem }: HostModules, seed: number) {
  const chance = chanceOf(seed);
  const shelves = memoryStore('stock');
  const purses = memoryStore('payment');
  const faults = Object.fromEntries(faultNames.map((name) => [name, 0])) as Record<Fault, number>;
  const sent: Sent[] = [];
  const living: Node[] = [];
  let isHealed = false;
  let commands = 0;
  let booted = 0;

  const happens = (fault: Fault, likelihood: number) => {
    if (isHealed || !chance.percent(likelihood)) return false;
    faults[fault] += 1;
    return true;
  };
  const lag = () => pause(chance.below(LAG_MS));
  const never = new Promise<never>(() => {});

  /** On the way from or to a node. One that is paused says and hears nothing; one that is dead never will again. */
  async function crossing(node: Readonly<Life>): Promise<void> {
    await lag();
    while (node.isAlive && Date.now() < node.pausedUntil) await pause(node.pausedUntil - Date.now());
    if (!node.isAlive) await never;
  }

  /** Another process does something for the node: it may be away, its answer may be lost, and a dead node hears nothing. */
  async function outside<T>(
    node: Readonly<Life>,
    work: () => Promise<T>,
    before: () => void,
    after: () => void,
  ): Promise<T> {
    await crossing(node);
    before();
    const result = await work();
    await crossing(node);
    after();
    return result;
  }

  function unsteady(store: MemoryStore, node: Readonly<Life>): ActorStore {
    const through = <T>(work: () => Promise<T>, spoil = () => {}) =>
      outside(
        node,
        work,
        () => {
          if (happens('away', 4)) throw new StoreUnavailable('away');
          spoil();
        },
        () => {
          if (happens('answer lost', 4)) throw new StoreUnavailable('the answer was lost');
        },
      );
    return {
      ...store,
      load: (request) => through(() => store.load(request)),
      commit: (changes) =>
        through(
          () => store.commit(changes),
          () => {
            const members = changes.reduce((sum, { handled }) => sum + handled.length, 0);
            if (members > 1 && happens('batch spoilt', 4)) throw new TypeError('one of them cannot be stored');
          },
        ),
      lease: (holder) => through(() => store.lease(holder)),
      unsent: (buckets, olderThanMs, limit) => through(() => store.unsent(buckets, olderThanMs, limit)),
      unsentOf: (senders, limit) => through(() => store.unsentOf(senders, limit)),
      acknowledge: (rows) => through(() => store.acknowledge(rows)),
      due: (buckets, limit) => through(() => store.due(buckets, limit)),
    };
  }

  function anyone(): Node {
    const node = living[chance.below(living.length)];
    if (node === undefined) throw new Problem('unavailable', 'nobody is there');
    return node;
  }

  /** Waits, but not for ever: whoever was asked may be dead. */
  const patiently = <T>(work: Promise<T>): Promise<T> =>
    Promise.race([
      work,
      pause(PATIENCE_MS).then(() => {
        throw new Problem('unavailable', 'no answer');
      }),
    ]);

  async function boot(): Promise<void> {
    const life: Life = { isAlive: true, pausedUntil: 0 };
    const holder = `node-${(booted += 1)}`;
    const alert = () => {};
    const purseHost = createHost({
      actor: purse,
      store: unsteady(purses, life),
      alert,
      holder,
      gatherMs: chance.below(2) * GATHER_MS,
      pressure: { noteCaller() {}, restAfter: () => chance.below(2) * chance.below(REST_MAX_MS) },
      transport: { deliver: () => never, publish: () => never, perform: () => never },
    });
    const shelfHost = createHost({
      actor: shelf,
      store: unsteady(shelves, life),
      alert,
      holder,
      timers: true,
      transport: {
        publish: () => never,
        perform: () => never,
        async deliver(_to, deliveries) {
          sent.push(
            ...deliveries.map(({ commandId, command }) => ({ messageId: commandId, body: JSON.stringify(command) })),
          );
          return await outside(
            life,
            () => patiently(receive(deliveries)),
            () => {
              if (happens('delivery lost', 8)) throw new Error('the delivery was lost');
            },
            () => {
              if (happens('delivery answer lost', 8)) throw new Error('the answer of the delivery was lost');
            },
          );
        },
      },
    });
    const receive = async (deliveries: readonly Delivery[]) => {
      if (happens('delivery repeated', 8)) void anyone().purse.receive(deliveries);
      return await anyone().purse.receive(deliveries);
    };
    // Whoever is started must not be waited for: the database may be away.
    void purseHost.start();
    void shelfHost.start();
    living.push(Object.assign(life, { shelf: shelfHost, purse: purseHost }));
  }

  async function killNow(): Promise<void> {
    const [node] = living.splice(chance.below(living.length), 1);
    if (node === undefined) return;
    node.isAlive = false;
    faults.killed += 1;
    await pause(chance.below(200));
    await boot();
  }

  function pauseOne(): void {
    const node = living[chance.below(living.length)];
    if (node === undefined) return;
    node.pausedUntil = Date.now() + chance.below(PAUSE_MAX_MS);
    faults.paused += 1;
  }

  /** Asks until there is an answer, with the same id and of anyone, as a careful client does. */
  async function ask(commandId: string, command: Command): Promise<Acknowledged> {
    commands += 1;
    for (let attempt = 1; ; attempt++) {
      demand(attempt <= ATTEMPTS_MAX, () => `${commandId} has no answer after ${ATTEMPTS_MAX} attempts`);
      try {
        // That it is new is only a hint, so it may be wrong.
        const hint = { isNew: chance.percent(50) };
        const { refused } = await patiently(anyone().shelf.tell('main', command, { commandId, ...hint }));
        return { commandId, command, refused: refused !== undefined };
      } catch (error) {
        if (!(error instanceof Problem && error.retryable)) throw error;
        await pause(20 + chance.below(200));
      }
    }
  }

  async function client(n: number): Promise<readonly Acknowledged[]> {
    const own = `own-${n}`;
    const purseId = `purse-${n % PURSES}`;
    const all: Acknowledged[] = [];
    let left = 0;
    const tell = async (command: Command, commandId = `client-${n}-${all.length}`) => {
      const answer = await ask(commandId, command);
      all.push(answer);
      return answer;
    };
    const put = async (pieces: number) => {
      await tell({ type: 'Put', data: { row: own, pieces } });
      left += pieces;
    };
    const take = (row: string, pieces: number, commandId?: string) =>
      tell({ type: 'Take', data: { row, pieces, purse: purseId } }, commandId);
    const takeOwn = async (pieces: number, commandId?: string) => {
      const { refused } = await take(own, pieces, commandId);
      demand(!refused, () => `client ${n} was refused ${pieces} of its own ${left} pieces, which it had put there`);
      left -= pieces;
    };
    await tell({ type: 'Later', data: { name: `timer-${n}`, afterMs: chance.below(2_000) } });
    for (let step = 0; step < STEPS; step++) {
      await pause(chance.below(300));
      const kind = chance.below(10);
      if (kind < 4) {
        await put(1 + chance.below(5));
        await takeOwn(1 + chance.below(left));
      } else if (kind < 6) {
        // What is refused today may be granted tomorrow, under the same id.
        const early = `early-${n}-${step}`;
        const wanted = left + 1 + chance.below(3);
        const { refused } = await take(own, wanted, early);
        demand(refused, () => `client ${n} got ${wanted} pieces of ${left}`);
        await put(wanted);
        await takeOwn(wanted, early);
      } else if (kind < 9) {
        await take('shared', 1 + chance.below(4));
      } else {
        const { refused } = await take('shared', SHARED_PIECES + 1);
        demand(refused, () => `client ${n} got more than there ever was`);
      }
    }
    return all;
  }

  async function run(nodes: number): Promise<readonly Acknowledged[]> {
    for (let n = 0; n < nodes; n++) await boot();
    const opening = await ask('opening', { type: 'Put', data: { row: 'shared', pieces: SHARED_PIECES } });
    const killer = (async () => {
      for (;;) {
        await pause(200 + chance.below(2_000));
        if (isHealed) return;
        if (chance.percent(50)) pauseOne();
        else await killNow();
      }
    })();
    const answers = await Promise.all(Array.from({ length: CLIENTS }, (_, n) => client(n)));
    isHealed = true;
    await killer;
    for (const deadline = Date.now() + HEAL_MS; !(await isQuiet()); await pause(100)) {
      demand(
        Date.now() < deadline,
        () =>
          `${shelves.outbox().filter(({ sent: isSent }) => !isSent).length} messages did not leave, timers fired: ${clock}`,
      );
    }
    await Promise.all(living.flatMap((node) => [node.shelf.stop(), node.purse.stop()]));
    return [opening, ...answers.flat()];
  }

  let clock = 0;
  async function isQuiet(): Promise<boolean> {
    clock = Number(
      (await shelves.load({ ids: [], rows: [{ id: 'main', key: 'clock' }], commands: [] })).rows
        .get('main')
        ?.get('clock') ?? 0,
    );
    return clock >= CLIENTS && shelves.outbox().every(({ sent: isSent }) => isSent);
  }

  return { shelves, purses, faults, sent, commands: () => commands, run };
}

/** Compares the histories with the stores, with what was acknowledged, and with what was sent. */
async function check({ shelves, purses, sent }: World, acknowledged: readonly Acknowledged[]): Promise<void> {
  const journal = (await shelves.journal('main')) ?? [];
  const moves = journal.filter(({ type }) => type === 'Moved') as readonly (JournalEntry & {
    readonly data: Extract<Event, { type: 'Moved' }>['data'];
  })[];
  const ids = new Set(journal.map(({ commandId }) => commandId));
  demand(ids.size === journal.length, () => 'a command took effect twice');
  for (const { commandId, refused } of acknowledged)
    demand(refused || ids.has(commandId), () => `${commandId} was acknowledged and is nowhere`);

  const rows = [...new Set(moves.map(({ data }) => data.row))];
  const stored = (
    await shelves.load({ ids: [], rows: rows.map((key) => ({ id: 'main', key })), commands: [] })
  ).rows.get('main');
  for (const row of rows) {
    const sum = moves.filter(({ data }) => data.row === row).reduce((pieces, { data }) => pieces + data.pieces, 0);
    demand(sum >= 0, () => `${row} was oversold by ${-sum}`);
    demand(stored?.get(row) === sum, () => `${row} holds ${String(stored?.get(row))} pieces, its history says ${sum}`);
  }
  demand(stored?.get('clock') === CLIENTS, () => `${String(stored?.get('clock'))} timers fired instead of ${CLIENTS}`);

  const committed = new Map(shelves.outbox().map(({ messageId, body }) => [messageId, body]));
  for (const { messageId, body } of sent)
    demand(committed.get(messageId) === body, () => `${messageId} was sent and never committed: ${body}`);
  for (let n = 0; n < PURSES; n++) {
    const told = (await purses.journal(`purse-${n}`)) ?? [];
    demand(
      new Set(told.map(({ commandId }) => commandId)).size === told.length,
      () => `purse-${n} was told something twice`,
    );
    const spent = told.reduce((sum, { data }) => sum + (data as Counter['data']).pieces, 0);
    const taken = moves
      .filter(({ data }) => data.purse === `purse-${n}`)
      .reduce((sum, { data }) => sum - data.pieces, 0);
    demand(spent === taken, () => `${taken} pieces were taken for purse-${n}, and it was told of ${spent}`);
    const order = told.map(({ commandId }) => Number(commandId.split('/')[2]));
    demand(
      order.every((version, i) => i === 0 || version > (order[i - 1] as number)),
      () => `purse-${n} was told in the order ${order.join()}`,
    );
  }
}
