// Wishes: what a client wanted, with all attempts at it. Attempts are one wish if the shop must take them for one: the same
// caller, the same call, the same Idempotency-Key. Without a key each attempt is a wish of its own.

import {
  outcomeOf,
  type History,
  type Json,
  type Operation,
  type OperationKind,
  type Outcome,
} from '../history/operation.ts';

export interface Wish {
  readonly principal: string;
  readonly key: string | undefined;
  /** In the order in which they began; never empty. */
  readonly attempts: readonly [Operation, ...Operation[]];
}

/** The path without its query. */
export const pathOf = ({ path }: Operation): string => path.split('?', 1)[0] as string;

export const isStaff = (principal: string): boolean => principal === 'staff';
/** Whether somebody signed in; carts and guests did not. */
export const isCustomer = (principal: string): boolean =>
  !isStaff(principal) && principal !== 'guest' && !principal.startsWith('cart:');

/** The name of the wish that an operation is an attempt at. */
export function wishNameOf(operation: Operation): string {
  const { id, principal, method, key } = operation;
  return key === undefined ? `#${id}` : `${principal} ${method} ${pathOf(operation)} ${key}`;
}

/** The wishes of these kinds by name, in the order in which they were first tried. */
export function wishesOf(history: History, ...kinds: readonly OperationKind[]): ReadonlyMap<string, Wish> {
  const wanted = new Set<string>(kinds);
  const wishes = new Map<
    string,
    { principal: string; key: string | undefined; attempts: [Operation, ...Operation[]] }
  >();
  for (const operation of history) {
    if (!wanted.has(operation.kind)) continue;
    const name = wishNameOf(operation);
    const known = wishes.get(name);
    if (known !== undefined) known.attempts.push(operation);
    else wishes.set(name, { principal: operation.principal, key: operation.key, attempts: [operation] });
  }
  return wishes;
}

/** What a client knows of its wish: granted, if any attempt was; refused, if each of them was. */
export function outcomeOfWish({ attempts }: Wish): Outcome {
  const outcomes = attempts.map(outcomeOf);
  if (outcomes.includes('ok')) return 'ok';
  return outcomes.includes('unknown') ? 'unknown' : 'fail';
}

/** The answer of an operation that was granted; undefined: it was not, or the answer was empty. */
export function granted(operation: Operation): Json {
  return operation.ending?.outcome === 'ok' ? operation.ending.answer : undefined;
}

/** JSON with the members of every object in order, so that equal contents are equal texts. */
export function canonical(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const members = Object.keys(value as object)
    .filter((name) => value[name] !== undefined)
    .toSorted()
    .map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`);
  return `{${members.join()}}`;
}
