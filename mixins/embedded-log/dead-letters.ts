// The dead letters of the embedded log, for the same questions as those in Kafka (kafka-log/dead-letters.ts).
//
//   dead_letters ─► list, show ─► redrive ─► records, and `redriven_at` in the letter

import { createStoredLog } from '../../brokers/stored-log.ts';
import { isTopic, type TopicName, topics } from '../../brokers/topics.ts';
import type { DeadLetter, DeadLetters } from '../kafka-log/dead-letters.ts';
import { openDatabase } from '../postgres/database.ts';
import { logMigrations } from './embedded-log.ts';
import { postgresStorage } from './storage.ts';

/** Of all topics: the oldest of them; what is given back makes room. */
const LETTERS_MAX = 10_000;

interface Row {
  readonly number: string;
  readonly group: string;
  readonly topic: TopicName;
  readonly partition: number;
  readonly offset: string;
  readonly ce_time: string;
  readonly key: string;
  readonly ce_id: string;
  readonly ce_source: string;
  readonly value: string;
  readonly reason: string;
  readonly at: Date;
  readonly redriven_at: Date | null;
}

/**
 * Opens the dead letters of a shop that may be running.
 * @throws StoreUnavailable if the database cannot be reached, UnpreparedDatabase if it is of an older release
 */
export async function openEmbeddedDeadLetters(options: {
  /** `postgres://user:password@host:port/database` */
  readonly url: string;
  /** For tests; default `log`. */
  readonly schema?: string;
  readonly alert: (what: string, particulars: object) => void;
}): Promise<DeadLetters & { close(): Promise<void> }> {
  const { url, schema = 'log', alert } = options;
  const database = await openDatabase({ url, schema, migrations: logMigrations, migrate: false, poolMax: 1 });
  const storage = await postgresStorage(database).catch(async (error: unknown) => {
    await database.close();
    throw error;
  });
  const log = createStoredLog({ storage, alert });
  const ask = (condition: string, values: readonly unknown[]) =>
    database
      .em()
      .execute<Row[]>(`select * from dead_letters where ${condition} order by number limit ${LETTERS_MAX}`, [
        ...values,
      ]);

  async function waiting(topic: TopicName): Promise<readonly Row[]> {
    return await ask('topic = ? and redriven_at is null', [topic]);
  }
  async function find(id: string): Promise<Row> {
    const [topic, number] = [id.slice(0, id.lastIndexOf(':')), id.slice(id.lastIndexOf(':') + 1)] as const;
    const [row] =
      isTopic(topic) && /^\d{1,15}$/.test(number) ? await ask('topic = ? and number = ?', [topic, number]) : [];
    if (row === undefined) throw new RangeError(`there is no dead letter ${id}: the list shows what there is`);
    return row;
  }
  /** A crash before the mark leaves a letter that was given back and says nothing of it: at least once, under one id. */
  async function giveBack(row: Row): Promise<DeadLetter> {
    const { topic, partition, key, ce_id: id, ce_source: source, ce_time: time, value, number } = row;
    await log.append([{ topic, partition, key, id, source, time: Number(time), data: JSON.parse(value) as object }]);
    await database.em().execute('update dead_letters set redriven_at = clock_timestamp() where number = ?', [number]);
    return { ...letterOf(row), isRedriven: true };
  }

  return {
    async list(names = Object.keys(topics) as TopicName[]) {
      const letters = [];
      for (const name of names) letters.push(...(await waiting(name)).map(letterOf));
      return letters;
    },
    show: async (id) => letterOf(await find(id)),
    async redrive(id) {
      const row = await find(id);
      if (row.redriven_at !== null) throw new RangeError(`the dead letter ${id} was given back already`);
      return await giveBack(row);
    },
    async redriveAll(topic, isWanted = () => true) {
      const wanted = (await waiting(topic)).filter((row) => isWanted(letterOf(row)));
      const given = [];
      for (const row of wanted) given.push(await giveBack(row));
      return given;
    },
    close: () => log.close(),
  };
}

function letterOf(row: Row): DeadLetter {
  const { number, group, topic, partition, offset, reason, at, key, value, redriven_at: redrivenAt } = row;
  return {
    id: `${topic}:${number}`,
    group,
    topic,
    partition,
    offset: Number(offset),
    reason,
    at: new Date(at).toISOString(),
    key,
    value,
    headers: { ce_id: row.ce_id, ce_source: row.ce_source, ce_time: new Date(Number(row.ce_time)).toISOString() },
    isRedriven: redrivenAt !== null,
  };
}
