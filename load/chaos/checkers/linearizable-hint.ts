// An order that somebody tells, as a journal does, followed to see whether it is one. Each step is verified as in the search,
// on the same board: a hint spares trying, it makes nothing true. One that is wrong ends where it does not fit.
//
//   hint:  receive 5 · take 2          order:  read 0 · receive 5 · read 5 · take 2 · read 3
//
// Reads need none: what fits and changes nothing is placed at once.

import { boardOf, placeReads } from './linearizable-board.ts';
import { endOf, type Impasse, type Model, type Spanned } from './linearizable-model.ts';

/** What changed the object, one change after another: the operations that may have been it, by their places in the list. */
export type Hint = readonly (readonly number[])[];

/** An order of all operations with the changes as they are told, or how far that leads. */
export function follow<State, Input>(
  model: Model<State, Input>,
  operations: readonly Spanned<Input>[],
  hint: Hint,
): { readonly order: readonly number[] } | Impasse<State> {
  const board = boardOf(operations);
  const at = (index: number) => operations[index] as Spanned<Input>;
  /** Of these, the one that must come first. */
  const soonestOf = (some: readonly number[]) =>
    some.reduce((a, b) => (endOf(at(b)) < endOf(at(a)) ? b : a), some[0] as number);
  let { initial: state } = model;
  placeReads(board, model, operations, state);
  for (const candidates of hint) {
    if (board.isDone()) break;
    const { required, optional } = board.callable();
    const callable = new Set([...required, ...optional]);
    const free = candidates.filter((index) => callable.has(index));
    const fitting = free.filter((index) => model.step(state, at(index).input) !== undefined);
    if (fitting.length === 0) return impasse(free[0]);
    const next = soonestOf(fitting);
    state = model.step(state, at(next).input) as State;
    board.place(next);
    placeReads(board, model, operations, state);
  }
  return board.isDone() ? { order: [...board.order] } : impasse();

  /** Stuck is what is told to come next, or what must have come before it. */
  function impasse(told: number = soonestOf(board.callable().required)): Impasse<State> {
    return { placed: board.order.length, state, stuck: told };
  }
}
