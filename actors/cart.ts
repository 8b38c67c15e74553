// One cart (actor id = cart id). A user's own cart has the id `user-<userId>`, a guest's one was minted.
//
//            LineSet, LineRemoved, OrderedRemoved, Absorbed
//                 ┌───┐
//   (empty) ───► open ──Frozen──► frozen ──Closed──► closed      only guest carts leave `open`
//                                  └─ OrderedKept     └─ OrderedPassedOn
//
// Merging a guest cart into a user's: Freeze (for that one user; from here on its lines stand still), Absorb at the
// user's cart, Close. Each may be repeated, and the three may be started over after any crash: nothing is added twice,
// no line is lost. What is paid for meanwhile follows the lines to the user's cart.

import { type Actor, type At, invariant, type Reaction, type Refusal, refuse, unreachable } from './actor.ts';
import { LINES_MAX, QUANTITY_MAX } from './order.ts';

export { LINES_MAX, QUANTITY_MAX };

/** Orders and absorbed carts remembered, so that a repeat of the oldest of them still changes nothing. */
export const REMEMBERED_MAX = 100;

export type CartStatus = 'open' | 'frozen' | 'closed';

export interface CartLine {
  readonly productId: string;
  readonly quantity: number;
}

/** A line as the cart holds it; `paid` are pieces that were paid for after the cart was frozen. */
export interface HeldLine extends CartLine {
  readonly paid?: number;
}

/** What a paid order took. */
export interface Ordered {
  readonly orderId: string;
  readonly lines: readonly CartLine[];
}

/** The content of a cart that is taken in, under the name of the merge (`mergeOf`). */
export interface Absorption {
  readonly merge: string;
  readonly lines: readonly CartLine[];
}

export interface Cart {
  readonly status: CartStatus;
  readonly lines: readonly HeldLine[];
  /** The one user whose cart takes the lines, and since when (ms since 1970): together with the id, this merge's name. */
  readonly merge?: { readonly userId: string; readonly at: number };
  /** Names of merges that this cart has taken in. */
  readonly absorbed: readonly string[];
  /** Orders whose lines were taken out. */
  readonly ordered: readonly string[];
}

export type CartCommand =
  /** Quantity 0 removes the line. */
  | { readonly type: 'SetLine'; readonly data: CartLine }
  | { readonly type: 'RemoveLine'; readonly data: { readonly productId: string } }
  /** From a paid order: its pieces leave the cart, once. */
  | { readonly type: 'RemoveOrdered'; readonly data: Ordered }
  /** The product is gone from the catalogue. */
  | { readonly type: 'RemoveProduct'; readonly data: { readonly productId: string } }
  | { readonly type: 'Freeze'; readonly data: { readonly userId: string } }
  | { readonly type: 'Absorb'; readonly data: Absorption }
  | { readonly type: 'Close'; readonly data: { readonly userId: string } };

export type CartEvent =
  | { readonly type: 'LineSet'; readonly data: CartLine }
  | { readonly type: 'LineRemoved'; readonly data: { readonly productId: string } }
  | { readonly type: 'OrderedRemoved'; readonly data: Ordered }
  | { readonly type: 'OrderedKept'; readonly data: Ordered }
  | { readonly type: 'OrderedPassedOn'; readonly data: Ordered & { readonly userId: string } }
  | { readonly type: 'Frozen'; readonly data: { readonly userId: string; readonly at: number } }
  | { readonly type: 'Absorbed'; readonly data: Absorption }
  /** `paid` is what was ordered from this cart while it was frozen; it leaves the user's cart too. */
  | { readonly type: 'Closed'; readonly data: { readonly userId: string; readonly paid: readonly CartLine[] } };

/** Where each event leads; what is not listed cannot happen. */
export const transitions: Readonly<Record<CartStatus, Readonly<Partial<Record<CartEvent['type'], CartStatus>>>>> = {
  open: { LineSet: 'open', LineRemoved: 'open', OrderedRemoved: 'open', Absorbed: 'open', Frozen: 'frozen' },
  frozen: { LineRemoved: 'frozen', OrderedKept: 'frozen', Closed: 'closed' },
  closed: { OrderedPassedOn: 'closed' },
};

/** The id of a user's own cart. */
export function cartIdOfUser(userId: string): string {
  return `user-${userId}`;
}

/**
 * The name of the merge that a frozen cart is in. It holds the time of the freezing, because a guest cart that was
 * merged and forgotten long ago may be filled again, and must then be absorbed again.
 */
export function mergeOf(cartId: string, cart: Cart): string {
  invariant(cart.merge !== undefined, 'only a frozen or closed cart is in a merge');
  return `${cartId}@${cart.merge.at}`;
}

function decide(cart: Cart, command: At<CartCommand>): readonly CartEvent[] | Refusal {
  switch (command.type) {
    case 'SetLine':
      return setLine(cart, command.data);
    case 'RemoveLine':
      return setLine(cart, { productId: command.data.productId, quantity: 0 });
    case 'RemoveOrdered':
      return removeOrdered(cart, command.data);
    case 'RemoveProduct':
      // A frozen cart too: pieces that nobody can buy are not worth keeping still for.
      return quantityOf(cart, command.data.productId) === 0 ? [] : [{ type: 'LineRemoved', data: command.data }];
    case 'Freeze':
      if (cart.merge?.userId === command.data.userId) return [];
      if (cart.merge !== undefined)
        return refuse('cart-is-frozen', 'this cart is being merged into the cart of another user');
      // There is nothing to take from it, and its guest may still put something in.
      if (cart.lines.length === 0) return [];
      return [{ type: 'Frozen', data: { userId: command.data.userId, at: command.at } }];
    case 'Absorb':
      return absorb(cart, command.data);
    case 'Close':
      return close(cart, command.data.userId);
    default:
      return unreachable(command);
  }
}

function setLine(cart: Cart, line: CartLine): readonly CartEvent[] | Refusal {
  if (cart.status === 'closed') return refuse('not-found', 'this cart was merged into the cart of its user');
  const { productId, quantity } = line;
  if (quantityOf(cart, productId) === quantity) return [];
  if (cart.status === 'frozen')
    return refuse('cart-is-frozen', 'this cart is being merged into the cart of its user: sign in again');
  if (quantity === 0) return [{ type: 'LineRemoved', data: { productId } }];
  if (quantityOf(cart, productId) === 0 && cart.lines.length >= LINES_MAX) return full(cart);
  return [{ type: 'LineSet', data: { productId, quantity } }];
}

function removeOrdered(cart: Cart, data: Ordered): readonly CartEvent[] {
  if (cart.ordered.includes(data.orderId)) return [];
  // The lines of a frozen cart may have been absorbed already, or not yet: only after Close is it known where they are.
  if (cart.status === 'frozen') return [{ type: 'OrderedKept', data }];
  if (cart.merge !== undefined) return [{ type: 'OrderedPassedOn', data: { ...data, userId: cart.merge.userId } }];
  return [{ type: 'OrderedRemoved', data }];
}

function absorb(cart: Cart, data: Absorption): readonly CartEvent[] | Refusal {
  if (cart.status !== 'open') return refuse('wrong-state', 'only an open cart can take in another one');
  if (cart.absorbed.includes(data.merge)) return [];
  return added(cart.lines, data.lines).length > LINES_MAX ? full(cart) : [{ type: 'Absorbed', data }];
}

function close(cart: Cart, userId: string): readonly CartEvent[] | Refusal {
  if (cart.merge?.userId !== userId)
    return refuse('wrong-state', 'only a cart that is frozen for this user can be closed by their merge');
  if (cart.status === 'closed') return [];
  const paid = cart.lines.flatMap((line) =>
    line.paid === undefined ? [] : [{ productId: line.productId, quantity: line.paid }],
  );
  return [{ type: 'Closed', data: { userId, paid } }];
}

function full(cart: Cart): Refusal {
  return refuse('wrong-state', `a cart holds at most ${LINES_MAX} different products: remove some first`, [
    { code: 'cart-is-full', detail: `this cart holds ${cart.lines.length}` },
  ]);
}

function evolve(cart: Cart, event: CartEvent): Cart {
  const status = transitions[cart.status][event.type];
  invariant(status !== undefined, `${event.type} cannot happen to a cart that is ${cart.status}`);
  switch (event.type) {
    case 'LineSet': {
      const { productId, quantity } = event.data;
      const known = cart.lines.some((line) => line.productId === productId);
      const lines = known
        ? cart.lines.map((line) => (line.productId === productId ? event.data : line))
        : [...cart.lines, { productId, quantity }];
      return { ...cart, lines };
    }
    case 'LineRemoved':
      return { ...cart, lines: cart.lines.filter(({ productId }) => productId !== event.data.productId) };
    case 'OrderedRemoved':
    case 'OrderedKept': {
      const { orderId, lines } = event.data;
      const rest = event.type === 'OrderedKept' ? marked(cart.lines, lines) : subtracted(cart.lines, lines);
      return { ...cart, lines: rest, ordered: remembering(cart.ordered, orderId) };
    }
    case 'OrderedPassedOn':
      return { ...cart, ordered: remembering(cart.ordered, event.data.orderId) };
    case 'Frozen':
      return { ...cart, status, merge: event.data };
    case 'Absorbed': {
      const { merge, lines } = event.data;
      return { ...cart, lines: added(cart.lines, lines), absorbed: remembering(cart.absorbed, merge) };
    }
    case 'Closed':
      return { ...cart, status, lines: [] };
    default:
      return unreachable(event);
  }
}

function react(cart: Cart, event: CartEvent, id: string): readonly Reaction[] {
  // The whole content with each change: whoever reads the topic may start with any event and skip older versions.
  const updated: Reaction = {
    kind: 'publish',
    topic: 'cart.updated',
    key: id,
    data: { cartId: id, lines: cart.lines.map(({ productId, quantity }) => ({ productId, quantity })) },
  };
  const passOn = (userId: string, data: Ordered): Reaction => {
    const command: CartCommand = { type: 'RemoveOrdered', data };
    return { kind: 'send', to: 'cart', id: cartIdOfUser(userId), command };
  };
  switch (event.type) {
    case 'LineSet':
    case 'LineRemoved':
    case 'OrderedRemoved':
    case 'Absorbed':
      return [updated];
    case 'Frozen':
    case 'OrderedKept':
      return [];
    case 'OrderedPassedOn':
      return [passOn(event.data.userId, { orderId: event.data.orderId, lines: event.data.lines })];
    case 'Closed': {
      const { userId, paid } = event.data;
      return paid.length === 0 ? [updated] : [updated, passOn(userId, { orderId: mergeOf(id, cart), lines: paid })];
    }
    default:
      return unreachable(event);
  }
}

function check(cart: Cart): void {
  invariant(cart.lines.length <= LINES_MAX, `a cart holds at most ${LINES_MAX} lines`);
  invariant(
    new Set(cart.lines.map(({ productId }) => productId)).size === cart.lines.length,
    'a product is in a cart once',
  );
  for (const { quantity, paid = 0 } of cart.lines) {
    invariant(
      Number.isInteger(quantity) && quantity > 0 && quantity <= QUANTITY_MAX,
      'a line holds 1 to 1,000,000 pieces',
    );
    invariant(paid <= quantity, 'no more is paid for than the line holds');
  }
  invariant(
    (cart.status === 'open') === (cart.merge === undefined),
    'a cart is in a merge exactly when it is not open',
  );
  invariant(cart.status !== 'closed' || cart.lines.length === 0, 'a closed cart is empty');
}

function quantityOf(cart: Cart, wanted: string): number {
  return cart.lines.find(({ productId }) => productId === wanted)?.quantity ?? 0;
}

/** The lines of both; quantities are added, up to the most that a line may hold. */
function added(lines: readonly CartLine[], more: readonly CartLine[]): readonly CartLine[] {
  const sum = new Map(lines.map(({ productId, quantity }) => [productId, quantity]));
  for (const { productId, quantity } of more)
    sum.set(productId, Math.min((sum.get(productId) ?? 0) + quantity, QUANTITY_MAX));
  return [...sum].map(([productId, quantity]) => ({ productId, quantity }));
}

/** Pieces by product: an order may name a product on several lines. */
function pieces(lines: readonly CartLine[]): ReadonlyMap<string, number> {
  const sum = new Map<string, number>();
  for (const { productId, quantity } of lines) sum.set(productId, (sum.get(productId) ?? 0) + quantity);
  return sum;
}

function subtracted(lines: readonly HeldLine[], less: readonly CartLine[]): readonly HeldLine[] {
  const ordered = pieces(less);
  return lines
    .map((line) => ({ ...line, quantity: line.quantity - (ordered.get(line.productId) ?? 0) }))
    .filter(({ quantity }) => quantity > 0);
}

/** The same lines, each with the pieces of it that are paid for. */
function marked(lines: readonly HeldLine[], paid: readonly CartLine[]): readonly HeldLine[] {
  const ordered = pieces(paid);
  return lines.map((line) => {
    const count = ordered.get(line.productId);
    return count === undefined ? line : { ...line, paid: Math.min((line.paid ?? 0) + count, line.quantity) };
  });
}

function remembering(names: readonly string[], name: string): readonly string[] {
  return [...names, name].slice(-REMEMBERED_MAX);
}

/** The rules of a cart. */
export const cartActor: Actor<Cart, CartCommand, CartEvent> = {
  name: 'cart',
  initial: { status: 'open', lines: [], absorbed: [], ordered: [] },
  decide,
  evolve,
  react,
  check,
};
