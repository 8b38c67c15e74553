// A Moleculer transporter over one Unix socket: the shop listens, whoever may open the file joins as a node.
//
//   shop (hub) ◄──frames──► node of a person at the REPL        frame = JSON [topic, packet] and a line feed
//
// The socket lies in the data folder, which is closed to other users, and is itself of mode 600: who can read the shop's
// data and keys may talk to it, nobody else, and nothing of it is on the network.

import { chmodSync, rmSync } from 'node:fs';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { Transporters } from 'moleculer';

/** Longest path of a Unix socket that all systems take, in bytes. */
const PATH_MAX = 103;
/** A peer that lets so much wait unread is cut off, in bytes. */
const UNREAD_MAX = 64 * 1024 * 1024;
const LINE_FEED = 0x0a;

/** Whether a socket can lie there. */
export function fitsSocket(path: string): boolean {
  return Buffer.byteLength(path) <= PATH_MAX;
}

/** What both ends share: topics subscribed to, and frames out and in. */
abstract class SocketTransporter extends Transporters.Base {
  protected readonly path: string;
  protected readonly peers = new Set<Socket>();
  private readonly topics = new Map<string, string>();

  constructor(path: string) {
    super({});
    this.path = path;
  }

  override subscribe(command: string, nodeID?: string): Promise<void> {
    this.topics.set(this.getTopicName(command, nodeID), command);
    return Promise.resolve();
  }
  // Moleculer balances by itself: no topic is shared.
  override subscribeBalancedRequest(): Promise<void> {
    return Promise.resolve();
  }
  override subscribeBalancedEvent(): Promise<void> {
    return Promise.resolve();
  }

  override send(topic: string, data: Buffer): Promise<void> {
    const frame = frameOf(topic, data.toString());
    for (const peer of this.peers) write(peer, frame);
    return Promise.resolve();
  }

  /** Takes what a peer sends, and passes it on to the others. */
  protected welcome(peer: Socket): void {
    this.peers.add(peer);
    peer.on('error', () => peer.destroy());
    peer.on('close', () => this.peers.delete(peer));
    const take = frames((topic, data) => {
      for (const other of this.peers) if (other !== peer) write(other, frameOf(topic, data));
      const command = this.topics.get(topic);
      if (command !== undefined) void this.receive(command, Buffer.from(data));
    });
    peer.on('data', (chunk: Buffer) => {
      if (!take(chunk)) peer.destroy();
    });
  }
}

/** The shop's end. A socket that cannot be made costs the REPL, never the shop. */
export class SocketHub extends SocketTransporter {
  private server: Server | undefined;

  override async connect(): Promise<void> {
    const server = createServer((peer) => this.welcome(peer));
    this.server = server;
    server.unref();
    try {
      // Whoever holds the data folder is the only shop on it: a socket that is there was left by a dead one.
      rmSync(this.path, { force: true });
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(this.path, resolve);
      });
      chmodSync(this.path, 0o600);
    } catch (error) {
      this.logger.warn(`no REPL: ${(error as Error).message}`);
    }
    await this.onConnected();
  }

  override async disconnect(): Promise<void> {
    this.connected = false;
    for (const peer of this.peers) peer.end();
    this.server?.close();
    rmSync(this.path, { force: true });
  }
}

/** The end of whoever joins. */
export class SocketNode extends SocketTransporter {
  private readonly onClosed: () => void;

  /** `onClosed` is called when the shop has gone. */
  constructor(path: string, onClosed: () => void) {
    super(path);
    this.onClosed = onClosed;
  }

  override async connect(): Promise<void> {
    const socket = createConnection(this.path);
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.once('connect', resolve);
    });
    this.welcome(socket);
    socket.once('close', () => this.connected && this.onClosed());
    await this.onConnected();
  }

  override async disconnect(): Promise<void> {
    this.connected = false;
    await Promise.all([...this.peers].map((peer) => new Promise<void>((resolve) => peer.end(resolve))));
  }
}

function frameOf(topic: string, data: string): string {
  return `${JSON.stringify([topic, data])}\n`;
}

function write(peer: Socket, frame: string): void {
  if (peer.writableLength > UNREAD_MAX) peer.destroy();
  else if (peer.writable) peer.write(frame);
}

/** Puts frames together from chunks; false: this is no peer of ours. */
function frames(take: (topic: string, data: string) => void): (chunk: Buffer) => boolean {
  let begun: Buffer[] = [];
  return (chunk) => {
    let from = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, from)) {
      const line = Buffer.concat([...begun, chunk.subarray(from, end)]).toString();
      begun = [];
      from = end + 1;
      try {
        const [topic, data] = JSON.parse(line) as [string, string];
        take(topic, data);
      } catch {
        return false;
      }
    }
    if (from < chunk.length) begun.push(chunk.subarray(from));
    return begun.reduce((sum, { length }) => sum + length, 0) <= UNREAD_MAX;
  };
}
