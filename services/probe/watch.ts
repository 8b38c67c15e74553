// From suspicion to violation: live data are in motion, so what looks wrong is looked at again, and counts only if it is
// still so after its time, with nothing new committed.
//
//   suspected ──still so, same state, after its time──► standing (told once) ──not so any more──► gone (told once)
//       └──another state: its time begins anew                    looked at again and again
//
// A pure state machine: the clock comes with each call.

import type { Look, Suspicion } from './suspicion.ts';

/** Suspicions kept of one inspector: far more than a person reads, and what one fault spoils may be thousands. */
const SUSPICIONS_MAX = 1_000;

interface Held {
  suspicion: Suspicion;
  since: number;
  standing: boolean;
  lookAt: number;
}

export interface Changes {
  readonly raised: readonly Suspicion[];
  readonly gone: readonly Suspicion[];
}

export interface Watch {
  /** Takes a look of this moment (milliseconds); says what became a violation by it, and what is none any more. */
  take(look: Look, now: number): Changes;
  /** Up to `limit` subjects that want another look, the longest due first. */
  due(now: number, limit: number): readonly string[];
  standing(): readonly Suspicion[];
  /** Those that are not confirmed. */
  suspected(): number;
  /** Suspicions that found no room. */
  dropped(): number;
}

export interface WatchOptions {
  /** What stands is looked at again so often, in milliseconds. */
  readonly againMs: number;
  readonly suspicionsMax?: number;
}

/** A watch that holds nothing. */
export function createWatch({ againMs, suspicionsMax = SUSPICIONS_MAX }: WatchOptions): Watch {
  const held = new Map<string, Held>();
  const keysOf = new Map<string, Set<string>>();
  let dropped = 0;

  function forget(key: string, subject: string): void {
    held.delete(key);
    const keys = keysOf.get(subject);
    keys?.delete(key);
    if (keys?.size === 0) keysOf.delete(subject);
  }

  /** @returns whether it became a violation */
  function see(suspicion: Suspicion, now: number): boolean {
    const key = keyOf(suspicion);
    let known = held.get(key);
    if (known === undefined) {
      if (held.size >= suspicionsMax) {
        dropped += 1;
        return false;
      }
      known = { suspicion, since: now, standing: false, lookAt: now };
      held.set(key, known);
      const keys = keysOf.get(suspicion.subject) ?? new Set();
      keysOf.set(suspicion.subject, keys.add(key));
    } else if (known.suspicion.state !== suspicion.state) known.since = now;
    known.suspicion = suspicion;
    const rises = !known.standing && now - known.since >= suspicion.afterMs;
    known.standing ||= rises;
    known.lookAt = known.standing ? now + againMs : known.since + suspicion.afterMs;
    return rises;
  }

  return {
    take({ subjects, suspicions }, now) {
      const seen = new Set(suspicions.map(keyOf));
      const gone: Suspicion[] = [];
      for (const subject of new Set(subjects))
        for (const key of keysOf.get(subject) ?? []) {
          if (seen.has(key)) continue;
          const { suspicion, standing } = held.get(key) as Held;
          if (standing) gone.push(suspicion);
          forget(key, subject);
        }
      return { raised: suspicions.filter((suspicion) => see(suspicion, now)), gone };
    },
    due(now, limit) {
      const waiting = [...held.values()].filter(({ lookAt }) => lookAt <= now).toSorted((a, b) => a.lookAt - b.lookAt);
      return [...new Set(waiting.map(({ suspicion }) => suspicion.subject))].slice(0, limit);
    },
    standing: () => [...held.values()].flatMap(({ standing, suspicion }) => (standing ? [suspicion] : [])),
    suspected: () => [...held.values()].reduce((count, { standing }) => count + (standing ? 0 : 1), 0),
    dropped: () => dropped,
  };
}

const keyOf = ({ invariant, subject, rule }: Suspicion): string => `${invariant} ${subject} ${rule}`;
