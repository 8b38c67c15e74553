// Which words of the catalogue somebody meant who mistyped one: of those that share enough trigrams with it, the ones that
// are fewest slips of the finger away. A slip is a letter too many, too few or wrong, or two letters in the wrong order.

/** A word of the catalogue that looks like the one that was asked for; `similarity` from 0 to 1 by trigrams. */
export interface Candidate {
  readonly word: string;
  readonly similarity: number;
}

/** A word to look for instead. */
export interface Meant {
  readonly word: string;
  readonly slips: number;
}

/** More words than that are no longer a guess at what was meant. */
const MEANT_MAX = 8;
/** Words shorter than this are too much like any other. */
const LENGTH_MIN = 3;
/** Words of so many letters may hold two slips. */
const LONG = 6;

/**
 * The words that were meant, the likeliest first; the word itself with no slip if the catalogue has it. The last word of a
 * query may be unfinished: then the beginning of a word is what is compared. Words with digits are numbers of things, of
 * which the next one is something else: they are never taken for another.
 */
export function wordsMeant(asked: string, candidates: readonly Candidate[], isUnfinished: boolean): readonly Meant[] {
  const length = Array.from(asked).length;
  if (length < LENGTH_MIN || /\p{N}/u.test(asked)) return [{ word: asked, slips: 0 }];
  const slipsMax = length >= LONG ? 2 : 1;
  return candidates
    .map(({ word, similarity }) => ({ word, similarity, slips: slips(asked, word, isUnfinished) }))
    .filter((candidate) => candidate.slips <= slipsMax)
    .sort((a, b) => a.slips - b.slips || b.similarity - a.similarity || (a.word < b.word ? -1 : 1))
    .slice(0, MEANT_MAX)
    .map(({ word, slips: count }) => ({ word, slips: count }));
}

/** Slips between what was typed and a word, or the nearest beginning of the word. */
export function slips(typed: string, word: string, isUnfinished = false): number {
  const from = Array.from(typed);
  const to = Array.from(word);
  // Row i, column j: slips between the first i letters of one and the first j of the other.
  let [before, last]: [number[], number[]] = [[], to.map((_, j) => j)];
  last.push(to.length);
  for (let i = 1; i <= from.length; i++) {
    const row = [i];
    for (let j = 1; j <= to.length; j++) {
      const isSame = from[i - 1] === to[j - 1];
      let least = Math.min(at(last, j) + 1, at(row, j - 1) + 1, at(last, j - 1) + (isSame ? 0 : 1));
      const isSwapped = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1];
      if (isSwapped) least = Math.min(least, at(before, j - 2) + 1);
      row.push(least);
    }
    [before, last] = [last, row];
  }
  return isUnfinished ? Math.min(...last) : at(last, to.length);
}

const at = (row: readonly number[], index: number): number => row[index] ?? Number.POSITIVE_INFINITY;
