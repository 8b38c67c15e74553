import { describe, expect, it } from '@jest/globals';
import { type Product, productActor } from '../../actors/product.ts';
import type { Delivery, DeliveryAnswer } from '../../brokers/hosting.ts';
import { receiveOpeningStock } from './opening-stock.ts';

const product: Product = {
  ...productActor.initial,
  status: 'live',
  sku: '71053',
  name: 'LANTERN',
  partition: 'main',
  createdAt: 5,
  updatedAt: 5,
};
const opening = (id: string, stock = 10) => ({ id, version: 1, product, stock });

/** Stock that answers as it is told to, call by call. */
function stockThat(...answers: readonly ((deliveries: readonly Delivery[]) => readonly DeliveryAnswer[])[]) {
  const calls: (readonly Delivery[])[] = [];
  return {
    calls,
    deliver: (deliveries: readonly Delivery[]) => {
      const answer = answers[Math.min(calls.length, answers.length - 1)];
      calls.push(deliveries);
      return new Promise<readonly DeliveryAnswer[]>((resolve) => {
        resolve(answer?.(deliveries) ?? []);
      });
    },
  };
}

const done = (deliveries: readonly Delivery[]): readonly DeliveryAnswer[] => deliveries.map(() => ({ done: true }));

describe('the opening stock', () => {
  it('is received under the id that the outbox gives its message, so that it is received once', async () => {
    const { calls, deliver } = stockThat(done);
    await receiveOpeningStock(deliver, [opening('p-1'), opening('p-2', 0)]);
    const created = { type: 'Created' as const, data: { ...product, stock: 10, at: 5 } };
    const [sent] = productActor.react(product, created, 'p-1');
    expect(calls).toEqual([
      [{ id: 'main', commandId: 'product/p-1/1/0/0', sentAt: 5, command: (sent as { command: object }).command }],
    ]);
  });

  it('asks nothing of stock when there is nothing to receive', async () => {
    const { calls, deliver } = stockThat(done);
    await receiveOpeningStock(deliver, [opening('p-1', 0)]);
    expect(calls).toEqual([]);
  });

  it('is offered again, as far as stock could not take it', async () => {
    const busy = (deliveries: readonly Delivery[]): readonly DeliveryAnswer[] =>
      deliveries.map((_, i) => (i === 0 ? { retry: 'busy' } : { done: true }));
    const away = () => {
      throw new Error('no such service');
    };
    const { calls, deliver } = stockThat(busy, away, done);
    await receiveOpeningStock(deliver, [opening('p-1'), opening('p-2')]);
    expect(calls.map((deliveries) => deliveries.length)).toEqual([2, 1, 1]);
  });

  it('that stock never takes is a reason to come back later', async () => {
    const { deliver } = stockThat(() => []);
    await expect(receiveOpeningStock(deliver, [opening('p-1')])).rejects.toMatchObject({ type: 'unavailable' });
  });
});
