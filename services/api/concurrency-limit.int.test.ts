// Goal: a gateway of which more is asked than the shop answers refuses the rest at once and says when to come back, route by
// route; what is let in is answered, and probes and other routes do not notice.
// Method: the gateway over a stub whose `GET /products/p-1` hangs until it is told to answer.
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { LIMIT_FIRST } from './concurrency-limit.ts';
import { startStubShop, type StubShop } from './stub-shop.ts';

const SURPLUS = 40;

let shop: StubShop;
let answer: () => void;
let asked = 0;
beforeAll(async () => {
  const answered = new Promise<void>((resolve) => (answer = resolve));
  shop = await startStubShop([
    {
      name: 'products',
      actions: {
        get: async () => {
          asked += 1;
          await answered;
          return {};
        },
      },
    },
    { name: 'orders', actions: { get: () => ({}) } },
  ]);
});
afterAll(() => shop.stop());

it('refuses what it could not answer in time, at once, and nothing else', async () => {
  let refused = 0;
  const calls = Array.from({ length: LIMIT_FIRST + SURPLUS }, async () => {
    const { status, headers, body } = await shop.call('/api/v1/products/p-1');
    if (status !== 503) return status;
    refused += 1;
    expect(headers.get('retry-after')).toBe('1');
    expect(body).toMatchObject({ code: 'overloaded', detail: expect.stringMatching(/try again$/) });
    // All that are refused have their answer while those that were let in have none.
    if (refused === SURPLUS) {
      expect(asked).toBe(LIMIT_FIRST);
      expect((await shop.call('/health/live')).status).toBe(200);
      expect((await shop.call('/openapi.json')).status).toBe(200);
      expect((await shop.call('/api/v1/orders/o-1')).status).not.toBe(503);
      answer();
    }
    return status;
  });
  const statuses = await Promise.all(calls);
  expect(statuses.filter((status) => status === 200)).toHaveLength(LIMIT_FIRST);
  expect(refused).toBe(SURPLUS);
  expect((await shop.call('/api/v1/products/p-1')).status).toBe(200);
  expect(shop.faults).toEqual([]);
});
