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
// before is settled, if effects commute, and not tried again. Who knows how it was gives a hint (linearizable-hint.ts): then
// there is nothing to search, unless the hint is wrong.

import { boardOf, placeReads } from './linearizable-board.ts';
import { follow, type Hint } from './linearizable-hint.ts';
import { endOf, type Impasse, type Model, type Spanned } from './linearizable-model.ts';

/** What the search came to. Numbers of operations are their places in the list. */
export type Verdict<State> =
  | { readonly linearizable: true; readonly tried: number; readonly order: readonly number[] }
  /** With the order that led furthest. */
  | ({ readonly linearizable: false; readonly tried: number } & Impasse<State>)
  /** With how far the hint led, if there was one. */
  | { readonly linearizable: undefined; readonly tried: number; readonly hinted?: Impasse<State> };

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

/**
 * Searches an order; a right hint saves the search, a wrong one is forgotten.
 * `linearizable: undefined` says that none was found within `statesMax`, and not all were tried.
 */
export function isLinearizable<State, Input>(
  model: Model<State, Input>,
  operations: readonly Spanned<Input>[],
  statesMax: number = STATES_MAX,
  hint: Hint = [],
): Verdict<State> {
  const hinted = hint.length === 0 ? undefined : follow(model, operations, hint);
  if (hinted !== undefined && 'order' in hinted) return { linearizable: true, tried: 0, order: hinted.order };
  const board = boardOf(operations);
  const at = (index: number) => operations[index] as Spanned<Input>;
  const seen = new Set<string>();
  const waiting = queueOf<Point<State>>();
  const path: Point<State>[] = [];
  let tried = 0;
  let furthest: Impasse<State> | undefined;

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
    here.placed.push(...placeReads(board, model, operations, here.state));
    if (board.isDone()) return { linearizable: true, tried, order: [...board.order] };
    if (tried++ >= statesMax)
      return { linearizable: undefined, tried: statesMax, ...(hinted === undefined ? {} : { hinted }) };
    if (model.isCommutative && board.isSettled()) {
      waiting.clear();
      seen.clear();
    }
    const stuck = lineUp(here);
    const placed = board.order.length;
    if (furthest === undefined || placed > furthest.placed) furthest = { placed, state: here.state, stuck };
  }
  return { linearizable: false, tried, ...(furthest as Impasse<State>) };
}

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
