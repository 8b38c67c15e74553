// The embedded DynamoDB through the client that the carts use.
import {
  ConditionalCheckFailedException,
  CreateTableCommand,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  ScanCommand,
} from '@aws-sdk/client-dynamodb';
import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type DataDir, openDataDir } from './data-dir.ts';
import { type Dynamo, startDynamo } from './dynamodb.ts';

jest.setTimeout(60_000);

const TableName = 'carts';
let folder: string;
let dataDir: DataDir;
let dynamo: Dynamo | undefined;

const client = ({ endpoint, region, credentials }: Dynamo) => new DynamoDBClient({ endpoint, region, credentials });
const createTable = new CreateTableCommand({
  TableName,
  AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
  KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
  BillingMode: 'PAY_PER_REQUEST',
});
const put = (id: string, version: number) =>
  new PutItemCommand({
    TableName,
    Item: { id: { S: id }, version: { N: String(version) } },
    ConditionExpression: version === 1 ? 'attribute_not_exists(id)' : 'version = :before',
    ...(version > 1 && { ExpressionAttributeValues: { ':before': { N: String(version - 1) } } }),
  });

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'souk-dynamo-'));
  dataDir = openDataDir(folder);
});

afterEach(async () => {
  await dynamo?.stop();
  dynamo = undefined;
  dataDir.close();
  rmSync(folder, { recursive: true });
});

it('takes conditional puts, and keeps them over a restart', async () => {
  dynamo = await startDynamo({ dataDir });
  const before = client(dynamo);
  await before.send(createTable);
  await before.send(put('one', 1));
  await before.send(put('one', 2));
  await expect(before.send(put('one', 2))).rejects.toThrow(ConditionalCheckFailedException);
  await Promise.all([dynamo.stop(), dynamo.stop()]);

  dynamo = await startDynamo({ dataDir });
  const { Item } = await client(dynamo).send(
    new GetItemCommand({ TableName, Key: { id: { S: 'one' } }, ConsistentRead: true }),
  );
  expect(Item).toEqual({ id: { S: 'one' }, version: { N: '2' } });
});

it('loses no answered write when its process is killed', async () => {
  dataDir.close();
  const code = `
    const { openDataDir } = await import('${import.meta.dirname}/data-dir.ts');
    const { startDynamo } = await import('${import.meta.dirname}/dynamodb.ts');
    const { endpoint } = await startDynamo({ dataDir: openDataDir('${folder}') });
    console.log(endpoint);`;
  const shop = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [endpoint] = (await once(createInterface({ input: shop.stdout }), 'line')) as [string];
  const writer = new DynamoDBClient({
    endpoint,
    region: 'eu-west-1',
    credentials: { accessKeyId: 'x', secretAccessKey: 'x' },
    maxAttempts: 1,
  });
  await writer.send(createTable);
  const answered: string[] = [];
  const write = async (lane: number) => {
    for (let n = 0; ; n++) {
      await writer.send(put(`${lane}-${n}`, 1));
      answered.push(`${lane}-${n}`);
      if (answered.length === 300) shop.kill('SIGKILL');
    }
  };
  await Promise.allSettled(Array.from({ length: 8 }, (_, lane) => write(lane)));

  dataDir = openDataDir(folder);
  dynamo = await startDynamo({ dataDir });
  const { Items = [] } = await client(dynamo).send(new ScanCommand({ TableName }));
  const kept = new Set(Items.map(({ id }) => id?.S));
  expect(answered.length).toBeGreaterThanOrEqual(300);
  expect(answered.filter((id) => !kept.has(id))).toEqual([]);
});

it('survives a client that gives up in the middle of a request', async () => {
  dynamo = await startDynamo({ dataDir });
  const socket = connect(Number(new URL(dynamo.endpoint).port), '127.0.0.1');
  await once(socket, 'connect');
  socket.end('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n{"half":');
  socket.resume();
  await once(socket, 'close'); // the server closes once it has given up the request
  await client(dynamo).send(createTable);
});

it('names the folder when its data cannot be opened', async () => {
  writeFileSync(join(folder, 'dynamodb'), 'a file');
  await expect(startDynamo({ dataDir })).rejects.toThrow(`${folder}/dynamodb`);
});
