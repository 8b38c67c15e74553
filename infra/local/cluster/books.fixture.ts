// What the provider's book holds of each order, to compare with what orders say.

import type { readLedger } from '../provider/ledger.ts';

/** Of one order. */
export interface Held {
  /** Charges that succeeded; more than one is a customer charged twice. */
  readonly charges: number;
  /** Captured and not given back, in minor units of a currency with two digits. */
  readonly minor: number;
}

/** What the provider holds, by order; orders without a charge that succeeded are absent. */
export function heldByOrder({ charges, refunds }: ReturnType<typeof readLedger>): ReadonlyMap<string, Held> {
  const held = new Map<string, Held>();
  const refundsOf = Map.groupBy(refunds, ({ paymentId }) => paymentId);
  for (const { orderId, paymentId, status, amount } of charges) {
    if (status !== 'succeeded') continue;
    const back = (refundsOf.get(paymentId) ?? []).reduce((sum, refund) => sum + minorOf(refund.amount), 0);
    const known = held.get(orderId) ?? { charges: 0, minor: 0 };
    held.set(orderId, { charges: known.charges + 1, minor: known.minor + minorOf(amount) - back });
  }
  return held;
}

/** Of a decimal amount of such a currency. */
export const minorOf = ({ amount }: { readonly amount: string }): number => Math.round(Number(amount) * 100);
