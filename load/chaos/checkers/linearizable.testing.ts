// For tests of the search for an order: a counter of pieces, operations on it, and histories drawn by chance.

import type { Chance } from '../../../actors/scheduler.simulation.ts';
import type { Model, Spanned } from './linearizable-model.ts';

/** A number of pieces. `add` must not lead below zero; `see` is what a reader was told. */
export type Input = { readonly add: number } | { readonly see: number };
export const counter: Model<number, Input> = {
  initial: 0,
  isCommutative: true,
  step(pieces, input) {
    if ('see' in input) return input.see === pieces ? pieces : undefined;
    return pieces + input.add < 0 ? undefined : pieces + input.add;
  },
  keyOf: (pieces) => pieces,
};

export const add = (pieces: number, from: number, to: number, more: Partial<Spanned<Input>> = {}): Spanned<Input> => ({
  input: { add: pieces },
  from,
  to,
  ...more,
});
export const see = (pieces: number, from: number, to: number): Spanned<Input> => ({ input: { see: pieces }, from, to });
export const never = Number.POSITIVE_INFINITY;
export const perhaps = (pieces: number, from: number, more: Partial<Spanned<Input>> = {}) =>
  add(pieces, from, never, { optional: true, ...more });

/** Whether the order is one: each operation in it comes once and fits, and after all that had ended before it began. */
export function explains(operations: readonly Spanned<Input>[], order: readonly number[]): boolean {
  let state: number | undefined = 0;
  let latest = Number.NEGATIVE_INFINITY;
  for (const index of order) {
    const { input, from, to, optional, after } = operations[index] as Spanned<Input>;
    if (after !== undefined && !order.slice(0, order.indexOf(index)).includes(after)) return false;
    if (optional !== true && to < latest) return false;
    latest = Math.max(latest, from);
    state = counter.step(state, input);
    if (state === undefined) return false;
  }
  if (new Set(order).size < order.length) return false;
  return operations.every(({ optional }, index) => optional === true || order.includes(index));
}

export interface Drawn {
  readonly count: number;
  /** How many operations are under way at a time. */
  readonly beside: number;
  /** In a hundred, those whose outcome nobody knows; half of them take effect. */
  readonly unknown: number;
}

/** What clients of a true counter saw: each operation takes effect at its own time, somewhere in its span. */
export function drawn(chance: Chance, size: Drawn): Spanned<Input>[] {
  return drawnWithOrder(chance, size).operations;
}

/** The same, and in which order its changes took effect. */
export function drawnWithOrder(chance: Chance, { count, beside, unknown }: Drawn) {
  const operations: Spanned<Input>[] = [];
  const changes: number[] = [];
  let pieces = 0;
  for (let at = 0; at < count; at++) {
    // Points are a whole unit apart, so that the order of the points is the order of the loop.
    const from = at - chance.below(beside * 100) / 100;
    const to = at + 1 + chance.below(beside * 100) / 100;
    const wanted = 1 + chance.below(3);
    const isUnknown = chance.percent(unknown);
    if (isUnknown && chance.percent(50)) operations.push(perhaps(-wanted, from, { alike: `-${wanted}` }));
    else if (chance.percent(50)) operations.push(see(pieces, from, to));
    else {
      changes.push(operations.length);
      const change = pieces >= wanted && chance.percent(60) ? -wanted : wanted;
      pieces += change;
      const alike = `${change}`;
      operations.push(isUnknown ? perhaps(change, from, { alike }) : add(change, from, to, { alike }));
    }
  }
  return { operations, changes: changes as readonly number[] };
}
