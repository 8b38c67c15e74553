// From an admitted caller to a named request: the body as a value, and the names under which it is done once.

import type { IncomingMessage } from 'node:http';
import { Problem } from '../../brokers/problem.ts';
import type { Principal } from '../../mixins/caller.ts';
import { demandShallow, demandType, hasBody, parseJson, readBytes } from './body.ts';
import { commandIdOf, fingerprintOf, keyOf, randomCommandId } from './command-id.ts';
import type { Admitted, GatewayRequest, Line } from './gateway.ts';
import type { Route } from './route.ts';

/** Reads the body and mints the names of the request. */
export async function nameRequest(
  { gateway, route }: Line,
  request: GatewayRequest,
  principal: Principal,
): Promise<Admitted> {
  const key = keyOf(route, request.headers);
  const path = request.$params?.params ?? {};
  const body = route.method === 'GET' || route.method === 'DELETE' ? undefined : await readBody(route, request);
  const requestId = request.$ctx.requestID ?? '';
  const endsAt = route.timeoutMs === 0 ? Number.POSITIVE_INFINITY : performance.now() + route.timeoutMs;
  const named = { request, principal, path, body, endsAt };
  if (key === undefined) return { ...named, requestId, commandId: randomCommandId(), fingerprint: '', keyed: false };
  const commandId = commandIdOf(principal, route, path, key);
  const isUnnamed = request.headers['x-request-id'] === undefined;
  // A repeat gets the same body, and problems hold the request's id: unless the caller gave one, it is the command's.
  if (isUnnamed) request.$ctx.requestID = commandId;
  return {
    ...named,
    commandId,
    keyed: true,
    requestId: isUnnamed ? commandId : requestId,
    fingerprint: fingerprintOf(gateway.fingerprintKey, route, path, body),
  };
}

async function readBody(route: Route, request: IncomingMessage): Promise<unknown> {
  switch (route.kind) {
    case 'csv':
      demandType(request, 'text/csv');
      return undefined;
    case 'raw':
      return await readBytes(request);
    case 'events': {
      const value = await readJson(route, request, demandShallow);
      if (typeof value !== 'object' || value === null)
        throw new Problem('invalid-request', 'the body must be an event or an array of events');
      return { events: Array.isArray(value) ? value : [value] };
    }
    default:
      return await readJson(route, request);
  }
}

async function readJson(route: Route, request: IncomingMessage, guard?: (value: unknown) => void): Promise<unknown> {
  if (!hasBody(request)) {
    if (route.bodyOptional) return {};
    throw new Problem('malformed-json', 'the body is not JSON: there is none');
  }
  demandType(request, 'application/json');
  return parseJson(await readBytes(request), guard);
}
