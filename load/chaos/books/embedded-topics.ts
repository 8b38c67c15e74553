// The event log of the embedded mode: tables of PostgreSQL in a schema of their own.

import { setTimeout as pause } from 'node:timers/promises';
import { consumerGroups } from '../../../brokers/consumers.ts';
import type { Ask, BookRow } from './book-database.ts';
import type { TopicRecord } from './books.ts';
import { HISTORY, type LogBook, parsed, placeOf } from './log-book.ts';

const POLL_MS = 50;
const POSITIONS_MS = 5_000;

/** The log of a shop in one process. */
export function embeddedBook(ask: Ask): LogBook {
  async function ends(): Promise<Readonly<Record<string, number>>> {
    const rows = await ask('select topic, partition, "offset"::float8 as next from log.ends');
    return Object.fromEntries(rows.map(({ topic, partition, next }) => [placeOf(topic, partition), next]));
  }

  async function positionsNow(until: Readonly<Record<string, number>>) {
    const rows = await ask('select "group", topic, partition, "offset"::float8 as next from log.offsets');
    const known = new Map(
      rows.map(({ group, topic, partition, next }) => [`${group} ${placeOf(topic, partition)}`, next]),
    );
    return Object.entries(consumerGroups).flatMap(([group, { topics }]) =>
      group === HISTORY && !rows.some((row) => row['group'] === group)
        ? []
        : Object.entries(until).flatMap(([place, end]) => {
            const [topic = '', partition] = place.split('/');
            if (!(topics as readonly string[]).includes(topic)) return [];
            return [{ group, topic, partition: Number(partition), next: known.get(`${group} ${place}`) ?? 0, end }];
          }),
    );
  }

  return {
    ends,
    async read(from) {
      const columns = 'topic, partition, "offset"::float8 as "offset", key, ce_id, ce_time::float8 as ce_time, value';
      const records = await ask(
        `select ${columns}, at::float8 as appended_at from log.records order by topic, partition, "offset"`,
      );
      const letters = await ask(
        `select ${columns}, appended_at::float8 as appended_at, reason from log.dead_letters order by number`,
      );
      const isNew = ({ topic, partition, offset }: TopicRecord) => offset >= (from[placeOf(topic, partition)] ?? 0);
      return { topics: records.map(toRecord).filter(isNew), deadLetters: letters.map(toRecord).filter(isNew) };
    },
    async positions(withinMs = POSITIONS_MS) {
      const until = await ends();
      for (const giveUpAt = performance.now() + withinMs; ; await pause(POLL_MS)) {
        const positions = await positionsNow(until);
        if (performance.now() >= giveUpAt || positions.every(({ next, end }) => next >= end)) return positions;
      }
    },
    async hasHistory() {
      const [row] = await ask('select exists (select from log.offsets where "group" = $1) as is', [HISTORY]);
      return row?.['is'] === true;
    },
    close: async () => {},
  };
}

const toRecord = (row: BookRow): TopicRecord => ({
  topic: row['topic'],
  partition: row['partition'],
  offset: row['offset'],
  key: row['key'],
  id: row['ce_id'],
  time: row['ce_time'],
  appendedAt: row['appended_at'],
  ...parsed(row['value']),
  ...(row['reason'] === undefined ? {} : { reason: row['reason'] }),
});
