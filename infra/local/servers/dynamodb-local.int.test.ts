// DynamoDB Local: a table and an item survive kill -9; it is reachable on loopback only where a namespace is permitted.
import { afterEach, beforeEach, expect } from '@jest/globals';
import { CreateTableCommand, DynamoDBClient, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { itWhere } from '../../toolchain/it-where.ts';
import { treeOf } from '../process-tree.ts';
import { type DynamoLocal, type DynamoLocalOptions, missingDynamo, startDynamoLocal } from './dynamodb-local.ts';
import { addressesOf } from './listeners.fixture.ts';
import { findNamespace } from './network-namespace.ts';
import { marked, markOf } from './orphans.ts';

const missing = missingDynamo();
const withDynamo = itWhere(missing === undefined, missing ?? '', 'fetched');
const namespace = findNamespace();
const inNamespace = namespace.permitted
  ? withDynamo
  : itWhere(false, `a network namespace is not permitted here: ${namespace.why}`);

let folder: string;
let started: DynamoLocal[];
let clients: DynamoDBClient[];

const start = async (options: Partial<DynamoLocalOptions> = {}) => {
  const dynamo = await startDynamoLocal({ folder, mark: markOf(folder), ...options });
  started.push(dynamo);
  return dynamo;
};

function clientOf({ endpoint, region, credentials }: DynamoLocal): DynamoDBClient {
  const client = new DynamoDBClient({ endpoint, region, credentials });
  clients.push(client);
  return client;
}

const TABLE = { TableName: 'carts' };
const ITEM = { id: { S: 'c-1' }, lines: { N: '3' } };

async function write(dynamo: DynamoLocal): Promise<void> {
  const client = clientOf(dynamo);
  await client.send(
    new CreateTableCommand({
      ...TABLE,
      AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
      KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
      BillingMode: 'PAY_PER_REQUEST',
    }),
  );
  await client.send(new PutItemCommand({ ...TABLE, Item: ITEM }));
}

async function read(dynamo: DynamoLocal): Promise<unknown> {
  return (await clientOf(dynamo).send(new GetItemCommand({ ...TABLE, Key: { id: ITEM.id } }))).Item;
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'souk-dynamodb-'));
  started = [];
  clients = [];
});

afterEach(async () => {
  for (const client of clients) client.destroy();
  await Promise.all(started.map((dynamo) => dynamo.stop()));
  rmSync(folder, { recursive: true });
});

inNamespace('keeps what it answered over kill -9, listens on loopback only, and leaves nobody behind', async () => {
  const warnings: string[] = [];
  const first = await start({ warn: (sentence) => warnings.push(sentence) });
  await write(first);
  expect(addressesOf(first.port)).toEqual(['127.0.0.1']);
  expect(warnings).toEqual([]);

  for (const pid of treeOf(first.pid).toReversed()) process.kill(pid, 'SIGKILL');
  await first.exited;
  const second = await start({ port: first.port });
  expect(await read(second)).toEqual(ITEM);

  // The relay alone is killed: the server behind it must not be left, holding the data.
  process.kill(second.pid, 'SIGKILL');
  await second.exited;
  const third = await start({ port: first.port });
  expect(await read(third)).toEqual(ITEM);
  await third.stop();
  expect(marked(markOf(folder))).toEqual([]);
});

withDynamo('runs bare where a namespace is not permitted, and says loudly that others can reach it', async () => {
  const warnings: string[] = [];
  const bare = await start({
    namespace: { permitted: false, why: 'tried in a test' },
    warn: (sentence) => warnings.push(sentence),
  });
  await write(bare);
  expect(await read(bare)).toEqual(ITEM);
  expect(warnings).toEqual([expect.stringContaining(`on ALL addresses of this machine, port ${bare.port}`)]);
  expect(warnings[0]).toContain('tried in a test');
});
