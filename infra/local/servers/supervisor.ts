// Keeps a named set of processes running:
//
//   orphans ended ─► each starts as soon as all it needs are ready ─► died? again (kept-unit.ts) ─► stop: in reverse order
//
// What depends on a process that died keeps running and has to bear it, as it would if that process were on another machine.

import { setTimeout as delay } from 'node:timers/promises';
import { type Change, keepUnit, type KeptUnit, type KeepOptions, type Unit } from './kept-unit.ts';
import { endMarked } from './orphans.ts';
import { inOrder } from './unit-order.ts';

export type { Change, State, Unit } from './kept-unit.ts';

const STOP_MS = 20_000;
const STAY_MS = 60_000;

export type SupervisorOptions = KeepOptions & {
  /** Carried by all of them (see `markOf`); what an earlier supervisor left behind is found by it and ended first. */
  readonly mark: string;
  /** Takes what an operator should know, as a sentence. */
  readonly log?: (sentence: string) => void;
  /** After this, whatever has not ended is killed, in ms; default 20,000. */
  readonly stopMs?: number;
};

export type Supervisor = {
  /** Resolves when all are ready; rejects when a first start fails, after everything was stopped again. */
  readonly ready: Promise<void>;
  /** Of each unit, in the order they were given. */
  states(): readonly Change[];
  /** Stops one and leaves it down until it is released: an outage at will. */
  hold(name: string): Promise<void>;
  /** Starts one again that is held. */
  release(name: string): void;
  /** Stops everything in reverse order, within `stopMs` and the moment that killing takes. Safe to call twice. Never rejects. */
  stop(): Promise<void>;
};

/**
 * Starts the units and keeps them running.
 * @throws Error when their names or dependencies make no sense
 */
export function supervise(units: readonly Unit[], options: SupervisorOptions): Supervisor {
  const { mark, log = () => {}, stopMs = STOP_MS } = options;
  const ordered = inOrder(units);
  const stopped = new AbortController();
  const kept = new Map<string, KeptUnit>();
  // Children are no reason for a process to stay; what keeps them running is.
  const staying = setInterval(() => {}, STAY_MS);
  let stopping: Promise<void> | undefined;

  const swept = endMarked(mark).then((found) => {
    if (found.length > 0) log(`Ended what an earlier run had left behind (processes ${found.join(', ')}).`);
  });
  for (const unit of ordered) {
    const needed = (unit.after ?? []).map((name) => kept.get(name)?.ready);
    kept.set(unit.name, keepUnit(unit, Promise.all([swept, ...needed]), stopped.signal, options));
  }

  const stop = () => (stopping ??= stopAll());
  const ready = Promise.all([swept, ...[...kept.values()].map((unit) => unit.ready)]).then(
    () => {},
    async (error: unknown) => {
      await stop();
      throw error;
    },
  );
  ready.catch(() => {}); // whoever asks hears it; nobody has to

  async function stopAll(): Promise<void> {
    stopped.abort(new Error('The supervisor was stopped.'));
    const patience = new AbortController();
    const late = delay(stopMs, undefined, { signal: patience.signal }).catch(() => {});
    await Promise.race([stopInReverse(ordered, kept), late]);
    patience.abort();
    // Whoever is left: the time is over, or a start was cut short.
    await endMarked(mark).catch((error: unknown) => log((error as Error).message));
    clearInterval(staying);
  }

  function find(name: string): KeptUnit {
    const unit = kept.get(name);
    if (unit === undefined) throw new Error(`There is no ${name}; there are ${[...kept.keys()].join(', ')}.`);
    return unit;
  }

  return {
    ready,
    stop,
    states: () => units.map(({ name }) => find(name).change()),
    hold: async (name) => find(name).hold(),
    release: (name) => find(name).release(),
  };
}

/** Each is stopped when all that need it have ended. */
async function stopInReverse(ordered: readonly Unit[], kept: ReadonlyMap<string, KeptUnit>): Promise<void> {
  const ends = new Map<string, Promise<unknown>>();
  for (const { name } of ordered.toReversed()) {
    const dependents = ordered.filter(({ after }) => after?.includes(name)).map(async (unit) => ends.get(unit.name));
    ends.set(
      name,
      Promise.all(dependents).then(() => kept.get(name)?.stop()),
    );
  }
  await Promise.all(ends.values());
}
