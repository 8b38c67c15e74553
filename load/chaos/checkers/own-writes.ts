// I12: who has changed something and was told so sees it, or something later, whatever node is asked. Carts are in carts.ts.
//
//   placed ─► found by its id, and in the list        status and refunds ─► never back
//   account changed ─► the new values                 stock moved ─► counted, and counters never fall
//
// Only a question that began after the answer about the change had come has to know of it. `available` of a product may
// be a quarter of a second old and is not looked at.

import { type Examination, examine, type Finding } from '../../../mixins/finding.ts';
import type { History, Json, Operation } from '../history/operation.ts';
import type { Checker, Evidence } from './checker.ts';
import { checkAccounts } from './own-accounts.ts';
import { minorUnits, placedId, seenOrders } from './seen-orders.ts';
import { firstTries, setbacks } from './seen-paths.ts';
import { granted, outcomeOfWish, pathOf, wishesOf } from './wishes.ts';

/** I12, but for carts. */
export const checkOwnWrites: Checker = ({ history }: Evidence) => [
  checkFound(history),
  checkListed(history),
  checkForward(history),
  checkAccounts(history),
  ...checkCounted(history),
];

const endOf = ({ ending, at }: Operation): number => ending?.endedAt ?? at;

/** What was created is there from then on. */
function checkFound(history: History): Finding {
  const found = examine('I12', 'what was created is found by its id', 'questions for an id');
  const created = new Map<string, Operation>();
  for (const operation of history) {
    const id = placedId(operation) ?? (operation.kind === 'create-product' ? granted(operation)?.id : undefined);
    // The key makes a repeat the same order: its first answer counts.
    if (typeof id === 'string' && !created.has(id)) created.set(id, operation);
  }
  for (const operation of history) {
    if (operation.kind !== 'read-order' && operation.kind !== 'read-product') continue;
    const id = pathOf(operation).split('/').at(-1) ?? '';
    const by = created.get(id);
    const mayAsk =
      operation.kind === 'read-product' || by?.principal === operation.principal || operation.principal === 'staff';
    if (by === undefined || !mayAsk || endOf(by) >= operation.at) continue;
    found.look(1);
    if (operation.ending?.status === 404)
      found.wrong(
        `${id} was acknowledged to ${by.principal} (operation ${by.id}), and not found (operation ${operation.id})`,
      );
  }
  return found.finding();
}

interface Placed {
  readonly id: string;
  readonly createdAt: string;
  readonly reference: string | undefined;
  readonly operation: Operation;
}

/** A list of the own orders, newest first, has all that were placed before it and are within the page. */
function checkListed(history: History): Finding {
  const listed = examine('I12', 'the own orders are in the own list', 'orders within a page');
  const placed = new Map<string, Placed[]>();
  for (const operation of history) {
    const { kind, principal } = operation;
    const answer = granted(operation);
    if (kind === 'place-order' && operation.ending?.status === 201 && typeof answer?.createdAt === 'string') {
      const { id, createdAt, reference } = answer;
      const its = placed.get(principal) ?? [];
      its.push({ id, createdAt, reference, operation });
      placed.set(principal, its);
    }
    if (kind === 'list-orders' && Array.isArray(answer?.items))
      judgeList(operation, answer, placed.get(principal) ?? [], listed);
  }
  return listed.finding();
}

function judgeList(list: Operation, { items, next }: Json, placed: readonly Placed[], listed: Examination): void {
  const query = new URLSearchParams(list.path.split('?')[1] ?? '');
  // By status orders come and go; what other filters leave out is not worth knowing here.
  if (['status', 'from', 'to', 'customerId'].some((name) => query.has(name))) return;
  const wanted = query.get('reference');
  const shown = new Set((items as readonly Json[]).map(({ id }) => id as string));
  const [first, last] = [items[0], items.at(-1)];
  // The newest come first, so from the oldest that is shown on all are.
  for (let n = placed.length - 1; n >= 0; n--) {
    const { id, createdAt, reference, operation } = placed[n] as Placed;
    if (next !== null && last !== undefined && isNewer(last, { id, createdAt })) {
      // Answers come in another order than orders were made, but not by much more than a page.
      if (Date.parse(last.createdAt) - Date.parse(createdAt) > PAGE_SLACK_MS) break;
      continue;
    }
    if (query.has('cursor') && (first === undefined || isNewer({ id, createdAt }, first))) continue;
    if (endOf(operation) >= list.at || (wanted !== null && wanted !== reference)) continue;
    if (next !== null && last === undefined) continue;
    listed.look(1);
    if (!shown.has(id))
      listed.wrong(
        `order ${id} was acknowledged to ${list.principal} (operation ${operation.id}), and is not in the list of operation ${list.id}`,
      );
  }
}

/** How much older than a page an order is, so that none before it need be looked at, in milliseconds. */
const PAGE_SLACK_MS = 120_000;

const isNewer = (one: Json, other: Json): boolean =>
  one.createdAt === other.createdAt ? one.id > other.id : one.createdAt > other.createdAt;

/** How far an order is, without knowing its history: ends are as far as it goes. */
const places: Readonly<Record<string, number>> = {
  AWAITING_STOCK: 1,
  AWAITING_PAYMENT: 2,
  PAID: 3,
  SHIPPED: 4,
  DELIVERED: 5,
  REFUNDED: 6,
  CANCELLED: 6,
  EXPIRED: 6,
  PAYMENT_FAILED: 6,
};

function checkForward(history: History): Finding {
  const forward = examine('I12', 'status and refunds of an order never go back', 'sights of orders');
  const begunOf = firstTries(history);
  for (const [id, its] of Map.groupBy(seenOrders(history), (seen) => seen.id)) {
    forward.look(its.length);
    const sights = its.map((what) => {
      const { operation } = what;
      return { what, begun: begunOf(operation), ended: endOf(operation) };
    });
    const measures = {
      status: ({ status }: Json) => places[status] ?? 0,
      refunded: ({ refunded }: Json) => minorUnits(refunded),
    };
    for (const [name, measure] of Object.entries(measures)) {
      const placed = sights.map((sight) => ({ ...sight, place: measure(sight.what.order) }));
      for (const [is, was] of setbacks(placed)) {
        const [now, then] = [is, was].map(({ order }) => (name === 'status' ? order.status : order.refunded?.amount));
        forward.wrong(
          `order ${id} had the ${name} ${then} (operation ${was.operation.id}), and then ${now} (operation ${is.operation.id})`,
        );
      }
    }
  }
  return forward.finding();
}

const counters = ['received', 'sold', 'returned', 'writtenOff'] as const;

/** What moved stock is counted from then on, and no counter ever falls. */
function checkCounted(history: History): readonly Finding[] {
  const counted = examine(
    'I12',
    'deliveries and write-offs are in the stock that is read after them',
    'reads of stock',
  );
  const growing = examine(
    'I12',
    'what was received, sold, returned and written off never grows less',
    'reads of stock',
  );
  const reads = Map.groupBy(
    history.filter((operation) => operation.kind === 'read-stock' && granted(operation) !== undefined),
    ({ ending }) => ending?.answer.sku as string,
  );
  const received = movesOf(history, 'receive-stock', 'create-product');
  const writtenOff = movesOf(history, 'write-off-stock');
  for (const [sku, its] of reads) {
    counted.look(its.length);
    growing.look(its.length);
    for (const name of counters) {
      const sights = its.map((what) => ({
        what,
        place: what.ending?.answer[name],
        begun: what.at,
        ended: endOf(what),
      }));
      for (const [is, was] of setbacks(sights))
        growing.wrong(
          `${sku}: ${name} was ${was.ending?.answer[name]} (operation ${was.id}), and then ${is.ending?.answer[name]} (operation ${is.id})`,
        );
    }
    for (const [name, moves] of [
      ['received', received.get(sku)],
      ['writtenOff', writtenOff.get(sku)],
    ] as const)
      judgeCounts(sku, name, its, moves, counted);
  }
  return [counted.finding(), growing.finding()];
}

/** Times in order, with the sums of all pieces up to each. */
type Sums = readonly { readonly at: number; readonly sum: number }[];
interface Moves {
  readonly granted: Sums;
  readonly possible: Sums;
}

function movesOf(history: History, ...kinds: Parameters<typeof wishesOf>[1][]): ReadonlyMap<string, Moves> {
  const pieces = new Map<string, { granted: { at: number; sum: number }[]; possible: { at: number; sum: number }[] }>();
  for (const wish of wishesOf(history, ...kinds).values()) {
    const outcome = outcomeOfWish(wish);
    if (outcome === 'fail') continue;
    const isGranted = (attempt: Operation) => granted(attempt) !== undefined;
    const done = wish.attempts.filter(isGranted);
    const ended = Math.min(...done.map(endOf));
    for (const { sku, quantity } of (done[0] ?? wish.attempts[0]).skus ?? []) {
      const its = pieces.get(sku) ?? { granted: [], possible: [] };
      pieces.set(sku, its);
      its.possible.push({ at: wish.attempts[0].at, sum: quantity });
      if (outcome === 'ok') its.granted.push({ at: ended, sum: quantity });
    }
  }
  return new Map(
    [...pieces].map(([sku, its]) => [sku, { granted: summed(its.granted), possible: summed(its.possible) }]),
  );
}

function summed(moves: readonly { readonly at: number; readonly sum: number }[]): Sums {
  let total = 0;
  return moves.toSorted((a, b) => a.at - b.at).map(({ at, sum }) => ({ at, sum: (total += sum) }));
}

/** The sum of what was before this time. */
function sumBefore(sums: Sums, at: number): number {
  let [low, high] = [0, sums.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sums[middle]?.at ?? Infinity) < at) low = middle + 1;
    else high = middle;
  }
  return sums[low - 1]?.sum ?? 0;
}

function judgeCounts(
  sku: string,
  name: 'received' | 'writtenOff',
  reads: readonly Operation[],
  moves: Moves = { granted: [], possible: [] },
  counted: Examination,
): void {
  for (const read of reads) {
    const is: number = read.ending?.answer[name];
    const [least, most] = [sumBefore(moves.granted, read.at), sumBefore(moves.possible, endOf(read))];
    if (is >= least && is <= most) continue;
    const right = least === most ? String(least) : `${least} to ${most}`;
    counted.wrong(`${sku}: ${name} is ${is} (operation ${read.id}), by what clients were told it is ${right}`);
  }
}
