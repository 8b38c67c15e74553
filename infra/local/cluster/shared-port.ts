// A port that several gateways listen on: opened here, where nobody accepts, and handed to each of them. A connection waits
// in the port's one queue until some gateway takes it, so a gateway that stops or starts costs no connection, and while the
// only one is being restarted callers wait instead of being refused.

import { lookup } from 'node:dns/promises';
import * as net from 'node:net';
import type { Door } from '../../../mixins/platform.ts';
import { demandFree, portRefused } from '../free-port.ts';

/** A TCP handle of Node: bound, and not listening until a server takes it. */
type Handle = { close(): void; getsockname(into: { port?: number }): number };

/**
 * The function by which Node's own `cluster` opens the ports of its workers. (The documented ways either accept in this
 * process too, or need workers of `cluster`, which Ctrl-C would reach before their supervisor says so.)
 */
const { _createServerHandle: openHandle } = net as unknown as {
  readonly _createServerHandle: (host: string, port: number, family: 4 | 6) => Handle | number;
};

const COMMAND = 'npm run cluster';

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
  await demandFree(host, port, COMMAND);
  // Unlike `listen`, the handle takes addresses only.
  const { address, family } = await lookup(host);
  const handle = openHandle(address, port, family === 6 ? 6 : 4);
  if (typeof handle === 'number') throw portRefused(host, port, `error ${handle}`, COMMAND);
  const name: { port?: number } = {};
  handle.getsockname(name);
  return { port: name.port as number, door: handle, close: () => handle.close() };
}
