// What a command for a stock partition looks like on the wire: a JSON Schema of the data of each. A delivery that fits
// none is parked by the host; it never reaches the rules.

import { LINES_MAX } from '../../actors/order.ts';
import { RECEIVED_MAX, type StockCommand } from '../../actors/stock.ts';

const id = { type: 'string', minLength: 1, maxLength: 128 } as const;
const text = (maxLength: number) => ({ type: 'string', minLength: 1, maxLength });
const quantity = { type: 'integer', minimum: 1, maximum: RECEIVED_MAX } as const;
const sku = text(64);

const object = (properties: Readonly<Record<string, object>>, optional: readonly string[] = []) => ({
  type: 'object',
  properties,
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
  additionalProperties: false,
});

/** Summed per SKU, so there may be more pieces than an order's line may have. */
const lines = { type: 'array', minItems: 1, maxItems: LINES_MAX, items: object({ sku, productId: id, quantity }) };

/** JSON Schema of the data of each command for a stock partition. */
export const stockCommands: Readonly<Record<StockCommand['type'], object>> = {
  Receive: object({ sku, quantity, movementId: id }, ['movementId']),
  WriteOff: object({ sku, quantity, reason: text(1_000), movementId: id }, ['movementId']),
  Reserve: object({ orderId: id, lines }),
  Commit: object({ orderId: id, lines }),
  Release: object({ orderId: id, lines }),
  Return: object({ orderId: id, refundId: text(257), lines }),
};
