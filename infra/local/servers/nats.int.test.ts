// The real NATS server: serves, is killed and comes back on its port, and is reachable from this machine only.
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { connect } from 'nats';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { itWhere } from '../../toolchain/it-where.ts';
import { addressesOfProcess } from './listeners.fixture.ts';
import { answersPing, findNats, missingNats, type Nats, startNats } from './nats.ts';
import { markOf } from './orphans.ts';
import { stablePort } from './ports.ts';

const withNats = itWhere(findNats() !== undefined, missingNats(), 'fetched');

let folder: string;
let started: Nats[];

const start = async (port?: number) => {
  const nats = await startNats({ folder, mark: markOf(folder), port });
  started.push(nats);
  return nats;
};

/** What a subscriber hears of one message. */
async function echo({ url }: Nats, text: string): Promise<string> {
  const connection = await connect({ servers: url });
  try {
    const subscription = connection.subscribe('orders', { max: 1 });
    await connection.flush();
    connection.publish('orders', text);
    for await (const message of subscription) return message.string();
    throw new Error('the subscription ended without a message');
  } finally {
    await connection.close();
  }
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'souk-nats-'));
  started = [];
});

afterEach(async () => {
  await Promise.all(started.map((nats) => nats.stop()));
  rmSync(folder, { recursive: true });
});

withNats('carries messages, on loopback only, and comes back on its port after kill -9', async () => {
  const nats = await start();
  expect(await echo(nats, 'one order')).toBe('one order');
  if (process.platform === 'linux') expect(addressesOfProcess(nats.pid)).toEqual(['127.0.0.1']);

  process.kill(nats.pid, 'SIGKILL');
  expect(await nats.exited).toBe('was ended by SIGKILL');
  expect(await answersPing(nats.port)).toBe(false);

  const again = await start(nats.port);
  expect(again.url).toBe(nats.url);
  expect(await echo(again, 'another')).toBe('another');
  await again.stop();
  expect(await answersPing(nats.port)).toBe(false);
});

withNats('says why it does not start: the end of its log', async () => {
  const { port } = await start();
  await expect(start(port)).rejects.toThrow(/^NATS ended with status 1\. The end of .*nats\.log:[\s\S]*already in use/);
});

withNats('gives up a start that is not wanted any more', async () => {
  const unwanted = AbortSignal.abort(new Error('stopped'));
  await expect(startNats({ folder, mark: markOf(folder), signal: unwanted })).rejects.toThrow('stopped');
});

it('takes nobody for a server on a port where nobody is', async () => {
  expect(await answersPing(await stablePort())).toBe(false);
});
