// The edges of a whole cluster: every way that a service takes to a server, the provider to the shop, and clients to it.
//
//   plan (ports, doors of Kafka) ─► unit "toxiproxy" tells the proxies ─► each service is given the addresses of its own
//
// Kafka sends its clients where its listener says, so each service has a listener whose advertised address is its proxy.

import type { serviceNames } from '../../../brokers/hosting.ts';
import type { KafkaCluster } from '../servers/kafka.ts';
import { stablePorts } from '../servers/ports.ts';
import type { Unit } from '../servers/supervisor.ts';
import { startToxiproxy } from '../servers/toxiproxy.ts';
import { toxiproxyClient } from '../servers/toxiproxy-client.ts';
import type { Place } from '../servers/units.ts';
import { type Edge, type Edges, edgesOver, layEdges } from './edges.ts';
import { type Greeting, greetings } from './edge-probe.ts';

const HOST = '127.0.0.1';

/** Which servers a service talks to. That each of these is in use is held by a test. */
export const serversOf: Readonly<Record<(typeof serviceNames)[number], readonly string[]>> = {
  inventory: ['postgres', 'nats'],
  products: ['postgres', 'nats', 'kafka'],
  users: ['postgres', 'nats'],
  carts: ['nats', 'dynamodb', 'kafka'],
  payments: ['postgres', 'nats', 'kafka', 'provider'],
  notifications: ['postgres', 'nats', 'kafka'],
  activity: ['postgres', 'nats', 'kafka'],
  analytics: ['postgres', 'nats', 'kafka'],
  orders: ['postgres', 'nats', 'dynamodb', 'kafka'],
  probe: ['postgres', 'nats', 'provider'],
  api: ['nats'],
};

/** Where the servers really are. */
export interface DirectAddresses {
  readonly natsUrl: string;
  readonly kafka: KafkaCluster;
  readonly dynamoPort: number;
  readonly postgres: { readonly host: string; readonly port: number };
  readonly providerPort: number;
  readonly shopUrl: string;
}

/** Addresses as a service is given them. */
export interface SeenAddresses {
  readonly natsUrl: string;
  readonly kafkaBrokers: readonly string[];
  readonly providerUrl: string;
  readonly postgresUrl: string;
  readonly dynamoEndpoint: string;
}

export interface ClusterEdges {
  readonly unit: Unit;
  readonly edges: Edges;
  /** With a door for each service. */
  readonly kafka: KafkaCluster;
  /** The same addresses, those of its own proxies put in their place. */
  seenBy(service: string, direct: SeenAddresses): SeenAddresses;
  /** Where the provider finds the shop, and where clients do. */
  readonly shopUrlOf: (caller: 'provider' | 'clients') => string;
}

/** Chooses ports for all edges, before any of it runs. */
export async function planEdges(direct: DirectAddresses, place: Place): Promise<ClusterEdges> {
  const brokers = direct.kafka.nodes;
  const wishes = [
    ...Object.entries(serversOf).flatMap(([from, servers]) => servers.map((to) => ({ from, to }))),
    { from: 'provider', to: 'api' },
    { from: 'clients', to: 'api' },
  ];
  const promised = [
    ...[direct.natsUrl, direct.shopUrl].map((url) => Number(new URL(url).port)),
    direct.dynamoPort,
    direct.postgres.port,
    direct.providerPort,
    ...brokers.flatMap(({ port, controllerPort }) => [port, controllerPort]),
  ];
  const doors = wishes.filter(({ to }) => to === 'kafka').length * brokers.length;
  const ports = [...(await stablePorts(1 + wishes.length + 2 * doors, promised))];
  const next = () => ports.pop() as number;
  const adminPort = next();
  const doorsOf = new Map(
    brokers.map(({ id }) => [id, [] as NonNullable<(typeof brokers)[number]['doors']>[number][]]),
  );
  const at = (port: number) => `${HOST}:${port}`;
  const one = (upstream: string) => [{ port: next(), upstream }];

  function proxiesTo(from: string, to: string) {
    if (to === 'postgres') return one(`${direct.postgres.host}:${direct.postgres.port}`);
    if (to === 'nats') return one(new URL(direct.natsUrl).host);
    if (to === 'dynamodb') return one(at(direct.dynamoPort));
    if (to === 'provider') return one(at(direct.providerPort));
    if (to === 'api') return one(new URL(direct.shopUrl).host);
    return brokers.map(({ id }) => {
      const door = { name: from.toUpperCase(), port: next(), advertisedPort: next() };
      doorsOf.get(id)?.push(door);
      return { port: door.advertisedPort, upstream: at(door.port) };
    });
  }
  const greetingOf: Readonly<Record<string, Greeting>> = {
    postgres: greetings.postgres(),
    nats: greetings.nats(direct.natsUrl),
    kafka: greetings.kafka(),
    dynamodb: greetings.http('/'),
    provider: greetings.http('/'),
    api: greetings.http('/health/live'),
  };
  const all = wishes.map(
    ({ from, to }): Edge => ({
      name: `${from} → ${to}`,
      from,
      to,
      proxies: proxiesTo(from, to),
      greeting: greetingOf[to] as Greeting,
    }),
  );
  const portOf = (from: string, to: string) =>
    all.find((edge) => edge.from === from && edge.to === to)?.proxies[0]?.port;

  return {
    unit: {
      name: 'toxiproxy',
      async start(signal) {
        const running = await startToxiproxy({ ...place, port: adminPort, signal });
        try {
          await layEdges(running.client, all);
        } catch (error) {
          await running.stop();
          throw error;
        }
        return running;
      },
    },
    edges: edgesOver(toxiproxyClient(`http://${at(adminPort)}`), all),
    kafka: { ...direct.kafka, nodes: brokers.map((node) => ({ ...node, doors: doorsOf.get(node.id) ?? [] })) },
    seenBy(service, { natsUrl, kafkaBrokers, providerUrl, postgresUrl, dynamoEndpoint }) {
      const through = (url: string, to: string) => {
        const port = portOf(service, to);
        return port === undefined ? url : throughPort(url, port);
      };
      const kafkaEdge = all.find(({ from, to }) => from === service && to === 'kafka');
      return {
        natsUrl: through(natsUrl, 'nats'),
        kafkaBrokers: kafkaEdge?.proxies.map(({ port }) => at(port)) ?? kafkaBrokers,
        providerUrl: through(providerUrl, 'provider'),
        postgresUrl: through(postgresUrl, 'postgres'),
        dynamoEndpoint: through(dynamoEndpoint, 'dynamodb'),
      };
    },
    shopUrlOf: (caller) => `http://${at(portOf(caller, 'api') as number)}`,
  };
}

/** The same address at a port of loopback; a local socket in it (`?host=`) is used no more. */
export function throughPort(url: string, port: number): string {
  const found = new URL(url);
  found.hostname = HOST;
  found.port = String(port);
  found.searchParams.delete('host');
  return found.href.replace(/\/$/, '');
}
