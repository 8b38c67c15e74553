// Many callers, one question: whoever asks while a query is under way shares the next one.
//
//   ask([a]) ask([b]) ──┐ query([a, b]) ──► both answered
//   ask([c]) ───────────┴── waits ──► query([c]) …
//
// An answer is never older than its question: each query starts after everyone who shares it has asked.

/** Asks for keys; the answer holds at least those of them that exist. */
export type Ask<K, V> = (keys: readonly K[]) => Promise<ReadonlyMap<K, V>>;

interface Waiting<K, V> {
  readonly keys: readonly K[];
  readonly resolve: (answer: ReadonlyMap<K, V>) => void;
  readonly reject: (error: unknown) => void;
}

/** Keys of one query; who would exceed it waits for the one after. A single caller with more still gets one query. */
export const QUERY_KEYS_MAX = 5_000;

/** One query at a time for all callers, with each key asked once. */
export function coalesce<K, V>(query: Ask<K, V>, keysMax = QUERY_KEYS_MAX): Ask<K, V> {
  const waiting: Waiting<K, V>[] = [];
  let running = false;

  async function run(): Promise<void> {
    running = true;
    // One turn of the event loop, so that everything that arrived together shares the first query.
    await new Promise(setImmediate);
    while (waiting.length > 0) {
      const sharing: Waiting<K, V>[] = [];
      const keys = new Set<K>();
      for (const next of waiting) {
        if (sharing.length > 0 && keys.size + next.keys.length > keysMax) break;
        sharing.push(next);
        for (const key of next.keys) keys.add(key);
      }
      waiting.splice(0, sharing.length);
      try {
        const answer = await query([...keys]);
        for (const { resolve } of sharing) resolve(answer);
      } catch (error) {
        for (const { reject } of sharing) reject(error);
      }
    }
    running = false;
  }

  return (keys) =>
    new Promise((resolve, reject) => {
      if (keys.length === 0) return resolve(new Map());
      waiting.push({ keys, resolve, reject });
      if (!running) void run();
    });
}
