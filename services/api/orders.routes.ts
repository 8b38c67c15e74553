// Orders and the provider's reports about their payments.

import { exportFormat, newOrder, orderFilters, paging, refund } from './requests.schemas.ts';
import { byCommand, route } from './route.ts';

const lookup = 'orders.answered';

export const orderRoutes = [
  route('POST /api/v1/orders', {
    action: 'orders.place',
    shard: byCommand,
    summary: 'Place an order',
    who: 'anyone',
    body: newOrder,
    statuses: [201, 202],
    answer: 'PlacedOrder',
    refusals: [401, 404, 409],
    idempotent: true,
    lookup,
  }),
  route('GET /api/v1/orders', {
    action: 'orders.list',
    summary: 'The own orders, for staff all orders, newest first',
    who: 'customer',
    query: { ...orderFilters, ...paging },
    answer: 'Orders',
  }),
  route('GET /api/v1/orders/export', {
    action: 'orders.export',
    summary: 'All orders as a file',
    who: 'staff',
    kind: 'export',
    query: exportFormat,
  }),
  route('GET /api/v1/orders/{id}', {
    action: 'orders.get',
    summary: 'An order',
    who: 'order',
    answer: 'Order',
    tagged: true,
  }),
  route('GET /api/v1/orders/{id}/timeline', {
    action: 'orders.timeline',
    summary: 'What happened to an order',
    who: 'order',
    answer: 'Timeline',
  }),
  route('GET /api/v1/orders/{id}/stream', {
    action: 'orders.stream',
    summary: 'An order as it changes',
    who: 'order',
    kind: 'sse',
  }),
  route('POST /api/v1/orders/{id}/cancel', {
    action: 'orders.cancel',
    summary: 'Cancel an order before it is shipped',
    who: 'order',
    answer: 'Order',
    refusals: [409, 412],
    idempotent: true,
    lookup,
  }),
  route('POST /api/v1/orders/{id}/ship', {
    action: 'orders.ship',
    summary: 'Record that an order was shipped',
    who: 'staff',
    answer: 'Order',
    refusals: [409, 412],
    idempotent: true,
    lookup,
  }),
  route('POST /api/v1/orders/{id}/deliver', {
    action: 'orders.deliver',
    summary: 'Record that an order was delivered',
    who: 'staff',
    answer: 'Order',
    refusals: [409, 412],
    idempotent: true,
    lookup,
  }),
  route('POST /api/v1/orders/{id}/refund', {
    action: 'orders.refund',
    summary: 'Pay back all or some pieces',
    who: 'staff',
    body: refund,
    bodyOptional: true,
    answer: 'Order',
    refusals: [409, 412],
    idempotent: true,
    lookup,
  }),
  route('POST /api/v1/payments/webhooks/{provider}', {
    action: 'payments.webhook',
    summary: 'A signed report of a payment provider',
    who: 'public',
    kind: 'raw',
    statuses: [204],
  }),
];
