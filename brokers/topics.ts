// The event catalogue: every topic of the shop, whose it is and what travels on it. Topic creation, schema checks and
// the published description of the events are all made from this one list.
//
// A topic is named after its event type; its schema is `schemas/<type>.v<version>.json`. There is no order across topics.

const DAY_MS = 24 * 3_600_000;

export interface Topic {
  /** What has happened when such an event appears. */
  readonly about: string;
  /** What the key is: events with one key keep their order. */
  readonly key: string;
  /** The one service that may append. */
  readonly owner: string;
  /** Of the schema. Fields may be added within a version; anything else makes a new one. */
  readonly version: number;
  /** Fixed at creation: another number would send the keys elsewhere. */
  readonly partitions: number;
  /**
   * Records may be removed when they are older, unless they are compacted. Not longer than inboxes remember
   * (`DELIVERY_AGE_MAX_MS`); consumers of what is kept for longer go by its version.
   */
  readonly retentionMs: number;
  /**
   * What becomes of old records: `delete` removes those beyond the retention, `compact` keeps the last of each key. The
   * embedded log, in which nobody looks back so far, removes both.
   */
  readonly cleanup: 'delete' | 'compact';
  /** Whether it says something about an identifiable person; pseudonymous ids do. */
  readonly personalData: boolean;
}

/** All topics by name. */
export const topics = {
  'order.created': {
    about: 'Stock is reserved for an order, and it awaits its payment.',
    key: 'order id',
    owner: 'orders',
    version: 1,
    partitions: 8,
    retentionMs: 7 * DAY_MS,
    cleanup: 'delete',
    personalData: true,
  },
  'order.updated': {
    about: 'Something happened to an order of a customer; the order is told whole.',
    key: 'order id',
    owner: 'orders',
    version: 1,
    partitions: 8,
    retentionMs: 7 * DAY_MS,
    // The last event of an order says everything: from them the history of all customers can be built anew.
    cleanup: 'compact',
    personalData: true,
  },
  'payment.requested': {
    about: 'Money is wanted for an order.',
    key: 'order id',
    owner: 'orders',
    version: 1,
    partitions: 8,
    retentionMs: 7 * DAY_MS,
    cleanup: 'delete',
    personalData: false,
  },
  'payment.succeeded': {
    about: 'The money of an order was captured.',
    key: 'payment id',
    owner: 'payments',
    version: 1,
    partitions: 8,
    retentionMs: 7 * DAY_MS,
    cleanup: 'delete',
    personalData: false,
  },
  'payment.failed': {
    about: 'No money of an order was captured, and none will be.',
    key: 'payment id',
    owner: 'payments',
    version: 1,
    partitions: 8,
    retentionMs: 7 * DAY_MS,
    cleanup: 'delete',
    personalData: false,
  },
  'product.deleted': {
    about: 'A product left the catalogue for good.',
    key: 'product id',
    owner: 'products',
    version: 1,
    partitions: 4,
    retentionMs: 7 * DAY_MS,
    cleanup: 'delete',
    personalData: false,
  },
  'cart.updated': {
    about: 'The content of a cart changed; it is told whole.',
    key: 'cart id',
    owner: 'carts',
    version: 1,
    partitions: 8,
    retentionMs: 7 * DAY_MS,
    cleanup: 'delete',
    personalData: true,
  },
  'ecom-raw-events': {
    about: 'A user did something with a product; and marks by which event time moves (flush, heartbeat).',
    key: 'product id',
    owner: 'activity',
    version: 1,
    partitions: 8,
    retentionMs: 7 * DAY_MS,
    cleanup: 'delete',
    personalData: true,
  },
  'ecom-analytics-results': {
    about: 'A one-minute window of a product closed: how many users and events it had.',
    key: 'product id',
    owner: 'analytics',
    version: 1,
    partitions: 8,
    retentionMs: 7 * DAY_MS,
    cleanup: 'delete',
    personalData: false,
  },
  'analytics-results': {
    about: 'A minute closed: how many orders it had, and their sum by currency.',
    key: 'currency',
    owner: 'analytics',
    version: 1,
    partitions: 1,
    retentionMs: 7 * DAY_MS,
    cleanup: 'delete',
    personalData: false,
  },
} as const satisfies Readonly<Record<string, Topic>>;

export type TopicName = keyof typeof topics;

/** Whether the catalogue lists the topic. */
export function isTopic(name: string): name is TopicName {
  return Object.hasOwn(topics, name);
}

/** Every partition of some topics, or of all. */
export function partitionsOf(
  names: readonly TopicName[] = Object.keys(topics) as TopicName[],
): { readonly topic: TopicName; readonly partition: number }[] {
  return names.flatMap((topic) =>
    Array.from({ length: topics[topic].partitions }, (_, partition) => ({ topic, partition })),
  );
}
