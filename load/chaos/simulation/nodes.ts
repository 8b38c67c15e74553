// The nodes of the simulated shop, each a process with one service, and the calls between them: as much of Moleculer as
// the services use, over a network that loses, repeats and delays.
//
//   schema ─► started() of its mixins and its own ─► actions          call ─► node of the key ─► answer
//                                                                        └─ gone: the next node, as failover does
//
// What travels is JSON; what a node knew dies with it.

import { ownerOf } from '../../../brokers/rendezvous.ts';
import type { AnySchema } from '../../../mixins/service-schema.ts';
import { type Life, Lost, pause, type Trouble } from './trouble.ts';

/** How long a call waits whose caller does not say, in milliseconds. */
const CALL_MS = 10_000;
/** How late a call may come, in milliseconds: its caller may have given it up for another node's. */
const LATE_MS = 9_000;
/** Nodes that are asked one after another when one is gone. */
const ATTEMPTS_MAX = 3;

type Params = Readonly<Record<string, unknown>>;
type Meta = Record<string, unknown>;
// oxlint-disable-next-line typescript/no-explicit-any -- the `this` of a service is whatever its schema makes of it
type Self = any;
type Hook = (this: Self) => unknown;
type Handler = (this: Self, context: object) => unknown;
type Answering = Promise<unknown> & { readonly ctx: { readonly meta: Meta } };

export interface CallOptions {
  readonly meta?: Meta;
  readonly parentCtx?: { readonly meta?: Meta };
  readonly timeout?: number;
  readonly shardKey?: string;
}

/** What services take for their broker. */
export interface NodeBroker {
  readonly nodeID: string;
  readonly options: object;
  readonly registry: { getActionEndpoints(action: string): { readonly endpoints: readonly object[] } };
  call(action: string, params: Params, options?: CallOptions): Answering;
}

interface Node {
  readonly id: string;
  readonly service: string;
  readonly life: Life;
  readonly self: Self;
  readonly actions: ReadonlyMap<string, Handler>;
  isReady: boolean;
}

export interface Nodes {
  /** Starts a node with the service; it is called once its hooks are through. */
  start(id: string, schema: AnySchema, life: Life): Node;
  /** A life of a node that has no service, such as a gateway. */
  brokerOf(life: Life): NodeBroker;
  living(): readonly Node[];
}

/** An outage as Moleculer reports it: callers go by the name. */
function outage(name: string, words: string): Error {
  const error = new Error(words);
  error.name = name;
  return error;
}

const copyOf = <T>(value: T): T => (value === undefined ? value : (JSON.parse(JSON.stringify(value)) as T));

/** Nodes that can call each other. */
export function createNodes({ chance, happens, crossing }: Trouble): Nodes {
  const nodes = new Map<string, Node>();

  const serving = (action: string): readonly Node[] => {
    const service = action.slice(0, action.indexOf('.'));
    return [...nodes.values()].filter((node) => node.service === service && node.isReady && node.life.isAlive());
  };

  function brokerOf(life: Life): NodeBroker {
    return {
      nodeID: life.node,
      options: {},
      registry: {
        getActionEndpoints: (action) => ({
          endpoints: serving(action).map(({ id }) => ({ id, isAvailable: true, action: {} })),
        }),
      },
      call(action, params, options = {}) {
        const ctx = { meta: { ...options.parentCtx?.meta, ...options.meta } };
        return Object.assign(call(life, action, params, ctx.meta, options), { ctx });
      },
    };
  }

  /** Tries one node after another, until one has answered or the time is up. */
  async function call(from: Life, action: string, params: Params, meta: Meta, options: CallOptions): Promise<unknown> {
    const { timeout = CALL_MS, shardKey } = options;
    const deadline = Date.now() + (timeout > 0 ? timeout : CALL_MS);
    const avoid = new Set<string>();
    await crossing(from);
    for (let attempt = 1; ; attempt++) {
      const all = serving(action);
      const others = all.filter(({ id }) => !avoid.has(id));
      const candidates = others.length > 0 ? others : all;
      if (candidates.length === 0) throw outage('ServiceNotFoundError', `nobody serves ${action}`);
      const names = candidates.map(({ id }) => id);
      // Two nodes may believe at a time that a key is theirs.
      const isOwned = shardKey !== undefined && !happens('call misrouted', 15);
      const id = isOwned ? ownerOf(shardKey, names) : chance.pick(names);
      const target = nodes.get(id) as Node;
      try {
        const asked = ask(target, action, params, meta, all);
        const data = await within(deadline - Date.now(), Promise.race([asked, target.life.died]));
        await crossing(from);
        return data;
      } catch (error) {
        await crossing(from);
        if (!(error instanceof Lost)) throw error;
        avoid.add(id);
        if (attempt === ATTEMPTS_MAX) throw outage('RequestRejectedError', `${action}: ${error.message}`);
      }
    }
  }

  async function ask(target: Node, action: string, params: Params, meta: Meta, all: readonly Node[]): Promise<unknown> {
    if (happens('call lost', 2)) return await never;
    // As when a silent node is given up: another one does the same, and whoever calls hears of one of them.
    if (happens('call repeated', 2)) void handle(chance.pick(all), action, params, { ...meta }).catch(() => {});
    if (happens('call late', 5)) await pause(chance.below(LATE_MS));
    await crossing(target.life);
    const data = await handle(target, action, params, meta);
    await crossing(target.life);
    return happens('call answer lost', 0.8) ? await never : copyOf(data);
  }

  async function handle({ life, self, actions }: Node, action: string, params: Params, meta: Meta): Promise<unknown> {
    const handler = actions.get(action);
    if (handler === undefined) throw outage('ServiceNotFoundError', `there is no action ${action}`);
    const own: Meta = copyOf(meta);
    const context = {
      params: copyOf(params),
      meta: own,
      async call(inner: string, given: Params, options: CallOptions = {}) {
        const innerMeta = { ...own, ...options.meta };
        const data = await call(life, inner, given, innerMeta, options);
        Object.assign(own, innerMeta);
        return data;
      },
    };
    const data = await handler.call(self, context);
    Object.assign(meta, own);
    return data;
  }

  function start(id: string, schema: AnySchema, life: Life): Node {
    const parts = [...((schema.mixins ?? []) as readonly AnySchema[]), schema];
    const self: Self = { name: schema.name, broker: brokerOf(life), logger: silent };
    const actions = new Map<string, Handler>();
    for (const { actions: defined = {}, methods = {} } of parts) {
      Object.assign(self, methods);
      for (const [name, action] of Object.entries(defined)) {
        const handler = typeof action === 'function' ? action : (action as { readonly handler?: Handler }).handler;
        if (handler !== undefined) actions.set(`${schema.name}.${name}`, handler as Handler);
      }
    }
    for (const { created } of parts) for (const hook of hooksOf(created)) hook.call(self);
    const node: Node = { id, service: schema.name, life, self, actions, isReady: false };
    nodes.set(id, node);
    void (async () => {
      // A database that is away when a node starts ends it; whoever runs the node starts it again.
      for (const { started } of parts) for (const hook of hooksOf(started)) await hook.call(self);
      await crossing(life);
      node.isReady = true;
    })().catch(() => life.kill());
    return node;
  }

  return { start, brokerOf, living: () => [...nodes.values()].filter(({ life }) => life.isAlive()) };
}

const never = new Promise<never>(() => {});
const silent = { info() {}, warn() {}, error() {}, debug() {}, trace() {}, fatal() {} };

function hooksOf(hook: unknown): readonly Hook[] {
  if (hook === undefined) return [];
  return (Array.isArray(hook) ? hook : [hook]) as readonly Hook[];
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(outage('RequestTimeoutError', `no answer within ${ms} ms`)), Math.max(ms, 0));
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
