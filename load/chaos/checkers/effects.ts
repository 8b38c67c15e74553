// I9: whatever is delivered again, by the outbox, by the log or by a client, takes effect once.
//
//   a command id ─► one version of its actor        payments: one start        stock: one movement of each kind per order
//   an outcome   ─► one mail, by its Message-ID     events of ours ─► none among the dead letters

import { type Examination, examine, type Finding } from '../../../mixins/finding.ts';
import type { ActorContext, Books, ContextBooks, JournalEntry, TopicRecord } from '../books/books.ts';
import { orderOfMail } from '../books/mails.ts';
import type { Evidence } from './checker.ts';
import { isPoison } from './poison.ts';

/** Events that an actor has once in its life, whatever is delivered to it again. */
const onceInALife: Readonly<Partial<Record<ActorContext, readonly string[]>>> = {
  orders: ['Placed', 'StockReserved', 'Paid', 'Shipped', 'Delivered', 'Cancelled', 'Expired', 'PaymentFailed'],
  payments: ['Prepared', 'ChargeStarted', 'Succeeded', 'Failed', 'Voided', 'CapturedLate'],
  notifications: ['OrderNoted', 'OutcomeNoted'],
};

/** I9. */
export function checkEffects({ books, from }: Evidence): readonly Finding[] {
  const contexts = Object.entries(books.contexts) as [ActorContext, ContextBooks][];
  return [
    checkCommands(contexts),
    checkLives(contexts),
    checkStock(books.contexts.inventory?.journal ?? []),
    ...checkMails(books, from),
    checkLetters(books),
  ];
}

/** Wherever a command left a trace, it is that of one version. */
function checkCommands(contexts: readonly [ActorContext, ContextBooks][]): Finding {
  const once = examine('I9', 'every command takes effect once: its traces are those of one version', 'commands');
  for (const [context, { journal, inbox }] of contexts) {
    const versions = new Map<string, number>();
    const see = (actorId: string, commandId: string, version: number, isRepeat: boolean) => {
      const name = `${actorId}\n${commandId}`;
      const known = versions.get(name);
      if (known === undefined) once.look(1);
      if (known !== undefined && (known !== version || isRepeat)) {
        once.wrong(`${context}: ${actorId} took the command ${commandId} at its versions ${known} and ${version}`);
      }
      versions.set(name, version);
    };
    for (const { actorId, commandId, version } of inbox) see(actorId, commandId, version, true);
    for (const { id, commandId, version } of journal) see(id, commandId, version, false);
  }
  return once.finding();
}

function checkLives(contexts: readonly [ActorContext, ContextBooks][]): Finding {
  const once = examine('I9', 'what happens once in a life happens once', 'orders, payments and notifications');
  for (const [context, { journal }] of contexts) {
    const types = onceInALife[context];
    if (types === undefined) continue;
    for (const [id, entries] of Map.groupBy(journal, (entry) => entry.id)) {
      once.look(1);
      for (const type of types) {
        const { length } = entries.filter((entry) => entry.type === type);
        if (length > 1) once.wrong(`${context}: ${id} has ${type} ${length} times`);
      }
    }
  }
  return once.finding();
}

/** Per partition each order reserves, commits and releases once, and each refund returns once. */
function checkStock(journal: readonly JournalEntry[]): Finding {
  const once = examine('I9', 'stock is moved once for each order, refund and delivery', 'movements');
  const seen = new Set<string>();
  for (const { id, type, data } of journal) {
    const cause: string | undefined = data.refundId ?? data.orderId ?? data.movementId;
    if (cause === undefined) continue;
    once.look(1);
    const name = `${type} of ${cause} in ${id}`;
    if (seen.has(name)) once.wrong(`stock: ${name} happened more than once`);
    seen.add(name);
  }
  return once.finding();
}

/** The Message-ID of the mail that an event causes. */
const messageIdOf = (eventId: string): string => `${eventId.replaceAll('/', '.')}@souk`;

const isFree = ({ data }: TopicRecord): boolean => Number(data?.total?.amount) === 0;

/** The mails that have to be: one about each order that was told and whose outcome was told; what is free has none to tell. */
function mailsWanted({ topics }: Books): ReadonlyMap<string, ReadonlySet<string>> {
  const created = new Map<string, TopicRecord>();
  const outcomes = new Map<string, Set<string>>();
  const note = (orderId: string, id: string) => outcomes.set(orderId, (outcomes.get(orderId) ?? new Set()).add(id));
  for (const record of topics) {
    const { topic, id, data } = record;
    if (isPoison(record) || data?.orderId === undefined) continue;
    if (topic === 'order.created') {
      created.set(data.orderId, record);
      if (isFree(record)) note(data.orderId, messageIdOf(id));
    }
    if (topic === 'payment.succeeded' || topic === 'payment.failed') note(data.orderId, messageIdOf(id));
  }
  return new Map([...outcomes].filter(([orderId]) => created.has(orderId)));
}

function checkMails(books: Books, from: number): readonly Finding[] {
  const sent = examine('I9', 'one mail is sent about every order whose outcome is known', 'orders');
  const wanted = examine('I9', 'every mail is about an outcome that was told, and no order has two', 'mails');
  const parked = new Set((books.contexts.notifications?.parked ?? []).map(({ commandId }) => commandId));
  const ids = new Set(books.mails.map(({ messageId }) => messageId));
  const expected = mailsWanted(books);
  // If mails of the run may be gone, what is missing says nothing.
  const isComplete = books.mailsFrom === undefined || books.mailsFrom <= from;
  for (const [orderId, messages] of isComplete ? expected : []) {
    sent.look(1);
    if ([...messages].some((id) => ids.has(id) || parked.has(id))) continue;
    sent.wrong(`no mail was sent about order ${orderId} (${[...messages].join(', ')})`);
  }
  const first = new Map<string, string>();
  for (const { messageId } of books.mails) {
    const orderId = orderOfMail({ messageId });
    wanted.look(1);
    if (orderId === undefined || expected.get(orderId)?.has(messageId) !== true) {
      wanted.wrong(`the mail ${messageId} is about nothing that was told`);
      continue;
    }
    const before = first.get(orderId);
    if (before !== undefined && before !== messageId)
      wanted.wrong(`order ${orderId} had two mails: ${before} and ${messageId}`);
    first.set(orderId, messageId);
  }
  const turnedOver = isComplete ? undefined : 'nothing: the file of mails was turned over, older ones are gone';
  return [sent.finding(turnedOver), wanted.finding()];
}

/** An event of ours among the dead letters is an effect that never was. */
function checkLetters({ topics, deadLetters }: Books): Finding {
  const taken: Examination = examine('I9', 'no event of the shop lies among the dead letters', 'events');
  taken.look(topics.filter((record) => !isPoison(record)).length);
  for (const record of deadLetters) {
    if (isPoison(record)) continue;
    taken.wrong(`${record.topic} ${record.id} lies among the dead letters: ${record.reason ?? 'no reason is given'}`);
  }
  return taken.finding();
}
