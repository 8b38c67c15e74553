// How the gateway calls actions: with everything they may know of the caller in `ctx.meta` (`Caller` in `mixins/caller.ts`).

import type { IncomingMessage } from 'node:http';
import type { CallingOptions, ServiceBroker } from 'moleculer';
import { Problem } from '../../brokers/problem.ts';
import type { PlacementOptions } from '../../brokers/rendezvous.ts';
import type { AnswerMeta } from './answers.ts';
import type { Admitted, Line, Params } from './gateway.ts';
import type { Route } from './route.ts';

type Answering = Promise<unknown> & { readonly ctx?: { readonly meta: AnswerMeta } };

export interface CallOptions {
  readonly timeout: number;
  readonly stream?: IncomingMessage;
  /** Whether a node that stops waits for the answer; default: it does. */
  readonly tracking?: boolean;
}

/**
 * Calls an action with everything it may know of the caller, for so long, or for what is left of the caller's time.
 * @throws Problem `unavailable` if nothing is left
 */
export async function call(
  { gateway: { broker }, route }: Line,
  admitted: Admitted,
  action: string,
  params: Params,
  options: CallOptions,
): Promise<{ readonly data: unknown; readonly meta: AnswerMeta }> {
  const { request, principal, requestId, commandId, fingerprint, keyed, endsAt } = admitted;
  const leftMs = endsAt - performance.now();
  if (leftMs < 1) throw new Problem('unavailable', 'this part of the shop takes too long at the moment: try again');
  const { headers } = request;
  const meta: Params = { principal, requestId, commandId, fingerprint, keyed };
  const cartToken = headers['x-cart-token'];
  if (typeof cartToken === 'string') meta['cartToken'] = cartToken;
  const ifMatch = headers['if-match'];
  if (ifMatch !== undefined && ifMatch.trim() !== '*' && route.refusals.includes(412)) meta['ifMatch'] = tagOf(ifMatch);
  // What the action sets in its meta is found in the context that the call leaves on its promise.
  const answering = broker.call<unknown, Params>(action, params, {
    ...options,
    timeout: Math.min(options.timeout, Math.ceil(leftMs)),
    ...placeOf(broker, route, action, admitted),
    parentCtx: request.$ctx,
    meta,
  }) as Answering;
  const data = await answering;
  return { data, meta: answering.ctx?.meta ?? {} };
}

/** Where the call goes: to the node of its actor; what asks after the gateway, to this very one. */
function placeOf({ nodeID }: ServiceBroker, { shard }: Route, action: string, admitted: Admitted): CallingOptions {
  if (action.startsWith('api.')) return { nodeID };
  const shardKey = shard?.(admitted);
  const placement: PlacementOptions = shardKey === undefined ? {} : { shardKey };
  return placement;
}

/** The version that an If-Match names. Proxies weaken tags when they compress; the version is the same. */
function tagOf(ifMatch: string): string {
  const tag = /^(?:W\/)?"([\x21\x23-\x7e]{1,128})"$/.exec(ifMatch.trim())?.[1];
  if (tag !== undefined) return tag;
  const detail = 'If-Match is one ETag in quotes, as an answer gave it';
  throw new Problem('invalid-request', detail, [{ pointer: 'If-Match', code: 'wrong-format', detail }]);
}

/** The headers without what identifies a caller: a signature covers the body, not them. */
export function publicHeaders({ headers }: IncomingMessage): Params {
  const { authorization: _, cookie: _cookie, 'x-cart-token': _cart, ...others } = headers;
  return others;
}
