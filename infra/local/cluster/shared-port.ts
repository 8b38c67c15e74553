// A port that several gateways listen on: opened here, where nobody accepts, and handed to each of them. A connection waits
// in the port's one queue until some gateway takes it, so a gateway that stops or starts costs no connection, and while the
// only one is being restarted callers wait instead of being refused.

import { lookup } from 'node:dns/promises';
import { createServer, type Server } from 'node:net';
import * as net from 'node:net';
import type { Door } from '../../../mixins/platform.ts';
import { StartRefused } from '../data-dir.ts';

/** A TCP handle of Node: bound, and not listening until a server takes it. */
type Handle = { close(): void; getsockname(into: { port?: number }): number };

/**
 * The function by which Node's own `cluster` opens the ports of its workers. (The documented ways either accept in this
 * process too, or need workers of `cluster`, which Ctrl-C would reach before their supervisor says so.)
 */
const { _createServerHandle: openHandle } = net as unknown as {
  readonly _createServerHandle: (host: string, port: number, family: 4 | 6) => Handle | number;
};

export interface SharedPort {
  readonly port: number;
  /** To be sent to a child process, which gives it to `listen`. */
  readonly door: Door;
  close(): void;
}

/**
 * Opens a port for others; 0: any free one.
 * @throws StartRefused if it is taken, or may not be opened
 */
export async function openSharedPort(host: string, port: number): Promise<SharedPort> {
  await demandFree(host, port);
  // Unlike `listen`, the handle takes addresses only.
  const { address, family } = await lookup(host);
  const handle = openHandle(address, port, family === 6 ? 6 : 4);
  if (typeof handle === 'number') throw refused(host, port, `error ${handle}`);
  const name: { port?: number } = {};
  handle.getsockname(name);
  return { port: name.port as number, door: handle, close: () => handle.close() };
}

/** Binding alone does not tell that somebody else listens: a server of a moment does. */
async function demandFree(host: string, port: number): Promise<void> {
  if (port === 0) return;
  const probe: Server = createServer();
  await new Promise<void>((resolve, reject) => {
    probe.once('error', (error: NodeJS.ErrnoException) => reject(refused(host, port, error.code ?? error.message)));
    probe.listen(port, host, resolve);
  });
  await new Promise((resolve) => probe.close(resolve));
}

function refused(host: string, port: number, why: string): StartRefused {
  return why === 'EADDRINUSE'
    ? new StartRefused(
        `Port ${port} on ${host} is taken by another program: end it, or choose another port with PORT=${port + 1}.`,
      )
    : new StartRefused(`The port ${port} on ${host} cannot be opened (${why}): check HOST and PORT.`);
}
