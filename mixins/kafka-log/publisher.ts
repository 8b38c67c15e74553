// Writes checked events to Kafka, and tells publishers in time when Kafka does not answer.
//
//   write ─► a batch for each partition ─► sender ─► all acknowledged
//     │                                       └─ not within the patience ─► "unavailable"; the sender goes on with it
//     └─ while that goes on ─► "unavailable" at once: nothing else is sent, so nothing is lost and nothing piles up

import { type Appender, createAppender } from '../../brokers/log-appender.ts';
import { type CheckedEvent, LogUnavailable } from '../../brokers/log-storage.ts';
import { messageOf } from './cloud-event.ts';
import type { Sender } from './sender.ts';

/** Events kept in mind that were stored too late for their publishers; what is forgotten is stored twice, under one id. */
const STORED_LATE_MAX = 10_000;

export interface PublisherOptions {
  readonly sender: Sender;
  readonly alert: (what: string, particulars: object) => void;
  /** How long publishers wait for an acknowledgement, in milliseconds. */
  readonly patienceMs: number;
  /** The trace that the present call belongs to, as W3C `traceparent`; events carry it on unless they say another. */
  readonly traceparent: () => string | undefined;
}

/** The appender over Kafka: it checks, gathers and bounds as that of the embedded log does (log-appender.ts). */
export function createPublisher({ sender, alert, patienceMs, traceparent }: PublisherOptions): Appender {
  /** What is being sent though its publishers were told to come back. */
  let overdue: readonly CheckedEvent[] | undefined;
  /** What was stored after its publishers were told to come back: they will bring it again. */
  const storedLate = new Set<string>();
  const appender = createAppender(write, () => {}, traceparent);

  async function write(events: readonly CheckedEvent[]): Promise<[]> {
    if (overdue !== undefined) throw new LogUnavailable('an earlier write is not acknowledged yet');
    const fresh = events.filter((event) => !storedLate.has(nameOf(event)));
    if (fresh.length === 0) return [];
    const sending = sendAll(fresh);
    if (await settledWithin(patienceMs, sending)) {
      await sending;
      return [];
    }
    overdue = fresh;
    alert('the event log does not answer', { events: fresh.length, waitedMs: patienceMs });
    void sending
      .then(
        () => remember(fresh),
        () => undefined, // refused or ended: whoever published them brings them again
      )
      .finally(() => (overdue = undefined));
    throw new LogUnavailable(`no acknowledgement within ${patienceMs} ms`);
  }

  function remember(events: readonly CheckedEvent[]): void {
    for (const event of events) storedLate.add(nameOf(event));
    for (const name of storedLate) {
      if (storedLate.size <= STORED_LATE_MAX) break;
      storedLate.delete(name);
    }
  }

  async function sendAll(events: readonly CheckedEvent[]): Promise<void> {
    const parts = [...Map.groupBy(events, ({ topic, partition }) => `${topic}/${partition}`).values()];
    const sent = parts.map((part) => {
      const { topic, partition } = part[0] as CheckedEvent;
      return sender.send({ topic, partition }, part.map(messageOf));
    });
    // All of them, also when one is refused: nobody may believe that a partition is done with while it is not.
    const outcomes = await Promise.allSettled(sent);
    const failed = outcomes.find(({ status }) => status === 'rejected');
    if (failed?.status !== 'rejected') return;
    remember(parts.filter((_, i) => outcomes[i]?.status === 'fulfilled').flat()); // the appender brings the rest again
    throw failed.reason;
  }

  return appender;
}

const nameOf = ({ topic, partition, id }: CheckedEvent): string => `${topic}/${partition}/${id}`;

/** Whether the work came to an end, good or bad, in so many milliseconds. */
async function settledWithin(ms: number, work: Promise<void>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(resolve, ms, false);
  });
  const settled = work.then(
    () => true,
    () => true,
  );
  return await Promise.race([settled, late]).finally(() => clearTimeout(timer));
}
