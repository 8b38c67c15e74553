// I11 as clients see it: the statuses of an order in answers, beside the path that its history took.
//
//   answer A ended ── before ──► answer B began       so B may show what A showed, or something later

import { examine, type Examination, type Finding } from '../../../mixins/finding.ts';
import type { History, Operation } from '../history/operation.ts';
import type { Evidence } from './checker.ts';
import { type SeenOrder, seenOrders } from './seen-orders.ts';
import { wishNameOf } from './wishes.ts';

/** Where an order went. */
export interface Path {
  /** Place of each status on the way. */
  readonly places: ReadonlyMap<string, number>;
  /** In order; the last entry of a version is what it led to. */
  readonly versions: readonly { readonly version: number; readonly status: string }[];
}

/** Something that only ever grows, as it was shown. */
export interface Sight<T> {
  readonly what: T;
  readonly place: number;
  /** When what was shown may have been so at the earliest, and at the latest. */
  readonly begun: number;
  readonly ended: number;
}

/** Every status that was shown, on the path of its order; `pathOf` gives undefined if nobody knows it. */
export function checkSeen({ history }: Evidence, pathOf: (id: string) => Path | undefined): Finding {
  const shown = examine('I11', 'clients see orders on their path, and only ever further on', 'sights of orders');
  const begunOf = firstTries(history);
  const sights = Map.groupBy(seenOrders(history), ({ id }) => id);
  for (const [id, its] of sights) {
    const path = pathOf(id);
    if (path === undefined) continue;
    shown.look(its.length);
    const placed: Sight<SeenOrder>[] = [];
    for (const seen of its) {
      const { operation, order } = seen;
      const place = path.places.get(order.status);
      const { ending, at } = operation;
      if (place === undefined)
        shown.wrong(`order ${id} was shown as ${order.status} (operation ${operation.id}), which it never was`);
      else placed.push({ what: seen, place, begun: begunOf(operation), ended: ending?.endedAt ?? at });
      judgeVersion(id, seen, path, shown);
    }
    for (const [is, was] of setbacks(placed))
      shown.wrong(
        `order ${id} was shown as ${is.order.status} (operation ${is.operation.id}) after it was shown as ${was.order.status} (operation ${was.operation.id})`,
      );
  }
  return shown.finding();
}

/** A read says by its ETag which version it shows. */
function judgeVersion(id: string, { operation, order }: SeenOrder, { versions }: Path, shown: Examination): void {
  const version = Number(/^(?:W\/)?"(\d+)"$/.exec(operation.ending?.etag ?? '')?.[1] ?? Number.NaN);
  if (operation.kind !== 'read-order' || Number.isNaN(version)) return;
  const was = versions.findLast((entry) => entry.version <= version)?.status ?? 'NEW';
  if (was !== order.status)
    shown.wrong(
      `order ${id} was shown as ${order.status} at version ${version} (operation ${operation.id}), where it was ${was}`,
    );
}

/** Sights that began after another had ended and show less: each with the one that had shown most. */
export function* setbacks<T>(sights: readonly Sight<T>[]): Generator<readonly [is: T, was: T]> {
  const ended = sights.toSorted((a, b) => a.ended - b.ended);
  let [next, furthest]: [number, Sight<T> | undefined] = [0, undefined];
  for (const sight of sights.toSorted((a, b) => a.begun - b.begun)) {
    for (let past = ended[next]; past !== undefined && past.ended < sight.begun; past = ended[++next])
      if (furthest === undefined || past.place > furthest.place) furthest = past;
    if (furthest !== undefined && furthest.place > sight.place) yield [sight.what, furthest.what];
  }
}

/** When each wish was first tried: what a key has led to is shown again as it was then. */
export function firstTries(history: History): (operation: Operation) => number {
  const tried = new Map<string, number>();
  for (const operation of history) {
    const name = wishNameOf(operation);
    if (!tried.has(name)) tried.set(name, operation.at);
  }
  return (operation) => tried.get(wishNameOf(operation)) ?? operation.at;
}
