// One consumer of a group: what it is given goes into the lanes of its partitions, which offer it to the subscriber in
// order (log-lane.ts, the same as in the embedded log), and the group's positions follow what is done with.
//
//   messages ─► lane ─► handle ─► effect durable ─► position moves, a little later in Kafka
//                 └─ full: the partition pauses      └─ PermanentFailure, or nothing that anybody could read ─► dead letter
//
// Losing a position costs a repeat, nothing more. When partitions move to another consumer, what is under way here may be
// offered there as well; consumers drop repeats by the event's id.

import type { SubscribeOptions } from '../../brokers/event-log.ts';
import { PermanentFailure } from '../../brokers/event-log.ts';
import { beginLane, type Handling, type Lane, nameOf, positionOf, workOff } from '../../brokers/log-lane.ts';
import type { DeadLetter, StoredRecord } from '../../brokers/log-storage.ts';
import type { TopicName } from '../../brokers/topics.ts';
import type { FetchedMessage, KafkaClient, TopicOffset, TopicPartition } from './client.ts';
import { flawOf, recordOf } from './cloud-event.ts';

/** Records per call of `handle`, unless the subscriber says otherwise. */
const BATCH_MAX = 500;
/** Positions are gathered this long before they are stored, in milliseconds. */
const ADVANCE_MS = 100;
/** A lane with as many records, or characters, takes no more until half of them are gone. */
const LANE_RECORDS_MAX = 4_000;
const LANE_CHARACTERS_MAX = 8_000_000;
/** How long a goodbye may take before the connection is cut, in milliseconds. */
const GOODBYE_MS = 5_000;

export interface GroupOptions {
  readonly client: KafkaClient;
  readonly subscription: SubscribeOptions;
  readonly topics: readonly TopicName[];
  readonly sessionMs: number;
  readonly bury: (letter: DeadLetter, message: FetchedMessage) => Promise<void>;
  readonly alert: (what: string, particulars: object) => void;
}

/** A consumer at work. */
export interface Group {
  readonly name: string;
  /** Joins; resolves when it has its partitions. */
  start(): Promise<void>;
  /** Puts the group to an offset of a partition that this consumer has; false if it has not. */
  seek(place: TopicOffset): Promise<boolean>;
  stop(): Promise<void>;
}

interface KafkaLane extends Lane {
  paused: boolean;
  /** What came, by offset, for the dead-letter topic. */
  readonly messages: Map<number, FetchedMessage>;
  /** Records that nobody can handle, and why. */
  readonly flaws: Map<number, string>;
}

/** Makes a consumer. It does nothing before `start`. */
export function createKafkaGroup({ client, subscription, topics, sessionMs, bury, alert }: GroupOptions): Group {
  const { group, batchMax = BATCH_MAX } = subscription;
  const lanes = new Map<string, KafkaLane>();
  const working = new Map<string, Promise<void>>();
  let settled = false;
  let stopped = false;
  const stopping = Promise.withResolvers<never>();
  stopping.promise.catch(() => undefined);
  let advanceTimer: NodeJS.Timeout | undefined;
  let advancing: Promise<void> | undefined;

  const consumer = client.createConsumer({
    group,
    topics,
    sessionMs,
    onAssigned: take,
    onUnsettled: () => (settled = false),
    onMessages: fill,
    onTrouble: (error) => alert('consumer lost its group', { group, error: String(error) }),
  });
  const isHeld = (lane: Lane): boolean => !stopped && lanes.get(nameOf(lane)) === lane;

  function take(partitions: readonly TopicPartition[], kept: boolean): void {
    const before = new Map(lanes);
    lanes.clear();
    for (const place of partitions) {
      const name = nameOf(place);
      const lane = (kept ? before.get(name) : undefined) ?? newLane(place);
      lanes.set(name, lane);
      before.delete(name);
      if (!lane.paused) consumer.resume(place);
    }
    for (const lane of before.values()) if (!isHeld(lane)) lane.resume?.();
    settled = true;
    pump();
  }

  function fill({ topic, partition }: TopicPartition, messages: readonly FetchedMessage[]): void {
    const lane = lanes.get(nameOf({ topic, partition }));
    if (lane === undefined || stopped) return;
    for (const message of messages) {
      // After the group was shared out anew, a partition that stayed begins again at the stored position.
      if (message.offset < lane.next) continue;
      lane.buffer.push(recordOf(lane.topic, partition, message));
      lane.messages.set(message.offset, message);
      const flaw = flawOf(lane.topic, message);
      if (flaw !== undefined) lane.flaws.set(message.offset, flaw);
      lane.next = message.offset + 1;
    }
    if (!lane.paused && fullness(lane) >= 1) {
      lane.paused = true;
      consumer.pause(lane);
    }
    pump();
  }

  /** Sets every lane to work that has something to do; one that replaces another waits until that has ended. */
  function pump(): void {
    for (const [name, lane] of lanes) {
      if (working.has(name) || lane.buffer.length === 0 || !isHeld(lane)) continue;
      const work = workOff(lane, handlingOf(lane)).then(() => {
        working.delete(name);
        pump();
      });
      working.set(name, work);
    }
  }

  const handlingOf = (lane: KafkaLane): Handling => ({
    group,
    batchMax,
    alert(what, particulars) {
      // The lane says what it could not do; why is known here.
      const flaw = lane.flaws.get((particulars as { readonly offset?: number }).offset ?? -1);
      alert(what, flaw === undefined ? particulars : { ...particulars, reason: flaw });
    },
    isHeld,
    async handle(records) {
      const bad = lane.flaws.size === 0 ? undefined : records.find(({ offset }) => lane.flaws.has(offset));
      if (bad !== undefined) throw new PermanentFailure(bad.offset, lane.flaws.get(bad.offset) as string);
      await subscription.handle(records);
    },
    async bury(letter) {
      const { offset } = letter.record;
      const reason = lane.flaws.get(offset) ?? letter.reason;
      // It waits for Kafka without limit, a stop does not.
      const buried = bury({ ...letter, reason }, lane.messages.get(offset) as FetchedMessage);
      await Promise.race([buried, stopping.promise]);
    },
    onDone() {
      forget(lane);
      if (lane.paused && fullness(lane) < 0.5) {
        lane.paused = false;
        if (isHeld(lane)) consumer.resume(lane);
      }
      advanceSoon();
    },
  });

  function advanceSoon(): void {
    advanceTimer ??= setTimeout(() => void advance(), ADVANCE_MS).unref();
  }

  async function advance(): Promise<void> {
    clearTimeout(advanceTimer);
    advanceTimer = undefined;
    await advancing;
    const moved = [...lanes.values()].filter((lane) => positionOf(lane) > lane.stored);
    // Between two assignments somebody else may have the partition already.
    if (moved.length === 0 || !settled) return;
    const places = moved.map((lane) => ({ topic: lane.topic, partition: lane.partition, offset: positionOf(lane) }));
    advancing = consumer.commit(places).then(
      () => {
        moved.forEach((lane, i) => (lane.stored = (places[i] as TopicOffset).offset));
      },
      () => {
        if (!stopped) advanceSoon();
      },
    );
    await advancing;
    advancing = undefined;
  }

  return {
    name: group,
    start: () => consumer.start(),
    async seek(place) {
      const lane = lanes.get(nameOf(place));
      if (lane === undefined || stopped) return false;
      await advancing;
      const fresh = newLane(lane);
      lanes.set(nameOf(place), fresh);
      lane.resume?.();
      consumer.seek(place);
      consumer.resume(place);
      await consumer.commit([place]);
      return true;
    },
    async stop() {
      stopped = true;
      stopping.reject(new Error('the consumer stops'));
      for (const lane of lanes.values()) lane.resume?.();
      await Promise.all(working.values());
      await within(
        GOODBYE_MS,
        advance().then(() => consumer.stop()),
      );
    },
  };
}

/** A lane of which nothing is known yet: its first message says where the group is. */
function newLane({ topic, partition }: TopicPartition): KafkaLane {
  const lane = beginLane({ topic: topic as TopicName, partition, offset: -1, era: 0 }, -1);
  return Object.assign(lane, { paused: false, messages: new Map(), flaws: new Map() });
}

/** 1 when a lane should take no more. */
function fullness({ buffer }: Lane): number {
  const characters = buffer.reduce((sum: number, { value }: StoredRecord) => sum + value.length, 0);
  return Math.max(buffer.length / LANE_RECORDS_MAX, characters / LANE_CHARACTERS_MAX);
}

function forget(lane: KafkaLane): void {
  const position = positionOf(lane);
  for (const offset of lane.messages.keys()) {
    if (offset >= position) break;
    lane.messages.delete(offset);
    lane.flaws.delete(offset);
  }
}

/** Waits, but not longer than so many milliseconds. */
async function within(ms: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work.catch(() => undefined), late]);
  clearTimeout(timer);
}
