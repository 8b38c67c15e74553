// The event log's storage in PostgreSQL. One connection appends, one reads, one keeps positions: none waits for another.

import {
  type CheckedEvent,
  type LogStorage,
  LogUnavailable,
  type Place,
  type StoredRecord,
} from '../../brokers/log-storage.ts';
import { partitionsOf, type TopicName } from '../../brokers/topics.ts';
import { int4Array, int8Array, textArray } from '../postgres/arrays.ts';
import type { Row } from '../postgres/connection.ts';
import type { Database } from '../postgres/database.ts';
import { isConflict } from '../postgres/errors.ts';
import type { Lane, Parameter, Prepared } from '../postgres/lane.ts';
import { StoreUnavailable } from '../store.ts';
import * as statements from './statements.ts';

/** Times a statement that lost a race for a lock is tried again at once. */
const RACES_MAX = 5;
/** Records that one statement removes. */
const EXPIRE_CHUNK = 5_000;
const DEAD_LETTERS_MAX = 1_000;

/** The storage over an open database, whose `close` it takes over. */
export async function postgresStorage(database: Database): Promise<LogStorage> {
  const [appending, reading, keeping] = [
    oneByOne(database.lane()),
    oneByOne(database.lane()),
    oneByOne(database.lane()),
  ];

  const all = partitionsOf();
  await keeping(statements.begin, places(all));

  return {
    async append(events) {
      const { groups, numbers, within } = numbered(events);
      const rows = await appending(statements.append, [
        ...places(groups.map(([first]) => first as CheckedEvent)),
        int4Array(groups.map((group) => group.length)),
        int4Array(numbers),
        int4Array(within),
        int8Array(events.map(({ time }) => time)),
        textArray(events.map(({ key }) => key)),
        textArray(events.map(({ id }) => id)),
        textArray(events.map(({ source }) => source)),
        textArray(events.map(({ value }) => value)),
        textArray(events.map(({ traceparent }) => traceparent ?? null)),
      ]);
      const stored = new Map(
        rows.map((row) => [Number(row[0]), { first: Number(row[1]), appendedAt: Number(row[2]) }]),
      );
      return events.map((event, i) => {
        const group = stored.get(numbers[i] as number);
        if (group === undefined) throw new Error(`the log has no partition ${event.partition} of ${event.topic}`);
        return { ...event, offset: group.first + (within[i] as number), appendedAt: group.appendedAt };
      });
    },

    async read(from, limit) {
      const rows = await reading(statements.read, [
        ...places(from),
        int8Array(from.map(({ offset }) => offset)),
        limit,
      ]);
      return rows.map((row) => record(row, row[9])).sort((a, b) => a.offset - b.offset);
    },

    async ends() {
      return (await keeping(statements.ends, [])).map(place);
    },

    async claim(group, topics, holder, leaseMs) {
      const rows = await keeping(statements.claim, [group, textArray(topics), holder, leaseMs]);
      return rows.map((row) => ({ ...place(row), era: Number(row[3]), end: Number(row[4]) }));
    },
    async release(group, holder) {
      await keeping(statements.release, [group, holder]);
    },
    async advance(group, moved) {
      const offsets = int8Array(moved.map(({ offset }) => offset));
      await keeping(statements.advance, [group, ...places(moved), offsets, int4Array(moved.map(({ era }) => era))]);
    },
    async seek(group, { topic, partition, offset }) {
      await keeping(statements.seek, [group, topic, partition, offset]);
    },

    async bury({ group, record: { topic, partition, offset, appendedAt, time, key, id, source, value }, reason }) {
      const letter = [topic, partition, offset, appendedAt, time, key, id, source, value];
      // A reason is made of what was sent, and PostgreSQL holds no NUL.
      await keeping(statements.bury, [group, ...letter, reason.replaceAll('\0', '\\0')]);
    },
    async deadLetters() {
      const rows = await keeping(statements.deadLetters, [DEAD_LETTERS_MAX]);
      return rows.map((row) => ({ record: record(row), group: text(row[9]), reason: text(row[10]) }));
    },

    async expire(topic, retentionMs) {
      for (const { partition } of partitionsOf([topic])) {
        for (let gone = EXPIRE_CHUNK; gone === EXPIRE_CHUNK; ) {
          const [counted] = await keeping(statements.expire, [topic, partition, retentionMs, EXPIRE_CHUNK]);
          gone = Number(counted?.[0]);
        }
      }
    },
    close: () => database.close(),
  };
}

/** Events by partition: for each event the number of its partition's group (from 1) and its place in the group. */
function numbered(events: readonly CheckedEvent[]) {
  const known = new Map<string, number>();
  const groups: CheckedEvent[][] = [];
  const numbers: number[] = [];
  const within: number[] = [];
  for (const event of events) {
    const name = `${event.topic}/${event.partition}`;
    const number = known.get(name) ?? groups.push([]);
    known.set(name, number);
    const group = groups[number - 1] as CheckedEvent[];
    numbers.push(number);
    within.push(group.push(event) - 1);
  }
  return { groups, numbers, within };
}

type Run = Lane['run'];

/** Groups ask at any time, a connection answers one question after another. */
function oneByOne(lane: Lane): Run {
  let last: Promise<unknown> = Promise.resolve();
  return (statement, parameters) => {
    const answer = last.then(() => run(lane, statement, parameters));
    last = answer.catch(() => undefined);
    return answer;
  };
}

async function run(lane: Lane, statement: Prepared, parameters: readonly Parameter[]): Promise<readonly Row[]> {
  for (let race = 1; ; race++) {
    try {
      return await lane.run(statement, parameters);
    } catch (error) {
      if (isConflict(error) && race < RACES_MAX) continue;
      if (!(error instanceof StoreUnavailable) && !isConflict(error)) throw error;
      throw new LogUnavailable((error as Error).message, { cause: error });
    }
  }
}

const text = (value: string | null | undefined): string => value as string;

function places(all: readonly { readonly topic: TopicName; readonly partition: number }[]): [Buffer, Buffer] {
  return [textArray(all.map(({ topic }) => topic)), int4Array(all.map(({ partition }) => partition))];
}

function place(row: Row): Place {
  return { topic: text(row[0]) as TopicName, partition: Number(row[1]), offset: Number(row[2]) };
}

/** A row that begins with topic, partition, offset, appended at, time, key, id, source, value; and its trace, if it has one. */
function record(row: Row, traceparent?: string | null): StoredRecord {
  return {
    ...place(row),
    appendedAt: Number(row[3]),
    time: Number(row[4]),
    key: text(row[5]),
    id: text(row[6]),
    source: text(row[7]),
    value: text(row[8]),
    ...(typeof traceparent === 'string' && { traceparent }),
  };
}
