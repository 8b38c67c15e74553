// One table whose items have a text key `id`: the few requests that the store makes of it, each consistent.

import { setTimeout as delay } from 'node:timers/promises';
import {
  BatchGetItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  type PutItemCommandInput,
  ScanCommand,
} from '@aws-sdk/client-dynamodb';
import { StoreUnavailable } from '../store.ts';
import { ask, inParallel } from './client.ts';
import type { Item } from './document.ts';

/** Keys of one BatchGetItem; DynamoDB's limit. */
const KEYS_MAX = 100;
/** Requests of one call that are under way at a time. */
export const IN_PARALLEL = 32;
/** Times a busy table is asked again for what it left unread, and the pause before, in milliseconds. */
const ROUNDS_MAX = 20;
const PAUSE_MS = 50;

/** Under which condition an item is written. */
export type Condition = Pick<
  PutItemCommandInput,
  'ConditionExpression' | 'ExpressionAttributeNames' | 'ExpressionAttributeValues'
>;

export interface Items {
  get(id: string): Promise<Item | undefined>;
  /** Those that exist, in any order; whole, or these attributes only. */
  getMany(ids: readonly string[], attributes?: readonly string[]): Promise<readonly Item[]>;
  /** @throws ConditionalCheckFailedException if the condition does not hold. */
  put(item: Item, condition?: Condition): Promise<void>;
  /**
   * One page of the items that have the attribute, from the base table: after a crash an index was seen to miss some.
   * `next` is where the following page begins; undefined: this was the last.
   */
  having(
    attribute: string,
    from: Item | undefined,
  ): Promise<{ readonly items: readonly Item[]; readonly next: Item | undefined }>;
}

/** The requests, on a table that exists. */
export function createItems(client: DynamoDBClient, table: string): Items {
  async function getChunk(ids: readonly string[], projection: object): Promise<readonly Item[]> {
    const items: Item[] = [];
    let keys: Item[] = ids.map((id) => ({ id: { S: id } }));
    for (let round = 0; keys.length > 0; round++) {
      if (round === ROUNDS_MAX) throw new StoreUnavailable(`${table} leaves ${keys.length} keys unread`);
      const command = new BatchGetItemCommand({
        RequestItems: { [table]: { Keys: keys, ConsistentRead: true, ...projection } },
      });
      const { Responses, UnprocessedKeys } = await ask((how) => client.send(command, how));
      items.push(...(Responses?.[table] ?? []));
      const unread = UnprocessedKeys?.[table]?.Keys ?? [];
      // Some are left over when together they are too large; all are when the table is too busy.
      if (unread.length === keys.length) await delay(PAUSE_MS);
      keys = unread;
    }
    return items;
  }

  return {
    async get(id) {
      const command = new GetItemCommand({ TableName: table, Key: { id: { S: id } }, ConsistentRead: true });
      return (await ask((how) => client.send(command, how))).Item;
    },

    async getMany(ids, attributes) {
      const chunks = Array.from({ length: Math.ceil(ids.length / KEYS_MAX) }, (_, i) =>
        ids.slice(i * KEYS_MAX, (i + 1) * KEYS_MAX),
      );
      const projection = attributes === undefined ? {} : project(attributes);
      return (await inParallel(chunks, IN_PARALLEL, (chunk) => getChunk(chunk, projection))).flat();
    },

    async put(item, condition = {}) {
      await ask((how) => client.send(new PutItemCommand({ TableName: table, Item: item, ...condition }), how));
    },

    async having(attribute, from) {
      const command = new ScanCommand({
        TableName: table,
        ConsistentRead: true,
        FilterExpression: `attribute_exists(#${attribute})`,
        ...project(['id', attribute]),
        ...(from === undefined ? {} : { ExclusiveStartKey: from }),
      });
      const { Items = [], LastEvaluatedKey } = await ask((how) => client.send(command, how));
      return { items: Items, next: LastEvaluatedKey };
    },
  };
}

/** Reads these attributes only; by placeholders, because many a plain word is reserved. */
function project(attributes: readonly string[]) {
  return {
    ProjectionExpression: attributes.map((name) => `#${name}`).join(', '),
    ExpressionAttributeNames: Object.fromEntries(attributes.map((name) => [`#${name}`, name])),
  };
}
