// What orders do to the pieces that are available: they take some when stock answers them, or are told what there is, and
// give them back at a time that nobody is told.
//
//   201 ─► −q before the answer        202, no answer ─► −q some time, or never, unless the order is seen to have its pieces
//   409 ─► exactly what it says        ended unpaid, or refunded onto the shelf ─► +q some time after, or never

import type { Order, OrderStatus } from '../../../actors/order.ts';
import { type Json, type Operation, outcomeOf } from '../history/operation.ts';
import type { Evidence } from './checker.ts';
import { seenOrders } from './seen-orders.ts';
import { type Add, alikeOf, carried, firstAnswered, never, perhaps, spanOf } from './available-pieces.ts';
import { wishesOf } from './wishes.ts';

type Lines = readonly { readonly sku: string; readonly quantity: number }[];

/** How far the shop's clock may be from the clients' when nobody meddles with it, in milliseconds. */
const CLOCKS_APART_MS = 1_000;

const hadPieces: ReadonlySet<OrderStatus> = new Set([
  'AWAITING_PAYMENT',
  'PAID',
  'SHIPPED',
  'DELIVERED',
  'REFUNDED',
  'PAYMENT_FAILED',
]);
const wasPaid: ReadonlySet<OrderStatus> = new Set(['PAID', 'SHIPPED', 'DELIVERED', 'REFUNDED']);

/** What clients have seen of an order after it was placed. */
interface Seen {
  /** It had its pieces by then. */
  hadPiecesBy: number;
  /** The last time somebody asked and was told that it still waited for its payment: it had not ended before. */
  waitedAt: number;
  wasPaid: boolean;
  /** Attempts to cancel or refund it that may have had an effect. */
  readonly undone: Operation[];
}

/** Adds what all orders of the history do to stock. */
export function addOrders(evidence: Evidence, add: Add): void {
  const { history, books } = evidence;
  const seenOf = whatWasSeen(evidence);
  const endedAt = endsOf(evidence);
  const stored = new Map(books.orders.map(({ id, state }) => [id, { id, state }]));
  const skus = skusOf(evidence);
  const byReference = new Map(books.orders.map(({ id, state }) => [state.reference, { id, state }]));
  for (const wish of wishesOf(history, 'place-order').values()) {
    const attempts = carried(wish);
    const short = firstAnswered(attempts, ({ code }) => code === 'insufficient-stock');
    if (short !== undefined) {
      addShortage(attempts, short, skus, add);
      continue;
    }
    const granted = firstAnswered(
      attempts,
      ({ lines, status }) => Array.isArray(lines) && status === 'AWAITING_PAYMENT',
    );
    const named = firstAnswered(attempts, ({ id, orderId }) => id !== undefined || orderId !== undefined);
    const best = granted ?? named ?? attempts.find((attempt) => outcomeOf(attempt) === 'unknown');
    if (best === undefined) continue;
    const answer: Json = best.ending?.answer ?? {};
    const name: string | undefined = answer.id ?? answer.orderId;
    const reference: string | undefined = best.body?.reference;
    const order =
      (name === undefined ? undefined : stored.get(name)) ??
      (reference === undefined ? undefined : byReference.get(reference));
    // What is not stored, by either of its names, has never asked stock for anything; what was short got nothing.
    const isNamed = name !== undefined || reference !== undefined;
    const isMissing = order === undefined && isNamed && stored.size > 0;
    if (granted === undefined && (isMissing || (order !== undefined && order.state.shortages.length > 0))) continue;
    const id = order?.id ?? name;
    const seen = id === undefined ? undefined : seenOf.get(id);
    const { from } = spanOf(attempts, best);
    const to = granted?.ending?.endedAt ?? seen?.hadPiecesBy ?? never;
    // What is stored says that an order got its pieces, but not when.
    const isSure = to < never || (order?.state.reserved.length ?? 0) > 0;
    const lines = perSku(answer.lines ?? order?.state.lines ?? best.skus ?? []);
    const waitedAt = Math.max(from, seen?.waitedAt ?? from, (id === undefined ? undefined : endedAt.get(id)) ?? from);
    const back =
      order === undefined ? backAsSeen(lines, waitedAt, seen) : backAsStored(order.state, lines, waitedAt, seen);
    for (const { sku, quantity } of lines) {
      const change = { held: quantity };
      const { alike: _, ...some } = perhaps(change, best, from);
      const sure = { operation: best, input: { change }, from, to, alike: alikeOf(change) };
      const whose = id === undefined ? {} : { orderId: id };
      const reserved = add(sku, { ...(isSure ? sure : some), ...whose });
      for (const { as, lines: returned, since, operation = best } of back) {
        for (const line of returned) {
          if (line.sku !== sku) continue;
          const given = as === 'released' ? { held: -line.quantity } : { returned: line.quantity };
          const one = { ...perhaps(given, operation, Math.max(from, since)), ...whose };
          // What an order surely had, it can give back from its beginning on: that is as good as after it, and alike for all.
          add(sku, isSure ? one : { ...one, after: reserved, alike: `${alikeOf(given)} of ${reserved}` });
        }
      }
    }
  }
}

/** SKUs by the ids of their products. */
function skusOf({ history, products }: Evidence): ReadonlyMap<string, string> {
  const skus = new Map(products.map(({ id, sku }) => [id, sku]));
  for (const { kind, body, ending } of history)
    if (kind === 'create-product' && ending?.answer?.id !== undefined) skus.set(ending.answer.id, body.sku);
  return skus;
}

/** An order that stock refused saw what there was, of what it lacked exactly. */
function addShortage(
  attempts: readonly Operation[],
  short: Operation,
  skus: ReadonlyMap<string, string>,
  add: Add,
): void {
  const lacking = new Set<string>();
  for (const { productId, available } of short.ending?.answer.errors ?? []) {
    const sku = skus.get(productId);
    if (sku === undefined) continue;
    lacking.add(sku);
    add(sku, { ...spanOf(attempts, short), input: { available } });
  }
  // What was in a cart when it was ordered is not known for sure.
  const asked: readonly Json[] = short.body?.lines ?? [];
  const lines = asked.flatMap(({ productId, quantity }) => {
    const sku = skus.get(productId);
    return sku === undefined ? [] : [{ sku, quantity: quantity as number }];
  });
  for (const { sku, quantity } of perSku(lines))
    if (!lacking.has(sku)) add(sku, { ...spanOf(attempts, short), input: { atLeast: quantity } });
}

interface Back {
  /** Reserved pieces are released, sold ones are returned. */
  readonly as: 'released' | 'returned';
  readonly lines: Lines;
  readonly since: number;
  readonly operation?: Operation;
}

/** What may have come back of an order, by what is stored of it. */
function backAsStored(order: Order, lines: Lines, waitedAt: number, seen: Seen | undefined): readonly Back[] {
  if (!wasPaid.has(order.status)) return [{ as: 'released', lines, since: waitedAt }];
  const [operation] = seen?.undone ?? [];
  return Object.values(order.refunds).flatMap(({ restock, lines: refunded }): Back[] => {
    if (!restock) return [];
    const pieces = refunded.map(({ line, quantity }) => ({ sku: order.lines[line]?.sku ?? '', quantity }));
    const since = operation?.at ?? 0;
    return [{ as: 'returned', lines: perSku(pieces), since, ...(operation === undefined ? {} : { operation }) }];
  });
}

/** The same by what was seen alone: if a paid order was undone, in parts or as a whole, each piece by itself. */
function backAsSeen(lines: Lines, waitedAt: number, seen: Seen | undefined): readonly Back[] {
  const released: readonly Back[] = seen?.wasPaid === true ? [] : [{ as: 'released', lines, since: waitedAt }];
  const [operation] = seen?.undone ?? [];
  if (operation === undefined) return released;
  const single = lines.flatMap(({ sku, quantity }) => Array.from({ length: quantity }, () => ({ sku, quantity: 1 })));
  return [
    ...released,
    ...single.map((line) => ({ as: 'returned' as const, lines: [line], since: operation.at, operation })),
  ];
}

function whatWasSeen({ history }: Evidence): ReadonlyMap<string, Seen> {
  const all = new Map<string, Seen>();
  const of = (id: string): Seen => {
    const seen = all.get(id) ?? { hadPiecesBy: never, waitedAt: 0, wasPaid: false, undone: [] };
    all.set(id, seen);
    return seen;
  };
  for (const { id, order, operation } of seenOrders(history)) {
    const seen = of(id);
    const { kind, at, ending } = operation;
    if (hadPieces.has(order.status)) seen.hadPiecesBy = Math.min(seen.hadPiecesBy, ending?.endedAt ?? never);
    if (wasPaid.has(order.status)) seen.wasPaid = true;
    // Other answers may be repeats, or from a list: of an earlier time than they were asked at.
    if (kind === 'read-order' && order.status === 'AWAITING_PAYMENT') seen.waitedAt = Math.max(seen.waitedAt, at);
  }
  for (const operation of history) {
    const { kind, path } = operation;
    if ((kind !== 'cancel-order' && kind !== 'refund-order') || outcomeOf(operation) === 'fail') continue;
    const id = path.split('/').at(-2);
    if (id !== undefined) of(id).undone.push(operation);
  }
  return all;
}

/** When orders ended unpaid, by their journal: nothing was given back before. Of no use if clocks were moved. */
function endsOf({ books, faults }: Evidence): ReadonlyMap<string, number> {
  const ends = new Map<string, number>();
  if (faults.some(({ kind }) => kind === 'clock-skew')) return ends;
  for (const { id, type, at } of books.contexts.orders?.journal ?? [])
    if (['Cancelled', 'Expired', 'PaymentFailed'].includes(type)) ends.set(id, at - CLOCKS_APART_MS);
  return ends;
}

function perSku(lines: Lines): Lines {
  const sums = new Map<string, number>();
  for (const { sku, quantity } of lines) sums.set(sku, (sums.get(sku) ?? 0) + quantity);
  return [...sums].map(([sku, quantity]) => ({ sku, quantity }));
}
