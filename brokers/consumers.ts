// Who listens to which topics: the published description of the events is made from this list, and its test holds the
// list against the subscriptions in the code.

import type { TopicName } from './topics.ts';

export interface ConsumerGroup {
  /** The service that consumes as this group. */
  readonly service: string;
  readonly topics: readonly TopicName[];
}

/** All groups by name. */
export const consumerGroups: Readonly<Record<string, ConsumerGroup>> = {
  orders: { service: 'orders', topics: ['payment.succeeded', 'payment.failed'] },
  'order-history': { service: 'orders', topics: ['order.updated'] },
  payments: { service: 'payments', topics: ['payment.requested'] },
  notifications: { service: 'notifications', topics: ['order.created', 'payment.succeeded', 'payment.failed'] },
  carts: { service: 'carts', topics: ['product.deleted'] },
  analytics: { service: 'analytics', topics: ['ecom-raw-events'] },
};
