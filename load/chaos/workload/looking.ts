// What anybody does who only looks: products, what others looked at, and the events that tell of it.

import type { Answered, Client } from './client.ts';
import type { Market, Product } from './market.ts';

/** How old an event may be when it is sent, in milliseconds: less than any window waits for. */
const EVENT_AGE_MS = 8_000;
/** In percent, events that come minutes late; and how late at most, in milliseconds. */
const LATE = 3;
const LATE_MS = 600_000;
const EVENTS_MAX = 4;
const USERS = 50;

const someone = (market: Market, client: Client): Product =>
  client.chance.percent(50) ? client.chance.pick(market.hot) : client.chance.pick(market.products);

export function readProduct(client: Client, market: Market): Promise<Answered> {
  const path = `/api/v1/products/${someone(market, client).id}`;
  return client.want({ kind: 'read-product', principal: 'guest', method: 'GET', path });
}

export function readWindows(client: Client, market: Market): Promise<Answered> {
  const path = `/api/v1/analytics/products/${someone(market, client).id}?limit=5`;
  return client.want({ kind: 'read-windows', principal: 'guest', method: 'GET', path });
}

/** Reports some views, each under an id of its own, so that what was counted can be held against what was sent. */
export async function sendEvents(client: Client, market: Market): Promise<void> {
  const { chance } = client;
  const intent = client.newIntent();
  const events = Array.from({ length: 1 + chance.below(EVENTS_MAX) }, (_, i) => {
    const age = chance.percent(LATE) ? chance.below(LATE_MS) : chance.below(EVENT_AGE_MS);
    return {
      event_id: `${intent}.${i}`,
      user_id: `user-${chance.below(USERS)}`,
      product_id: someone(market, client).id,
      event_type: 'view',
      timestamp: new Date(Date.now() - age).toISOString(),
    };
  });
  const other = { body: events.map((event) => ({ ...event, event_type: 'other' })) };
  const wish = { kind: 'send-event', principal: 'guest', method: 'POST', path: '/api/v1/events', key: intent } as const;
  await client.want({ ...wish, body: events, other }, intent);
}
