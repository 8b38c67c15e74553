// Sees to it that stock has taken what products opened with before their creation is answered, so that an order at once
// succeeds. The outbox would bring the same commands a moment later, or after a crash: both carry the same command ids, and
// whichever comes first takes effect.

import { setTimeout as pause } from 'node:timers/promises';
import type { Product } from '../../actors/product.ts';
import type { Delivery, DeliveryAnswer } from '../../brokers/hosting.ts';
import { Problem } from '../../brokers/problem.ts';
import { messageIdOf } from '../../mixins/batch.ts';

/** How often stock is asked before the caller is told to come back, and the pause between, in milliseconds. */
const ATTEMPTS_MAX = 20;
const PAUSE_MS = 100;

/** A product that was just created, and the version of its actor then. */
export interface Opening {
  readonly id: string;
  readonly version: number;
  readonly product: Product;
  /** Pieces it opened with. */
  readonly stock: number;
}

/** Brings deliveries to stock. */
export type Deliver = (deliveries: readonly Delivery[]) => Promise<readonly DeliveryAnswer[]>;

/**
 * Resolves when stock has taken all of it.
 * @throws Problem `unavailable` if stock does not answer: the products are there, and stock will get its pieces.
 */
export async function receiveOpeningStock(deliver: Deliver, openings: readonly Opening[]): Promise<void> {
  let waiting = openings.filter(({ stock }) => stock > 0).map(deliveryOf);
  for (let attempt = 1; waiting.length > 0; attempt++) {
    const answers = await tryOnce(deliver, waiting);
    waiting = waiting.filter((_, i) => 'retry' in (answers[i] ?? { retry: '' }));
    if (waiting.length === 0) return;
    if (attempt === ATTEMPTS_MAX)
      throw new Problem('unavailable', 'the products are created, but stock has not taken their pieces yet: try again');
    await pause(PAUSE_MS);
  }
}

async function tryOnce(deliver: Deliver, deliveries: readonly Delivery[]): Promise<readonly DeliveryAnswer[]> {
  try {
    return await deliver(deliveries);
  } catch (error) {
    return deliveries.map(() => ({ retry: String(error) }));
  }
}

/** The delivery that the outbox makes of `Created`, the only event of its command, whose only reaction is this. */
function deliveryOf({ id, version, product, stock }: Opening): Delivery {
  const { sku, partition, createdAt } = product;
  return {
    id: partition,
    commandId: messageIdOf('product', id, version, 0, 0),
    command: { type: 'Receive', data: { sku, quantity: stock } },
    sentAt: createdAt,
  };
}
