// Ports for servers that are killed and come back on the same one. They lie below the range from which systems take the
// ports of outgoing connections: out of that range, a client that tries again and again while the server is down may be
// given the server's own port, connect to itself, and keep the server from ever coming back.

import { once } from 'node:events';
import { createServer } from 'node:net';
import { randomInt } from 'node:crypto';

/** Linux hands out 32768 and more, macOS 49152 and more. */
const FIRST = 20_000;
const END = 32_000;
const ATTEMPTS_MAX = 200;

/**
 * So many different ports that nobody had a moment ago, on any address of this machine.
 * @param except ports that are promised already to servers that do not run yet
 * @throws Error when none can be found
 */
export async function stablePorts(count: number, except: readonly number[] = []): Promise<readonly number[]> {
  const ports = new Set<number>();
  for (let attempt = 0; ports.size < count; attempt++) {
    if (attempt === ATTEMPTS_MAX) throw new Error(`No free port was found between ${FIRST} and ${END - 1}.`);
    const port = randomInt(FIRST, END);
    if (!ports.has(port) && !except.includes(port) && (await isFree(port))) ports.add(port);
  }
  return [...ports];
}

/** One such port. */
export async function stablePort(): Promise<number> {
  const [port] = await stablePorts(1);
  return port as number;
}

/** Whether nobody listens on this port, on any address of this machine. */
export async function isFree(port: number): Promise<boolean> {
  for (const host of ['0.0.0.0', '127.0.0.1']) {
    const server = createServer().listen(port, host);
    try {
      await once(server, 'listening');
    } catch {
      return false;
    }
    server.close();
    await once(server, 'close');
  }
  return true;
}
