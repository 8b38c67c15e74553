// The port of the gateways can be opened on whatever HOST may name, and its connections do not wait for each other.
import { type ChildProcess, fork } from 'node:child_process';
import { connect, createServer, type Socket } from 'node:net';
import { once } from 'node:events';
import { networkInterfaces } from 'node:os';
import { expect, it } from '@jest/globals';
import { itWhere } from '../../toolchain/it-where.ts';
import { StartRefused } from '../data-dir.ts';
import { openSharedPort } from './shared-port.ts';

const hasIpv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === '::1'));
const withIpv6 = itWhere(hasIpv6, 'this machine has no ::1');

async function opens(host: string): Promise<void> {
  const { port, close } = await openSharedPort(host, 0);
  close();
  expect(port).toBeGreaterThan(0);
}

it.each(['127.0.0.1', '0.0.0.0', 'localhost'])('opens on %s', opens);
withIpv6('opens on ::1', () => opens('::1'));

it('says who has a port that is taken, and what to do', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  try {
    const refusal = await openSharedPort('localhost', port).catch((error: unknown) => error as Error);
    expect(refusal).toBeInstanceOf(StartRefused);
  } finally {
    server.close();
  }
});

/** What a child says, but for what it asks of its supervisor. */
async function said(child: ChildProcess): Promise<unknown> {
  for (;;) {
    const [message] = (await once(child, 'message')) as [unknown];
    if (typeof message !== 'object') return message;
  }
}

it('is taken from in far fewer turns of a gateway than there are connections', async () => {
  const waiting = 64;
  const shared = await openSharedPort('127.0.0.1', 0);
  const child = fork(new URL('sharing-server.fixture.ts', import.meta.url), [String(waiting)]);
  child.on('message', (message) => typeof message === 'object' && child.send('door', shared.door as never));
  const sockets: Socket[] = [];
  try {
    expect(await said(child)).toBe('listening');
    // All of them wait before the first is taken.
    child.kill('SIGSTOP');
    const connected = Array.from({ length: waiting }, () => {
      const socket = connect(shared.port, '127.0.0.1');
      sockets.push(socket);
      return once(socket, 'connect');
    });
    await Promise.all(connected);
    child.kill('SIGCONT');
    expect(await said(child)).toBeLessThanOrEqual(waiting / 2);
  } finally {
    for (const socket of sockets) socket.destroy();
    child.kill('SIGKILL');
    shared.close();
  }
});
