// I11: every history is a path of its transition table, without a gap, to where its order, payment or reservation is; and
// what clients saw of an order lies on that path, and only ever moves forward.
//
//   journal + inbox ─► versions 1, 2, 3 …        journal ─► NEW ► AWAITING_STOCK ► … ► the stored state
//   answers ─► a status that the order had, at the version that the ETag names, never one from before an earlier answer

import { InvariantViolated } from '../../../actors/actor.ts';
import { type Order, orderActor, type OrderStatus, statusAfter } from '../../../actors/order.ts';
import { type Payment, paymentActor, paymentTransitions } from '../../../actors/payment.ts';
import { reservationTransitions } from '../../../actors/stock.ts';
import { type Examination, examine, type Finding } from '../../../mixins/finding.ts';
import type { ContextBooks, InboxRow, JournalEntry, StoredActor } from '../books/books.ts';
import type { Json } from '../history/operation.ts';
import type { Checker, Evidence } from './checker.ts';
import { checkSeen, type Path } from './seen-paths.ts';
import { canonical } from './wishes.ts';

/** I11. */
export const checkPaths: Checker = (evidence) => {
  const { orders, payments, inventory } = evidence.books.contexts;
  const journal = byActor(orders?.journal ?? []);
  return [
    checkHistories('orders', evidence.books.orders, orders, followOrder),
    checkHistories('payments', evidence.books.payments, payments, followPayment),
    checkReservations(evidence, inventory),
    checkSeen(evidence, (id) => pathOf(journal.get(id))),
  ];
};

/** Entries by actor, in order. */
function byActor(journal: readonly JournalEntry[]): ReadonlyMap<string, readonly JournalEntry[]> {
  const groups = Map.groupBy(journal, ({ id }) => id);
  for (const entries of groups.values()) entries.sort((a, b) => a.version - b.version || a.index - b.index);
  return groups;
}

/** The states that a history leads through; a sentence if it is no path. */
type Follow<S> = (history: readonly JournalEntry[]) => S | string;

function checkHistories<S extends object>(
  of: string,
  stored: readonly StoredActor<S>[],
  books: ContextBooks | undefined,
  follow: Follow<S>,
): Finding {
  const paths = examine('I11', 'every history is a path of the transition table to the stored state', of);
  if (books === undefined) return paths.finding('nothing: there is no journal');
  const journal = byActor(books.journal);
  const handled = Map.groupBy(books.inbox, ({ actorId }) => actorId);
  const known = new Set<string>();
  for (const { id, version, state } of stored) {
    known.add(id);
    paths.look(1);
    const history = journal.get(id) ?? [];
    const versions = [...history.map((entry) => entry.version), ...(handled.get(id) ?? []).map((row) => row.version)];
    const gap = gapIn(versions, 1, version, books.inbox.length > 0);
    if (gap !== undefined) paths.wrong(`${of} ${id}: ${gap}`);
    checkPlaces(`${of} ${id}`, history, handled.get(id) ?? [], paths);
    const end = follow(history);
    if (typeof end === 'string') paths.wrong(`${of} ${id} ${end}`);
    else compare(`${of} ${id}`, end, state, paths);
  }
  for (const id of journal.keys()) if (!known.has(id)) paths.wrong(`${of} ${id} has a history, and is not stored`);
  return paths.finding();
}

/** Versions that are missing or too many. One without entries is in the inbox: its command kept an answer, and no more. */
function gapIn(versions: readonly number[], first: number, last: number, isWhole: boolean): string | undefined {
  const seen = new Set(versions);
  const newest = versions.reduce((max, version) => Math.max(max, version), 0);
  if (newest > last) return `is at version ${last}, its history at ${newest}`;
  if (!isWhole) return undefined;
  for (let version = first; version <= last; version++)
    if (!seen.has(version)) return `its history has no version ${version} of ${last}`;
  return undefined;
}

/** Each version is of the one command that the inbox has for it, and its events are numbered. */
function checkPlaces(
  name: string,
  history: readonly JournalEntry[],
  handled: readonly InboxRow[],
  paths: Examination,
): void {
  const commands = new Map(handled.map(({ version, commandId }) => [version, commandId]));
  let [last, next] = [-1, 0];
  for (const { version, index, type, commandId } of history) {
    next = version === last ? next + 1 : 0;
    last = version;
    if (index !== next)
      paths.wrong(`${name} has the event ${type} at ${version}.${index}, where ${version}.${next} is next`);
    const known = commands.get(version) ?? commandId;
    if (known !== commandId)
      paths.wrong(`${name} has the event ${type} at version ${version} by ${commandId}, by the inbox ${known} made it`);
  }
}

function compare(name: string, end: Json, state: Json, paths: Examination): void {
  const members = new Set([...Object.keys(end as object), ...Object.keys(state as object)]);
  // Sealed values stand in no journal.
  members.delete('sealed');
  for (const member of members) {
    const [says, is] = [canonical(end[member]), canonical(state[member])];
    if (says !== is) paths.wrong(`${name} has ${member} ${is}, by its history ${says}`);
  }
}

function followOrder(history: readonly JournalEntry[]): Order | string {
  let order = orderActor.initial;
  for (const { type, data, version } of history) {
    const event = { type, data };
    if (statusAfter(order.status, event as never) === undefined)
      return `had the event ${type} at version ${version}, when it was ${order.status}`;
    const next = evolved(() => orderActor.evolve(order, event as never));
    if (typeof next === 'string') return next;
    order = next;
  }
  return order;
}

function followPayment(history: readonly JournalEntry[]): Payment | string {
  let payment = paymentActor.initial;
  for (const { type, data, version } of history) {
    const event = { type, data };
    if (paymentTransitions[payment.status][type as keyof object] === undefined)
      return `had the event ${type} at version ${version}, when it was ${payment.status}`;
    const next = evolved(() => paymentActor.evolve(payment, event as never));
    if (typeof next === 'string') return next;
    payment = next;
  }
  return payment;
}

function evolved<S>(evolve: () => S): S | string {
  try {
    return evolve();
  } catch (error) {
    if (!(error instanceof InvariantViolated)) throw error;
    return `has an impossible history: ${error.message}`;
  }
}

/** Reservations of the orders of the run, in each partition; a partition itself may be older than the run. */
function checkReservations({ books }: Evidence, inventory: ContextBooks | undefined): Finding {
  const paths = examine('I11', 'every reservation is a path of its transition table to the stored one', 'reservations');
  if (inventory === undefined) return paths.finding('nothing: there is no journal');
  const rows = new Map<string, string>();
  for (const { partition, key, row } of books.stock)
    if (row.kind === 'reservation') rows.set(`${partition} ${key.slice('reservation:'.length)}`, row.status);
  const own = new Set(books.orders.map(({ id }) => id));
  const reached = new Map<string, keyof typeof reservationTransitions>();
  for (const [partition, entries] of byActor(inventory.journal)) {
    const first = entries[0]?.version ?? 1;
    const handled = inventory.inbox.filter(({ actorId, version }) => actorId === partition && version >= first);
    const versions = [...entries, ...handled].map(({ version }) => version);
    const last = versions.reduce((max, version) => Math.max(max, version), 0);
    const gap = gapIn(versions, first, last, inventory.inbox.length > 0);
    if (gap !== undefined) paths.wrong(`partition ${partition}: ${gap}`);
    checkPlaces(`partition ${partition}`, entries, handled, paths);
    for (const { type, data, version } of entries) {
      const name = `${partition} ${data.orderId}`;
      if (data.refundId !== undefined || data.orderId === undefined || !(own.has(data.orderId) || rows.has(name)))
        continue;
      const status = reached.get(name) ?? 'none';
      const next = reservationTransitions[status][type as keyof object] as
        | keyof typeof reservationTransitions
        | undefined;
      if (next === undefined)
        paths.wrong(
          `reservation of ${data.orderId} had the event ${type} at version ${version}, when it was ${status}`,
        );
      reached.set(name, next ?? status);
    }
  }
  for (const name of new Set([...rows.keys(), ...reached.keys()])) {
    paths.look(1);
    const [is, says] = [rows.get(name) ?? 'not there', reached.get(name) ?? 'none'];
    if (is !== says) paths.wrong(`reservation of ${name.split(' ')[1]} is ${is}, by its history ${says}`);
  }
  return paths.finding();
}

/** Statuses of an order in their order, and the status at each of its versions. */
function pathOf(history: readonly JournalEntry[] | undefined): Path | undefined {
  if (history === undefined) return undefined;
  let status: OrderStatus = 'NEW';
  const places = new Map<string, number>([[status, 0]]);
  const versions: { version: number; status: string }[] = [];
  for (const { type, data, version } of history) {
    const next = statusAfter(status, { type, data } as never);
    if (next === undefined) return undefined;
    status = next;
    if (!places.has(status)) places.set(status, places.size);
    versions.push({ version, status });
  }
  return { places, versions };
}
