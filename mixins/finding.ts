// What a context says of an invariant when it looks into its own store: what was claimed, how much was looked at, and what
// was found wrong. Looking is bounded: slices, so many rows at most, and so much time.
//
//   slices by key ─► examination.look(rows) ─► wrong(sentence)? ─► finding: "holds", "VIOLATED", or nothing to look at

/** A question takes no longer than this, in milliseconds; then it says how far it came. */
export const LOOK_MS = 5_000;
/** Sentences of one finding; more are counted. */
const EXAMPLES_MAX = 5;

/** An invariant as it was found. Plain JSON: it travels. */
export interface Finding {
  /** As the invariants are numbered: `I5`. */
  readonly invariant: string;
  /** What should be so, as a statement. */
  readonly claim: string;
  /** How many of what were looked at; 0: nothing was checked. */
  readonly looked: number;
  readonly of: string;
  readonly wrongCount: number;
  /** The first few of what is wrong, as sentences. */
  readonly wrong: readonly string[];
  /** All that was looked at, if that was not everything: `the newest 200`. */
  readonly partly?: string;
  /** How many more of them there were, that nothing can be said of; missing: nobody counted. */
  readonly unseen?: number;
}

export interface Examination {
  /** So many more were looked at. */
  look(count: number): void;
  /** One of them is not as it should be, or `count` of them, of which these are examples. */
  wrong(examples: string | readonly string[], count?: number): void;
  finding(partly?: string, unseen?: number): Finding;
}

/** Begins to look into an invariant; `of` names what is counted, in the plural. */
export function examine(invariant: string, claim: string, of: string): Examination {
  const sentences: string[] = [];
  let [looked, wrongCount] = [0, 0];
  return {
    look: (count) => void (looked += count),
    wrong(given, count) {
      const examples = typeof given === 'string' ? [given] : given;
      wrongCount += count ?? examples.length;
      sentences.push(...examples.slice(0, EXAMPLES_MAX - sentences.length));
    },
    finding: (partly, unseen) => ({
      invariant,
      claim,
      looked,
      of,
      wrongCount,
      wrong: sentences,
      ...(partly === undefined ? {} : { partly }),
      ...(unseen === undefined ? {} : { unseen }),
    }),
  };
}

export interface Slices<T, K> {
  /** Up to `sliceMax` rows after this key, in its order. */
  readonly ask: (after: K) => Promise<readonly T[]>;
  readonly keyOf: (row: T) => K;
  readonly take: (rows: readonly T[]) => void;
  readonly first: K;
  readonly sliceMax: number;
  readonly rowsMax: number;
  /** By `performance.now()`. */
  readonly giveUpAt: number;
}

/** Goes through rows slice by slice. `complete`: to their end; else `last` is the key that was reached. */
export async function inSlices<T, K>(slices: Slices<T, K>): Promise<{ readonly last: K; readonly complete: boolean }> {
  const { ask, keyOf, take, first, sliceMax, rowsMax, giveUpAt } = slices;
  let last = first;
  for (let rows = 0; rows < rowsMax && performance.now() < giveUpAt; rows += sliceMax) {
    const slice = await ask(last);
    take(slice);
    last = slice.length === 0 ? last : keyOf(slice.at(-1) as T);
    if (slice.length < sliceMax) return { last, complete: true };
  }
  return { last, complete: false };
}
