import { readdirSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { type Cart, cartActor } from '../actors/cart.ts';
import type { Order } from '../actors/order-messages.ts';
import { type Product, productActor } from '../actors/product.ts';
import {
  orderCreated,
  orderUpdated,
  paymentFailed,
  paymentRequested,
  paymentSucceeded,
} from '../actors/public-events.ts';
import { eventSchemas, misfit } from './event-schemas.ts';
import { fnv1a } from './fnv1a.ts';
import { checkEvent, partitionOf } from './log-appender.ts';
import { partitionsOf, type TopicName, topics } from './topics.ts';

const names = Object.keys(topics) as TopicName[];

const order = {
  status: 'AWAITING_PAYMENT',
  email: 'ann@example.org',
  currency: 'GBP',
  lines: [{ productId: 'p', sku: 'CUP', name: '', quantity: 3, unitPrice: 10, partition: 'main' }],
  total: 0,
  exactTotal: 30,
  createdAt: 1_700_000_000_000,
  deadline: 1_700_000_900_000,
} as unknown as Order;
const address = { name: 'Ann', line1: 'Street 1', line2: 'Flat 2', city: 'Leeds', postcode: 'LS1', country: 'GB' };
const wish = { orderId: 'o', amount: 255, currency: 'JPY', deadline: 1_700_000_900_000 };

/** What actors publish, as the host hands it to the log: with the aggregate's version. */
const published = [
  orderCreated('o', order),
  orderCreated('o', { ...order, customerId: 'c', reference: '' }),
  orderUpdated('o', { ...order, refunded: 0, updatedAt: 1_700_000_000_001 }, 'c'),
  orderUpdated('o', { ...order, refunded: 0, updatedAt: 0, reference: '', shippingAddress: address }, 'c'),
  paymentRequested('o', 'pay_o', order),
  paymentSucceeded('pay_o', wish),
  paymentFailed('pay_o', wish, 'declined'),
  ...productActor.react({ sku: 'CUP' } as Product, { type: 'Deleted', data: { at: 1 } }, 'p'),
  ...cartActor.react({ lines: [] } as unknown as Cart, { type: 'LineRemoved', data: { productId: 'p' } }, 'user-1'),
  ...cartActor.react(
    { lines: [{ productId: 'p', quantity: 2, paid: 1 }] } as unknown as Cart,
    { type: 'LineSet', data: { productId: 'p', quantity: 2 } },
    'user-1',
  ),
].filter((reaction) => reaction.kind === 'publish');

describe('the catalogue', () => {
  it('has one schema for each topic, named after it and its version', () => {
    const files = names.map((name) => `${name}.v${topics[name].version}.json`);
    expect(readdirSync(new URL('./schemas', import.meta.url)).toSorted()).toEqual(files.toSorted());
    for (const name of names) expect(eventSchemas[name]).toMatchObject({ $id: `${name}.v${topics[name].version}` });
  });

  it('lists the topics that are part of the contract', () => {
    expect(names.toSorted()).toEqual(
      [
        'order.created',
        'order.updated',
        'payment.requested',
        'payment.succeeded',
        'payment.failed',
        'product.deleted',
        'cart.updated',
        'ecom-raw-events',
        'ecom-analytics-results',
        'analytics-results',
      ].toSorted(),
    );
  });
});

describe('every topic', () => {
  it.each(names)('states how it is kept: %s', (name) => {
    const { partitions, retentionMs, cleanup } = topics[name];
    expect(partitions).toBeGreaterThan(0);
    // Most tell what happened: keeping only the last of a key would lose history. Orders are told whole each time.
    expect({ cleanup, days: retentionMs / 86_400_000 }).toEqual({
      cleanup: name === 'order.updated' ? 'compact' : 'delete',
      days: 7,
    });
  });
});

describe('schemas', () => {
  it.each(published)('fit what actors publish: $topic', ({ topic, key, data }) => {
    const event = { topic, key, id: 'order/o/3/0/0', source: 'souk/order', time: 1, data: { ...data, version: 3 } };
    expect(checkEvent(event, 0)).toMatchObject({ topic, key });
  });

  it('refuse what an event must not say', () => {
    const { data } = paymentRequested('o', 'pay_o', order);
    expect(misfit('payment.requested', { ...data, version: 1, token: 'tok_ok' })).toMatch('additional');
    expect(misfit('payment.requested', data)).toMatch('version');
    expect(misfit('payment.requested', { ...data, version: 1, amount: { amount: 12, currency: 'GBP' } })).toMatch(
      '/amount/amount',
    );
  });

  const event = {
    event_id: 'e',
    user_id: 'u',
    product_id: 'p',
    event_type: 'view',
    timestamp: '2026-01-31T12:00:00.000Z',
  };
  it.each([
    event,
    { ...event, metadata: { any: ['thing', 1, null] } },
    { type: 'flush', until: '2026-01-31T12:00:00.000Z' },
    { type: 'heartbeat', at: '2026-01-31T12:00:00.000Z' },
  ])('take activity and its marks: %j', (data) => {
    expect(misfit('ecom-raw-events', data)).toBeUndefined();
  });

  it.each([
    {},
    { ...event, type: 'view' },
    { ...event, timestamp: 'now' },
    { type: 'flush' },
    { type: 'rest', at: '2026-01-31T12:00:00.000Z' },
  ])('refuse other things among them: %j', (data) => {
    expect(misfit('ecom-raw-events', data)).toEqual(expect.any(String));
  });
});

describe('partitions', () => {
  it('are chosen by FNV-1a of the key', () => {
    // Test vectors of its authors.
    expect([fnv1a(''), fnv1a('a'), fnv1a('foobar'), fnv1a('foo', 'bar')]).toEqual([
      0x811c9dc5, 0xe40c292c, 0xbf9cf968, 0xbf9cf968,
    ]);
  });

  it('share the keys evenly', () => {
    const counts = Array.from({ length: 8 }, () => 0);
    for (let n = 0; n < 8_000; n++) counts[partitionOf(`pay_${n}`, 8)]! += 1;
    for (const count of counts) expect(Math.abs(count - 1_000)).toBeLessThan(120);
  });

  it('are listed by topic', () => {
    expect(partitionsOf(['analytics-results'])).toEqual([{ topic: 'analytics-results', partition: 0 }]);
    expect(partitionsOf()).toHaveLength(names.reduce((sum, name) => sum + topics[name].partitions, 0));
  });
});
