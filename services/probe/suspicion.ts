// The words of the probe: what it looks at, and what it finds.

/** The invariants that the probe watches, with their claims. */
export const claims = {
  I3: 'an order is captured once at most, and its amount is the order’s total',
  I4: 'no charge is without its order, no paid order without its charge',
  I5: '0 ≤ reserved ≤ on hand, sold ≤ received + returned',
  I6: 'received + returned = on hand + sold + written off, and the balances are the sum of their movements',
  I7: 'the provider holds of each order what the customer owes: its total less what was given back, or nothing',
  I8: 'what was committed leaves, in its order, and takes effect',
} as const;

export type Invariant = keyof typeof claims;
export const invariants = Object.keys(claims) as readonly Invariant[];

/** Something that is not as it should be, as far as one look tells. */
export interface Suspicion {
  readonly invariant: Invariant;
  /** What it is about; its inspector looks at it again under this name. */
  readonly subject: string;
  /** The rule that it breaks, in a word or two: tells suspicions about one subject apart. */
  readonly rule: string;
  readonly sentence: string;
  /** What was committed when it was seen: once that is another, time begins anew. */
  readonly state: string;
  /** It counts when it has lasted so long, with nothing new committed. Milliseconds; 0: one look at one snapshot is enough. */
  readonly afterMs: number;
}

/** One look: what of, and what was seen. A subject that is not suspected any more is cleared. */
export interface Look {
  readonly subjects: readonly string[];
  readonly suspicions: readonly Suspicion[];
  /** How many things were held against each invariant. */
  readonly checked: Readonly<Partial<Record<Invariant, number>>>;
}

export const nothingSeen: Look = { subjects: [], suspicions: [], checked: {} };

/** Several looks as one. */
export function together(looks: readonly Look[]): Look {
  const checked: Partial<Record<Invariant, number>> = {};
  for (const look of looks)
    for (const invariant of invariants) {
      const count = look.checked[invariant] ?? 0;
      if (count > 0) checked[invariant] = (checked[invariant] ?? 0) + count;
    }
  return {
    subjects: looks.flatMap(({ subjects }) => subjects),
    suspicions: looks.flatMap(({ suspicions }) => suspicions),
    checked,
  };
}

/** One who looks at a part of the shop, a slice at a time. */
export interface Inspector {
  readonly name: string;
  /** The next slice, and these subjects again. Resolves within a few statements of 2 s at most. */
  step(again: readonly string[], now: number): Promise<Look>;
  /** How long the last round over everything took, in milliseconds; undefined: there has been none yet. */
  lastCycleMs(): number | undefined;
  /** What was not looked at, in words. */
  partly?(): string | undefined;
}
