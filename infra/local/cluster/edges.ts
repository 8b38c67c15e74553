// Edges of a cluster: who talks to whom, each through proxies of its own that can be told to do harm.
//
//   orders ──► 127.0.0.1:20011 (proxy orders-postgres) ──► 127.0.0.1:20002 postgres          "orders → postgres"
//
// An edge has more than one proxy where there is more than one server at its end, as for a Kafka of three nodes.

import type { ProxyPlan, ProxyState, Toxic, ToxicOptions, ToxiproxyClient } from '../servers/toxiproxy-client.ts';
import { type Greeting, type Probe, probe } from './edge-probe.ts';
import { type Connections, connectionsAt } from './edge-traffic.ts';

const HOST = '127.0.0.1';

/** One way to one server. */
export interface EdgeProxy {
  /** Where callers come in; stays the same. */
  readonly port: number;
  /** "127.0.0.1:20002" */
  readonly upstream: string;
}

export interface Edge {
  /** `orders → postgres` */
  readonly name: string;
  /** Who calls: a service, `provider` or `clients`. */
  readonly from: string;
  readonly to: string;
  readonly proxies: readonly EdgeProxy[];
  /** What the server at the end answers. */
  readonly greeting: Greeting;
}

export interface Edges {
  readonly names: readonly string[];
  /** Those of whom `who` is at either end. */
  of(who: string): readonly string[];
  /**
   * Does harm to all connections of an edge.
   * @returns what takes it away again; safe to call twice
   */
  add(edge: string, toxic: Toxic, options?: ToxicOptions): Promise<() => Promise<void>>;
  /** Closes all connections of an edge and refuses new ones. */
  cut(edge: string): Promise<void>;
  mend(edge: string): Promise<void>;
  /** One connection of our own to each server of the edge. */
  probe(edge: string, patience?: { readonly answerMs?: number; readonly closeMs?: number }): Promise<readonly Probe[]>;
  /** What the proxies themselves say. */
  states(edge: string): Promise<readonly ProxyState[]>;
  /** Its open connections with their bytes; undefined where this machine does not tell. */
  connections(edge: string): Promise<Connections | undefined>;
}

const plansOf = ({ from, to, proxies }: Edge): readonly ProxyPlan[] =>
  proxies.map(({ port, upstream }, index) => ({
    name: proxies.length === 1 ? `${from}-${to}` : `${from}-${to}-${index + 1}`,
    listen: `${HOST}:${port}`,
    upstream,
  }));

/** Tells a toxiproxy that knows nothing yet about all edges. */
export async function layEdges(client: ToxiproxyClient, edges: readonly Edge[]): Promise<void> {
  for (const plan of edges.flatMap(plansOf)) await client.create(plan);
}

/** The edges that a toxiproxy was told about. */
export function edgesOver(client: ToxiproxyClient, all: readonly Edge[]): Edges {
  let toxics = 0;

  function find(name: string): Edge {
    const found = all.find((edge) => edge.name === name);
    if (found === undefined)
      throw new Error(`There is no edge "${name}"; there are ${all.map((e) => e.name).join(', ')}.`);
    return found;
  }
  const proxiesOf = (name: string) => plansOf(find(name)).map((plan) => plan.name);
  const eachProxy = <T>(edge: string, work: (proxy: string) => Promise<T>) => Promise.all(proxiesOf(edge).map(work));

  return {
    names: all.map(({ name }) => name),
    of: (who) => all.filter(({ from, to }) => from === who || to === who).map(({ name }) => name),
    async add(edge, toxic, options) {
      const name = `${toxic.type}-${++toxics}`;
      const remove = async () => void (await eachProxy(edge, (proxy) => client.removeToxic(proxy, name)));
      try {
        await eachProxy(edge, (proxy) => client.addToxic(proxy, name, toxic, options));
      } catch (error) {
        await remove();
        throw error;
      }
      return remove;
    },
    cut: async (edge) => void (await eachProxy(edge, (proxy) => client.setEnabled(proxy, false))),
    mend: async (edge) => void (await eachProxy(edge, (proxy) => client.setEnabled(proxy, true))),
    probe(edge, patience) {
      const { proxies, greeting } = find(edge);
      return Promise.all(proxies.map(({ port }) => probe(port, greeting, patience)));
    },
    states: (edge) => eachProxy(edge, (proxy) => client.state(proxy)),
    connections: (edge) => connectionsAt(find(edge).proxies.map(({ port }) => port)),
  };
}
