import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { ServiceBroker, type ServiceSchema } from 'moleculer';
import { itWhere } from '../../infra/toolchain/it-where.ts';
import { drain, openServer } from './server.ts';
import { startStubShop } from './stub-shop.ts';
import { turnsUntilTaken } from './turns.testing.ts';

const SOMAXCONN = '/proc/sys/net/core/somaxconn';

describe('a server that stops', () => {
  it('cuts off what does not finish within the time', async () => {
    const server = await openServer(() => {}, '127.0.0.1', 0);
    const socket = connect(server.listeners.port, '127.0.0.1');
    const arrived = once(server.http, 'request');
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await arrived;
    const closed = once(socket, 'close');
    await drain(server, () => {}, { withinMs: 100 });
    await closed;
    expect(server.listeners.listening).toBe(false);
  });

  it('waits for requests that are on their way on idle connections, and takes no new ones', async () => {
    let stopping = false;
    const server = await openServer(
      (_, response) => void response.setHeader('Connection', stopping ? 'close' : 'keep-alive').end('done'),
      '127.0.0.1',
      0,
    );
    const port = server.listeners.port;
    const [busy, idle] = [connect(port, '127.0.0.1'), connect(port, '127.0.0.1')];
    const request = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';
    for (const socket of [busy, idle]) {
      socket.write(request);
      expect(String(await once(socket, 'data'))).toContain('Connection: keep-alive');
    }
    stopping = true;
    const drained = drain(server, () => {}, { lastRequestsMs: 200 });
    const closed = Promise.all([once(busy, 'close'), once(idle, 'close')]);
    const answer = Promise.race([once(busy, 'data'), closed]);
    const refused = once(connect(port, '127.0.0.1'), 'error');
    busy.write(request);
    expect(String(await answer)).toMatch(/^HTTP\/1.1 200 [^]*Connection: close[^]*done$/);
    expect((await refused)[0]).toMatchObject({ code: 'ECONNREFUSED' });
    await closed;
    await drained;
  });

  it('does not wait for connections that are idle, and may be stopped twice', async () => {
    const server = await openServer((_, response) => void response.end(), '127.0.0.1', 0);
    const socket = connect(server.listeners.port, '127.0.0.1');
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(socket, 'data');
    const begin = performance.now();
    await drain(server, () => {}, { withinMs: 10_000 });
    await drain(server, () => {}, { withinMs: 10_000 });
    expect(performance.now() - begin).toBeLessThan(5_000);
  });
});

describe('a gateway that stops', () => {
  const GIVE_UP_MS = 5_000;

  // Moleculer waits first for a moment in which nothing runs, and while it waits new requests come in.
  it('takes no new requests from then on, and answers those that it has', async () => {
    const broker = new ServiceBroker({
      logger: false,
      nodeID: `stops-${process.pid}`,
      tracking: { enabled: true, shutdownTimeout: 60_000 },
    });
    const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
    const { promise: answered, resolve: answer } = Promise.withResolvers<object>();
    const products: ServiceSchema = { name: 'products', actions: { get: () => (ask(), answered) } };
    const shop = await startStubShop([products], {}, broker);
    const calling = shop.call('/api/v1/products/p-1');
    await asked;
    const stopping = shop.stop();
    try {
      const giveUpAt = performance.now() + GIVE_UP_MS;
      while (await shop.call('/health/live').catch(() => undefined))
        if (performance.now() > giveUpAt) throw new Error('it goes on taking requests');
    } finally {
      answer({});
      expect((await calling).status).toBe(200);
      await stopping;
    }
  });
});

describe('a server that does not get to run for a while', () => {
  const WANTED = 2_000;
  // The kernel's own bound; where it is small, this one is not what matters.
  const most = existsSync(SOMAXCONN) ? Number(readFileSync(SOMAXCONN, 'utf8')) : 0;

  itWhere(most > WANTED, `${SOMAXCONN} allows ${most} connections to wait`)(
    'keeps connections waiting: one that finds no room hears nothing for seconds, not even a refusal',
    async () => {
      const child = fork(new URL('waiting-server.fixture.ts', import.meta.url));
      const sockets: Socket[] = [];
      try {
        const [port] = (await once(child, 'message')) as [number];
        child.kill('SIGSTOP');
        const connected = Array.from({ length: WANTED }, () => {
          const socket = connect(port, '127.0.0.1');
          sockets.push(socket);
          return once(socket, 'connect');
        });
        expect(await Promise.all(connected)).toHaveLength(WANTED);
      } finally {
        for (const socket of sockets) socket.destroy();
        child.kill('SIGKILL');
      }
    },
  );
});

describe('a server with work to do', () => {
  const WAITING = 64;

  // One a turn, as a listener takes them, is a wait of seconds where a turn is full of requests on open connections.
  it('takes connections that wait in far fewer turns of its loop than there are', async () => {
    const server = await openServer((_, response) => void response.end(), '127.0.0.1', 0);
    const sockets = Array.from({ length: WAITING }, () => connect(server.listeners.port, '127.0.0.1'));
    const turns = await turnsUntilTaken(server, WAITING);
    for (const socket of sockets) socket.destroy();
    await drain(server, () => {});
    expect(turns).toBeLessThanOrEqual(WAITING / 2);
  });
});

it.each([
  ['203.0.113.1', 'HOST=203.0.113.1 is not an address of this machine'],
  ['nowhere.invalid', 'nowhere.invalid'],
])('a server on %s says why it cannot start', async (host, sentence) => {
  await expect(openServer(() => {}, host, 0)).rejects.toThrow(sentence);
});
