// A guest's cart becomes a part of the user's: before the login answers, once, and without losing a line.
//
//   Freeze (for this user) ─► note its lines in the index ─► Absorb (once per merge) ─► Close
//
// Every step is idempotent and decided by the carts themselves, so a merge that was interrupted anywhere is begun anew,
// here or on another node, even beside one that still runs. A login waits for all of them, so there is none too many.

import { randomUUID } from 'node:crypto';
import { type Cart, type CartCommand, cartActor, cartIdOfUser, mergeOf } from '../../actors/cart.ts';
import type { Host, Told } from '../../mixins/host.ts';
import type { ActorStore } from '../../mixins/store.ts';

export interface Versioned {
  readonly cart: Cart;
  readonly version: number;
}

/** What became of a merge; `reason` is a slug. A cart that was not merged is as it was, or frozen for this user. */
export type Merged = { readonly merged: true } | { readonly merged: false; readonly reason: string };

export interface MergingParts {
  readonly host: Host<Cart, CartCommand>;
  /** Notes which products the cart is about to hold. */
  readonly note: (cartId: string, productIds: readonly string[]) => Promise<void>;
}

/** The cart as the database has it; one that was never used is an empty one. */
export async function readCart(store: ActorStore, id: string): Promise<Versioned> {
  const found = (await store.load({ ids: [id], rows: [], commands: [] })).actors.get(id);
  return { cart: (found?.state ?? cartActor.initial) as Cart, version: found?.version ?? 0 };
}

/** Merges the guest cart into the user's own. */
export async function mergeCart({ host, note }: MergingParts, guestId: string, userId: string): Promise<Merged> {
  const tell = async (id: string, command: CartCommand): Promise<Told<Cart>> =>
    // A fresh id each time: the carts know by themselves what has been done.
    host.tell(id, command, { commandId: `merge/${randomUUID()}` });

  const frozen = await tell(guestId, { type: 'Freeze', data: { userId } });
  if (frozen.refused !== undefined) return { merged: false, reason: frozen.refused.refused };

  if (frozen.state.status === 'frozen') {
    const mine = cartIdOfUser(userId);
    const { lines } = frozen.state;
    await note(
      mine,
      lines.map(({ productId }) => productId),
    );
    const absorption = {
      merge: mergeOf(guestId, frozen.state),
      lines: lines.map(({ productId, quantity }) => ({ productId, quantity })),
    };
    const absorbed = await tell(mine, { type: 'Absorb', data: absorption });
    // There is no room: the guest cart stays frozen, and the next login tries again.
    if (absorbed.refused !== undefined) return { merged: false, reason: absorbed.refused.refused };
    await tell(guestId, { type: 'Close', data: { userId } });
  }
  return { merged: true };
}
