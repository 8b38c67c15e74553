// A DynamoDB API of its own for a test file: dynalite in this process on a folder that goes away, or, to see the same
// tests pass on another implementation (DynamoDB Local), the one that TEST_DYNAMODB_ENDPOINT names.

import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DynamoDBClient, type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';
import dynalite from 'dynalite';

export interface TestDynamo {
  readonly client: DynamoDBClient;
  /** Another client of it, with a configuration of its own; closed with the first one. */
  connect(config?: DynamoDBClientConfig): DynamoDBClient;
  close(): Promise<void>;
}

/** Starts it, empty. */
export async function testDynamo(): Promise<TestDynamo> {
  const served = process.env['TEST_DYNAMODB_ENDPOINT'];
  const own = served === undefined ? await serve() : undefined;
  const clients: DynamoDBClient[] = [];
  const connect = (config: DynamoDBClientConfig = {}): DynamoDBClient => {
    const client = new DynamoDBClient({
      endpoint: served ?? own?.endpoint ?? '',
      region: 'eu-west-1',
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
      ...config,
    });
    clients.push(client);
    return client;
  };
  return {
    client: connect(),
    connect,
    async close() {
      for (const client of clients) client.destroy();
      await own?.close();
    },
  };
}

async function serve(): Promise<{ readonly endpoint: string; close(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'souk-dynamo-'));
  const server: Server = dynalite({ path, createTableMs: 0, updateTableMs: 0, deleteTableMs: 0 });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
      await rm(path, { recursive: true });
    },
  };
}
