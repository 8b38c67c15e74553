// JSON Schemas of what callers send. They draw the line between malformed and meant: whatever passes here has the right
// fields, types and ranges, and services may rely on it. No string may hold \u0000 (`body.ts` sees to that).

import { LINES_MAX, QUANTITY_MAX } from '../../actors/order.ts';
import {
  CATEGORY_LENGTH_MAX,
  DESCRIPTION_LENGTH_MAX,
  NAME_LENGTH_MAX,
  OPENING_STOCK_MAX,
  SKU_LENGTH_MAX,
} from '../../actors/product.ts';
import { CURSOR_LENGTH_MAX } from '../../mixins/cursor.ts';
import type { Schema } from './route.ts';

/** An object with exactly these fields; all are required but those named in `optional`. */
export function object(properties: Readonly<Record<string, Schema>>, optional: readonly string[] = []): Schema {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: 'object', properties, additionalProperties: false, ...(required.length === 0 ? {} : { required }) };
}

/** Text of one to so many characters. */
export const text = (maxLength: number, minLength = 1): Schema => ({ type: 'string', minLength, maxLength });
/** Such a text with something to see in it. */
const visible = (maxLength: number): Schema => ({ ...text(maxLength), pattern: '\\S' });
const integer = (minimum: number, maximum: number): Schema => ({ type: 'integer', minimum, maximum });
const orNull = (schema: Schema): Schema => ({ ...schema, type: [schema['type'], 'null'] });

/** Shortest and longest password; a longer one is no safer and only slower to hash. */
const PASSWORD_LENGTH = { min: 8, max: 128 };
const EMAIL_LENGTH_MAX = 254;
/** Events of one call. */
export const EVENTS_MAX = 500;

export const money: Schema = object({
  amount: { type: 'string', pattern: '^\\d{1,12}(\\.\\d{1,4})?$', examples: ['2.55'] },
  currency: { type: 'string', pattern: '^[A-Z]{3}$', examples: ['GBP'] },
});
const email: Schema = { type: 'string', format: 'email', maxLength: EMAIL_LENGTH_MAX };
const newPassword: Schema = text(PASSWORD_LENGTH.max, PASSWORD_LENGTH.min);
/** A password to be checked: whatever it is, it is right or wrong, not malformed. */
const password: Schema = text(PASSWORD_LENGTH.max);
const phone: Schema = { type: 'string', pattern: '^\\+?[0-9][0-9 ()./-]{2,31}$', examples: ['+44 20 7946 0018'] };
const productId = text(128);
const sku = text(SKU_LENGTH_MAX);

const addressFields = {
  name: text(200),
  line1: text(200),
  line2: text(200),
  city: text(200),
  postcode: text(32),
  country: { type: 'string', pattern: '^[A-Z]{2}$', examples: ['GB'] },
};
const address = object(addressFields, ['line2']);

export const register = object({ email, password: newPassword, name: text(200), phone, address }, ['phone', 'address']);
export const login = object({ email, password });
export const refreshToken = object({ refreshToken: text(2_048) });
export const passwordChange = object({ current: password, new: newPassword });
export const profileChanges = object({ name: text(200), phone: orNull(phone), address: orNull(address) }, [
  'name',
  'phone',
  'address',
]);
export const roleChange = object({ role: { type: 'string', enum: ['customer', 'staff', 'admin'] } });

const description = text(DESCRIPTION_LENGTH_MAX, 0);
const category = text(CATEGORY_LENGTH_MAX);
export const newProduct = object(
  {
    sku: visible(SKU_LENGTH_MAX),
    name: visible(NAME_LENGTH_MAX),
    description,
    category,
    price: money,
    stock: integer(0, OPENING_STOCK_MAX),
  },
  ['description', 'category'],
);
export const productChanges = object(
  { name: visible(NAME_LENGTH_MAX), description: orNull(description), category: orNull(category), price: money },
  ['name', 'description', 'category', 'price'],
);

export const skuParameter = sku;
export const stockReceipt = object({ quantity: integer(1, OPENING_STOCK_MAX) });
export const stockWriteOff = object({ quantity: integer(1, OPENING_STOCK_MAX), reason: text(200) });

export const cartLine = object({ quantity: integer(1, QUANTITY_MAX) });

const orderLine = object({ productId, quantity: integer(1, QUANTITY_MAX) });
export const newOrder: Schema = {
  ...object(
    {
      cartId: text(128),
      lines: { type: 'array', minItems: 1, maxItems: LINES_MAX, items: orderLine },
      email,
      shippingAddress: address,
      reference: text(64),
      payment: object({ method: { type: 'string', enum: ['simulated'] }, token: text(256) }),
    },
    ['cartId', 'lines', 'email', 'shippingAddress', 'reference'],
  ),
  oneOf: [{ required: ['cartId'] }, { required: ['lines'] }],
};
export const refund = object(
  { lines: { type: 'array', minItems: 1, maxItems: LINES_MAX, items: orderLine }, restock: { type: 'boolean' } },
  ['lines', 'restock'],
);

const word = text(128);
const event = object(
  {
    user_id: word,
    product_id: word,
    event_type: word,
    timestamp: text(64),
    metadata: { type: 'object' },
    event_id: word,
  },
  ['metadata', 'event_id'],
);
/** What an event or a batch of events looks like. The activity service judges each event by itself: see `events` below. */
export const documentedEvents: Schema = {
  oneOf: [event, { type: 'array', minItems: 1, maxItems: EVENTS_MAX, items: event }],
};
/** What the gateway asks of them: one bad event must not spoil the other 499. */
export const events = object({ events: { type: 'array', minItems: 1, maxItems: EVENTS_MAX } });
export const flush = object({ until: { type: 'string', format: 'date-time' } });

/** Query parameters of every list. */
export const paging = { limit: { ...integer(1, 100), default: 20 }, cursor: text(CURSOR_LENGTH_MAX) };
const price: Schema = { type: 'string', pattern: '^\\d{1,12}(\\.\\d{1,4})?$', examples: ['2.55'] };
export const productFilters = {
  q: {
    ...text(200, 0),
    description: 'Words of SKU, name or description; the last may be unfinished. Empty: everything',
  },
  sku,
  category: { ...category, description: 'A path, with all categories below it' },
  priceFrom: { ...price, description: 'Inclusive' },
  priceTo: { ...price, description: 'Exclusive' },
  currency: { type: 'string', pattern: '^[A-Z]{3}$', examples: ['GBP'] },
  facets: { type: 'string', enum: ['true', 'false'], description: 'Default: true with q, else false' },
  sort: {
    type: 'string',
    enum: ['sku', 'name', '-name', 'price', '-price', 'updatedAt', '-updatedAt'],
    description: 'Default: with q what fits best comes first, else sku',
  },
};
export const orderStatuses = [
  'AWAITING_STOCK',
  'AWAITING_PAYMENT',
  'PAID',
  'SHIPPED',
  'DELIVERED',
  'PAYMENT_FAILED',
  'CANCELLED',
  'EXPIRED',
  'REFUNDED',
] as const;
export const orderFilters = {
  reference: text(64),
  status: { type: 'string', enum: orderStatuses },
  customerId: text(128),
  from: { type: 'string', format: 'date-time' },
  to: { type: 'string', format: 'date-time' },
};
export const exportFormat = { format: { type: 'string', enum: ['csv', 'jsonl'], default: 'csv' } };
export const windowLimit = { limit: { ...integer(1, 100), default: 10 } };
