// What may travel on each topic: the JSON Schemas of `schemas/`, checked where an event is appended. A payload that does
// not fit is a bug of its producer, so it is refused before anybody can read it.

import { Ajv, type ValidateFunction } from 'ajv';
import analyticsResults from './schemas/analytics-results.v1.json' with { type: 'json' };
import cartUpdated from './schemas/cart.updated.v1.json' with { type: 'json' };
import ecomAnalyticsResults from './schemas/ecom-analytics-results.v1.json' with { type: 'json' };
import ecomRawEvents from './schemas/ecom-raw-events.v1.json' with { type: 'json' };
import orderCreated from './schemas/order.created.v1.json' with { type: 'json' };
import orderUpdated from './schemas/order.updated.v1.json' with { type: 'json' };
import paymentFailed from './schemas/payment.failed.v1.json' with { type: 'json' };
import paymentRequested from './schemas/payment.requested.v1.json' with { type: 'json' };
import paymentSucceeded from './schemas/payment.succeeded.v1.json' with { type: 'json' };
import productDeleted from './schemas/product.deleted.v1.json' with { type: 'json' };
import type { TopicName } from './topics.ts';

/** The schema of each topic's events. */
export const eventSchemas: Readonly<Record<TopicName, object>> = {
  'order.created': orderCreated,
  'order.updated': orderUpdated,
  'payment.requested': paymentRequested,
  'payment.succeeded': paymentSucceeded,
  'payment.failed': paymentFailed,
  'product.deleted': productDeleted,
  'cart.updated': cartUpdated,
  'ecom-raw-events': ecomRawEvents,
  'ecom-analytics-results': ecomAnalyticsResults,
  'analytics-results': analyticsResults,
};

const ajv = new Ajv({ strict: true, strictRequired: false });
const validators = new Map<TopicName, ValidateFunction>();

/** Why the data does not fit the topic's schema; undefined if it does. */
export function misfit(topic: TopicName, data: object): string | undefined {
  let validate = validators.get(topic);
  if (validate === undefined) {
    // Compiled at first use: a node that appends to one topic need not wait for the others.
    validate = ajv.compile(eventSchemas[topic]);
    validators.set(topic, validate);
  }
  if (validate(data)) return undefined;
  const { instancePath, message } = validate.errors?.find(({ keyword }) => keyword !== 'if') ?? {};
  return `${instancePath === undefined || instancePath === '' ? 'the data' : instancePath} ${message ?? 'does not fit'}`;
}
