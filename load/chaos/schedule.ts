// What goes wrong in a run, and when: drawn from the seed, before anything is started. Equal seeds are equal schedules.
//
//   seed of the campaign ─► order of the kinds, dealt out run by run so that all get their turn
//   seed of the run ─► companions, pauses, durations

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

/** More calm before a kill, in milliseconds: what the fault before it kept waiting is over by then. */
const APART_MS = 3_000;

/** The seed of a run of a campaign. */
export const seedOf = (campaign: number, run: number): number => fnv1a(`${campaign}/${run}`);

/** What goes wrong in a run; runs are counted from 1. */
export function scheduleOf(
  profile: Pick<Profile, 'kinds' | 'steps' | 'atOnceMax' | 'calmMs' | 'calmEvery'>,
  campaign: number,
  run: number,
): readonly Step[] {
  const { kinds, steps, atOnceMax, calmMs, calmEvery } = profile;
  if (calmEvery > 0 && run % calmEvery === 0) return [];
  const chance = chanceOf(seedOf(campaign, run));
  const [least, most] = calmMs;
  return Array.from({ length: steps }, (_, step) => {
    const first = dealt(kinds, campaign, (run - 1) * steps + step);
    // What callers notice of a kill can only be told if nothing else was on.
    const others = companions.has(first) && first !== 'kill' ? 1 + chance.below(atOnceMax) : 1;
    const also = shuffled(
      [...new Set(kinds)].filter((kind) => kind !== first && companions.has(kind)),
      chance,
    ).slice(0, others - 1);
    const apartMs = first === 'kill' ? APART_MS : 0;
    return { afterMs: apartMs + least + chance.below(most - least + 1), kinds: [first, ...also] };
  });
}

/** The nth card of a deck that is shuffled anew each time it was dealt out. */
function dealt(kinds: readonly FaultKind[], campaign: number, n: number): FaultKind {
  const deck = shuffled(kinds, chanceOf(seedOf(campaign, -1 - Math.floor(n / kinds.length))));
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
