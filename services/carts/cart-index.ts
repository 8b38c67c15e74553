// Which carts hold a product: one small item per pair, in a table of its own. An item is written before the line is, so
// that no line is without one; a line that goes away leaves its item behind, which costs a look and nothing more.
//
//   (productId, cartId) ─► mark, expiresAt          (#again, productId) ─► name, dueAt: tidy it once more

import { randomUUID } from 'node:crypto';
import {
  type AttributeValue,
  BatchWriteItemCommand,
  DeleteItemCommand,
  type DynamoDBClient,
  paginateQuery,
  PutItemCommand,
  type WriteRequest,
} from '@aws-sdk/client-dynamodb';
import { ask, conditionFailed, inParallel } from '../../mixins/dynamodb/client.ts';
import type { Table } from '../../mixins/dynamodb/tables.ts';
import { StoreUnavailable } from '../../mixins/store.ts';

/** Items of one BatchWriteItem; DynamoDB's limit. */
const WRITES_MAX = 25;
const IN_PARALLEL = 16;
const ROUNDS_MAX = 20;
/** Carts per page: as many as are tidied at a time. */
const PAGE = 200;
/** Where the second passes wait; no product has this id. */
const AGAIN = '#again';

/** The table of the index. */
export const cartIndexTable = (name: string): Table => ({ name, keys: ['productId', 'cartId'] });

/** A pair as it was found; `mark` tells whether it was written again since. */
export interface Held {
  readonly cartId: string;
  readonly mark: string;
}

/** A product to tidy once more; `name` is of the event that said it was deleted. */
export interface Again {
  readonly productId: string;
  readonly name: string;
}

export interface CartIndex {
  /** Resolves when the pairs are durable: then the lines may be written. `expiresAt` in seconds since 1970. */
  note(cartId: string, productIds: readonly string[], expiresAt: number | undefined): Promise<void>;
  /** Carts that hold or once held the product, page by page. */
  holders(productId: string): AsyncIterable<readonly Held[]>;
  /** Removes pairs, unless they were written again since they were found. */
  forget(productId: string, found: readonly Held[]): Promise<void>;
  /** Plans a second pass; `dueAt` in milliseconds since 1970. */
  plan(again: Again, dueAt: number): Promise<void>;
  planned(before: number): Promise<readonly Again[]>;
  done(again: Again): Promise<void>;
}

/** The index on a table that exists. */
export function createCartIndex(client: DynamoDBClient, table: string): CartIndex {
  async function write(requests: readonly WriteRequest[]): Promise<void> {
    let waiting: readonly WriteRequest[] = requests;
    for (let round = 0; waiting.length > 0; round++) {
      if (round === ROUNDS_MAX) throw new StoreUnavailable(`${table} leaves ${waiting.length} items unwritten`);
      const command = new BatchWriteItemCommand({ RequestItems: { [table]: [...waiting] } });
      const { UnprocessedItems } = await ask((how) => client.send(command, how));
      waiting = UnprocessedItems?.[table] ?? [];
    }
  }

  async function* query(partition: string): AsyncIterable<readonly Record<string, AttributeValue>[]> {
    const pages = paginateQuery(
      { client, pageSize: PAGE },
      {
        TableName: table,
        ConsistentRead: true,
        KeyConditionExpression: 'productId = :partition',
        ExpressionAttributeValues: { ':partition': { S: partition } },
      },
    )[Symbol.asyncIterator]();
    while (true) {
      const page = await ask(() => pages.next());
      if (page.done === true) return;
      yield page.value.Items ?? [];
    }
  }

  async function remove(partition: string, sort: string, attribute: string, value: string): Promise<void> {
    const command = new DeleteItemCommand({
      TableName: table,
      Key: { productId: { S: partition }, cartId: { S: sort } },
      ConditionExpression: '#attribute = :value',
      ExpressionAttributeNames: { '#attribute': attribute },
      ExpressionAttributeValues: { ':value': { S: value } },
    });
    try {
      await ask((how) => client.send(command, how));
    } catch (error) {
      if (!conditionFailed(error)) throw error;
    }
  }

  return {
    async note(cartId, productIds, expiresAt) {
      const requests = productIds.map((productId) => ({
        PutRequest: {
          Item: {
            productId: { S: productId },
            cartId: { S: cartId },
            mark: { S: randomUUID() },
            ...(expiresAt === undefined ? {} : { expiresAt: { N: String(expiresAt) } }),
          },
        },
      }));
      const chunks = Array.from({ length: Math.ceil(requests.length / WRITES_MAX) }, (_, i) =>
        requests.slice(i * WRITES_MAX, (i + 1) * WRITES_MAX),
      );
      await inParallel(chunks, IN_PARALLEL, write);
    },

    async *holders(productId) {
      for await (const items of query(productId)) {
        yield items.map((item) => ({ cartId: item['cartId']?.S ?? '', mark: item['mark']?.S ?? '' }));
      }
    },

    async forget(productId, found) {
      await inParallel(found, IN_PARALLEL, ({ cartId, mark }) => remove(productId, cartId, 'mark', mark));
    },

    async plan({ productId, name }, dueAt) {
      const Item = {
        productId: { S: AGAIN },
        cartId: { S: productId },
        name: { S: name },
        dueAt: { N: String(dueAt) },
      };
      await ask((how) => client.send(new PutItemCommand({ TableName: table, Item }), how));
    },

    async planned(before) {
      const due: Again[] = [];
      for await (const items of query(AGAIN)) {
        for (const item of items) {
          if (Number(item['dueAt']?.N) <= before)
            due.push({ productId: item['cartId']?.S ?? '', name: item['name']?.S ?? '' });
        }
      }
      return due;
    },

    async done({ productId, name }) {
      await remove(AGAIN, productId, 'name', name);
    },
  };
}
