// One partition in a consumer's hands: its records are offered in order, one batch at a time, until each is done with.
//
//   buffer ─► handle ─► gone          PermanentFailure ─► dead letter, the rest is offered again
//               └─ any other error ─► pause, then the batch is offered again, without limit

import { type LogRecord, PermanentFailure, type SubscribeOptions } from './event-log.ts';
import type { DeadLetter, Position, StoredRecord } from './log-storage.ts';
import type { TopicName } from './topics.ts';

/** Pause of a partition after a failure, in milliseconds; doubled each time up to the longest. */
const RETRY_MS = { first: 25, longest: 2_000 };
/** Failures in a row after which a person is told. */
const ALERT_AFTER = 8;

export interface Lane {
  readonly topic: TopicName;
  readonly partition: number;
  readonly era: number;
  /** Records read and not yet handled. */
  readonly buffer: StoredRecord[];
  /** Offset of the next record to be read, and of the partition's end as far as is known. */
  next: number;
  end: number;
  /** Position in the storage. */
  stored: number;
  failures: number;
  /** Ends a pause early. */
  resume?: () => void;
}

export interface Handling {
  readonly group: string;
  readonly batchMax: number;
  readonly handle: SubscribeOptions['handle'];
  readonly bury: (letter: DeadLetter) => Promise<void>;
  readonly alert: (what: string, particulars: object) => void;
  /** Whether this consumer still has the partition. */
  readonly isHeld: (lane: Lane) => boolean;
  /** Called whenever records are done with. */
  readonly onDone: () => void;
}

/** The name of a partition among those of all topics. */
export const nameOf = ({ topic, partition }: { readonly topic: string; readonly partition: number }): string =>
  `${topic}/${partition}`;

/** A lane that begins at a position, with nothing read yet. */
export function beginLane({ topic, partition, offset, era }: Position, end: number): Lane {
  return { topic, partition, era, buffer: [], next: offset, end, stored: offset, failures: 0 };
}

/** The offset of the first record that is not done with. */
export const positionOf = (lane: Lane): number => lane.buffer[0]?.offset ?? lane.next;

/** Works until nothing is left in the buffer, or the partition is no longer held. Never rejects. */
export async function workOff(lane: Lane, handling: Handling): Promise<void> {
  while (lane.buffer.length > 0 && handling.isHeld(lane)) {
    const batch = lane.buffer.slice(0, handling.batchMax);
    try {
      await offer(lane, batch, handling);
      lane.failures = 0;
    } catch (error) {
      await pause(lane, batch, error as Error, handling);
    }
    handling.onDone();
  }
}

/** Offers the records up to the first one that cannot be read, and takes those that are done with from the buffer. */
async function offer(lane: Lane, batch: readonly StoredRecord[], handling: Handling): Promise<void> {
  const records: LogRecord[] = [];
  for (const stored of batch) {
    const record = parse(stored);
    if (record === undefined) break;
    records.push(record);
  }
  if (records.length === 0) return await bury(lane, 0, 'the value is no JSON object', handling);
  try {
    await handling.handle(records);
    lane.buffer.splice(0, records.length);
  } catch (error) {
    const bad = error instanceof PermanentFailure ? records.findIndex(({ offset }) => offset === error.offset) : -1;
    if (bad < 0) throw error;
    await bury(lane, bad, (error as Error).message, handling);
  }
}

async function bury(lane: Lane, index: number, reason: string, { group, ...handling }: Handling): Promise<void> {
  const record = lane.buffer[index] as StoredRecord;
  await handling.bury({ group, record, reason });
  lane.buffer.splice(index, 1);
  const { topic, partition, offset, id } = record;
  handling.alert('event dead-lettered', { group, topic, partition, offset, id, reason });
}

async function pause(lane: Lane, [first]: readonly StoredRecord[], error: Error, handling: Handling): Promise<void> {
  lane.failures += 1;
  const { topic, partition, failures } = lane;
  if (failures % ALERT_AFTER === 0) {
    const place = { group: handling.group, topic, partition, offset: first?.offset };
    handling.alert('consumer keeps failing', { ...place, failures, error: String(error.stack ?? error) });
  }
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, Math.min(RETRY_MS.first * 2 ** (failures - 1), RETRY_MS.longest));
    lane.resume = () => {
      clearTimeout(timer);
      resolve();
    };
  });
  delete lane.resume;
}

function parse({ value, ...record }: StoredRecord): LogRecord | undefined {
  try {
    const data: unknown = JSON.parse(value);
    return typeof data === 'object' && data !== null ? { ...record, data } : undefined;
  } catch {
    return undefined;
  }
}
