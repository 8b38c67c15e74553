// Turns at a fixed rate: so many operations begin in a second, whatever becomes of those before, so a shop that stands
// still is not spared. A client waits for its turn, does one thing, and waits for its next one.
//
//   due ─► role by share ─► a client of it that waits ─► its turn
//                                  └─ none ─► a new client of a role that can grow ─► its turn      none at all ─► missed

import type { Chance } from '../../../actors/scheduler.simulation.ts';

/** How often it is looked what is due, in milliseconds; so much later than due a turn may be. */
const LOOK_MS = 5;
/** Turns that are given at once at most, after this process itself stood still: it must not make up for minutes at once. */
const AT_ONCE_MAX = 1_000;

/** Thrown into whoever waits for a turn when there are no more. */
export class NoMoreTurns extends Error {
  override name = 'NoMoreTurns';
}

export interface Role {
  readonly name: string;
  /** Of all turns, relative to the other roles. */
  readonly share: number;
  /** Brings one more client of the role, who will wait for a turn; missing: there are no more than there are. */
  readonly grow?: () => void;
}

export interface Turns {
  /** Waits for a turn of this role. @throws NoMoreTurns */
  take(role: string): Promise<void>;
  /** Aborted when there are no more turns. */
  readonly signal: AbortSignal;
  /** Turns that were due and nobody could take. */
  readonly missed: number;
  /** No more turns: whoever waits is told so. */
  end(): void;
}

/** Begins to give turns, drawn among the roles. */
export function startTurns(perSecond: number, roles: readonly Role[], chance: Chance): Turns {
  const waiting = new Map(roles.map(({ name }) => [name, [] as PromiseWithResolvers<void>[]]));
  const ending = new AbortController();
  const shares = roles.reduce((sum, { share }) => sum + share, 0);
  const startedAt = performance.now();
  let [given, missed] = [0, 0];

  function drawn(): Role {
    let rest = chance.below(shares);
    return roles.find(({ share }) => (rest -= share) < 0) as Role;
  }

  function giveOne(): void {
    const first = drawn();
    for (const role of [first, ...roles.filter((other) => other !== first)]) {
      const queue = waiting.get(role.name) ?? [];
      if (queue.length === 0) role.grow?.();
      const next = queue.shift();
      if (next === undefined) continue;
      next.resolve();
      return;
    }
    missed += 1;
  }

  const timer = setInterval(() => {
    const due = Math.floor(((performance.now() - startedAt) * perSecond) / 1_000);
    if (due - given > AT_ONCE_MAX) {
      missed += due - given - AT_ONCE_MAX;
      given = due - AT_ONCE_MAX;
    }
    for (; given < due; given++) giveOne();
  }, LOOK_MS);

  return {
    take(role) {
      if (ending.signal.aborted) return Promise.reject(new NoMoreTurns());
      const turn = Promise.withResolvers<void>();
      const queue = waiting.get(role);
      if (queue === undefined) throw new Error(`there is no role ${role}, only ${[...waiting.keys()].join(', ')}`);
      queue.push(turn);
      return turn.promise;
    },
    signal: ending.signal,
    get missed() {
      return missed;
    },
    end() {
      clearInterval(timer);
      ending.abort();
      for (const queue of waiting.values()) for (const turn of queue.splice(0)) turn.reject(new NoMoreTurns());
    },
  };
}
