// Stands between a client and a broker, and swallows or changes an answer when it is told to.

import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

const HOST = '127.0.0.1';
const PRODUCE = 0;
/** Requests by their keys in the protocol; the answers of the first two begin with a throttle time and an error code. */
const KEYS = { join: 11, heartbeat: 12, createTopics: 19 };
/** Error codes of the protocol. */
export const COORDINATOR_LOADING = 14;
export const REBALANCING = 27;

export interface Proxy {
  /** Opens a connection by way of the proxy, whatever address the broker told. */
  readonly connect: () => Socket;
  /** The next produce request is stored and its answer never arrives. Resolves then, with the partitions that it was for. */
  swallowAnswer(): Promise<number>;
  /** The next answers of this kind say these errors, one each. Resolves when they have. */
  say(kind: 'join' | 'heartbeat', ...codes: number[]): Promise<void>;
  /** Keeps the next answer of this kind. Resolves with the way to let it go when it has come. */
  hold(kind: keyof typeof KEYS): Promise<() => void>;
  close(): Promise<void>;
}

/** A proxy before the broker on this port of loopback. */
export async function startProxy(brokerPort: number): Promise<Proxy> {
  const sockets = new Set<Socket>();
  let swallowed: ((partitions: number) => void) | undefined;
  const toSay = new Map<number, { readonly codes: number[]; readonly done: () => void }>();
  const toHold = new Map<number, (letGo: () => void) => void>();
  const server = createServer((client) => {
    const broker = connect(brokerPort, HOST);
    const produced = new Map<number, number>();
    const asked = new Map<number, number>();
    for (const [socket, other] of [
      [client, broker],
      [broker, client],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => other.destroy()).on('close', () => other.destroy());
    }
    client.on(
      'data',
      frames((frame) => {
        const key = frame.readInt16BE(4);
        if (key === PRODUCE) produced.set(frame.readInt32BE(8), partitionsOf(frame));
        else if (Object.values(KEYS).includes(key)) asked.set(frame.readInt32BE(8), key);
        broker.write(frame);
      }),
    );
    broker.on(
      'data',
      frames((frame) => {
        const number = frame.readInt32BE(4);
        const key = asked.get(number) ?? -1;
        const told = toSay.get(key);
        const held = toHold.get(key);
        asked.delete(number);
        toHold.delete(key);
        if (held !== undefined) return held(() => void client.write(frame));
        const code = told?.codes.shift();
        if (code !== undefined) frame.writeInt16BE(code, 12);
        if (told?.codes.length === 0) told.done();
        const partitions = produced.get(number);
        produced.delete(number);
        if (partitions === undefined || swallowed === undefined) return void client.write(frame);
        swallowed(partitions);
        swallowed = undefined;
      }),
    );
  });
  await new Promise<void>((resolve) => {
    server.listen(0, HOST, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    connect: () => connect(port, HOST),
    swallowAnswer: () =>
      new Promise((resolve) => {
        swallowed = resolve;
      }),
    say: (kind, ...codes) => new Promise((done) => toSay.set(KEYS[kind], { codes, done })),
    hold: (kind) => new Promise((held) => toHold.set(KEYS[kind], held)),
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Partitions of a produce request, of which all are for one topic: versions 3 to 8 of the protocol. */
function partitionsOf(frame: Buffer): number {
  // Length, key and version, number; then two texts that may be missing (-1), acks and timeout, and the number of topics.
  let at = 12;
  for (let text = 0; text < 2; text++) at += 2 + Math.max(0, frame.readInt16BE(at));
  at += 2 + 4 + 4;
  return frame.readInt32BE(at + 2 + frame.readInt16BE(at));
}

/** Hands on whole frames of Kafka's protocol: four bytes of length, then so many bytes. */
function frames(take: (frame: Buffer) => void): (part: Buffer) => void {
  let waiting = Buffer.alloc(0);
  return (part) => {
    waiting = Buffer.concat([waiting, part]);
    while (waiting.length >= 4 && waiting.length >= 4 + waiting.readInt32BE(0)) {
      const length = 4 + waiting.readInt32BE(0);
      take(waiting.subarray(0, length));
      waiting = waiting.subarray(length);
    }
  };
}
