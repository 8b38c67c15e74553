// What goes wrong in the simulated shop: one seed decides who is killed or paused, what is lost, late or repeated, and
// when. Everything that happens for a node from outside it crosses here.
//
//   node ──crossing──► store, log, provider, other node ──crossing──► node          dead: nothing crosses any more
//         away? killed?                                  answer lost? killed?       paused: it waits
//
// Once it is healed, nothing goes wrong any more.

import type { Chance } from '../../../actors/scheduler.simulation.ts';

const faultNames = [
  'outage',
  'store away',
  'commit answer lost',
  'batch spoilt',
  'log away',
  'append answer lost',
  'appended twice',
  'call lost',
  'call late',
  'call answer lost',
  'call repeated',
  'call misrouted',
  'killed at a step',
  'killed',
  'paused',
  'provider away',
  'provider answer lost',
  'webhook repeated',
  'webhook lost',
  'mail answer lost',
  'client answer lost',
] as const;

export type ShopFault = (typeof faultNames)[number];

/** Longest time of a way from one process to another, in milliseconds. */
const LAG_MS = 8;
/** Longest pause of a node: longer than a lease, in milliseconds. */
const PAUSE_MAX_MS = 4_000;
/** Likelihood, in percent, that a node dies at one of the steps that it takes outside itself. */
const STEP_KILL_PERCENT = 0.15;

/** Pauses the caller for a while of virtual time, in milliseconds. */
export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** A process while it lives. */
export interface Life {
  readonly node: string;
  readonly isAlive: () => boolean;
  /** Rejects with `Lost` when it dies. */
  readonly died: Promise<never>;
  kill(): void;
  /** Stands still for a while, as by SIGSTOP, in milliseconds. */
  standStill(ms: number): void;
  standsStillUntil(): number;
}

/** The node that was asked is gone. */
export class Lost extends Error {
  override name = 'Lost';
}

/** A life that begins now. */
export function lifeOf(node: string, onKilled: () => void = () => {}): Life {
  let isAlive = true;
  let until = 0;
  let die: (error: Lost) => void = () => {};
  const died = new Promise<never>((_, reject) => (die = reject));
  // Whoever waits for nothing of it need not hear of its death.
  died.catch(() => {});
  return {
    node,
    isAlive: () => isAlive,
    died,
    kill() {
      if (!isAlive) return;
      isAlive = false;
      die(new Lost(`${node} is gone`));
      onKilled();
    },
    standStill: (ms) => void (until = Date.now() + ms),
    standsStillUntil: () => until,
  };
}

export interface Trouble {
  readonly chance: Chance;
  readonly counts: Readonly<Record<ShopFault, number>>;
  /** Whether this goes wrong now. */
  happens(fault: ShopFault, percent: number): boolean;
  /** On the way to or from a node: some time passes, a paused node hears nothing, a dead one never will. */
  crossing(life: Life): Promise<void>;
  /** Another process does something for the node, which may die before it is asked and before it hears the answer. */
  outside<T>(life: Life, work: () => Promise<T>, spoil?: { before?: () => void; after?: () => void }): Promise<T>;
  /** Something that nodes share goes away for a while, in milliseconds. */
  goAway(what: string, ms: number): void;
  readonly isAway: (what: string) => boolean;
  pauseSome(life: Life): void;
  noteKill(): void;
  heal(): void;
  readonly isHealed: () => boolean;
}

/** Trouble by the seed's draws. */
export function troubleOf(chance: Chance): Trouble {
  const counts = Object.fromEntries(faultNames.map((name) => [name, 0])) as Record<ShopFault, number>;
  const awayUntil = new Map<string, number>();
  let isHealed = false;
  const never = new Promise<never>(() => {});

  // In thousandths of a percent, because the chance draws whole numbers.
  const happens = (fault: ShopFault, percent: number): boolean => {
    if (isHealed || chance.below(100_000) >= percent * 1_000) return false;
    counts[fault] += 1;
    return true;
  };

  async function crossing(life: Life): Promise<void> {
    await pause(chance.below(LAG_MS));
    while (life.isAlive() && Date.now() < life.standsStillUntil()) await pause(life.standsStillUntil() - Date.now());
    if (!life.isAlive()) await never;
  }

  function mayDie(life: Life): void {
    if (happens('killed at a step', STEP_KILL_PERCENT)) life.kill();
  }

  return {
    chance,
    counts,
    happens,
    crossing,
    async outside(life, work, { before, after } = {}) {
      mayDie(life);
      await crossing(life);
      before?.();
      const result = await work();
      mayDie(life);
      await crossing(life);
      after?.();
      return result;
    },
    goAway(what, ms) {
      counts['outage'] += 1;
      awayUntil.set(what, Date.now() + ms);
    },
    isAway: (what) => !isHealed && Date.now() < (awayUntil.get(what) ?? 0),
    pauseSome(life) {
      counts['paused'] += 1;
      life.standStill(chance.below(PAUSE_MAX_MS));
    },
    noteKill: () => void (counts['killed'] += 1),
    heal: () => void (isHealed = true),
    isHealed: () => isHealed,
  };
}
