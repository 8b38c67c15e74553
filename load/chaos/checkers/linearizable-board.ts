// Where a search for an order stands: which operations are placed, in which order, and which could be placed next.

import { chanceOf } from '../../../actors/scheduler.simulation.ts';
import type { Model, Spanned } from './linearizable-model.ts';

type Board = ReturnType<typeof boardOf>;

/** Which operations are placed, in which order, and which could be placed next. */
export function boardOf(operations: readonly Spanned<unknown>[]) {
  const at = (index: number) => operations[index] as Spanned<unknown>;
  const byFrom = operations.map((_, i) => i).sort((a, b) => at(a).from - at(b).from || a - b);
  const isOptional = (index: number) => at(index).optional === true;
  const required = linked(
    byFrom.filter((index) => !isOptional(index)),
    operations.length,
  );
  const optional = linked(byFrom.filter(isOptional), operations.length);
  const listOf = (index: number) => (isOptional(index) ? optional : required);
  const rank = new Uint32Array(operations.length);
  byFrom.forEach((index, place) => (rank[index] = place));
  const cuts = cutsOf(byFrom.map(at));
  const isPlaced = new Uint8Array(operations.length);
  const order: number[] = [];
  // Sets are remembered by two random numbers of 32 bits for each member: that two of a million are taken for one another
  // happens once in thirty million searches.
  const chance = chanceOf(operations.length);
  const marks = [0, 1].map(() => Uint32Array.from(operations, () => chance.below(2 ** 32)));
  let [low, high] = [0, 0];

  function mark(index: number): void {
    low = (low ^ (marks[0]?.[index] as number)) >>> 0;
    high = (high ^ (marks[1]?.[index] as number)) >>> 0;
  }

  const isFree = (index: number): boolean => {
    const { after } = at(index);
    return after === undefined || isPlaced[after] === 1;
  };

  return {
    order: order as readonly number[],
    /** What has begun before the first of those that must come has ended, and whose turn it can be. */
    callable(): { readonly required: number[]; readonly optional: number[] } {
      const found = { required: [] as number[], optional: [] as number[] };
      let until = Number.POSITIVE_INFINITY;
      for (let index = required.first(); index >= 0; index = required.following(index)) {
        const { from, to } = at(index);
        if (from > until) break;
        until = Math.min(until, to);
        if (isFree(index)) found.required.push(index);
      }
      for (let index = optional.first(); index >= 0; index = optional.following(index)) {
        if (at(index).from > until) break;
        if (isFree(index)) found.optional.push(index);
      }
      return found;
    },
    place(index: number): void {
      isPlaced[index] = 1;
      order.push(index);
      mark(index);
      listOf(index).unlink(index);
    },
    /** The last that was placed no longer is. */
    takeBack(): void {
      const index = order.pop() as number;
      isPlaced[index] = 0;
      mark(index);
      listOf(index).relink(index);
    },
    /** Of the set of placed operations with this one: equal for equal sets. */
    keyWith(index: number): string {
      mark(index);
      const key = `${low}.${high}`;
      mark(index);
      return key;
    },
    /** All that must come are placed. */
    isDone: () => required.first() < 0,
    /** All that began so far have ended and are placed, and nothing else. */
    isSettled: () => cuts.has(order.length) && rank[required.first()] === order.length,
  };
}

/** Places what must come, fits and changes nothing, until there is no more of it. @returns what was placed */
export function placeReads<State, Input>(
  board: Board,
  model: Model<State, Input>,
  operations: readonly Spanned<Input>[],
  state: State,
): readonly number[] {
  const placed: number[] = [];
  for (let again = true; again; ) {
    again = false;
    for (const index of board.callable().required) {
      if (model.step(state, (operations[index] as Spanned<Input>).input) !== state) continue;
      board.place(index);
      placed.push(index);
      again = true;
    }
  }
  return placed;
}

/** After how many operations, in the order of their beginnings, all that have begun have ended, whatever else happened. */
function cutsOf(byFrom: readonly Spanned<unknown>[]): ReadonlySet<number> {
  const cuts = new Set<number>();
  let latest = Number.NEGATIVE_INFINITY;
  byFrom.forEach(({ from, to, optional }, i) => {
    if (from > latest) cuts.add(i);
    latest = optional === true ? Number.POSITIVE_INFINITY : Math.max(latest, to);
  });
  return cuts;
}

/** A list that its members leave and come back to, the last that left first (D. Knuth, "Dancing Links", 2000). */
function linked(members: readonly number[], size: number) {
  // One place more, for the end that both ends are linked to.
  const [before, after] = [new Int32Array(size + 1), new Int32Array(size + 1)];
  let last = size;
  for (const member of [...members, size]) {
    before[member] = last;
    after[last] = member;
    last = member;
  }
  const shown = (member: number) => (member === size ? -1 : member);
  return {
    /** -1: there is none. */
    first: () => shown(after[size] as number),
    following: (member: number) => shown(after[member] as number),
    unlink(member: number): void {
      const [left, right] = [before[member] as number, after[member] as number];
      after[left] = right;
      before[right] = left;
    },
    relink(member: number): void {
      after[before[member] as number] = member;
      before[after[member] as number] = member;
    },
  };
}
