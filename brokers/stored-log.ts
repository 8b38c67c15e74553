// The event log over a storage of our own: appends share their writes, consumers are woken at once by appends of this
// node, and by looking at the ends of the partitions for those of other nodes.
//
//   append ─► appender ─► storage ─► groups of this node          ends, every 200 to 500 ms ─► groups of this node

import type { EventLog, SubscribeOptions, Subscription } from './event-log.ts';
import { createAppender } from './log-appender.ts';
import { createGroup, type Group } from './log-group.ts';
import { type DeadLetter, type LogStorage, LogUnavailable } from './log-storage.ts';
import { isTopic, type TopicName, topics } from './topics.ts';

/** How often the ends are looked at: at first, and when nothing has come for a while; in milliseconds. */
const LOOK_MS = { first: 200, longest: 500 };
/** How often expired records are removed, in milliseconds. */
const EXPIRE_MS = 3_600_000;

export interface StoredLogOptions {
  readonly storage: LogStorage;
  readonly alert: (what: string, particulars: object) => void;
  /** How long a consumer that died keeps its partitions, in milliseconds; default `LEASE_MS`. */
  readonly leaseMs?: number;
  /** The trace that the present call belongs to, as W3C `traceparent`; events carry it on unless they say another. */
  readonly traceparent?: () => string | undefined;
}

/** A log of our own tells more than the port: what was put aside. */
export interface StoredLog extends EventLog {
  /** Records that some group could never handle, with the reason. */
  deadLetters(): Promise<readonly DeadLetter[]>;
}

/** The log over the storage; closing it closes the storage. */
export function createStoredLog({ storage, alert, leaseMs, traceparent }: StoredLogOptions): StoredLog {
  const groups = new Set<Group>();
  const instance = crypto.randomUUID();
  const appender = createAppender(
    (events) => storage.append(events),
    (records) => {
      for (const group of groups) group.offer(records);
    },
    traceparent,
  );
  let consumers = 0;
  let looking: Promise<void> | undefined;
  /** Ends the pause between two looks. */
  let lookNow = (): void => {};
  let closed = false;
  const isClosed = (): boolean => closed;
  const expireTimer = setInterval(() => void expire(), EXPIRE_MS).unref();

  /** Looks at the ends as long as anybody listens; less often while nothing comes. */
  async function keepLooking(): Promise<void> {
    let [pauseMs, seen] = [LOOK_MS.first, 0];
    while (groups.size > 0 && !isClosed()) {
      try {
        const ends = await storage.ends();
        for (const group of groups) group.extend(ends);
        const records = ends.reduce((sum, { offset }) => sum + offset, 0);
        pauseMs = records === seen ? Math.min(pauseMs * 1.5, LOOK_MS.longest) : LOOK_MS.first;
        seen = records;
      } catch (error) {
        if (!(error instanceof LogUnavailable))
          alert('look at the log failed', { error: String((error as Error).stack) });
      }
      if (!isClosed())
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, pauseMs).unref();
          lookNow = () => {
            clearTimeout(timer);
            resolve();
          };
        });
    }
    looking = undefined;
  }

  async function expire(): Promise<void> {
    for (const topic of Object.keys(topics) as TopicName[]) {
      try {
        await storage.expire(topic, topics[topic].retentionMs);
      } catch (error) {
        alert('expiry failed', { topic, error: String(error) });
      }
    }
  }

  async function subscribe(subscription: SubscribeOptions): Promise<Subscription> {
    consumers += 1;
    const group = createGroup({
      storage,
      subscription,
      topics: [...new Set(subscription.topics)].map(known),
      holder: `${instance}/${consumers}`,
      alert,
      ...(leaseMs === undefined ? {} : { leaseMs }),
    });
    groups.add(group);
    const stop = async () => {
      groups.delete(group);
      await group.stop();
    };
    try {
      await group.claim();
    } catch (error) {
      await stop();
      throw error;
    }
    looking ??= keepLooking();
    return { stop };
  }

  return {
    append: (events) => appender.append(events),
    subscribe,
    partitions: (topic) => topics[known(topic)].partitions,
    async seek(name, topic, partition, offset) {
      const place = { topic: known(topic), partition, offset };
      const inRange = partition >= 0 && partition < topics[place.topic].partitions;
      if (!inRange || !Number.isInteger(partition) || !Number.isSafeInteger(offset) || offset < 0) {
        throw new RangeError(`there is no offset ${offset} in partition ${partition} of ${topic}`);
      }
      await storage.seek(name, place);
      // Elsewhere it is noticed with the next renewal of the lease.
      await Promise.all(
        [...groups]
          .filter((group) => group.name === name && group.topics.includes(place.topic))
          .map((group) => group.claim()),
      );
    },
    deadLetters: () => storage.deadLetters(),
    async close() {
      if (closed) return;
      closed = true;
      lookNow();
      clearInterval(expireTimer);
      await appender.stop();
      await Promise.all([...groups].map((group) => group.stop()));
      groups.clear();
      await looking;
      await storage.close();
    },
  };
}

function known(topic: string): TopicName {
  if (!isTopic(topic)) throw new RangeError(`the catalogue has no topic ${topic}`);
  return topic;
}
