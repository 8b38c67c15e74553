// The clients of a run: people of every kind use all of the shop, at a fixed rate, and everything is in the history.
//
//   stock the shop ─► customers, guests, staff, onlookers, turn by turn ─► stop ─► (quiet) ─► close: everything is read back
//
// One seed decides what each of them wants. Which of them is answered first decides the shop.

import { randomUUID } from 'node:crypto';
import { chanceOf } from '../../../actors/scheduler.simulation.ts';
import type { Load } from '../faults/overload.ts';
import type { Recorder } from '../history/recorder.ts';
import { type Client, createClient } from './client.ts';
import { readAllBack } from './closing.ts';
import { type Account, createMarket, type Market, type Product } from './market.ts';
import { customer, guest, onlooker, staff } from './roles.ts';
import { createWire } from './single-attempts.ts';
import { stock } from './stocking.ts';
import { NoMoreTurns, type Role, startTurns } from './turns.ts';

/** Accounts: enough that one waits for its turn whenever a customer's is due, few, because a password is dear to hash. */
const CUSTOMERS = 24;
const STAFF = 6;
/** Clients at once, of all kinds: those that a shop which stands still for seconds keeps waiting. */
const CLIENTS_MAX = 3_000;
/** Turns in a hundred. About an eighth of all operations are orders then; in a real shop far fewer are. */
const SHARES = { customer: 38, guest: 10, staff: 16, onlooker: 36 };
/** Of a burst, by people who need no account. */
const BURST_SHARES = { guest: 75, onlooker: 25 };
/** The shop must be stocked, and everything be read back, within this, in milliseconds. */
const ROUND_WITHIN_MS = 120_000;

export interface WorkloadOptions {
  /** The shop. */
  readonly cluster: { readonly url: string; readonly staff: Pick<Account, 'email' | 'password'> };
  readonly seed: number;
  /** Operations that begin in a second, each attempt counted. */
  readonly perSecond: number;
  readonly recorder: Recorder;
  /** Accounts; default 24. */
  readonly customers?: number;
}

export interface Workload {
  readonly products: readonly Product[];
  /** To make them ask for more. */
  readonly load: Load;
  /** Turns so far that nobody could take, because everybody waited for an answer. */
  readonly missed: number;
  /** Nobody begins anything any more; resolves when all is answered. @throws Error if a client did not understand an answer */
  stop(): Promise<void>;
  /** Reads everything back, and lets go of the shop; after `stop`. @throws Error if the shop does not answer in time */
  close(): Promise<void>;
}

/**
 * Stocks the shop and lets people in.
 * @throws Error that says what the shop refused
 */
export async function startWorkload(options: WorkloadOptions): Promise<Workload> {
  const { cluster, seed, perSecond, recorder } = options;
  const wire = createWire(cluster.url);
  const run = `${seed.toString(36).slice(0, 8)}-${randomUUID().slice(0, 8)}`;
  const chance = chanceOf(seed);
  const numbers = new Map<string, number>();
  const groups: { end(): Promise<void>; readonly missed: number }[] = [];
  let clients = 0;

  const newChance = () => chanceOf(chance.below(2 ** 31));

  function nameOf(kind: string): string {
    const number = (numbers.get(kind) ?? 0) + 1;
    numbers.set(kind, number);
    return `${kind}-${number}`;
  }

  /** Work of people who need no turns, do nothing odd, and ask until there is an answer. */
  async function round<T>(what: string, work: (newClient: (name: string) => Client) => Promise<T>): Promise<T> {
    const signal = AbortSignal.timeout(ROUND_WITHIN_MS);
    const turn = () => (signal.aborted ? Promise.reject(new NoMoreTurns()) : Promise.resolve());
    const common = { wire, recorder, run, turn, signal, isDogged: true };
    try {
      return await work((name) => createClient({ process: nameOf(name), chance: newChance(), ...common }));
    } catch (error) {
      if (!(error instanceof NoMoreTurns)) throw error;
      throw new Error(`${what} was not done within ${ROUND_WITHIN_MS} ms`, { cause: error });
    }
  }

  /** People who take turns at this rate. */
  function letIn(rate: number, roles: readonly Attending[]): (typeof groups)[number] {
    const present = new Set<Promise<void>>();
    const broken: Error[] = [];
    const turns = startTurns(rate, roles.map(roleOf), newChance());
    const client = (name: string) =>
      createClient({
        process: nameOf(name),
        chance: newChance(),
        wire,
        recorder,
        run,
        turn: () => turns.take(name),
        signal: turns.signal,
      });

    function roleOf({ name, share, ...who }: Attending): Role {
      return { name, share, ...('comes' in who ? { grow: () => enter(name, who.comes) } : {}) };
    }

    function enter(name: string, script: Script): void {
      if (clients >= CLIENTS_MAX) return;
      clients += 1;
      const attending: Promise<void> = script(client(name))
        .catch((error: unknown) => {
          if (!(error instanceof NoMoreTurns)) broken.push(error as Error);
        })
        .finally(() => {
          clients -= 1;
          present.delete(attending);
        });
      present.add(attending);
    }

    for (const role of roles) if ('there' in role) for (const script of role.there) enter(role.name, script);
    return {
      get missed() {
        return turns.missed;
      },
      async end() {
        turns.end();
        await Promise.all(present);
        if (broken.length > 0)
          throw new AggregateError(broken, `${broken.length} clients broke off: ${broken[0]?.stack}`);
      },
    };
  }

  function begin(rate: number, roles: readonly Attending[]) {
    const group = letIn(rate, roles);
    groups.push(group);
    return group;
  }

  const { email, password } = cluster.staff;
  const { customers: accounts = CUSTOMERS } = options;
  const opening = round('stocking the shop', (newClient) =>
    stock({ run, customers: accounts, staff: { email, password }, newClient }),
  ).catch((error: unknown) => {
    wire.close();
    throw error;
  });
  const market: Market = createMarket(await opening);

  const asGuest: Script = (client) => guest(client, market);
  const asOnlooker: Script = (client) => onlooker(client, market);
  const customers = market.customers.map(
    (account): Script =>
      (client) =>
        customer(client, market, account),
  );
  const workers = Array.from({ length: STAFF }, (): Script => (client) => staff(client, market));
  begin(perSecond, [
    { name: 'customer', share: SHARES.customer, there: customers },
    { name: 'staff', share: SHARES.staff, there: workers },
    { name: 'guest', share: SHARES.guest, comes: asGuest },
    { name: 'onlooker', share: SHARES.onlooker, comes: asOnlooker },
  ]);

  return {
    products: market.products,
    get missed() {
      return groups.reduce((sum, { missed }) => sum + missed, 0);
    },
    load: {
      perSecond,
      burst(rate) {
        const group = begin(rate, [
          { name: 'guest', share: BURST_SHARES.guest, comes: asGuest },
          { name: 'onlooker', share: BURST_SHARES.onlooker, comes: asOnlooker },
        ]);
        return { stop: () => group.end() };
      },
    },
    async stop() {
      await Promise.all(groups.map((group) => group.end()));
    },
    async close() {
      try {
        await round('reading everything back', (newClient) => readAllBack(market, newClient));
      } finally {
        wire.close();
      }
    },
  };
}

type Script = (client: Client) => Promise<never>;

/** People of a role: those who are there, or one more whenever a turn is due and all others are busy. */
type Attending = { readonly name: string; readonly share: number } & (
  | { readonly there: readonly Script[] }
  | { readonly comes: Script }
);
