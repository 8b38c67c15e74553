// What clients did to carts, cart by cart: lines that were set, carts that were merged, orders that were made of them, and
// what was shown. A cart is named by its id; `/carts/me` is the own one of whoever asks.

import { cartIdOfUser } from '../../../actors/cart.ts';
import { type Json, type Operation, outcomeOf } from '../history/operation.ts';
import type { Evidence } from './checker.ts';
import { granted, isCustomer, pathOf } from './wishes.ts';

/** When something may have happened: not before `begun`; surely by `ended`, which is Infinity if nobody told. */
interface When {
  readonly begun: number;
  readonly ended: number;
}

/** A line that was set; 0 pieces: taken out. */
export interface Write extends When {
  readonly quantity: number;
}

/** A guest's cart that became a part of this one, all attempts together. */
export interface Merge extends When {
  readonly guestCart: string;
}

/** Pieces that leave the cart when the order is paid, whenever that is. */
export interface CartOrder {
  readonly begun: number;
  readonly pieces: ReadonlyMap<string, number>;
}

export interface Shown extends When {
  readonly operation: Operation;
  readonly lines: ReadonlyMap<string, number>;
}

export interface CartHistory {
  readonly id: string;
  /** By product. */
  readonly writes: ReadonlyMap<string, readonly Write[]>;
  readonly merges: readonly Merge[];
  readonly orders: readonly CartOrder[];
  readonly shown: readonly Shown[];
}

type Growing = {
  readonly id: string;
  readonly writes: Map<string, Write[]>;
  readonly merges: Map<string, Merge>;
  readonly orders: Map<string, CartOrder>;
  readonly shown: Shown[];
};

/** Answers to a login by which no cart was touched. */
const UNTOUCHED: ReadonlySet<number> = new Set([400, 401, 403, 422, 429]);

/** All carts of a history, by id. */
export function cartsOf({ history, books }: Evidence): ReadonlyMap<string, CartHistory> {
  const carts = new Map<string, Growing>();
  const cart = (id: string): Growing => {
    const known = carts.get(id) ?? { id, writes: new Map(), merges: new Map(), orders: new Map(), shown: [] };
    carts.set(id, known);
    return known;
  };
  const linesOf = orderLines(books.orders);
  for (const operation of history) {
    const { kind, body, ending } = operation;
    if (kind === 'change-cart' || kind === 'read-cart') {
      const [, , , , name = '', , productId] = pathOf(operation).split('/');
      const its = cart(name === 'me' ? cartIdOfUser(operation.principal) : name);
      if (kind === 'change-cart' && productId !== undefined) noteWrite(its, productId, operation);
      const lines = granted(operation)?.lines as readonly Json[] | undefined;
      if (lines !== undefined) its.shown.push({ operation, lines: sumOf(lines), ...whenOf(operation) });
    } else if (kind === 'place-order' && typeof body?.cartId === 'string') {
      const name = operation.key ?? `#${operation.id}`;
      const { orders } = cart(body.cartId);
      // What the answer does not say is in the order, if there is one; it has the reference of its wish.
      const lines = (granted(operation)?.lines as readonly Json[]) ?? linesOf(body.reference as string | undefined);
      const known = orders.get(name);
      if (known === undefined || lines !== undefined)
        orders.set(name, { begun: known?.begun ?? operation.at, pieces: sumOf(lines ?? []) });
    } else if (typeof body?.cartId === 'string' && operation.path.includes('/auth/')) {
      const userId: unknown = isCustomer(operation.principal) ? operation.principal : ending?.answer?.user?.id;
      if (typeof userId === 'string' && !UNTOUCHED.has(ending?.status ?? 0))
        noteMerge(cart(cartIdOfUser(userId)), operation);
    }
  }
  return new Map(
    [...carts].map(([id, its]) => [id, { ...its, merges: mergesOf(its, carts), orders: [...its.orders.values()] }]),
  );
}

/** An empty cart that is merged stays open: one that was filled afterwards may have been merged then. */
function mergesOf({ merges }: Growing, carts: ReadonlyMap<string, Growing>): readonly Merge[] {
  return [...merges.values()].map((merge) => {
    const writes = [...(carts.get(merge.guestCart)?.writes.values() ?? [])].flat();
    return writes.some(({ begun }) => begun > merge.ended) ? { ...merge, ended: Infinity } : merge;
  });
}

function whenOf(operation: Operation): When {
  const isOver = outcomeOf(operation) === 'ok';
  return { begun: operation.at, ended: isOver ? (operation.ending?.endedAt ?? Infinity) : Infinity };
}

function noteWrite({ writes }: Growing, productId: string, operation: Operation): void {
  if (outcomeOf(operation) === 'fail') return;
  const quantity = operation.method === 'DELETE' ? 0 : Number(operation.body?.quantity);
  writes.set(productId, [...(writes.get(productId) ?? []), { quantity, ...whenOf(operation) }]);
}

/** However often it is tried, it is one merge: it is over when the first attempt was granted. */
function noteMerge({ merges }: Growing, operation: Operation): void {
  const guestCart = operation.body.cartId as string;
  const { begun, ended } = whenOf(operation);
  const known = merges.get(guestCart) ?? { begun, ended };
  merges.set(guestCart, { guestCart, begun: known.begun, ended: Math.min(known.ended, ended) });
}

/** Pieces by product. */
function sumOf(lines: readonly Json[]): ReadonlyMap<string, number> {
  const sums = new Map<string, number>();
  for (const { productId, quantity } of lines) sums.set(productId, (sums.get(productId) ?? 0) + (quantity as number));
  return sums;
}

/** Lines of stored orders by their reference. */
function orderLines(
  orders: Evidence['books']['orders'],
): (reference: string | undefined) => readonly Json[] | undefined {
  const lines = new Map(orders.map(({ state }) => [state.reference, state.lines]));
  return (reference) => (reference === undefined ? undefined : lines.get(reference));
}
