// L1–L4 and L6: everything comes to its end in time. L5, what clients notice, is in `failover.ts`.
//
//   L1 orders and refunds    settled 60 s after the last fault     L3 outboxes   2 s behind, drained 30 s after a fault
//   L2 reservations          gone 30 s after their deadline        L4 groups     at the ends of their topics

import { type Examination, examine, type Finding } from '../../../mixins/finding.ts';
import type { JournalEntry, Sample } from '../books/books.ts';
import type { Evidence } from './checker.ts';
import { checkMemory } from './memory.ts';
import { dueBy, hasWrongClocks, isTroubled, lastHealed } from './outages.ts';

const SETTLED_MS = 60_000;
const RESERVATION_GRACE_MS = 30_000;
const LAG_MAX_MS = 2_000;
const DRAINED_MS = 30_000;
/** Looks are made every second: one that comes later than this says nothing of how it was in time, in milliseconds. */
const LOOK_GRACE_MS = 5_000;
const PERCENTILE = 0.99;
/**
 * Of fewer messages in health nothing can be said. They travel in batches, of twenty to two hundred: of a few thousand a
 * single one that met a busy moment would decide.
 */
const CALM_MESSAGES_MIN = 5_000;
/** What ends the waiting of an order. */
const ends: ReadonlySet<string> = new Set(['StockRejected', 'Paid', 'PaymentFailed', 'Cancelled', 'Expired']);
const CLOCKS = 'how they ended: clocks were set wrong on purpose, so their times say nothing';

/** L1–L4, L6. */
export function checkLiveness(evidence: Evidence): readonly Finding[] {
  return [
    checkSettled(evidence),
    checkReservations(evidence),
    checkLag(evidence),
    checkDrained(evidence),
    checkGroups(evidence),
    checkMemory(evidence),
  ];
}

/** L1: neither an order nor a refund waits longer than 60 s after the last fault, or after its own time. */
function checkSettled({ books, faults, from, paymentDeadlineMs }: Evidence): Finding {
  const settled = examine('L1', 'every order and refund is settled 60 s after the last fault', 'orders and refunds');
  const healed = lastHealed(faults, from);
  const isTimed = !hasWrongClocks(faults);
  const journal = Map.groupBy(books.contexts.orders?.journal ?? [], ({ id }) => id);
  for (const { id, state } of books.orders) {
    const entries = journal.get(id) ?? [];
    settled.look(1);
    const end = entries.find(({ type }) => ends.has(type));
    const by = Math.max(healed, state.createdAt + paymentDeadlineMs) + SETTLED_MS;
    if (state.status.startsWith('AWAITING')) settled.wrong(`order ${id} is still ${state.status}`);
    else if (isTimed && end !== undefined && end.at > by)
      settled.wrong(`order ${id} was ${end.type} ${seconds(end.at - by)} too late`);
    for (const [refundId, { confirmed }] of Object.entries(state.refunds)) {
      settled.look(1);
      const find = (type: string) => entries.find((entry) => entry.type === type && entry.data.refundId === refundId);
      const [asked, done] = [find('RefundRequested'), find('Refunded')];
      if (!confirmed) settled.wrong(`the refund ${refundId} of order ${id} is still not confirmed`);
      else if (isTimed && asked !== undefined && done !== undefined) {
        const late = done.at - Math.max(healed, asked.at) - SETTLED_MS;
        if (late > 0) settled.wrong(`the refund ${refundId} of order ${id} was confirmed ${seconds(late)} too late`);
      }
    }
  }
  return settled.finding(isTimed ? undefined : CLOCKS);
}

/** L2: what an order holds is sold or free again 30 s after the order's deadline. */
function checkReservations({ books, faults }: Evidence): Finding {
  const timely = examine('L2', 'no reservation outlives its deadline by 30 s', 'reservations');
  const isTimed = !hasWrongClocks(faults);
  const deadlines = new Map(books.orders.map(({ id, state }) => [id, state.deadline]));
  const ended = new Map<string, number>();
  const held: JournalEntry[] = [];
  for (const entry of books.contexts.inventory?.journal ?? []) {
    if (entry.type === 'Reserved') held.push(entry);
    if (entry.type === 'Committed' || entry.type === 'Released')
      ended.set(nameOf(entry.id, entry.data.orderId), entry.at);
  }
  for (const { id: partition, data } of held) {
    const deadline = deadlines.get(data.orderId);
    const at = ended.get(nameOf(partition, data.orderId));
    timely.look(1);
    if (deadline === undefined) {
      if (at === undefined) timely.wrong(`${partition} holds pieces for ${data.orderId}, which is no order`);
      continue;
    }
    const late = (at ?? books.at) - dueBy(faults, deadline, RESERVATION_GRACE_MS);
    if (late <= 0 || (at !== undefined && !isTimed)) continue;
    timely.wrong(
      `${partition} held the pieces of order ${data.orderId} ${seconds(late)} too long${at === undefined ? ', and still does' : ''}`,
    );
  }
  for (const { partition, key, row } of books.stock) {
    const orderId = key.slice('reservation:'.length);
    if (row.kind !== 'reservation' || row.status !== 'reserved') continue;
    if (held.some(({ id, data }) => id === partition && data.orderId === orderId)) continue;
    timely.look(1);
    timely.wrong(`${partition} holds pieces for ${orderId}, and no movement says why`);
  }
  return timely.finding(isTimed ? undefined : CLOCKS);
}

const nameOf = (partition: string, orderId: string): string => `${partition} ${orderId}`;
const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;

/** L3, first half: in health messages leave soon. What the provider is asked to do takes as long as the provider takes. */
function checkLag({ books, faults }: Evidence): Finding {
  const young = examine('L3', 'in health 99 of 100 messages leave their outbox within 2 s', 'messages');
  const isCalm = (at: number): boolean => !isTroubled(faults, at, DRAINED_MS);
  const lags: { readonly context: string; readonly ms: number }[] = [];
  for (const [context, { outbox }] of Object.entries(books.contexts))
    for (const { kind, storedAt, sentAt = books.at } of outbox)
      if (!(context === 'payments' && kind === 'perform') && isCalm(storedAt) && isCalm(storedAt + LAG_MAX_MS))
        lags.push({ context, ms: sentAt - storedAt });
  if (lags.length < CALM_MESSAGES_MIN)
    return young.finding(`nothing: ${lags.length} messages in health are too few, ${CALM_MESSAGES_MIN} would do`);
  young.look(lags.length);
  lags.sort((a, b) => a.ms - b.ms);
  const found = lags[Math.ceil(lags.length * PERCENTILE) - 1];
  if (found !== undefined && found.ms >= LAG_MAX_MS) {
    const many = lags.filter(({ ms }) => ms >= LAG_MAX_MS).length;
    const { context, ms } = lags.at(-1) ?? found;
    young.wrong(`${many} of ${lags.length} took longer; ${context} had one for ${seconds(ms)}`, many);
  }
  return young.finding();
}

/** L3, second half: 30 s after a fault the outboxes are drained, unless the next fault has come. */
function checkDrained({ books, faults }: Evidence): Finding {
  const drained = examine('L3', 'outboxes are drained 30 s after a fault', 'faults');
  let [tooSoon, unlooked] = [0, 0];
  for (const { kind, target, to } of faults) {
    const until = to + DRAINED_MS;
    // Another one that comes, or that goes on: from then on nothing can be said about this one.
    const next = Math.min(...faults.filter((other) => other.to > to).map(({ from }) => Math.max(from, to)));
    const looks = books.samples.filter(({ at }) => at > to && at < next);
    if (looks.some((sample) => sample.at <= until && lagOf(sample).ms < LAG_MAX_MS)) {
      drained.look(1);
      continue;
    }
    const late = looks.find(({ at }) => at > until);
    if (late === undefined || !isTold(late, until)) {
      if (next <= until + LOOK_GRACE_MS) tooSoon += 1;
      else unlooked += 1;
      continue;
    }
    drained.look(1);
    const { context, ms } = lagOf(late);
    if (ms >= LAG_MAX_MS)
      drained.wrong(
        `${seconds(late.at - to)} after ${kind} of ${target} a message of ${context} was ${seconds(ms)} old`,
      );
  }
  const unseen = [
    ...(tooSoon === 0 ? [] : [`${tooSoon}, after which another one came too soon`]),
    ...(unlooked === 0 ? [] : [`${unlooked}, at which nobody looked in time`]),
  ];
  return drained.finding(unseen.length === 0 ? undefined : `all but ${unseen.join(', and ')}`);
}

/**
 * Whether the first look after its time tells if an outbox was drained in time. One that comes long after it finds it
 * drained however long that took; but a message that was there by then and still is was not sent in time.
 */
function isTold(late: Sample, until: number): boolean {
  return late.at <= until + LOOK_GRACE_MS || late.at - lagOf(late).ms < until;
}

/** The longest of a look. */
function lagOf({ outboxLag }: Sample): { readonly context: string; readonly ms: number } {
  const [first] = Object.entries(outboxLag).toSorted(([, a], [, b]) => b - a);
  return { context: first?.[0] ?? 'nobody', ms: first?.[1] ?? 0 };
}

/** L4: every group has taken all that there is, and the shop came to rest. */
function checkGroups({ books, quietAt }: Evidence): Finding {
  const moving: Examination = examine(
    'L4',
    'no consumer is stuck: every group is at the ends of its topics',
    'positions',
  );
  for (const { group, topic, partition, next, end } of books.positions) {
    moving.look(1);
    if (next < end) moving.wrong(`${group} is at ${next} of ${end} in ${topic}/${partition}`);
  }
  if (quietAt === undefined) moving.wrong('the shop never came to rest after the run');
  return moving.finding();
}
