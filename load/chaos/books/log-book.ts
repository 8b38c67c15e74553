// The event log as a book: what lies in it, and how far its consumers are. Kafka in a cluster (`topics.ts`), tables of
// PostgreSQL in the embedded mode (`embedded-topics.ts`).

import { type TopicName, topics } from '../../../brokers/topics.ts';
import type { Books, TopicRecord } from './books.ts';
import type { Offsets } from './mark.ts';

/** Characters that are kept of what is no JSON. */
const TEXT_MAX = 200;

export interface LogBook {
  /** Offsets of the next records of all partitions, dead letters included. */
  ends(): Promise<Offsets>;
  /** Everything that lies between the offsets (from the beginning, if none are given) and now. */
  read(from: Offsets): Promise<Pick<Books, 'topics' | 'deadLetters'>>;
  /** How far each group is; it may take a while to reach what was there when it was asked, in milliseconds. */
  positions(withinMs?: number): Promise<Books['positions']>;
  /** Whether there is a history of orders to be kept up to date. */
  hasHistory(): Promise<boolean>;
  close(): Promise<void>;
}

/** The group that keeps the history of orders; a shop in one process has none unless it was asked for. */
export const HISTORY = 'order-history';

export const topicNames = Object.keys(topics) as readonly TopicName[];
export const placeOf = (topic: string, partition: number): string => `${topic}/${partition}`;

/** The data of a record, and its text if it is no JSON. */
export function parsed(value: string | undefined): Pick<TopicRecord, 'data' | 'text'> {
  try {
    return { data: JSON.parse(value ?? '') };
  } catch {
    return { data: undefined, text: (value ?? '').slice(0, TEXT_MAX) };
  }
}
