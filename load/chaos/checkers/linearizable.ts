// Whether a history is linearizable: whether all its operations can be put in one order, each at a point between its
// beginning and its end, in which a sequential object would have answered just as it did.
//
//   begins ├────── receive 5 ──────┤                    An order is searched step by step (J. Wing and C. Gong, "Testing and
//              ├─ read: 3 ─┤   ├─ read: 8 ─┤            Verifying Concurrent Objects", 1993); a set of placed operations
//   order:       read 3 · receive 5 · read 8            and the state it led to are tried once (G. Lowe, "Testing for
//                                                       Linearizability", 2017).
//
// What keeps it short: an operation that fits and changes nothing is placed at once (later it could only fit the same way);
// of effects that are alike, the one that must come first is tried alone; and where all that has begun has ended, what was
// before is settled, if effects commute, and not tried again.

import { chanceOf } from '../../../actors/scheduler.simulation.ts';

/** A sequential object. */
export interface Model<State, Input> {
  readonly initial: State;
  /** The state after the operation; undefined: it could not have answered so. The same state: it changes nothing. */
  step(state: State, input: Input): State | undefined;
  /** Equal for equal states. */
  keyOf(state: State): string | number;
  /** Whether operations lead to one state in whatever order they are placed. */
  readonly isCommutative: boolean;
}

/** One operation of the object, as its client saw it. */
export interface Spanned<Input> {
  readonly input: Input;
  readonly from: number;
  /** Infinity: nobody knows when it had taken effect. */
  readonly to: number;
  /** It may never have taken effect, or at any time from its beginning on, whatever `to` says. */
  readonly optional?: boolean;
  /** Another operation of the list (by its place in it) that it can only come after. */
  readonly after?: number;
  /** Operations of one kind are interchangeable: they fit and change every state alike, and nothing comes after them alone. */
  readonly alike?: string;
}

/** What the search came to. Numbers of operations are their places in the list. */
export type Verdict<State> =
  | { readonly linearizable: true; readonly tried: number; readonly order: readonly number[] }
  | {
      readonly linearizable: false;
      readonly tried: number;
      /** How many could be placed at most, and the state they led to. */
      readonly placed: number;
      readonly state: State;
      /** One that had to come next, and could not. */
      readonly stuck: number;
    }
  | { readonly linearizable: undefined; readonly tried: number };

/** Sets of placed operations that are tried before the search gives up: some seconds, and some tens of megabytes. */
export const STATES_MAX = 300_000;

/**
 * What nobody knows the end of is placed once so many others, further back, were tried in another order: one that is used
 * to explain what another order would explain is missing later.
 */
const OPEN_COSTS = 16;

/** A point of the search: what is placed on the way to it, and the state there. */
interface Point<State> {
  readonly before: Point<State> | undefined;
  /** What was placed after the point before. */
  readonly placed: number[];
  readonly state: State;
  /** The more, the sooner it is gone on with. */
  readonly worth: number;
  /** The board stands at it or beyond it. */
  isOnBoard: boolean;
}

/** Searches an order. `linearizable: undefined` says that none was found within `statesMax`, and not all were tried. */
export function isLinearizable<State, Input>(
  model: Model<State, Input>,
  operations: readonly Spanned<Input>[],
  statesMax: number = STATES_MAX,
): Verdict<State> {
  const board = boardOf(operations);
  const at = (index: number) => operations[index] as Spanned<Input>;
  const seen = new Set<string>();
  const waiting = queueOf<Point<State>>();
  const path: Point<State>[] = [];
  let tried = 0;
  let furthest: { readonly placed: number; readonly state: State; readonly stuck: number } | undefined;

  /** Takes the board from where it stands to the point, by way of the last that both have in common. */
  function goTo(point: Point<State>): void {
    const ahead: Point<State>[] = [];
    let common: Point<State> | undefined = point;
    for (; common !== undefined && !common.isOnBoard; common = common.before) ahead.push(common);
    for (let last = path.at(-1); last !== common && last !== undefined; last = path.at(-1)) {
      for (const _ of last.placed) board.takeBack();
      last.isOnBoard = false;
      path.pop();
    }
    for (const next of ahead.toReversed()) {
      for (const index of next.placed) board.place(index);
      next.isOnBoard = true;
      path.push(next);
    }
  }

  /** Places what must come, fits and changes nothing, until there is no more of it. */
  function placeReads({ state, placed }: Point<State>): void {
    for (let again = true; again; ) {
      again = false;
      for (const index of board.callable().required) {
        if (model.step(state, at(index).input) !== state) continue;
        board.place(index);
        placed.push(index);
        again = true;
      }
    }
  }

  /** Lines up what can come next, the best last; @returns the one that must come first. */
  function lineUp(point: Point<State>): number {
    const { required, optional } = board.callable();
    // What ends first is tried first; it lies on top of those of the same worth.
    const soonest = required.toSorted((a, b) => at(b).to - at(a).to);
    const firsts = firstsOf([...required, ...optional]);
    for (const index of [...optional.toReversed(), ...soonest]) {
      const { alike, input } = at(index);
      if (alike !== undefined && firsts.get(alike) !== index) continue;
      const state = model.step(point.state, input);
      if (state === undefined || state === point.state) continue;
      const key = `${board.keyWith(index)}.${model.keyOf(state)}`;
      if (seen.has(key)) continue;
      seen.add(key);
      const worth = point.worth + point.placed.length + (isOpen(at(index)) ? -OPEN_COSTS : 0);
      waiting.push(worth, { before: point, placed: [index], state, worth, isOnBoard: false });
    }
    return soonest.at(-1) as number;
  }

  /** Of those that are alike, the one that must come first; if none must, the one that began first. */
  function firstsOf(callable: readonly number[]): ReadonlyMap<string, number> {
    const firsts = new Map<string, number>();
    for (const index of callable) {
      const { alike } = at(index);
      if (alike === undefined) continue;
      const first = firsts.get(alike);
      if (first === undefined || endOf(at(first)) > endOf(at(index))) firsts.set(alike, index);
    }
    return firsts;
  }

  let here: Point<State> | undefined = {
    before: undefined,
    placed: [],
    state: model.initial,
    worth: 0,
    isOnBoard: false,
  };
  for (; here !== undefined; here = waiting.pop()) {
    goTo(here);
    placeReads(here);
    if (board.isDone()) return { linearizable: true, tried, order: [...board.order] };
    if (tried++ >= statesMax) return { linearizable: undefined, tried: statesMax };
    if (model.isCommutative && board.isSettled()) {
      waiting.clear();
      seen.clear();
    }
    const stuck = lineUp(here);
    const placed = board.order.length;
    if (furthest === undefined || placed > furthest.placed) furthest = { placed, state: here.state, stuck };
  }
  return { linearizable: false, tried, ...(furthest as { placed: number; state: State; stuck: number }) };
}

const endOf = ({ to, optional }: Spanned<unknown>): number => (optional === true ? Number.POSITIVE_INFINITY : to);

const isOpen = ({ to, optional }: Spanned<unknown>): boolean => optional === true || to === Number.POSITIVE_INFINITY;

/** Gives what is worth most, of equals the last that came. Worths are whole numbers. */
function queueOf<T>() {
  const byWorth = new Map<number, T[]>();
  let most = Number.NEGATIVE_INFINITY;
  return {
    push(worth: number, item: T): void {
      most = Math.max(most, worth);
      const equals = byWorth.get(worth);
      if (equals === undefined) byWorth.set(worth, [item]);
      else equals.push(item);
    },
    pop(): T | undefined {
      const equals = byWorth.get(most);
      const item = equals?.pop();
      if (equals?.length === 0) {
        byWorth.delete(most);
        most = byWorth.keys().reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
      }
      return item;
    },
    clear: () => byWorth.clear(),
  };
}

/** Which operations are placed, in which order, and which could be placed next. */
function boardOf(operations: readonly Spanned<unknown>[]) {
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
