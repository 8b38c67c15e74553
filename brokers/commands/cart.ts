// What a command for a cart looks like on the wire: a JSON Schema of the data of each. A delivery that fits none is
// parked by the host; it never reaches the rules.

import type { CartCommand } from '../../actors/cart.ts';
import { LINES_MAX, QUANTITY_MAX } from '../../actors/order.ts';

const id = { type: 'string', minLength: 1, maxLength: 128 } as const;

const object = (properties: Readonly<Record<string, object>>) => ({
  type: 'object',
  properties,
  required: Object.keys(properties),
  additionalProperties: false,
});

const lines = (maximum: number) => ({
  type: 'array',
  maxItems: LINES_MAX,
  items: object({ productId: id, quantity: { type: 'integer', minimum: 1, maximum } }),
});

/** JSON Schema of the data of each command for a cart. */
export const cartCommands: Readonly<Record<CartCommand['type'], object>> = {
  SetLine: object({ productId: id, quantity: { type: 'integer', minimum: 0, maximum: QUANTITY_MAX } }),
  RemoveLine: object({ productId: id }),
  // Summed by product, so there may be more pieces than a line of a cart may have.
  RemoveOrdered: object({ orderId: id, lines: lines(Number.MAX_SAFE_INTEGER) }),
  RemoveProduct: object({ productId: id }),
  Freeze: object({ userId: id }),
  Absorb: object({ merge: id, lines: lines(QUANTITY_MAX) }),
  Close: object({ userId: id }),
};
