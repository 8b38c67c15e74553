// What goes wrong in a run, and when: drawn from the seed, before anything is started. Equal seeds are equal schedules.
//
//   seed of the campaign ─► order of the kinds, dealt out run by run so that all get their turn
//   seed of the run ─► companions, pauses, durations
//   every so many runs: none, or few that last long

import { fnv1a } from '../../brokers/fnv1a.ts';
import { type Chance, chanceOf } from '../../actors/scheduler.simulation.ts';
import type { FaultKind } from './faults/fault.ts';
import type { Profile } from './profiles.ts';

/** What goes wrong at one time. */
export interface Step {
  /** Calm before it, in milliseconds. */
  readonly afterMs: number;
  /** At once. */
  readonly kinds: readonly FaultKind[];
  /** How long they last, in milliseconds, if there are such; missing: as is usual in the campaign. */
  readonly leastMs?: number;
  readonly mostMs?: number;
}

/** Kinds that may happen while another fault lasts: they start no nodes of their own and hold none down. */
const companions: ReadonlySet<FaultKind> = new Set([
  'kill',
  'pause',
  'latency',
  'jitter',
  'bandwidth',
  'slow-close',
  'reset',
  'half-open',
  'one-way',
  'partition',
  'provider',
  'poison',
  'postgres-backend',
]);
/** What callers notice of these is judged, to the call, so nothing else may be felt: they come first, and calm follows. */
const judgedAlone: ReadonlySet<FaultKind> = new Set(['kill', 'rolling-restart']);
/** These fill the machine, or hold down nodes. */
const lonely: ReadonlySet<FaultKind> = new Set([...judgedAlone, 'overload', 'rewind', 'slow-disk', 'full-disk']);

/** The seed of a run of a campaign. */
export const seedOf = (campaign: number, run: number): number => fnv1a(`${campaign}/${run}`);

/** What goes wrong in a run; runs are counted from 1. */
export function scheduleOf(
  profile: Pick<Profile, 'kinds' | 'steps' | 'atOnceMax' | 'calmMs' | 'apartMs' | 'calmEvery' | 'long'>,
  campaign: number,
  run: number,
): readonly Step[] {
  const { atOnceMax, calmMs, apartMs, long } = profile;
  const sort = sortOf(profile, run);
  if (sort === 'calm') return [];
  const { kinds, steps, lasts } =
    sort === 'long' && long !== undefined
      ? { ...long, lasts: { leastMs: long.leastMs, mostMs: long.mostMs } }
      : { ...profile, lasts: {} };
  const chance = chanceOf(seedOf(campaign, run));
  const [least, most] = calmMs;
  const before = Array.from({ length: run - 1 }, (_, i) => i + 1).filter((other) => sortOf(profile, other) === sort);
  const firsts = Array.from({ length: steps }, (_, step) =>
    dealt(kinds, `${campaign}${sort}`, before.length * steps + step),
  ).toSorted((a, b) => Number(judgedAlone.has(b)) - Number(judgedAlone.has(a)));
  return firsts.map((first, step) => {
    const others = lonely.has(first) ? 1 : 1 + chance.below(atOnceMax);
    const also = shuffled(
      [...new Set(profile.kinds)].filter((kind) => kind !== first && companions.has(kind)),
      chance,
    ).slice(0, others - 1);
    const last = firsts[step - 1];
    const apart = last !== undefined && judgedAlone.has(last) ? apartMs : 0;
    return { afterMs: apart + least + chance.below(most - least + 1), kinds: [first, ...also], ...lasts };
  });
}

function sortOf({ calmEvery, long }: Pick<Profile, 'calmEvery' | 'long'>, run: number): 'calm' | 'long' | 'usual' {
  if (calmEvery > 0 && run % calmEvery === 0) return 'calm';
  // Early, so that a short part of a campaign has one as well.
  return long !== undefined && run % long.every === Math.floor(long.every / 3) ? 'long' : 'usual';
}

/** The nth card of a deck that is shuffled anew each time it was dealt out. */
function dealt(kinds: readonly FaultKind[], name: string, n: number): FaultKind {
  const deck = shuffled(kinds, chanceOf(fnv1a(`${name}/deck ${Math.floor(n / kinds.length)}`)));
  return deck[n % kinds.length] as FaultKind;
}

function shuffled<T>(items: readonly T[], chance: Chance): readonly T[] {
  const all = [...items];
  for (let i = all.length - 1; i > 0; i--) {
    const j = chance.below(i + 1);
    [all[i], all[j]] = [all[j] as T, all[i] as T];
  }
  return all;
}
