// Search: what was asked for is looked for as it was typed, then with what was probably meant. Tiers come one after the
// other, and the later ones are read only when the page has room for them.
//
//   q ──► words ──► as asked ──nothing──► unknown words as meant ──nothing──► every word as meant
//                      │
//                      ├──► page: the SKU itself ─► name, whole words ─► name, beginning ─► description …
//                      └──► facets
//
// An answer is kept until a product changes: the same question then costs one small read.

import type { Cursors } from '../../mixins/cursor.ts';
import type { Database } from '../../mixins/postgres/database.ts';
import { categoryFacet, type Facets, priceFacet } from './facets.ts';
import { asAsked, asMeant, onlyUnknown, type Wording } from './search-query.ts';
import {
  type Counts,
  type Listed,
  type Narrowing,
  type Opening,
  type Order,
  readAlike,
  readCounts,
  readOpening,
  readPage,
  readPaths,
  readWhether,
} from './search.store.ts';
import { wordsMeant } from './search-typos.ts';

/** A question, checked and complete. */
export interface Question {
  /** Not empty, without outer blanks. */
  readonly q: string;
  readonly narrowing: Narrowing;
  readonly order: Order;
  readonly isBackwards: boolean;
  readonly limit: number;
  readonly cursor: string | undefined;
  readonly withFacets: boolean;
}

/** A page of what was found. */
export interface Found {
  readonly rows: readonly Listed[];
  readonly next: string | null;
  readonly facets?: Facets;
}

export interface Search {
  find(question: Question): Promise<Found>;
  /** Facets of a list that nothing was searched in. */
  facets(narrowing: Narrowing): Promise<Facets>;
}

/** Answers that are kept, and the characters in all of them; the one not asked for the longest goes first. */
const KEPT_MAX = { answers: 500, characters: 5_000_000 };
/** What a product on a page holds beside its description, in characters. */
const PRODUCT_CHARACTERS = 500;

/** Where a page ends: which attempt at a wording found it, in which tier, and after what. */
type Position = readonly [attempt: number, tier: number, value: string | number, sku: string];

/** Search in the catalogue of a database. */
export function createSearch(database: Database, cursors: Cursors): Search {
  const kept = new Map<string, { readonly change: number; readonly found: Found; readonly characters: number }>();
  let characters = 0;
  const paths = new Map<number, string>();

  async function find(question: Question): Promise<Found> {
    const opening = await readOpening(database, question.q);
    const key = JSON.stringify(question);
    const known = kept.get(key);
    if (known?.change !== opening.change) {
      // Whatever changes from here on raises the number: the answer is at most newer than what it is kept for.
      const found = await search(question, opening);
      keep(key, opening.change, found);
      return found;
    }
    kept.delete(key);
    kept.set(key, known);
    return known.found;
  }

  function keep(key: string, change: number, found: Found): void {
    forget(key);
    const own = found.rows.reduce((sum, row) => sum + PRODUCT_CHARACTERS + (row.description?.length ?? 0), key.length);
    kept.set(key, { change, found, characters: own });
    characters += own;
    for (const oldest of kept.keys()) {
      if (kept.size <= KEPT_MAX.answers && characters <= KEPT_MAX.characters) break;
      forget(oldest);
    }
  }

  function forget(key: string): void {
    characters -= kept.get(key)?.characters ?? 0;
    kept.delete(key);
  }

  async function search(question: Question, opening: Opening): Promise<Found> {
    const { q, narrowing, order, isBackwards, limit, cursor, withFacets } = question;
    const list = `products?${JSON.stringify([q, order, isBackwards])}`;
    const after = cursor === undefined ? undefined : cursors.decode<Position>(list, cursor);
    for await (const [attempt, wording] of wordings(opening.words)) {
      // A page is found in the way that the one before it was.
      if (after !== undefined && attempt !== after[0]) continue;
      const [counts, found] = await Promise.all([
        withFacets ? readCounts(database, wording.every, narrowing) : undefined,
        page(question, opening.exact, wording, after),
      ]);
      const isThere =
        found.length > 0 || (counts === undefined ? await readWhether(database, wording.every) : counts.all > 0);
      if (!isThere && after === undefined) continue;
      const rows = found.slice(0, limit);
      const last = rows.at(-1);
      const next =
        found.length > limit && last !== undefined
          ? cursors.encode(list, [attempt, last.tier, last.value, last.sku] satisfies Position)
          : null;
      return { rows, next, ...(counts === undefined ? {} : { facets: await named(counts, narrowing) }) };
    }
    return { rows: [], next: null, ...(withFacets ? { facets: { category: [], price: [] } } : {}) };
  }

  /** Ways to look for it, in order. The vocabulary is asked only when the first one found nothing. */
  async function* wordings(words: readonly string[]): AsyncGenerator<readonly [attempt: number, wording: Wording]> {
    if (words.length === 0) return;
    yield [0, asAsked(words)];
    const alike = await readAlike(database, words);
    const meant = words.map((word, i) => wordsMeant(word, alike[i] ?? [], i === words.length - 1));
    const unknown = asMeant(meant.map(onlyUnknown));
    if (unknown === undefined) return;
    yield [1, unknown];
    const all = asMeant(meant);
    if (all !== undefined && all.every !== unknown.every) yield [2, all];
  }

  /** One product more than the page has, so that it is known whether there is another page. */
  function page(
    { narrowing, order, isBackwards, limit }: Question,
    exact: readonly string[],
    { every, tiers }: Wording,
    after: Position | undefined,
  ): Promise<readonly Listed[]> {
    const isRanked = order === 'relevance';
    return readPage(database, {
      tiers: isRanked ? tiers : [{ column: 'words', query: every }],
      first: isRanked ? exact : [],
      narrowing,
      order,
      isBackwards,
      after: after === undefined ? undefined : { tier: after[1], value: after[2], sku: after[3] },
      limit: limit + 1,
    });
  }

  async function named({ categories, prices }: Counts, { category }: Narrowing): Promise<Facets> {
    const unnamed = categories.map((counted) => counted.category).filter((number) => !paths.has(number));
    if (unnamed.length > 0) for (const [number, path] of await readPaths(database, unnamed)) paths.set(number, path);
    const counts = categories.map((counted) => ({ path: paths.get(counted.category) ?? '', count: counted.count }));
    return { category: categoryFacet(counts, category), price: priceFacet(prices) };
  }

  return {
    find,
    facets: async (narrowing) => await named(await readCounts(database, undefined, narrowing), narrowing),
  };
}
