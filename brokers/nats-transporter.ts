// Moleculer's transporter over NATS, with what failover needs: it knows at once when a node is gone or NATS is away.
//
//   REQUEST, PING ──reply: <inbox>.<node>──► NATS ──► node
//                                             └─ nobody listens ─► <inbox>.<node>, status 503 ─► the node counts as gone
//
// The server drops the subscriptions of a process in the moment it dies, so its next request, or the next ping while an
// answer is awaited, tells its death; heartbeats would take seconds. A node that had only lost its connection announces
// itself when it is back, and is a node again.

import { randomUUID } from 'node:crypto';
import { Transporters } from 'moleculer';
import {
  connect,
  type ConnectionOptions,
  ErrorCode,
  type Msg,
  type NatsConnection,
  type NatsError,
  type SubscriptionOptions,
} from 'nats';

/** Pause between attempts to reach NATS, in milliseconds; they go on for ever. */
export const NATS_RECONNECT_MS = 250;
/** How long NATS may take to answer who signs in, in milliseconds: if the way breaks meanwhile, its client waits on. */
export const NATS_HANDSHAKE_MS = 3_000;
/** How often the connection to NATS is tried, in milliseconds, and how many tries may go unanswered. */
export const NATS_PING_MS = 1_000;
export const NATS_PINGS_OUT_MAX = 2;
/** How often nodes are pinged that have owed an answer since the last time, in milliseconds. */
export const PROBE_MS = 200;
/** The largest message that NATS has to take, in bytes: a body of 1 MiB, or a batch of 256 commands with sealed tokens. */
export const MESSAGE_BYTES = 4 * 1_048_576;
/** A node that owes an answer and was not heard of for so long is silent, in milliseconds: five pings went unanswered. */
export const SILENT_MS = 1_000;
/** Status of a message that says: nobody listens on the subject of the request. */
const NO_RESPONDERS = 503;

interface Packet {
  readonly type: string;
  readonly target?: string;
}
interface InfoPacket {
  readonly payload: { readonly sender: string; readonly instanceID: string };
}
interface Pending {
  readonly nodeID: string;
}

/** The part of Moleculer's transit that its declarations leave out, or declare too narrowly. */
interface Transit {
  readonly pendingRequests: ReadonlyMap<string, Pending>;
  removePendingRequestByNodeID(nodeId: string): void;
  sendPing(nodeId: string): Promise<void>;
}

/** NATS does not know the user, or the password is wrong: waiting would not help. By its name it is a refused start. */
export class NatsRefused extends Error {
  override readonly name = 'StartRefused';
}

const REFUSED: string = ErrorCode.AuthorizationViolation;

/** One node's connection to the others. */
export class NatsTransporter extends Transporters.NATS {
  readonly #inbox = `_INBOX.${randomUUID()}`;
  #probe: NodeJS.Timeout | undefined;
  /** Requests that had no answer when nodes were last probed. */
  #owed = new Set<string>();
  /** When each node was last heard of, and when this process last looked, on the clock of `performance`. */
  readonly #heard = new Map<string, number>();
  #looked = 0;
  /** Nobody can have been heard while this process itself stood still. */
  #awakeSince = 0;

  /** `url` as in `nats://user:password@host:4222`, or several of them with commas between. */
  constructor(url: string, name: string) {
    super({
      ...serversOf(url),
      name,
      // Also the first connection is awaited: nodes may start before NATS does.
      waitOnFirstConnect: true,
      maxReconnectAttempts: -1,
      timeout: NATS_HANDSHAKE_MS,
      reconnectTimeWait: NATS_RECONNECT_MS,
      reconnectJitter: NATS_RECONNECT_MS,
      // Once connected: whoever changes the password of NATS may change it back.
      ignoreAuthErrorAbort: true,
      pingInterval: NATS_PING_MS,
      maxPingOut: NATS_PINGS_OUT_MAX,
    });
  }

  get #connection(): NatsConnection {
    return this.client as NatsConnection;
  }

  get #transit(): Transit {
    return this.transit;
  }

  override init(...[transit, handle, afterConnect]: Parameters<Transporters.NATS['init']>): void {
    const take: typeof handle = (command, packet) => {
      this.#heard.set((packet as unknown as InfoPacket).payload.sender, performance.now());
      if (command === 'INFO') this.#noteInstance((packet as unknown as InfoPacket).payload);
      return handle(command, packet);
    };
    super.init(transit, take, afterConnect);
    const joining = transit as unknown as { connect(): Promise<void> };
    const join = joining.connect.bind(joining);
    // Moleculer tries a refused connection again for ever, and its start waits for that without a word.
    joining.connect = () => this.#signIn().then(join);
  }

  /** A node that was killed and is back under its name owes nothing of its old life: whoever waits for it waits in vain. */
  #noteInstance({ sender, instanceID }: InfoPacket['payload']): void {
    const { nodes, discoverer } = this.broker.registry;
    const known = nodes.get(sender) as { available: boolean; local: boolean; instanceID: string | null } | undefined;
    if (known === undefined || !known.available || known.local || known.instanceID === null) return;
    if (known.instanceID !== instanceID) discoverer.remoteNodeDisconnected(sender, true);
  }

  /**
   * Waits for NATS for as long as it takes.
   * @throws NatsRefused when it answers and refuses who signs in
   */
  async #signIn(): Promise<void> {
    try {
      // The connection that lasts tries again for ever; this one gives up at the second refusal.
      const first = await connect({ ...(this.opts as ConnectionOptions), ignoreAuthErrorAbort: false });
      await first.close();
    } catch (error) {
      if ((error as NatsError).code !== REFUSED) throw error;
      throw new NatsRefused(this.#refusal(), { cause: error });
    }
  }

  #refusal(): string {
    const { servers, user } = this.opts as { servers: readonly string[]; user?: string };
    const who = user === undefined ? 'nobody without a user and a password' : `not the user ${user} with this password`;
    return `NATS at ${servers.join()} lets in ${who}: correct NATS_URL (nats://user:password@host:port).`;
  }

  override onConnected(wasReconnect?: boolean): Promise<void> {
    if (wasReconnect !== true) {
      const options: SubscriptionOptions = { callback: (_, message) => this.#unheard(message) };
      this.#connection.subscribe(`${this.#inbox}.>`, options);
      this.#measure();
      void this.#watch();
      this.#probe = setInterval(() => this.#probeNodes(), PROBE_MS).unref();
    }
    return super.onConnected(wasReconnect) as Promise<void>;
  }

  override async disconnect(): Promise<void> {
    clearInterval(this.#probe);
    this.connected = false;
    const connection = this.client as NatsConnection | null;
    if (connection === null) return;
    this.client = null;
    // What was said last has to be on its way; while NATS is away there is nobody to say it to.
    await Promise.race([connection.flush().catch(() => {}), connection.closed(), lost(connection)]);
    await connection.close();
  }

  override send(topic: string, data: Buffer, meta?: { readonly packet?: Packet }): Promise<void> {
    if (this.client === null) return Promise.resolve();
    const { type, target } = meta?.packet ?? {};
    if (target !== undefined && target !== null && (type === 'REQ' || type === 'PING'))
      this.#connection.publish(topic, data, { reply: `${this.#inbox}.${target}` });
    else this.#connection.publish(topic, data);
    return Promise.resolve();
  }

  /** The server's word that nobody listens where a node should. */
  #unheard(message: Msg): void {
    if (message.headers?.code !== NO_RESPONDERS) return;
    const nodeId = message.subject.slice(this.#inbox.length + 1);
    this.broker.registry.discoverer.remoteNodeDisconnected(nodeId, true);
  }

  /** Whether a node that owes an answer answers nothing any more, not even pings. */
  isSilent(nodeId: string): boolean {
    const last = Math.max(this.#heard.get(nodeId) ?? 0, this.#awakeSince);
    return performance.now() - last > SILENT_MS;
  }

  /** Pings the nodes that owe an answer to a request of before the last look; a dead one is found by it. */
  #probeNodes(): void {
    const now = performance.now();
    if (now - this.#looked > 3 * PROBE_MS) this.#awakeSince = now;
    this.#looked = now;
    if (!this.connected) return;
    const { pendingRequests } = this.#transit;
    const owed = new Set<string>();
    const late = new Set<string>();
    for (const [id, { nodeID }] of pendingRequests) {
      owed.add(id);
      if (this.#owed.has(id)) late.add(nodeID);
    }
    this.#owed = owed;
    for (const nodeId of late) void this.#transit.sendPing(nodeId);
  }

  /** A server of smaller messages serves almost always; what fails then would be a riddle. */
  #measure(): void {
    const { max_payload: max = 0 } = this.#connection.info ?? {};
    if (max < MESSAGE_BYTES)
      this.logger.error(
        `NATS takes messages of ${max} bytes, but ${MESSAGE_BYTES} are needed: set max_payload in its configuration to 8MB.`,
      );
  }

  /** Follows the connection: while NATS is away every call is refused at once, and what waits is given up. */
  async #watch(): Promise<void> {
    const connection = this.#connection;
    let isRefused = false;
    for await (const { type, data } of connection.status() as AsyncIterable<{ type: string; data: unknown }>) {
      if (this.client !== connection) return;
      if (type === 'error' && data === REFUSED && !isRefused) {
        isRefused = true; // said once, though it is tried on
        this.logger.error(this.#refusal());
      }
      if (type === 'disconnect') this.#away();
      else if (type === 'reconnect') {
        isRefused = false;
        this.logger.warn('NATS is back.');
        // Not awaited: it may be away again before all nodes are known.
        this.onConnected(true).catch((error: Error) => this.logger.error(error));
      }
    }
  }

  #away(): void {
    if (!this.connected) return;
    this.logger.warn('NATS is away; every call to another node is refused until it is back.');
    // The base class refuses requests by this. The client would keep them and send them late.
    this.connected = false;
    void this.broker.broadcastLocal('$transporter.disconnected', { graceFul: false });
    const nodes = new Set([...this.#transit.pendingRequests.values()].map(({ nodeID }) => nodeID));
    // Their answers are lost with the connection.
    for (const nodeId of nodes) this.#transit.removePendingRequestByNodeID(nodeId);
  }
}

/** Where to connect and as whom. Of several addresses the first one with a user counts for all. */
function serversOf(text: string): Pick<ConnectionOptions, 'servers' | 'user' | 'pass'> {
  const urls = text.split(',').map((url) => new URL(url.trim()));
  const signer = urls.find(({ username }) => username !== '');
  const servers = urls.map(({ host }) => host);
  if (signer === undefined) return { servers };
  return { servers, user: decodeURIComponent(signer.username), pass: decodeURIComponent(signer.password) };
}

/** Ends when the connection is lost. */
async function lost(connection: NatsConnection): Promise<void> {
  for await (const { type } of connection.status() as AsyncIterable<{ readonly type: string }>)
    if (type === 'disconnect') return;
}
