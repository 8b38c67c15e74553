// Injects what a schedule says, step by step: calm, faults at once, healed again, each with its evidence.
//
//   calm ─► draw a target of each kind ─► inject ─► wait as long as it lasts ─► heal ─► evidence ─► FaultRecord
//                                                         once every call has its answer ─► violations ─┘

import { setTimeout as pause } from 'node:timers/promises';
import { type Chance, chanceOf } from '../../actors/scheduler.simulation.ts';
import type { Fault, FaultKind, FaultRecord, FaultSource, Injected } from './faults/fault.ts';
import type { History } from './history/operation.ts';
import type { Step } from './schedule.ts';
import type { World } from './world.ts';

/** What was hit must serve again within this, unless the fault says otherwise. */
const HEAL_MAX_MS = 150_000;

/** Of kinds that cannot last as long as is wished, one is taken that does not. */
const DRAWS_MAX = 20;

export interface InjectingOptions {
  readonly world: World;
  readonly sources: Readonly<Record<FaultKind, FaultSource>>;
  readonly steps: readonly Step[];
  readonly seed: number;
  readonly faultMaxMs: number;
  /** No step begins after this time, on the clock of `now`; default: all do. */
  readonly lastBegin?: number;
  /** The history up to now, for evidence. */
  readonly history: () => Promise<History>;
  /** Milliseconds since 1970, on the clock of the history. */
  readonly now: () => number;
  /** Each is added as soon as it is over: what was done by then is known even if the run breaks off. */
  readonly faults: FaultRecord[];
  /** Kinds that were drawn and that this machine does not permit are added, with the reason. */
  readonly impossible: { readonly kind: FaultKind; readonly why: string }[];
}

/** Adds to each fault of a run what it saw that must never be; for the whole history, for a call may hang long after. */
export type Judge = (history: History) => Promise<readonly FaultRecord[]>;

/** Makes the faults of one run. Rejects only when the run is broken off. */
export async function injectAll(options: InjectingOptions): Promise<Judge> {
  const { world, steps, seed, faults: records } = options;
  const chance = chanceOf(seed);
  const seen = new Map<FaultRecord, Injected>();
  for (const step of steps) {
    await pause(step.afterMs, undefined, { signal: world.signal });
    if (options.now() > (options.lastBegin ?? Number.MAX_VALUE)) break;
    const drawn = draw(options, step, chance);
    await Promise.all(
      drawn.map((fault) => injectOne(options, fault, step, seen).then((record) => records.push(record))),
    );
  }
  return (history) =>
    Promise.all(
      records.map(async (record) => {
        const violations = (await seen.get(record)?.violations?.(history)) ?? [];
        return violations.length === 0 ? record : { ...record, violations };
      }),
    );
}

/** One possible fault of each kind, no two of which hit the same; of those that last as long as is wished, if there are any. */
function draw(
  { world, sources, impossible }: InjectingOptions,
  { kinds, leastMs = 0 }: Step,
  chance: Chance,
): readonly Fault[] {
  const drawn: Fault[] = [];
  for (const kind of kinds) {
    let all: readonly Fault[];
    let possible: readonly Fault[];
    let lasting: readonly Fault[];
    // How long one lasts is drawn as well, so where there is a single one to choose, asking again helps.
    let tries = 0;
    do {
      all = sources[kind](world, chance);
      possible = all.filter(({ impossible: why, target }) => {
        return why === undefined && !drawn.some((other) => touchTheSame(other.target, target));
      });
      lasting = possible.filter(({ lastsMs }) => lastsMs >= leastMs);
      tries += 1;
    } while (lasting.length === 0 && possible.length > 0 && tries < DRAWS_MAX);
    if (possible.length > 0) drawn.push(chance.pick(lasting.length > 0 ? lasting : possible));
    else {
      const why = all.every((fault) => fault.impossible !== undefined) ? all[0]?.impossible : undefined;
      if (why !== undefined) impossible.push({ kind, why });
      world.say(`${kind}: ${why ?? 'nothing to hit'}`);
    }
  }
  return drawn;
}

/** Words of targets name nodes, services and servers; what shares one is left alone while the other lasts. */
function touchTheSame(one: string, other: string): boolean {
  const words = new Set(wordsOf(one));
  return wordsOf(other).some((word) => words.has(word));
}

/** An edge to Kafka is one to all of its nodes, so each of them counts as Kafka. */
const wordsOf = (target: string): readonly string[] =>
  target
    .split(/[^a-z0-9-]+/i)
    .filter((word) => word.length > 3)
    .map((word) => word.replace(/^kafka-\d+$/, 'kafka'));

async function injectOne(
  options: InjectingOptions,
  fault: Fault,
  { mostMs: faultMaxMs = options.faultMaxMs }: Step,
  seen: Map<FaultRecord, Injected>,
): Promise<FaultRecord> {
  const { world, now, history } = options;
  const { kind, target, healMaxMs = HEAL_MAX_MS } = fault;
  const lastsMs = Math.min(fault.lastsMs, faultMaxMs);
  world.say(`${kind}: ${target}`);
  const from = now();
  let injected: Injected | undefined;
  try {
    const begun = fault.inject(world);
    injected = await within(HEAL_MAX_MS, `${kind} of ${target} was not brought about`, begun).catch(
      (error: unknown) => {
        // What strikes after all is taken away at once.
        begun.then((late) => late.heal()).catch(() => undefined);
        throw error;
      },
    );
    await pause(lastsMs, undefined, { signal: world.signal });
  } catch (error) {
    world.say(`${kind}: ${target} could not be brought about: ${sentence(error)}`);
    return { kind, target, from, to: now(), evidence: [], refused: await healed(injected, error) };
  }
  try {
    await within(healMaxMs, `${kind} of ${target} was not healed`, injected.heal());
    const to = now();
    const since = (await history()).filter((operation) => operation.at >= from);
    const evidence = await injected.evidence(since);
    if (evidence.length === 0) world.say(`${kind}: ${target} left no evidence and does not count`);
    const lifted = injected.healedAt?.();
    const record = { kind, target, from, to, evidence, ...(lifted === undefined ? {} : { lifted }) };
    seen.set(record, injected);
    return record;
  } catch (error) {
    world.say(`${kind}: ${target}: ${sentence(error)}`);
    return { kind, target, from, to: now(), evidence: [], error: sentence(error) };
  }
}

/** Takes away what was injected halfway, and says what went wrong in all. */
async function healed(injected: Injected | undefined, reason: unknown): Promise<string> {
  try {
    await injected?.heal();
    return sentence(reason);
  } catch (error) {
    return `${sentence(reason)}; healing it: ${sentence(error)}`;
  }
}

const sentence = (error: unknown): string => (error instanceof Error ? error.message : String(error));

async function within<T>(ms: number, otherwise: string, work: Promise<T>): Promise<T> {
  const giveUp = new AbortController();
  const late = pause(ms, undefined, { signal: giveUp.signal }).then(() => {
    throw new Error(`${otherwise} within ${ms / 1_000} s`);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    giveUp.abort();
    late.catch(() => undefined);
  }
}
