// What the stores hold when a run is over, read beside the code under test: by SQL, by the provider's SQLite file, by
// Kafka's own protocol, and from the file of mails. Checkers compare it with the history; it knows nothing of clients.

import type { Order } from '../../../actors/order-messages.ts';
import type { Payment } from '../../../actors/payment.ts';
import type { SkuRow, StockRow } from '../../../actors/stock.ts';
import type { Charge, Refund, Void } from '../../../infra/local/provider/rows.ts';
import type { CapturedMail } from '../../../mixins/mailer-capture.ts';
import type { Json } from '../history/operation.ts';

/** Contexts whose actors live in PostgreSQL tables of one family (`mixins/postgres/actor-tables.ts`). */
export type ActorContext = 'orders' | 'inventory' | 'payments' | 'products' | 'users' | 'notifications';

/** An actor as its context keeps it. */
export interface StoredActor<S> {
  readonly id: string;
  readonly version: number;
  readonly state: S;
}

/** One thing that happened, as the journal tells it. */
export interface JournalEntry {
  readonly id: string;
  readonly version: number;
  readonly index: number;
  readonly type: string;
  readonly data: Json;
  readonly commandId: string;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** A message that had to leave. */
export interface OutboxRow {
  readonly seq: number;
  readonly messageId: string;
  /** `publish`: an event for a topic; `send`: a command for another actor; `perform`: work outside. */
  readonly kind: 'publish' | 'send' | 'perform';
  /** The topic, the receiving service or the task. */
  readonly target: string;
  readonly sender: string;
  readonly key: string;
  /** Milliseconds since 1970. */
  readonly storedAt: number;
  /** Missing: it has not left. */
  readonly sentAt?: number;
}

/** A command that took effect. */
export interface InboxRow {
  readonly commandId: string;
  readonly actorId: string;
  readonly version: number;
}

/** What a context keeps beside its actors' states. */
export interface ContextBooks {
  readonly journal: readonly JournalEntry[];
  readonly outbox: readonly OutboxRow[];
  readonly inbox: readonly InboxRow[];
  /** Commands that broke a rule and wait for a person. */
  readonly parked: readonly { readonly actorId: string; readonly commandId: string; readonly reason: string }[];
  /** Commands to oneself, later; `dueAt` in milliseconds since 1970. */
  readonly timers: readonly { readonly actorId: string; readonly name: string; readonly dueAt: number }[];
}

/** A record of the event log. Of a dead letter, topic, partition and offset are those of the record that it was made of. */
export interface TopicRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly key: string;
  /** Of the event (`ce_id`); empty if it has none. */
  readonly id: string;
  /** By the producer (`ce_time`), milliseconds since 1970; NaN if it has none. */
  readonly time: number;
  /** By the log, milliseconds since 1970. */
  readonly appendedAt: number;
  /** Parsed; undefined if it is no JSON. */
  readonly data: Json;
  /** As it came, the first so many characters, if it is no JSON. */
  readonly text?: string;
  /** Why it lies among the dead letters. */
  readonly reason?: string;
}

/** A window as the shop keeps it. */
export interface StoredWindow {
  readonly productId: string;
  /** Milliseconds since 1970. */
  readonly from: number;
  readonly uniqueUsers: number;
  readonly eventCount: number;
  /** Not closed yet: nobody is shown it, and it may get more. */
  readonly isOpen?: boolean;
}

/** Balances of stock at one moment during the run, in one snapshot. */
export interface Sample {
  readonly at: number;
  readonly balances: readonly StockBalance[];
  /** Minor units by currency. */
  readonly money: readonly {
    readonly currency: string;
    readonly held: number;
    readonly owed: number;
    readonly inFlight: number;
  }[];
  /** Age of the oldest message that has not left, by context, in milliseconds; without calls of the provider under way. */
  readonly outboxLag: Readonly<Partial<Record<ActorContext, number>>>;
  /** Proportional memory of each process of the shop, in bytes, by its id and program. */
  readonly memory?: Readonly<Record<string, number>>;
}

export interface StockBalance extends SkuRow {
  readonly partition: string;
  readonly sku: string;
}

/** What happened during a run to orders that were there before it. They were settled: there should be none of it. */
export interface LateBooks {
  readonly charges: readonly Charge[];
  /** Of payments that were not charged during the run. */
  readonly refunds: readonly Refund[];
  /** Under Message-IDs that were not there before the run. */
  readonly mails: readonly CapturedMail[];
  /** Of orders, their payments and notifications, and movements of their stock. */
  readonly entries: readonly LateEntry[];
}

export interface LateEntry extends JournalEntry {
  readonly context: ActorContext;
}

export interface Books {
  /** When they were read, milliseconds since 1970. */
  readonly at: number;
  /** Of the payment provider, from its own file. */
  readonly ledger: {
    readonly charges: readonly Charge[];
    readonly refunds: readonly Refund[];
    readonly voids: readonly Void[];
  };
  readonly orders: readonly StoredActor<Order>[];
  readonly payments: readonly StoredActor<Payment>[];
  /** Rows of stock by partition and key (`sku:…`, `reservation:…`, `return:…`, `movement:…`). */
  readonly stock: readonly { readonly partition: string; readonly key: string; readonly row: StockRow }[];
  readonly contexts: Readonly<Partial<Record<ActorContext, ContextBooks>>>;
  /** All records of all topics, in order per partition. */
  readonly topics: readonly TopicRecord[];
  readonly deadLetters: readonly TopicRecord[];
  /** What consumers have taken: the next offset of each group and partition. */
  readonly positions: readonly {
    readonly group: string;
    readonly topic: string;
    readonly partition: number;
    readonly next: number;
    readonly end: number;
  }[];
  readonly mails: readonly CapturedMail[];
  /** Mails from before this time may be gone, since their file is turned over; missing: all are there. */
  readonly mailsFrom?: number;
  readonly windows: readonly StoredWindow[];
  /** What the windows say of events they did not count. */
  readonly uncounted: { readonly late: number; readonly malformed: number };
  /** Event time of the partitions of raw events when the run began, milliseconds since 1970; missing ones had none. */
  readonly eventTimes?: Readonly<Record<number, number>>;
  readonly samples: readonly Sample[];
  /** Missing: they were read from the beginning, and no order is older. */
  readonly late?: LateBooks;
}
