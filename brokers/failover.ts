// Repeats a call on another node when the one that had it was lost, has fallen silent or is stopping.
//
//   call ─► node of the key ──► answer
//             │  lost · stopping ──────────► next node of the key, with the rest of the deadline
//             └─ no answer for attemptMs, and none to pings ─► the same, while such repeats are a small share of all calls
//
// The silent or lost node may have done what was asked, or do it later: whatever is called must bear a repeat, as commands
// do by the id that the gateway gives them. A call with a stream, or to a node by name, is never repeated.

import type { CallingOptions, Context, Middleware, ServiceBroker } from 'moleculer';
import { isNodeStopping } from './problem.ts';
import type { PlacementOptions } from './rendezvous.ts';
import { giveUp } from './timeouts.ts';

/** How often one call is tried, the first time included. */
export const ATTEMPTS_MAX = 3;
/**
 * How long a node may take before it is asked whether it is there at all, in milliseconds; an action can say otherwise
 * (`attemptMs`). One that answers its pings is slow, not silent: its store may be, which is the other nodes' store too.
 */
export const ATTEMPT_MS = 1_500;
/** How often it is asked again, in milliseconds. */
const LOOK_MS = 250;
/** With less of the deadline left than this a repeat would be in vain, in milliseconds. */
export const REST_MIN_MS = 20;
/** Calls repeated because of silence, per call made: an overloaded cluster is silent too, and must not be asked twice. */
export const SILENCE_SHARE = 0.1;
/** Repeats because of silence that may come at once: what is under way at one node in the moment it stands still. */
export const SILENCE_RESERVE = 1_000;

/** What an action says of its attempts. */
export interface AttemptOptions {
  /** How long its node may take before it is asked whether it is there, in milliseconds. */
  readonly attemptMs?: number;
}

declare module 'moleculer' {
  interface ActionSchema<TThis> extends AttemptOptions {
    /** How long a call may take whose caller does not say, in milliseconds. */
    timeout?: number;
  }
}

type Options = CallingOptions & PlacementOptions & { readonly stream?: unknown; readonly ctx?: Context };
type Call = (action: string, params: unknown, options: Options) => Answering;
type Answering = Promise<unknown> & { readonly ctx?: Context };

/** Why a call is made again: its node never began (`refused`), is gone (`lost`) or does not answer (`silent`). */
export type Fate = 'refused' | 'lost' | 'silent';

/** The middleware; each broker needs one of its own. */
export function failover(): Middleware {
  let broker: ServiceBroker;
  const silence = allowance(SILENCE_SHARE, SILENCE_RESERVE);

  function call(next: Call): Call {
    return (action, params, given?: Options) => {
      const options = given ?? {};
      if (typeof action !== 'string' || options.stream || options.nodeID || options.ctx)
        return next(action, params, options);
      const nodes = liveNodes(broker, action);
      silence.earn();
      if (nodes.length < 2) return next(action, params, options);
      // Called in this very turn: Moleculer looks for its context on what is returned.
      const attempts = plan(broker, action, params, options, next);
      return follow(attempts.first(), attempts);
    };
  }

  async function follow(first: Answering, attempts: Attempts): Promise<unknown> {
    for (let answering = first, made = 1; ; made++) {
      const stopWatching = attempts.watch(answering);
      try {
        const data = await answering;
        // What the action has set for its caller is looked for in the context of the first attempt.
        if (answering !== first) Object.assign(first.ctx?.meta ?? {}, answering.ctx?.meta);
        return data;
      } catch (error) {
        const node = answering.ctx?.nodeID;
        const fate =
          node === null || node === undefined ? undefined : fateOf(error, attempts.action, node, broker.nodeID);
        if (fate === undefined || made === ATTEMPTS_MAX || !attempts.goesOnWithout(node as string)) throw error;
        if (fate === 'silent' && !silence.take()) throw error;
        answering = attempts.next();
      } finally {
        stopWatching();
      }
    }
  }

  return {
    name: 'Failover',
    created: (created) => {
      broker = created;
    },
    // The declared type of this hook forgets that it wraps.
    call: call as unknown as NonNullable<Middleware['call']>,
  };
}

interface Attempts {
  readonly action: string;
  first(): Answering;
  /** Gives the attempt up when its node is silent and there is another one. Returns the way to stop looking. */
  watch(answering: Answering): () => void;
  /** Leaves out the node that has failed; whether another one can be asked in time. */
  goesOnWithout(failed: string): boolean;
  next(): Answering;
}

function plan(broker: ServiceBroker, action: string, params: unknown, options: Options, next: Call): Attempts {
  const { timeout, attemptMs = ATTEMPT_MS } = limitsOf(broker, action, options);
  const deadline = timeout > 0 ? performance.now() + timeout : Number.POSITIVE_INFINITY;
  const avoid = [...(options.avoid ?? [])];
  const othersThan = (nodes: readonly string[]) =>
    liveNodes(broker, action).filter((node) => !nodes.includes(node)).length;

  function attempt(): Answering {
    const rest = deadline - performance.now();
    const limit = rest === Number.POSITIVE_INFINITY ? {} : { timeout: rest };
    return next(action, params, { ...options, ...limit, avoid: [...avoid] });
  }

  return {
    action,
    first: attempt,
    watch({ ctx }) {
      const { nodeID } = ctx ?? {};
      if (ctx === undefined || nodeID === undefined || nodeID === null || nodeID === broker.nodeID) return () => {};
      const look = () => {
        if (isSilent(broker, nodeID) && othersThan([...avoid, nodeID]) > 0) giveUp(broker, ctx.id, action, nodeID);
        else timer = setTimeout(look, LOOK_MS);
      };
      let timer = setTimeout(look, attemptMs);
      return () => clearTimeout(timer);
    },
    goesOnWithout: (failed) => {
      avoid.push(failed);
      return deadline - performance.now() >= REST_MIN_MS && othersThan(avoid) > 0;
    },
    next: attempt,
  };
}

/** Whether a node answers nothing any more; a transporter that cannot tell makes every late answer silence. */
function isSilent(broker: ServiceBroker, nodeId: string): boolean {
  const { tx } = broker.transit as unknown as { readonly tx: { isSilent?(nodeId: string): boolean } };
  return tx.isSilent?.(nodeId) ?? true;
}

function limitsOf(broker: ServiceBroker, action: string, options: Options) {
  const schema = endpointsOf(broker, action)[0]?.action;
  const timeout = options.timeout ?? schema?.timeout ?? broker.options.requestTimeout ?? 0;
  return { timeout, ...(schema?.attemptMs === undefined ? {} : { attemptMs: schema.attemptMs }) };
}

interface Endpoint {
  readonly id: string;
  readonly isAvailable: boolean;
  readonly action: AttemptOptions & { readonly timeout?: number | null };
}

function endpointsOf(broker: ServiceBroker, action: string): readonly Endpoint[] {
  // Declared as always there, with endpoints of no particular kind.
  const list: { readonly endpoints: readonly unknown[] } | null = broker.registry.getActionEndpoints(action);
  return (list?.endpoints ?? []) as readonly Endpoint[];
}

/** The nodes that an action can be called on now: they are there, and their circuit is closed. */
export function liveNodes(broker: ServiceBroker, action: string): readonly string[] {
  return endpointsOf(broker, action).flatMap(({ id, isAvailable }) => (isAvailable ? id : []));
}

interface Thrown {
  readonly name?: unknown;
  /** Where it was thrown, if not here. */
  readonly nodeID?: string;
  readonly data?: { readonly action?: string; readonly nodeID?: string };
}

/**
 * What the error of a call says of the node that was asked; undefined: the call has failed, not the node. Errors of calls
 * that the action itself has made are of no concern here.
 */
export function fateOf(error: unknown, action: string, node: string, here: string): Fate | undefined {
  const { name, nodeID: thrownAt, data } = (error ?? {}) as Thrown;
  if (isNodeStopping(error)) return (thrownAt ?? here) === node ? 'refused' : undefined;
  if (data?.action !== action) return undefined;
  switch (name) {
    case 'RequestRejectedError':
      return thrownAt === undefined && data.nodeID === node ? 'lost' : undefined;
    case 'RequestTimeoutError':
      return thrownAt === undefined || thrownAt === node ? 'silent' : undefined;
    // Thrown by a node that has shut its services, before anything was done.
    case 'ServiceNotAvailableError':
    case 'ServiceNotFoundError':
      return thrownAt === node && data.nodeID === node ? 'refused' : undefined;
    default:
      return undefined;
  }
}

/** Each earning adds a share of one, up to the reserve; each taking needs a whole one. */
function allowance(share: number, reserve: number): { earn(): void; take(): boolean } {
  let held = reserve;
  return {
    earn() {
      if (held < reserve) held = Math.min(reserve, held + share);
    },
    take() {
      if (held < 1) return false;
      held -= 1;
      return true;
    },
  };
}
