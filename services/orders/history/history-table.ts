// The table of the history in DynamoDB: one item per order, written when it is newer, read newest first.

import {
  type AttributeValue,
  DescribeTableCommand,
  type DynamoDBClient,
  PutItemCommand,
  QueryCommand,
} from '@aws-sdk/client-dynamodb';
import { ask, conditionFailed } from '../../../mixins/dynamodb/client.ts';
import type { Item } from '../../../mixins/dynamodb/document.ts';
import { ensureTable } from '../../../mixins/dynamodb/tables.ts';
import { fromItem, type HistoryItem, KEYS, type Position, sortKey, toItem } from './item.ts';

/** Longest wait of a list for DynamoDB, in milliseconds: PostgreSQL, which can answer as well, is near. */
const READ_WITHIN_MS = 500;

/** Which orders of a customer, newest first. */
export interface Range {
  readonly customerId: string;
  /** Milliseconds since 1970 UTC; inclusive. */
  readonly from?: number;
  /** Milliseconds since 1970 UTC; exclusive. */
  readonly to?: number;
  /** Where the page before has ended. */
  readonly after?: Position;
}

/** Orders of the range that are shown. */
export interface Filters {
  readonly status?: string;
  readonly reference?: string;
}

export interface HistoryTable {
  exists(): Promise<boolean>;
  /** Makes the table if it is missing. */
  make(): Promise<void>;
  /** Writes the item unless a newer one is there. False: it has no room in DynamoDB. */
  put(item: HistoryItem): Promise<boolean>;
  /** Looks at the next `look` orders of the range; `next` is where to go on, undefined: that was all. */
  page(range: Range, filters: Filters, look: number, from: Item | undefined): Promise<Page>;
}

export interface Page {
  readonly found: readonly Pick<HistoryItem, 'position' | 'order'>[];
  readonly next: Item | undefined;
}

/** Whether DynamoDB says that it has no such table. */
export function isMissing(error: unknown): boolean {
  return error instanceof Error && error.name === 'ResourceNotFoundException';
}

/** The requests on a table, which need not exist yet. */
export function historyTable(client: DynamoDBClient, name: string, readWithinMs = READ_WITHIN_MS): HistoryTable {
  return {
    async exists() {
      try {
        await ask((how) => client.send(new DescribeTableCommand({ TableName: name }), how));
        return true;
      } catch (error) {
        if (isMissing(error)) return false;
        throw error;
      }
    },

    make: () => ensureTable(client, { name, keys: KEYS }),

    async put(history) {
      const item = toItem(history);
      if (item === undefined) return false;
      const command = new PutItemCommand({
        TableName: name,
        Item: item,
        // The same version is written again: it says the same, and a rebuilding makes good what was spoilt.
        ConditionExpression: 'attribute_not_exists(#version) or #version <= :version',
        ExpressionAttributeNames: { '#version': 'version' },
        ExpressionAttributeValues: { ':version': { N: String(history.version) } },
      });
      try {
        await ask((how) => client.send(command, how));
      } catch (error) {
        if (!conditionFailed(error)) throw error;
      }
      return true;
    },

    async page(range, filters, look, from) {
      const [first, last] = [sortKey(range.from ?? 0), upperKey(range)];
      if (first > last) return { found: [], next: undefined };
      const filtered = Object.entries(filters);
      const values: Record<string, AttributeValue> = {
        ':customer': { S: range.customerId },
        ':first': { S: first },
        ':last': { S: last },
        ...Object.fromEntries(filtered.map(([field, value]) => [`:${field}`, { S: value }])),
      };
      const command = new QueryCommand({
        TableName: name,
        KeyConditionExpression: '#customer = :customer and #position between :first and :last',
        ...(filtered.length === 0
          ? {}
          : { FilterExpression: filtered.map(([field]) => `#${field} = :${field}`).join(' and ') }),
        ExpressionAttributeNames: {
          '#customer': KEYS[0],
          '#position': KEYS[1],
          ...Object.fromEntries(filtered.map(([field]) => [`#${field}`, field])),
        },
        ExpressionAttributeValues: values,
        ScanIndexForward: false,
        // An order whose row of `unprojected` is gone must be seen here.
        ConsistentRead: true,
        Limit: look,
        ...(from === undefined ? {} : { ExclusiveStartKey: from }),
      });
      const { Items = [], LastEvaluatedKey } = await ask(({ abortSignal }) =>
        client.send(command, { abortSignal: AbortSignal.any([abortSignal, AbortSignal.timeout(readWithinMs)]) }),
      );
      // Both ends of `between` belong to it, and neither end of ours is in the list.
      return { found: Items.filter(({ position }) => position?.S !== last).map(fromItem), next: LastEvaluatedKey };
    },
  };
}

/** The key that all keys of the range stand before. */
function upperKey({ to, after }: Range): string {
  const keys = [...(to === undefined ? [] : [sortKey(to)]), ...(after === undefined ? [] : [sortKey(...after)])];
  // A time alone stands before its orders, so the smaller text is the nearer end. `;` is larger than every digit.
  return keys.toSorted()[0] ?? ';';
}
