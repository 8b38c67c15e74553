// The listeners of a gateway's port, several on one port:
//
//   door, door, …   (opened by a supervisor, the same socket each time) ─┐
//   port, port, …   (SO_REUSEPORT, where the system spreads over them)  ─┴─► one HTTP server
//
// libuv takes one connection per listener and turn of the loop (since 2022, https://github.com/libuv/libuv/pull/3696). Turns
// are long where open connections are busy, and new ones then wait: 600 of them 7.3 s behind 40 busy ones with one listener,
// 0.9 s with four or more (a server that works 1 ms per request, 2 cores).

import type { Server } from 'node:http';
import { type AddressInfo, createServer, type ListenOptions, Server as NetServer, type Socket } from 'node:net';
import type { Door } from '../../mixins/platform.ts';

/** On one port. */
export const LISTENERS = 128;

export interface Where {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** Sockets that were opened for this gateway, of which each becomes a listener; none: it opens its own. */
  readonly doors?: readonly Door[];
  /** Connections that may wait at each listener. */
  readonly backlog: number;
  /** Connections of all listeners together; one more is closed at once. */
  readonly connectionsMax: number;
}

export interface Listeners {
  readonly port: number;
  readonly listening: boolean;
  /** Takes no more connections; those that are open stay. Resolves when the last of them is gone. */
  close(): Promise<void>;
}

/**
 * Makes an HTTP server listen.
 * @throws Error of `listen` if it cannot.
 */
export async function listen(
  server: Server,
  { host, port, doors, backlog, connectionsMax }: Where,
): Promise<Listeners> {
  let connections = 0;
  const count = (socket: Socket) => {
    if (connections >= connectionsMax) {
      socket.destroy();
      return;
    }
    connections += 1;
    socket.once('close', () => (connections -= 1));
  };
  server.on('connection', count);
  const wanted: readonly object[] = doors ?? (await ownPort(host, port));
  const all = wanted.map((_, n) => (n === 0 ? server : another(server)));
  const chosenPort = () => (server.address() as AddressInfo).port;
  try {
    for (const [n, each] of all.entries()) {
      const options = wanted[n] as object;
      // The first one may have chosen the port.
      await listening(each, n > 0 && 'port' in options ? { ...options, port: chosenPort() } : options, backlog);
    }
  } catch (error) {
    for (const opened of all) opened.close();
    throw error;
  }
  let closing: Promise<unknown> | undefined;
  return {
    port: chosenPort(),
    get listening() {
      return server.listening;
    },
    async close() {
      // The close of an HTTP server ends idle connections at once, with whatever is on its way on them; that of any server, none.
      closing ??= Promise.all(
        all.map((each) => new Promise((resolve) => NetServer.prototype.close.call(each, resolve))),
      );
      await closing;
    },
  };
}

/** A listener whose connections are the server's. */
function another(server: Server): NetServer {
  return createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    // Where Node's HTTP looks for whoever hears of what is wrong on the connection.
    (socket as { server?: NetServer }).server = server;
    server.emit('connection', socket);
  });
}

/** What to listen with, several times: only Linux spreads connections over listeners that have a port together. */
async function ownPort(host: string, port: number): Promise<readonly ListenOptions[]> {
  const alone = { host, port };
  if (process.platform !== 'linux') return [alone];
  // Sharing ports would also share one with a program that does so, such as another shop: whether it is free is asked without.
  const asking = createServer();
  await listening(asking, alone, 1);
  await new Promise((resolve) => asking.close(resolve));
  return Array.from({ length: LISTENERS }, () => ({ ...alone, reusePort: true }));
}

function listening(server: NetServer, options: object, backlog: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = () => {
      server.off('error', failed);
      resolve();
    };
    const failed = (error: Error) => {
      server.off('listening', done);
      reject(error);
    };
    server.once('listening', done).once('error', failed);
    // A door is a handle, and takes its backlog beside it.
    if ('host' in options) server.listen({ ...options, backlog });
    else server.listen(options, backlog);
  });
}
