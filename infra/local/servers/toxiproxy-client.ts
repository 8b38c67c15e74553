// What toxiproxy can be told, over its HTTP interface: what to pass on where, and what harm to do to it on the way.
//
//   client ──upstream──► proxy ──► server        a toxic acts on one direction of all connections of one proxy,
//          ◄─downstream──      ◄──               those that are open and those to come

const ANSWER_MS = 15_000;
const GONE = 404;

/** Towards the server, or back from it. */
export type Direction = 'upstream' | 'downstream';

/** Harm, with its measures. */
export type Toxic =
  /** Bytes arrive later, by so many milliseconds, give or take the jitter. */
  | { readonly type: 'latency'; readonly attributes: { readonly latency: number; readonly jitter?: number } }
  /** So many kilobytes a second at most. */
  | { readonly type: 'bandwidth'; readonly attributes: { readonly rate: number } }
  /** An end is passed on so many milliseconds later. */
  | { readonly type: 'slow_close'; readonly attributes: { readonly delay: number } }
  /**
   * All bytes are swallowed; after so many milliseconds the connection is closed, with 0 never. Those that were open are
   * closed when it is removed: what they lost does not come back.
   */
  | { readonly type: 'timeout'; readonly attributes: { readonly timeout: number } }
  /** So many milliseconds after the first byte the connection is reset; one opened before is only closed. */
  | { readonly type: 'reset_peer'; readonly attributes: { readonly timeout: number } }
  /** Bytes come in pieces of this size, give or take, with so many microseconds between them. */
  | {
      readonly type: 'slicer';
      readonly attributes: { readonly average_size: number; readonly size_variation?: number; readonly delay?: number };
    }
  /** After so many bytes the connection is closed. */
  | { readonly type: 'limit_data'; readonly attributes: { readonly bytes: number } };

/** A toxic as it acts. */
export type ActiveToxic = Toxic & { readonly name: string; readonly stream: Direction; readonly toxicity: number };

export interface ToxicOptions {
  /** Default: downstream. */
  readonly stream?: Direction;
  /** Share of connections that it acts on, 0 to 1; default 1. */
  readonly toxicity?: number;
}

export interface ProxyPlan {
  /** Unique, of letters, digits and dashes. */
  readonly name: string;
  /** "127.0.0.1:20001" */
  readonly listen: string;
  readonly upstream: string;
}

/** A proxy as it is. */
export interface ProxyState extends ProxyPlan {
  /** Disabled, it listens no more, and all its connections are closed. */
  readonly enabled: boolean;
  readonly toxics: readonly ActiveToxic[];
}

export interface ToxiproxyClient {
  version(): Promise<string>;
  /** Makes a proxy, which passes on from now. */
  create(plan: ProxyPlan): Promise<ProxyState>;
  state(proxy: string): Promise<ProxyState>;
  setEnabled(proxy: string, enabled: boolean): Promise<ProxyState>;
  /** Adds a toxic of this name to a proxy. */
  addToxic(proxy: string, name: string, toxic: Toxic, options?: ToxicOptions): Promise<ActiveToxic>;
  /** One that is gone already, as after a restart of toxiproxy, is no error. */
  removeToxic(proxy: string, name: string): Promise<void>;
}

/** A client of the toxiproxy at this address. What it is refused rejects with its own words. Opens nothing yet. */
export function toxiproxyClient(url: string): ToxiproxyClient {
  async function ask(method: string, path: string, body?: object, fine?: number): Promise<Response> {
    const response = await fetch(`${url}${path}`, {
      method,
      signal: AbortSignal.timeout(ANSWER_MS),
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } }),
    });
    if (response.ok || response.status === fine) return response;
    throw new Error(`toxiproxy refused ${method} ${path} with ${response.status}: ${(await response.text()).trim()}`);
  }
  const json = async <T>(asked: Promise<Response>) => (await (await asked).json()) as T;
  const drain = async (asked: Promise<Response>) => void (await (await asked).arrayBuffer());

  return {
    version: async () => (await (await ask('GET', '/version')).text()).trim(),
    create: (plan) => json(ask('POST', '/proxies', { ...plan, enabled: true })),
    state: (proxy) => json(ask('GET', `/proxies/${proxy}`)),
    setEnabled: (proxy, enabled) => json(ask('POST', `/proxies/${proxy}`, { enabled })),
    addToxic: (proxy, name, toxic, { stream = 'downstream', toxicity = 1 } = {}) =>
      json(ask('POST', `/proxies/${proxy}/toxics`, { ...toxic, name, stream, toxicity })),
    removeToxic: (proxy, name) => drain(ask('DELETE', `/proxies/${proxy}/toxics/${name}`, undefined, GONE)),
  };
}
