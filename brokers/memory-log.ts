// The event log in memory: for tests, and as the shortest statement of what a storage has to do.

import type { DeadLetter, LogStorage, Place, Position, StoredRecord } from './log-storage.ts';
import { createStoredLog, type StoredLog, type StoredLogOptions } from './stored-log.ts';
import { partitionsOf, type TopicName } from './topics.ts';

/** A storage in memory. Several logs may share one, as nodes share a database. */
export function memoryStorage(now: () => number = Date.now): LogStorage {
  const records = new Map<string, StoredRecord[]>(partitionsOf().map((place) => [nameOf(place), []]));
  const ends = new Map<string, number>();
  const positions = new Map<string, Map<string, Position>>();
  const leases = new Map<string, { readonly holder: string; readonly until: number }>();
  const letters = new Map<string, DeadLetter>();

  const endOf = (place: { readonly topic: TopicName; readonly partition: number }) => ends.get(nameOf(place)) ?? 0;

  function positionsOf(group: string): Map<string, Position> {
    const known = positions.get(group) ?? new Map<string, Position>();
    positions.set(group, known);
    return known;
  }

  function positionOf(group: string, topic: TopicName, partition: number): Position {
    return positionsOf(group).get(nameOf({ topic, partition })) ?? { topic, partition, offset: 0, era: 0 };
  }

  const storage: LogStorage = {
    async append(events) {
      return events.map((event) => {
        const record = { ...event, offset: endOf(event), appendedAt: now() };
        records.get(nameOf(event))?.push(record);
        ends.set(nameOf(event), record.offset + 1);
        return record;
      });
    },
    async read(places, limit) {
      return places.flatMap((place) =>
        (records.get(nameOf(place)) ?? []).filter(({ offset }) => offset >= place.offset).slice(0, limit),
      );
    },
    async ends() {
      return partitionsOf().map((place) => ({ ...place, offset: endOf(place) }));
    },
    async claim(group, names, holder, leaseMs) {
      const held = names.filter((topic) => {
        const lease = leases.get(`${group}/${topic}`);
        if (lease !== undefined && lease.holder !== holder && lease.until > now()) return false;
        leases.set(`${group}/${topic}`, { holder, until: now() + leaseMs });
        return true;
      });
      return partitionsOf(held).map((place) => ({
        ...positionOf(group, place.topic, place.partition),
        end: endOf(place),
      }));
    },
    async release(group, holder) {
      for (const [name, lease] of leases) {
        if (name.startsWith(`${group}/`) && lease.holder === holder) leases.delete(name);
      }
    },
    async advance(group, moved) {
      for (const position of moved) {
        const known = positionOf(group, position.topic, position.partition);
        if (known.era === position.era && known.offset < position.offset)
          positionsOf(group).set(nameOf(position), position);
      }
    },
    async seek(group, place) {
      const { era } = positionOf(group, place.topic, place.partition);
      positionsOf(group).set(nameOf(place), { ...place, era: era + 1 });
    },
    async bury(letter) {
      const name = `${letter.group}/${nameOf(letter.record)}/${letter.record.offset}`;
      if (!letters.has(name)) letters.set(name, letter);
    },
    async deadLetters() {
      return [...letters.values()];
    },
    async expire(topic, retentionMs) {
      for (const place of partitionsOf([topic])) {
        const kept = records.get(nameOf(place))?.filter(({ appendedAt }) => appendedAt >= now() - retentionMs);
        records.set(nameOf(place), kept ?? []);
      }
    },
    async close() {},
  };
  return storage;
}

/** A log in memory; logs over one `storage` are nodes over one database. */
export function createMemoryLog({
  storage = memoryStorage(),
  alert = () => {},
  ...rest
}: Partial<StoredLogOptions> = {}): StoredLog {
  return createStoredLog({ storage, alert, ...rest });
}

const nameOf = ({ topic, partition }: Pick<Place, 'topic' | 'partition'>): string => `${topic}/${partition}`;
