// Going through everything by key, a slice now and then, and beginning anew at the end: where the round is, and how long the
// last one took.

export interface Rounds<K> {
  /** Where the next slice begins. */
  at(): K;
  /** The slice ended at this key; undefined: there was nothing more, the next one begins a new round. */
  reached(key: K | undefined, now: number): void;
  /** Of the last whole round, in milliseconds; undefined: there has been none yet. */
  lastMs(): number | undefined;
}

/** Rounds that begin at this key. */
export function rounds<K>(first: K): Rounds<K> {
  let at = first;
  let startedAt: number | undefined;
  let lastMs: number | undefined;
  return {
    at: () => at,
    reached(key, now) {
      startedAt ??= now;
      at = key ?? first;
      if (key !== undefined) return;
      lastMs = now - startedAt;
      startedAt = undefined;
    },
    lastMs: () => lastMs,
  };
}
