// The real NATS server: serves, is killed and comes back on its port, and is reachable from this machine only.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { connect } from 'nats';
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ServiceBroker } from 'moleculer';
import { readSettings } from '../../../mixins/settings.ts';
import { brokerOptions } from '../../../moleculer.config.ts';
import { until } from '../callers.fixture.ts';
import { itWhere } from '../../toolchain/it-where.ts';
import { addressesOfProcess } from './listeners.fixture.ts';
import { answersPing, findNats, missingNats, type Nats, natsUrl, startNats } from './nats.ts';
import { markOf } from './orphans.ts';
import { stablePort } from './ports.ts';

const withNats = itWhere(findNats() !== undefined, missingNats(), 'fetched');

let folder: string;
let started: Nats[];

const start = async (port?: number, password?: string) => {
  const nats = await startNats({ folder, mark: markOf(folder), port, password });
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

describe('with a password', () => {
  const logOf = (id: string) => join(folder, `${id}.log`);
  const node = (id: string, url: string) =>
    new ServiceBroker(brokerOptions(readSettings({ NODE_ID: id, NATS_URL: url }), logOf(id)));

  withNats('serves who knows it, also after kill -9, and tells nobody', async () => {
    const password = `${randomUUID()} "#$@:/`;
    const nats = await start(undefined, password);
    const broker = node('orders-1', `nats://127.0.0.1:1,${nats.url}`);
    await broker.start();
    try {
      process.kill(nats.pid, 'SIGKILL');
      await nats.exited;
      const again = await start(nats.port, password);
      expect(again.url).toBe(nats.url);
      const { tx } = broker.transit as unknown as { readonly tx: { readonly connected: boolean } };
      await until('the node is back', () => tx.connected);
      const commands = execFileSync('ps', ['-eo', 'args', '-ww'], { encoding: 'utf8' });
      expect(commands).toContain(join(folder, 'nats.conf'));
      const logs = [join(folder, 'nats.log'), logOf('orders-1')].map((file) => readFileSync(file, 'utf8'));
      for (const text of [commands, ...logs])
        for (const secret of [password, password.slice(0, 36), encodeURIComponent(password)])
          expect(text.includes(secret)).toBe(false);
      expect(statSync(join(folder, 'nats.conf')).mode & 0o777).toBe(0o600);
    } finally {
      await broker.stop();
    }
  });

  withNats('refuses who has none or a wrong one, and says so at the start of a node', async () => {
    const nats = await start(undefined, 'right');
    const [nobody, stranger] = [natsUrl(nats.port), natsUrl(nats.port, 'wrong')];
    expect(await answersPing(nats.port)).toBe(false);
    expect(await answersPing(nats.port, '', 'wrong')).toBe(false);
    expect(await answersPing(nats.port, '', 'right')).toBe(true);
    await expect(connect({ servers: nobody })).rejects.toThrow(/Authorization Violation/i);
    const where = `NATS at 127.0.0.1:${nats.port} lets in`;
    const what = 'correct NATS_URL (nats://user:password@host:port).';
    await expect(node('orders-2', nobody).start()).rejects.toMatchObject({
      name: 'StartRefused',
      message: `${where} nobody without a user and a password: ${what}`,
    });
    await expect(node('orders-3', stranger).start()).rejects.toMatchObject({
      name: 'StartRefused',
      message: `${where} not the user souk with this password: ${what}`,
    });
  });
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
