// Files and order streams between nodes: the gateway here, the services in processes of their own, NATS between them.

import { type ChildProcess, fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { json } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import { ServiceBroker } from 'moleculer';
import { findNats, missingNats, type Nats, startNats } from '../../infra/local/servers/nats.ts';
import { markOf } from '../../infra/local/servers/orphans.ts';
import { until } from '../../infra/local/shop.fixture.ts';
import { openStream } from '../../infra/local/sse.fixture.ts';
import { itWhere } from '../../infra/toolchain/it-where.ts';
import { readSettings } from '../../mixins/settings.ts';
import { brokerOptions } from '../../moleculer.config.ts';
import { startStubShop, type StubShop } from './stub-shop.ts';
import { LINES, lineOf, type StreamedSoFar } from '../../infra/local/stream-node.fixture.ts';

const withNats = itWhere(findNats() !== undefined, missingNats(), 'fetched');
const MB = 1_048_576;

let folder: string;
let nats: Nats;
let shop: StubShop;
let headers: Record<string, string>;
const children = new Set<ChildProcess>();

beforeAll(async () => {
  if (findNats() === undefined) return;
  folder = mkdtempSync(join(tmpdir(), 'souk-streams-'));
  nats = await startNats({ folder, mark: markOf(folder) });
  const settings = { ...readSettings({}), port: 0, nodeId: 'gateway', natsUrl: nats.url };
  const broker = new ServiceBroker(brokerOptions(settings, '/dev/null'));
  shop = await startStubShop([ledger], settings, broker);
  headers = { Authorization: `Bearer ${await shop.tokens.signAccessToken({ userId: 'u-1', role: 'staff' })}` };
});
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await shop?.stop();
  await nats?.stop();
  if (folder !== undefined) rmSync(folder, { recursive: true });
});

/** The order's version, and who has asked for it last. */
const order = { version: 1, askedBy: '' };
const ledger = {
  name: 'ledger',
  actions: {
    read({ params: { by } }: { readonly params: { readonly by: string } }) {
      order.askedBy = by;
      return order.version;
    },
  },
};

interface Node {
  readonly id: string;
  kill(): Promise<void>;
}

/** Starts a node; resolves when the gateway can call its services. */
async function start(id: string, services: string): Promise<Node> {
  const child = fork(new URL('../../infra/local/stream-node.fixture.ts', import.meta.url), {
    execArgv: [],
    env: { ...process.env, NATS_URL: nats.url, NODE_ID: id, SERVICES: services },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  children.add(child);
  await once(child, 'message');
  await until(`${id} is known`, () => nodesOf(services).includes(id));
  return {
    id,
    async kill() {
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
      children.delete(child);
      await until(`${id} is gone`, () => !nodesOf(services).includes(id));
    },
  };
}

const nodesOf = (service: string): readonly string[] =>
  shop.broker.registry.services
    .list({ onlyAvailable: true })
    .flatMap(({ name, nodeID }) => (name === service ? (nodeID ?? []) : []));

const soFar = (service: string, nodeID: string) =>
  shop.broker.call<StreamedSoFar, object>(`${service}.soFar`, {}, { nodeID });

async function get(path: string): Promise<{ readonly call: ClientRequest; readonly answer: IncomingMessage }> {
  const call = request(shop.url + path, { headers, agent: false }).on('error', () => {});
  call.end();
  const [answer] = (await once(call, 'response')) as [IncomingMessage];
  answer.on('error', () => {});
  return { call, answer };
}

describe('an export from another node', () => {
  withNats('is whole, whatever its length', async () => {
    const node = await start('users-1', 'users');
    const { answer } = await get('/api/v1/customers/export?format=csv');
    expect([answer.statusCode, answer.headers['content-type']]).toEqual([200, 'text/csv; charset=utf-8']);
    const [hash, wanted] = [createHash('sha256'), createHash('sha256')];
    for await (const bytes of answer) hash.update(bytes as Buffer);
    for (let n = 0; n < LINES; n++) wanted.update(lineOf(n));
    expect(hash.digest('hex')).toBe(wanted.digest('hex'));
    await until('nothing is left open', async () => (await soFar('users', node.id)).open === 0);
    await node.kill();
  });

  withNats('is made no further than its reader follows, and not at all for one who leaves', async () => {
    const node = await start('users-2', 'users');
    const { call, answer } = await get('/api/v1/customers/export?format=jsonl');
    await once(answer, 'readable');
    let lines = -1;
    await until('it stands still', async () => {
      const before = lines;
      ({ lines } = await soFar('users', node.id));
      return lines === before;
    });
    // Sockets hold some of it, and each side a few pieces of 192 kB.
    expect(lines).toBeGreaterThan(100);
    expect(lines).toBeLessThan(40_000);
    for (let read = 0; read < 20 * MB; )
      read += ((answer.read() ?? (await once(answer, 'readable'), '')) as Buffer).length;
    expect((await soFar('users', node.id)).lines).toBeGreaterThan(60_000);

    call.destroy();
    await until('it is let go', async () => (await soFar('users', node.id)).isEnded, 1_000);
    expect((await soFar('users', node.id)).open).toBe(0);
    await node.kill();
  });

  withNats('breaks off with its node, so that nobody takes the half for the whole', async () => {
    const node = await start('users-3', 'users');
    const { answer } = await get('/api/v1/customers/export?format=jsonl');
    await once(answer, 'readable');
    await node.kill();
    answer.resume();
    await until('it is broken off', () => answer.destroyed);
    expect(answer.complete).toBe(false);
    expect(shop.faults.at(-1)).toEqual([expect.objectContaining({ name: 'StreamLost' }), expect.anything()]);
  });

  withNats('comes through an outage of NATS', async () => {
    const node = await start('users-4', 'users');
    const { answer } = await get('/api/v1/customers/export?format=csv');
    await once(answer, 'readable');
    const { port } = nats;
    process.kill(nats.pid, 'SIGKILL');
    await nats.exited;
    nats = await startNats({ folder, mark: markOf(folder), port });
    let length = 0;
    for await (const bytes of answer) length += (bytes as Buffer).length;
    expect(answer.complete).toBe(true);
    let wanted = 0;
    for (let n = 0; n < LINES; n++) wanted += Buffer.byteLength(lineOf(n));
    expect(length).toBe(wanted);
    await until('the node is back', () => nodesOf('users').includes(node.id));
    await node.kill();
  });
});

describe('an import into another node', () => {
  const upload = (): ClientRequest =>
    request(`${shop.url}/api/v1/products/import`, {
      method: 'POST',
      headers: { ...headers, 'Content-Type': 'text/csv' },
      agent: false,
    }).on('error', () => {});
  const answerTo = async (call: ClientRequest) => {
    const [answer] = (await once(call, 'response')) as [IncomingMessage];
    // oxlint-disable-next-line typescript/no-explicit-any -- tests look into answers as they please
    return { status: answer.statusCode, body: (await json(answer)) as any };
  };
  const piece = Buffer.from('0123456789abcde\n'.repeat(4_096));

  const PIECES = 600;

  function* file(pieces: number, state = { sent: 0 }): Generator<Buffer> {
    for (; state.sent < pieces; state.sent++) yield piece;
  }

  withNats('arrives whole, no faster than it is taken', async () => {
    const node = await start('products-1', 'products');
    const memory = process.memoryUsage.rss();
    const call = upload();
    const answering = answerTo(call);
    const state = { sent: 0 };
    const sending = pipeline(Readable.from(file(PIECES, state)), call);
    let sent = -1;
    await until('it stands still', async () => {
      const before = sent;
      await soFar('products', node.id);
      sent = state.sent;
      return sent > 0 && sent === before;
    });
    // Of 40 MB: what sockets hold, and each side a few pieces.
    expect(sent * piece.length).toBeLessThan(12 * MB);
    await shop.broker.call('products.go');
    const { status, body } = await answering;
    await sending;
    const hash = createHash('sha256');
    for (const bytes of file(PIECES)) hash.update(bytes);
    expect([status, body.accepted, body.errors[0].detail]).toEqual([200, PIECES * piece.length, hash.digest('hex')]);
    expect(process.memoryUsage.rss() - memory).toBeLessThan(80 * MB);
    expect((await soFar('products', node.id)).memory).toBeLessThan(250 * MB);
    await until('nothing is left open', async () => (await soFar('products', node.id)).open === 0);
    await node.kill();
  });

  withNats('ends when its sender leaves, who is not waited for', async () => {
    const node = await start('products-2', 'products');
    await shop.broker.call('products.go');
    const call = upload();
    call.write(piece);
    await until('the first piece is there', async () => (await soFar('products', node.id)).bytes === piece.length);
    call.destroy();
    await until('it has ended', async () => (await soFar('products', node.id)).isEnded, 1_000);
    expect((await soFar('products', node.id)).open).toBe(0);
    await node.kill();
  });

  withNats('is answered with 503 when its node dies in the middle', async () => {
    const node = await start('products-3', 'products');
    await shop.broker.call('products.go');
    const call = upload();
    const answering = answerTo(call);
    call.write(piece);
    await until('the first piece is there', async () => (await soFar('products', node.id)).bytes === piece.length);
    await node.kill();
    call.end(piece);
    const { status, body } = await answering;
    expect([status, body.code]).toEqual([503, 'unavailable']);
    expect(body.detail).toContain('stays taken');
  });
});

describe('the stream of an order over several nodes', () => {
  withNats('goes on when the node that was asked dies, and resumes at another one', async () => {
    const [one, other] = await Promise.all([start('orders-1', 'orders'), start('orders-2', 'orders')]);
    const path = `${shop.url}/api/v1/orders/o-1/stream`;
    const stream = await openStream(path, headers);
    await until('the order is told', () => stream.events.length === 1);
    const asked = order.askedBy === one.id ? one : other;
    const left = asked === one ? other : one;
    await asked.kill();
    order.version = 2;
    await until('the next version is told', () => stream.events.length === 2);
    expect(order.askedBy).toBe(left.id);
    expect(stream.ended).toBe(false);
    stream.close();

    order.version = 3;
    const resumed = await openStream(path, { ...headers, 'Last-Event-ID': '2' });
    await until('what was missed is told', () => resumed.events.length === 1);
    const seen = await openStream(path, { ...headers, 'Last-Event-ID': '3' });
    order.version = 4;
    await until('what is new is told', () => seen.events.length === 1);
    expect([stream.events, resumed.events, seen.events].map((events) => events.map(({ id }) => id))).toEqual([
      ['1', '2'],
      expect.arrayContaining(['3']),
      ['4'],
    ]);
    resumed.close();
    seen.close();
    await left.kill();
  });
});
