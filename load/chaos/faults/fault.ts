// A fault: something that goes wrong on purpose, healed again, with what shows that it really happened.
//
//   inject ─► Injected { evidence, heal } ─► FaultRecord, which counts only with its evidence

import type { Chance } from '../../../actors/scheduler.simulation.ts';
import type { History } from '../history/operation.ts';
import type { World } from '../world.ts';

/** Kinds of faults; those of one kind differ in what they hit. */
export const faultKinds = [
  'kill',
  'pause',
  'rolling-restart',
  'nats',
  'kafka',
  'postgres',
  'postgres-backend',
  'dynamodb',
  'latency',
  'jitter',
  'bandwidth',
  'slow-close',
  'reset',
  'half-open',
  'one-way',
  'partition',
  'link-down',
  'slow-disk',
  'full-disk',
  'clock-skew',
  'provider',
  'poison',
  'rewind',
  'overload',
  'crash-point',
] as const;

export type FaultKind = (typeof faultKinds)[number];

/** A fault that could be injected here. */
export interface Fault {
  readonly kind: FaultKind;
  /** What it hits, as one would say it: `orders-1`, `orders → postgres`, `after the commit of order.Placed`. */
  readonly target: string;
  /** How long it lasts if nothing else says so, in milliseconds. */
  readonly lastsMs: number;
  /** How long its healing may take until it counts as failed, in milliseconds; undefined: what is usual. */
  readonly healMaxMs?: number;
  /** Why it cannot be injected on this machine, in a sentence; undefined: it can. */
  readonly impossible?: string;
  /**
   * Resolves when it is in effect.
   * @throws Error if it could not be brought about
   */
  inject(world: World): Promise<Injected>;
}

export interface Injected {
  /** Takes it away; resolves when what was hit serves again. Called once, also when the run is broken off. */
  heal(): Promise<void>;
  /**
   * What shows that it really happened, as sentences with figures: a process that is another one, connections that were
   * refused, bytes that did not pass. None: it did not happen, and does not count. Asked after `heal`.
   * @param history of the time from the injection on
   */
  evidence(history: History): Promise<readonly string[]>;
  /** When the harm was taken away, before waiting until what was hit serves again, in milliseconds since 1970; after `heal`. */
  healedAt?(): number | undefined;
  /**
   * What the fault itself saw that must never be, as sentences; asked when the run is over.
   * @param history the whole one: what was under way when the fault came began before it, and may end long after
   */
  violations?(history: History): Promise<readonly string[]>;
}

/** A fault as it was. Times in milliseconds since 1970. */
export interface FaultRecord {
  readonly kind: FaultKind;
  readonly target: string;
  readonly from: number;
  /** When it was taken away and what it hit served again. */
  readonly to: number;
  readonly evidence: readonly string[];
  /** From the end of the fault until keyed operations succeeded again as before, in milliseconds; missing: never seen. */
  readonly recoveryMs?: number;
  /** When the harm was taken away, before waiting until what was hit served again; missing: `to`. */
  readonly lifted?: number;
  /** Why it could not be brought about: it shows nothing. */
  readonly refused?: string;
  /** Why it could not be taken away, or what it hit did not come back: that is wrong. */
  readonly error?: string;
  /** What it saw itself that must never be. */
  readonly violations?: readonly string[];
}

/** Faults of one kind that are possible in a world; drawn from by the seed. */
export type FaultSource = (world: World, chance: Chance) => readonly Fault[];
