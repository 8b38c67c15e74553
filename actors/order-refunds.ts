// The arithmetic of refunds: which pieces of an order are left, which of them a refund takes, and what these are worth.
//
//   lines ─── pieces of all refunds, confirmed or not ───► left ─── pieces wanted, line by line ───► lines of the refund
//
// A refund is worth the rounded exact total of what was left before it, less that of what is left after it. So the sum
// of all refunds is the total less the rounded exact total of what remains, however the pieces were divided.

import { invariant, type Refusal, refuse } from './actor.ts';
import { exactSum, roundToMinor } from './money.ts';
import type { Order, Refund, RefundLine, RefundWish } from './order-messages.ts';

/** How a refund is called outside its order: unique wherever it goes. */
export function refundNameOf(orderId: string, refundId: string): string {
  return `${orderId}/${refundId}`;
}

/** The refund's id within its order. */
export function refundIdOf(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1);
}

/** A refund that was asked for. */
export function refundOf(order: Order, refundId: string): Refund {
  const refund = order.refunds[refundId];
  invariant(refund !== undefined, `nobody asked for a refund ${refundId}`);
  return refund;
}

/** Pieces of each line that no refund has taken, whether confirmed or not. */
export function piecesLeft(order: Order): number[] {
  const left = order.lines.map(({ quantity }) => quantity);
  for (const refund of Object.values(order.refunds)) {
    for (const { line, quantity } of refund.lines) left[line] = (left[line] as number) - quantity;
  }
  return left;
}

/** Whether every piece is refunded, or will be as soon as the provider has confirmed. */
export function isGivenBack(order: Order): boolean {
  return piecesLeft(order).every((pieces) => pieces === 0);
}

/** Everything that is left, as the lines of a refund. */
export function everythingLeft(order: Order): readonly RefundLine[] {
  return taken(piecesLeft(order));
}

/** Minor units that so many pieces of each line are worth together. */
export function worth(order: Order, pieces: readonly number[]): number {
  const lines = order.lines.map(({ unitPrice }, line) => ({ unitPrice, quantity: pieces[line] as number }));
  // A part of the order fits where its whole did.
  return roundToMinor(exactSum(lines) as number, order.currency);
}

/** Minor units that a refund of these lines gives back. */
export function amountOf(order: Order, lines: readonly RefundLine[]): number {
  const left = piecesLeft(order);
  const before = worth(order, left);
  for (const { line, quantity } of lines) left[line] = (left[line] as number) - quantity;
  return before - worth(order, left);
}

/** The lines of the order that the wanted pieces are taken from: the first line of a product that has some left, first. */
export function allocate(order: Order, wishes: readonly RefundWish[]): readonly RefundLine[] | Refusal {
  const wrong = wishes.flatMap((wish, i) => fault(order, wish, i));
  if (wrong.length > 0) {
    return refuse('invalid-request', 'a refund names products of the order and whole numbers of pieces', wrong);
  }
  const left = piecesLeft(order);
  const pieces = order.lines.map(() => 0);
  const excessive: object[] = [];
  wishes.forEach(({ productId, quantity }, i) => {
    let wanted = quantity;
    order.lines.forEach((line, at) => {
      if (line.productId !== productId) return;
      const some = Math.min(wanted, left[at] as number);
      left[at] = (left[at] as number) - some;
      pieces[at] = (pieces[at] as number) + some;
      wanted -= some;
    });
    if (wanted === 0) return;
    const available = quantity - wanted;
    const detail = `${quantity} pieces were to be refunded, ${available} are left`;
    const pointer = `/lines/${i}/quantity`;
    excessive.push({ pointer, code: 'too-many-pieces', detail, productId, requested: quantity, available });
  });
  if (excessive.length > 0)
    return refuse('too-many-pieces', 'more pieces were to be refunded than are left', excessive);
  return taken(pieces);
}

function fault(order: Order, { productId, quantity }: RefundWish, i: number): readonly object[] {
  const code = 'invalid-request';
  if (!order.lines.some((line) => line.productId === productId)) {
    return [{ pointer: `/lines/${i}/productId`, code, detail: `the order has no product ${productId}` }];
  }
  if (Number.isSafeInteger(quantity) && quantity > 0) return [];
  return [{ pointer: `/lines/${i}/quantity`, code, detail: `a whole number of pieces is refunded, not ${quantity}` }];
}

function taken(pieces: readonly number[]): readonly RefundLine[] {
  return pieces.flatMap((quantity, line) => (quantity > 0 ? [{ line, quantity }] : []));
}
