// What a command for a payment looks like on the wire: a JSON Schema of the data of each. A delivery that fits none is
// parked by the host; it never reaches the rules.

import type { PaymentCommand } from '../../actors/payment.ts';

const orderId = { type: 'string', minLength: 1, maxLength: 128 } as const;
const text = (maxLength: number) => ({ type: 'string', minLength: 1, maxLength });
const amount = { type: 'integer', minimum: 1, maximum: Number.MAX_SAFE_INTEGER } as const;
const refundId = text(257);

const object = (
  properties: Readonly<Record<string, object>>,
  required: readonly string[] = Object.keys(properties),
) => ({ type: 'object', properties, required, additionalProperties: false });

/** JSON Schema of the data of each command for a payment. */
export const paymentCommands: Readonly<Record<PaymentCommand['type'], object>> = {
  Prepare: object({ orderId, method: text(64), sealed: text(4_096) }),
  Charge: object({
    orderId,
    amount,
    currency: { type: 'string', pattern: '^[A-Z]{3}$' },
    deadline: { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
  }),
  RecordOutcome: object(
    { outcome: { enum: ['succeeded', 'declined', 'voided'] }, reference: text(1_000), reason: text(1_000) },
    ['outcome'],
  ),
  Void: object({ orderId }),
  Refund: object({ orderId, refundId, amount }),
  RecordRefund: object({ refundId }),
};
