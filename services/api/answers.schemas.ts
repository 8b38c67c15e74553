// JSON Schemas of what the shop answers: components of the OpenAPI document. They name what callers may rely on; more
// members may come.

import { money, orderStatuses } from './requests.schemas.ts';
import type { Schema } from './route.ts';

const text: Schema = { type: 'string' };
const count: Schema = { type: 'integer', minimum: 0 };
const time: Schema = { type: 'string', format: 'date-time' };
const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });
const list = (items: Schema): Schema => ({ type: 'array', items });

/** An object that has these members; all but the optional ones always. */
function shown(properties: Readonly<Record<string, Schema>>, optional: readonly string[] = []): Schema {
  return { type: 'object', properties, required: Object.keys(properties).filter((name) => !optional.includes(name)) };
}

const page = (items: Schema): Schema => shown({ items: list(items), next: { type: ['string', 'null'] } }, ['next']);

const address = shown({ name: text, line1: text, line2: text, city: text, postcode: text, country: text }, ['line2']);
const customer = shown(
  {
    id: text,
    email: text,
    name: text,
    role: { enum: ['customer', 'staff', 'admin'] },
    phone: text,
    address: ref('Address'),
  },
  ['phone', 'address'],
);
const product = shown(
  {
    id: text,
    sku: text,
    name: text,
    description: text,
    category: text,
    price: ref('Money'),
    available: count,
    updatedAt: time,
  },
  ['description', 'category'],
);
const moneyOrNone: Schema = { anyOf: [ref('Money'), { type: 'null' }] };
const cartFields = {
  id: text,
  lines: list(
    shown({ productId: text, sku: text, name: text, quantity: count, unitPrice: ref('Money'), total: moneyOrNone }),
  ),
  total: moneyOrNone,
};
const orderFields = {
  id: text,
  status: { type: 'string', enum: orderStatuses },
  customerId: text,
  email: text,
  reference: text,
  lines: list(
    shown({ productId: text, sku: text, name: text, quantity: count, unitPrice: ref('Money'), total: ref('Money') }),
  ),
  total: ref('Money'),
  exactTotal: ref('Money'),
  refunded: ref('Money'),
  shippingAddress: ref('Address'),
  createdAt: time,
  updatedAt: time,
};
const orderOptional = ['customerId', 'reference', 'shippingAddress'];

/** By the names that the route table uses. */
export const answerSchemas: Readonly<Record<string, Schema>> = {
  Money: money,
  Address: address,
  Customer: customer,
  Customers: page(ref('Customer')),
  Login: shown({ user: ref('Customer'), accessToken: text, refreshToken: text, expiresIn: count }),
  Product: product,
  Products: shown({ items: list(ref('Product')), next: { type: ['string', 'null'] }, facets: ref('Facets') }, [
    'next',
    'facets',
  ]),
  Facets: shown({
    category: list(shown({ value: text, count })),
    price: list(shown({ from: ref('Money'), to: ref('Money'), count })),
  }),
  Category: shown({ name: text, path: text, count, children: list(ref('Category')) }),
  Categories: shown({ items: list(ref('Category')) }),
  ImportReport: shown({
    accepted: count,
    rejected: count,
    errors: list(shown({ line: count, code: text, detail: text })),
  }),
  Stock: shown({
    sku: text,
    received: count,
    onHand: count,
    reserved: count,
    available: count,
    sold: count,
    returned: count,
    writtenOff: count,
  }),
  Cart: shown(cartFields),
  NewCart: shown({ ...cartFields, token: text }),
  Order: shown(orderFields, orderOptional),
  Orders: page(ref('Order')),
  PlacedOrder: {
    anyOf: [
      shown({ ...orderFields, accessToken: text }, [...orderOptional, 'accessToken']),
      shown({ id: text, status: text, accessToken: text }, ['accessToken']),
    ],
  },
  Timeline: shown({ items: list(shown({ at: time, type: text, data: { type: 'object' } })) }),
  EventsReport: shown({ accepted: count, rejected: list(shown({ index: count, code: text, detail: text })) }),
  Windows: shown({
    items: list(
      shown({ productId: text, windowStart: time, windowEnd: time, uniqueUserCount: count, eventCount: count }),
    ),
  }),
  Live: shown({ status: text }),
  Ready: shown({ ready: { type: 'boolean' }, checks: { type: 'object' }, activity: { type: 'object' } }, ['activity']),
  Document: { type: 'object' },
  Problem: shown(
    {
      type: text,
      title: text,
      status: { type: 'integer' },
      code: text,
      detail: text,
      requestId: text,
      errors: list(shown({ pointer: text, code: text, detail: text }, ['pointer'])),
      orderId: text,
    },
    ['orderId'],
  ),
};
