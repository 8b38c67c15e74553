// What is looked for, as text queries of PostgreSQL, from the words that were asked for. A product is found if it has every
// word; the last one may be unfinished. Better matches come in an earlier tier.

import type { Meant } from './search-typos.ts';

/** Products that match in a column: `names` has the words of SKU and name, `words` those of the description as well. */
export interface Tier {
  readonly column: 'names' | 'words';
  /** A `tsquery`. */
  readonly query: string;
}

/** One way to look for it. */
export interface Wording {
  /** Matches everything that is found, in `words`. */
  readonly every: string;
  /** Best first; a product belongs to the first that it matches. */
  readonly tiers: readonly Tier[];
}

/** Words are runs of letters and digits (`words_of` in the database), so that nothing in them needs escaping. */
const whole = (word: string) => `'${word}'`;
const beginning = (word: string) => `'${word}':*`;

/** Every word as it was asked for. */
export function asAsked(words: readonly string[]): Wording {
  const others = words.slice(0, -1).map(whole);
  const last = words.at(-1) ?? '';
  return wording([...others, whole(last)], [...others, beginning(last)]);
}

/** Every word, or one that was meant by it; undefined where nothing was. */
export function asMeant(words: readonly (readonly Meant[])[]): Wording | undefined {
  if (words.some((meant) => meant.length === 0)) return undefined;
  const either = (meant: readonly Meant[], isLast: boolean) =>
    `(${meant.map(({ word, slips }) => (isLast && slips === 0 ? beginning(word) : whole(word))).join(' | ')})`;
  const all = words.map((meant, i) => either(meant, i === words.length - 1));
  const closest = words.map((meant, i) => {
    const fewest = Math.min(...meant.map(({ slips }) => slips));
    return either(
      meant.filter(({ slips }) => slips === fewest),
      i === words.length - 1,
    );
  });
  return wording(closest, all);
}

/** What the catalogue has stays as it is, if it has some of it. */
export function onlyUnknown(meant: readonly Meant[]): readonly Meant[] {
  const known = meant.filter(({ slips }) => slips === 0);
  return known.length > 0 ? known : meant;
}

function wording(better: readonly string[], all: readonly string[]): Wording {
  const [first, every] = [better.join(' & '), all.join(' & ')];
  const queries = first === every ? [every] : [first, every];
  return {
    every,
    tiers: [
      ...queries.map((query) => ({ column: 'names', query }) as const),
      ...queries.map((query) => ({ column: 'words', query }) as const),
    ],
  };
}
