// I8: what was committed is told, in order, and nothing else is.
//
//   outbox rows `publish` ─► each is in its topic; of one sender and key, in the order of commits
//   records of topics     ─► each has its row
//
// At least once: a row may lie in its topic twice, after others as well. Consumers drop what they had, so it is the first
// time that counts.

import { partitionOf } from '../../../brokers/log-appender.ts';
import { isTopic, topics } from '../../../brokers/topics.ts';
import { type Examination, examine, type Finding } from '../../../mixins/finding.ts';
import type { Books, OutboxRow, TopicRecord } from '../books/books.ts';
import type { Evidence } from './checker.ts';
import { isPoison } from './poison.ts';

/** Services whose outbox is read: carts keep theirs in DynamoDB, activity and analytics have none. */
const owners: readonly string[] = ['orders', 'payments', 'products'];

/** I8. */
export function checkOutbox({ books }: Evidence): readonly Finding[] {
  const told = examine('I8', 'every committed outbox row is in its topic', 'rows');
  const inOrder = examine('I8', 'events of one aggregate lie in their topic in the order of their commits', 'rows');
  const committed = examine('I8', 'every event has a committed outbox row', 'events');
  const rows = publishedRows(books);
  const firsts = firstOfEach(books.topics);
  const gaps = compactedPlaces(books.topics);
  for (const row of rows) {
    told.look(1);
    if (!firsts.has(nameOf(row.target, row.messageId)) && !mayBeCompacted(row, gaps)) {
      told.wrong(`${row.target} ${row.messageId} was committed, but is not in its topic${whyNot(row, books)}`);
    }
  }
  for (const line of Map.groupBy(rows, ({ sender, target, key }) => `${sender} ${target} ${key}`).values()) {
    compareOrder(line, firsts, inOrder);
  }
  compareRows(books.topics, rows, committed);
  const partly = 'those of orders, payments and products';
  return [told.finding(partly), inOrder.finding(partly), committed.finding(partly)];
}

const nameOf = (topic: string, id: string): string => `${topic} ${id}`;

const publishedRows = ({ contexts }: Books): readonly OutboxRow[] =>
  Object.values(contexts).flatMap(({ outbox }) => outbox.filter(({ kind }) => kind === 'publish'));

/** Where each event lies for the first time, by topic and id. */
function firstOfEach(records: readonly TopicRecord[]): ReadonlyMap<string, TopicRecord> {
  const firsts = new Map<string, TopicRecord>();
  for (const record of records) {
    const name = nameOf(record.topic, record.id);
    const known = firsts.get(name);
    if (known === undefined || (known.partition === record.partition && known.offset > record.offset))
      firsts.set(name, record);
  }
  return firsts;
}

/** Partitions of compacted topics in which offsets are missing: the log keeps the last event of each key there. */
function compactedPlaces(records: readonly TopicRecord[]): ReadonlySet<string> {
  const places = new Set<string>();
  const next = new Map<string, number>();
  for (const { topic, partition, offset } of records) {
    if (!isTopic(topic) || topics[topic].cleanup !== 'compact') continue;
    const place = `${topic}/${partition}`;
    if (offset > (next.get(place) ?? offset)) places.add(place);
    next.set(place, offset + 1);
  }
  return places;
}

function mayBeCompacted({ target, key }: OutboxRow, places: ReadonlySet<string>): boolean {
  return isTopic(target) && places.has(`${target}/${partitionOf(key, topics[target].partitions)}`);
}

function whyNot(row: OutboxRow, { contexts }: Books): string {
  const parked = Object.values(contexts)
    .flatMap((context) => context.parked)
    .find(({ commandId }) => commandId === row.messageId);
  if (parked !== undefined) return `: it was put aside (${parked.reason})`;
  return row.sentAt === undefined ? ': it has not left' : ', though it is marked as sent';
}

/** Rows of one sender, topic and key. */
function compareOrder(
  rows: readonly OutboxRow[],
  firsts: ReadonlyMap<string, TopicRecord>,
  inOrder: Examination,
): void {
  let before: TopicRecord | undefined;
  for (const { target, messageId } of rows.toSorted((a, b) => a.seq - b.seq)) {
    const record = firsts.get(nameOf(target, messageId));
    if (record === undefined) continue;
    inOrder.look(1);
    if (before !== undefined && before.partition !== record.partition) {
      inOrder.wrong(
        `${target} ${messageId} lies in partition ${record.partition}, ${before.id} in ${before.partition}`,
      );
    } else if (before !== undefined && before.offset > record.offset) {
      inOrder.wrong(`${target} ${messageId} lies before ${before.id}, which was committed first`);
    }
    before = record;
  }
}

function compareRows(records: readonly TopicRecord[], rows: readonly OutboxRow[], committed: Examination): void {
  const keys = new Map(rows.map(({ target, messageId, key }) => [nameOf(target, messageId), key]));
  for (const record of records) {
    const { topic, id, key, partition, offset } = record;
    if (isPoison(record) || !isTopic(topic) || !owners.includes(topics[topic].owner)) continue;
    committed.look(1);
    const wanted = keys.get(nameOf(topic, id));
    if (wanted === undefined) committed.wrong(`${topic}/${partition} ${offset}: nobody committed the event ${id}`);
    else if (wanted !== key) committed.wrong(`${topic} ${id} has the key ${key}, it was committed for ${wanted}`);
  }
}
