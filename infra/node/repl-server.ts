// The shop's side of the REPL: the socket by which `npm run repl` joins an embedded shop, and what every node can be asked of
// its process, its hosts and its circuits that no action of the services tells.

import { join } from 'node:path';
import type { ServiceBroker, ServiceSchema } from 'moleculer';
import type { Hosting } from '../../mixins/hosts.mixin.ts';
import { BUCKETS, type StoredOutgoing } from '../../mixins/store.ts';
import { fitsSocket, SocketHub } from '../local/socket-transporter.ts';

/** Rows of one outbox that are looked at; more is told as "at least". */
const ROWS_MAX = 10_000;
/** Messages about one actor that are told. */
const WAITING_MAX = 100;
const MS = 1_000;
const allBuckets = Array.from({ length: BUCKETS }, (_, bucket) => bucket);

/** The process of a node. */
export interface ProcessOfNode {
  readonly pid: number;
  /** When it was started, in milliseconds since 1970. */
  readonly since: number;
  readonly services: readonly string[];
}

/** What an actor's host is doing. */
export interface ActorLine {
  readonly actor: string;
  readonly service: string;
  readonly waiting: number;
  readonly cached: number;
  readonly outbox: number;
  readonly parked: number;
}

/** What of an outbox has not left. */
export interface OutboxLine {
  readonly actor: string;
  readonly kind: string;
  readonly target: string;
  readonly messages: number;
  /** There may be more. */
  readonly atLeast: boolean;
  readonly oldestMs: number;
}

/** A message that concerns an actor and has not left. */
export interface WaitingLine {
  readonly messageId: string;
  readonly text: string;
}

/** The circuits of a node towards others. */
export interface CircuitsOfNode {
  /** It has circuit breakers at all. */
  readonly guarding: boolean;
  /** Those that are not closed: `orders-1:orders.place`. */
  readonly circuits: readonly {
    readonly endpoint: string;
    readonly state: string;
    readonly failures: number;
    readonly calls: number;
  }[];
}

/** Where the socket of a shop lies. */
export function replSocket(dataDir: string): string {
  return join(dataDir, 'repl.sock');
}

/** The broker option that opens the shop's socket; none if the data folder lies too deep for one. */
export function replTransporter(dataDir: string): { readonly transporter?: SocketHub } {
  const path = replSocket(dataDir);
  return fitsSocket(path) ? { transporter: new SocketHub(path) } : {};
}

type Host = Pick<Hosting<unknown, never>, 'name' | 'host' | 'store'>;

/** The services of this node that host an actor; `host` is there once they have started. */
function hostsOf(broker: ServiceBroker): readonly Host[] {
  return broker.services.filter((service) => 'host' in service && 'store' in service) as unknown as readonly Host[];
}

/** A node as the registry knows it; its services are declared as anything. */
export interface KnownNode {
  readonly id: string;
  readonly available: boolean;
  readonly services: readonly { readonly name: string }[];
}

/** The nodes that have a service, also those that are not heard of any more. */
export function nodesWith(broker: ServiceBroker, service: string): readonly KnownNode[] {
  const all = broker.registry.getNodeList({ onlyAvailable: false, withServices: true }) as unknown as KnownNode[];
  return all.filter(({ services }) => services.some(({ name }) => name === service));
}

async function unsentOf(broker: ServiceBroker): Promise<readonly { host: Host; rows: readonly StoredOutgoing[] }[]> {
  return await Promise.all(
    hostsOf(broker).map(async (host) => ({ host, rows: await host.store.unsent(allBuckets, 0, ROWS_MAX) })),
  );
}

/** Where Moleculer's circuit breakers keep what they know; it is there while the broker runs. */
interface Circuit {
  readonly ep: { readonly name: string };
  readonly state: 'close' | 'half_open' | 'half_open_wait' | 'open';
  readonly failures: number;
  readonly count: number;
}
const circuitsOf = (broker: ServiceBroker): ReadonlyMap<string, Circuit> =>
  (broker as { CircuitBreakerStore?: ReadonlyMap<string, Circuit> }).CircuitBreakerStore ?? new Map<string, Circuit>();

const words: Readonly<Record<Circuit['state'], string>> = {
  close: 'closed',
  half_open: 'half-open',
  half_open_wait: 'half-open',
  open: 'open',
};

/** A service for the REPL only, on every node: the gateway has no route to it. */
export const replService: ServiceSchema = {
  name: 'repl',
  actions: {
    process: {
      visibility: 'public',
      handler(): ProcessOfNode {
        const names = this.broker.services.map(({ name }) => name);
        return {
          pid: process.pid,
          since: Math.round(Date.now() - process.uptime() * MS),
          services: names.filter((name) => name !== 'repl' && !name.startsWith('$')),
        };
      },
    },

    /** The nodes that have a service or had it, as far as this one has heard: who joined later knows nothing of the dead. */
    known: {
      visibility: 'public',
      handler({ params: { service } }: { readonly params: { readonly service: string } }): readonly string[] {
        return nodesWith(this.broker, service).map(({ id }) => id);
      },
    },

    actors: {
      visibility: 'public',
      handler(): readonly ActorLine[] {
        return hostsOf(this.broker).map(({ name, host, store }) => ({
          actor: store.actor,
          service: name,
          ...host.stats(),
        }));
      },
    },

    outbox: {
      visibility: 'public',
      async handler(): Promise<readonly OutboxLine[]> {
        return (await unsentOf(this.broker)).flatMap(({ host, rows }) =>
          [...Map.groupBy(rows, ({ kind, target }) => `${kind} ${target}`).values()].flatMap((group) => {
            const [oldest] = group;
            if (oldest === undefined) return [];
            const { kind, target, at } = oldest;
            const atLeast = rows.length === ROWS_MAX;
            return [
              { actor: host.store.actor, kind, target, messages: group.length, atLeast, oldestMs: Date.now() - at },
            ];
          }),
        );
      },
    },

    /** What has not left yet and concerns this actor: `payment/<id> ─► order/<id>: RecordOutcome`. */
    waits: {
      visibility: 'public',
      async handler({ params: { id } }: { readonly params: { readonly id: string } }): Promise<readonly WaitingLine[]> {
        return (await unsentOf(this.broker)).flatMap(({ host, rows }) =>
          rows
            .filter(({ sender, key, body }) => [sender, key].includes(id) || body.includes(`"${id}"`))
            .slice(0, WAITING_MAX)
            .map(({ messageId, sender, kind, target, key, body }) => {
              const what =
                kind === 'send' ? `${target}/${key}: ${(JSON.parse(body) as { type: string }).type}` : target;
              return { messageId, text: `${host.store.actor}/${sender} ─${kind}─► ${what}` };
            }),
        );
      },
    },

    circuits: {
      visibility: 'public',
      handler(): CircuitsOfNode {
        const circuits = [...circuitsOf(this.broker).values()];
        return {
          guarding: this.broker.options.circuitBreaker?.enabled === true || circuits.length > 0,
          circuits: circuits
            .filter(({ state }) => state !== 'close')
            .map(({ ep, state, failures, count }) => ({
              endpoint: ep.name,
              state: words[state],
              failures,
              calls: count,
            })),
        };
      },
    },
  },
};
