// What a command for an order looks like on the wire: a JSON Schema of the data of each. A delivery that fits none is
// parked by the host; it never reaches the rules.

import { LINES_MAX, type OrderCommand, QUANTITY_MAX } from '../../actors/order.ts';

const id = { type: 'string', minLength: 1, maxLength: 128 } as const;
const text = (maxLength: number) => ({ type: 'string', minLength: 1, maxLength });
const count = { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER } as const;
const quantity = { type: 'integer', minimum: 1, maximum: QUANTITY_MAX } as const;

const object = (
  properties: Readonly<Record<string, object>>,
  required: readonly string[] = Object.keys(properties),
) => ({ type: 'object', properties, required, additionalProperties: false });

const list = (items: object, minItems = 1) => ({ type: 'array', minItems, maxItems: LINES_MAX, items });

const address = object(
  { name: text(200), line1: text(200), line2: text(200), city: text(200), postcode: text(32), country: text(2) },
  ['name', 'line1', 'city', 'postcode', 'country'],
);
const line = object({ productId: id, sku: text(64), name: text(500), quantity, unitPrice: count, partition: text(64) });
const shortage = object({ sku: text(64), productId: id, requested: count, available: count });

/** JSON Schema of the data of each command for an order. */
export const orderCommands: Readonly<Record<OrderCommand['type'], object>> = {
  Place: object(
    {
      customerId: id,
      email: text(320),
      reference: text(64),
      cartId: id,
      shippingAddress: address,
      currency: { type: 'string', pattern: '^[A-Z]{3}$' },
      lines: list(line),
      payment: object({ method: text(64), sealed: text(4_096) }),
      deadlineMs: { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
    },
    ['email', 'currency', 'lines', 'payment', 'deadlineMs'],
  ),
  RecordReserved: object({ partition: text(64) }),
  RecordShortage: object({ partition: text(64), shortages: list(shortage) }),
  RecordPayment: object({ outcome: { enum: ['succeeded', 'failed'] }, reason: text(1_000) }, ['outcome']),
  Expire: object({}),
  Cancel: object({}),
  Ship: object({}),
  Deliver: object({}),
  Refund: object({ refundId: id, restock: { type: 'boolean' }, lines: list(object({ productId: id, quantity })) }, [
    'refundId',
    'restock',
  ]),
  RecordRefund: object({ refundId: text(257) }),
};
