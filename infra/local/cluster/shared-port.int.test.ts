// The port of the gateways can be opened on whatever HOST may name.
import { createServer } from 'node:net';
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
