// The index of carts by product on a real DynamoDB API.
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { ensureTable } from '../../mixins/dynamodb/tables.ts';
import { type TestDynamo, testDynamo } from '../../mixins/dynamodb/testing.ts';
import { StoreUnavailable } from '../../mixins/store.ts';
import { type CartIndex, cartIndexTable, createCartIndex, type Held } from './cart-index.ts';

let dynamo: TestDynamo;
let client: DynamoDBClient;
let index: CartIndex;

beforeAll(async () => {
  dynamo = await testDynamo();
  ({ client } = dynamo);
  await ensureTable(client, cartIndexTable('by-product'));
  index = createCartIndex(client, 'by-product');
});
afterAll(() => dynamo.close());

async function pages(productId: string): Promise<(readonly Held[])[]> {
  const found: (readonly Held[])[] = [];
  for await (const page of index.holders(productId)) found.push(page);
  return found;
}

it('gives all carts of a product, page by page', async () => {
  const carts = Array.from({ length: 450 }, (_, i) => `cart-${String(i).padStart(3, '0')}`);
  await Promise.all(carts.map((cartId) => index.note(cartId, ['popular'], 1_900_000_000)));
  const found = await pages('popular');
  expect(found.map((page) => page.length)).toEqual([200, 200, 50]);
  expect(found.flat().map(({ cartId }) => cartId)).toEqual(carts);
});

it('takes as many products of a cart as it may hold', async () => {
  const productIds = Array.from({ length: 2_000 }, (_, i) => `p${i}`);
  await index.note('large', productIds, undefined);
  expect((await pages('p0')).flat()).toEqual([{ cartId: 'large', mark: expect.any(String) }]);
  expect((await pages('p1999')).flat()).toHaveLength(1);
  expect((await pages('p2000')).flat()).toEqual([]);
});

it('forgets a pair only if it was not written again since', async () => {
  await index.note('one', ['gone'], undefined);
  await index.note('two', ['gone'], undefined);
  const [found = []] = await pages('gone');
  await index.note('two', ['gone'], undefined);
  await index.forget('gone', found);
  expect((await pages('gone')).flat().map(({ cartId }) => cartId)).toEqual(['two']);
});

it('remembers which products to tidy once more, and for which event', async () => {
  const again = { productId: 'gone', name: 'first' };
  await index.plan(again, 1_000);
  expect(await index.planned(999)).toEqual([]);
  expect(await index.planned(1_000)).toEqual([again]);
  await index.plan({ ...again, name: 'second' }, 2_000);
  await index.done(again);
  expect(await index.planned(2_000)).toEqual([{ productId: 'gone', name: 'second' }]);
  await index.done({ ...again, name: 'second' });
  expect(await index.planned(2_000)).toEqual([]);
});

it('says when DynamoDB is away, or takes nothing', async () => {
  const nobody = dynamo.connect({ endpoint: 'http://127.0.0.1:9', maxAttempts: 1 });
  const away = createCartIndex(nobody, 'by-product');
  await expect(away.note('c', ['p'], undefined)).rejects.toThrow(StoreUnavailable);
  await expect(away.planned(1)).rejects.toThrow(StoreUnavailable);
  await expect(away.done({ productId: 'p', name: 'n' })).rejects.toThrow(StoreUnavailable);

  const busy = dynamo.connect();
  busy.middlewareStack.add(
    (next) => async (args) => {
      const answer = await next(args);
      const { RequestItems } = args.input as { RequestItems?: object };
      return { ...answer, output: { ...answer.output, UnprocessedItems: RequestItems } };
    },
    { step: 'initialize' },
  );
  await expect(createCartIndex(busy, 'by-product').note('c', ['p'], undefined)).rejects.toThrow('items unwritten');
});
