// The embedded DynamoDB: dynalite in this process, on loopback, its data in `dynamodb/` of the data folder.
// A write that was answered has been handed to the operating system, so it survives kill -9 of the process. It is not
// forced to the disk: after a power cut the last cart changes may be missing, which orders (in PostgreSQL) never are.

import dynalite from 'dynalite';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import type { IncomingMessage, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type DataDir, StartRefused } from './data-dir.ts';

const HOST = '127.0.0.1';
const OPEN_MS = 10_000;
/** Requests under way may finish; then their connections are cut. */
const DRAIN_MS = 1_000;

/** What a client needs. The keys are demanded by the protocol and checked by nobody. */
export type Dynamo = {
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** Ends within about a second. Safe to call twice. Never rejects. */
  stop(): Promise<void>;
};

/**
 * Opens the data and serves it on a free port.
 * @throws StartRefused when the data cannot be opened
 */
export async function startDynamo(options: { readonly dataDir: DataDir }): Promise<Dynamo> {
  const path = join(options.dataDir.path, 'dynamodb');
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const server = dynalite({ path, createTableMs: 0, updateTableMs: 0, deleteTableMs: 0 });
  surviveBrokenRequests(server);
  server.listen(0, HOST);
  await once(server, 'listening');
  const endpoint = `http://${HOST}:${(server.address() as AddressInfo).port}`;
  let stopping: Promise<void> | undefined;
  const stop = () => (stopping ??= close(server));
  try {
    await demandOpen(endpoint);
  } catch (error) {
    await stop();
    throw new StartRefused(`The carts in ${path} cannot be opened (${(error as Error).message}).`, { cause: error });
  }
  return { endpoint, region: 'eu-west-1', credentials: { accessKeyId: 'souk', secretAccessKey: 'souk' }, stop };
}

/** dynalite rethrows the error of a request that its client gave up, which would end the whole shop. */
function surviveBrokenRequests(server: Server): void {
  server.on('request', (request: IncomingMessage) => {
    request.removeAllListeners('error');
    request.on('error', () => {});
  });
}

/** LevelDB opens in the background and keeps a failure to itself until somebody asks for data. */
async function demandOpen(endpoint: string): Promise<void> {
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-amz-json-1.0',
      'x-amz-target': 'DynamoDB_20120810.ListTables',
      'x-amz-date': '20260101T000000Z',
      authorization: 'AWS4-HMAC-SHA256 Credential=souk, SignedHeaders=host, Signature=souk',
    },
    body: '{}',
    signal: AbortSignal.timeout(OPEN_MS),
  });
  if (!response.ok) throw new Error(await response.text());
  await response.body?.cancel();
}

async function close(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  const patience = new AbortController();
  await Promise.race([closed, delay(DRAIN_MS, undefined, { signal: patience.signal }).catch(() => {})]);
  patience.abort();
  server.closeAllConnections();
  await closed;
}
