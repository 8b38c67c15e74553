// Tables as the code needs them. Where infrastructure has made them (with backups, alarms, time to live), nothing happens
// here, and a node needs no right to create any; elsewhere they are made on the first start.

import {
  CreateTableCommand,
  DescribeTableCommand,
  type DynamoDBClient,
  ResourceInUseException,
  ResourceNotFoundException,
} from '@aws-sdk/client-dynamodb';
import { setTimeout as delay } from 'node:timers/promises';
import { StoreUnavailable } from '../store.ts';
import { ask } from './client.ts';

const POLL_MS = 50;
const PATIENCE_MS = 60_000;

/** A table of text keys: the partition key, and the sort key if there is one. */
export interface Table {
  readonly name: string;
  readonly keys: readonly [partition: string, sort?: string];
}

/** Resolves when the table is there and takes requests; makes it if it is missing. Safe to run on many nodes at once. */
export async function ensureTable(client: DynamoDBClient, table: Table): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  let lastSaid: unknown;
  while (Date.now() < deadline) {
    try {
      const status = await statusOf(client, table.name);
      if (status === 'ACTIVE' || status === 'UPDATING') return;
      if (status === undefined) await create(client, table);
    } catch (error) {
      // It may be starting as this node is, or busy with the tables of others.
      if (!(error instanceof StoreUnavailable)) throw error;
      lastSaid = error;
    }
    await delay(POLL_MS);
  }
  throw new StoreUnavailable(`the table ${table.name} is not ready after ${PATIENCE_MS / 1_000} s`, {
    cause: lastSaid,
  });
}

async function statusOf(client: DynamoDBClient, name: string): Promise<string | undefined> {
  try {
    const { Table: found } = await ask((how) => client.send(new DescribeTableCommand({ TableName: name }), how));
    return found?.TableStatus;
  } catch (error) {
    if (error instanceof ResourceNotFoundException) return undefined;
    throw error;
  }
}

async function create(client: DynamoDBClient, { name, keys }: Table): Promise<void> {
  const names = keys.filter((key) => key !== undefined);
  const command = new CreateTableCommand({
    TableName: name,
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: names.map((key) => ({ AttributeName: key, AttributeType: 'S' })),
    KeySchema: names.map((key, i) => ({ AttributeName: key, KeyType: i === 0 ? 'HASH' : 'RANGE' })),
  });
  try {
    await ask((how) => client.send(command, how));
  } catch (error) {
    // Another node was faster.
    if (!(error instanceof StoreUnavailable && error.cause instanceof ResourceInUseException)) throw error;
  }
}
