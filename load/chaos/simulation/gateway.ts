// The gateways of the simulated shop: the handlers of the real one, given requests without a socket.
//
//   Request ─► route ─► handlerOf(gateway, route) ─► status, headers, body

import { createSecretKey } from 'node:crypto';
import { Readable } from 'node:stream';
import type { Gateway, GatewayRequest } from '../../../services/api/gateway.ts';
import type { Route } from '../../../services/api/route.ts';
import { secretOf } from './platform.ts';
import type { ShopModules } from './seams.ts';
import type { NodeBroker } from './nodes.ts';

/** A request as a client makes it. */
export interface Request {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** JSON, or the text of a raw body. */
  readonly body?: object | string;
}

export interface Response {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | number>>;
  readonly body: unknown;
}

export interface SimulatedGateway {
  /** From now on it is the gateway of this node; what it remembered is gone. */
  boot(broker: NodeBroker): void;
  answer(request: Request): Promise<Response>;
  /** What was thrown and is nobody's business outside. */
  readonly faults: string[];
}

type Handler = (request: GatewayRequest, response: never) => void;

/** The word that the simulated gateways take for an access token. */
export const accessToken = (role: 'customer' | 'staff', id: string): string => `${role}.${id}`;

/** A gateway that is on no node yet. */
export function createGateway(modules: ShopModules): SimulatedGateway {
  const faults: string[] = [];
  const tokens = modules.createTokens({ secret: secretOf });
  const gateway: { -readonly [K in keyof Gateway]: Gateway[K] } = {
    broker: undefined as never,
    // Signatures are checked on other threads, which know nothing of virtual time.
    tokens: {
      ...tokens,
      async verifyAccessToken(token) {
        const [role, userId] = token.split('.') as ['customer' | 'staff', string];
        return { userId, role };
      },
    },
    fingerprintKey: createSecretKey(secretOf('fingerprints')),
    allowances: modules.createAllowances('off'),
    running: modules.createRunning(),
    streams: undefined as never,
    metrics: modules.createMetrics(),
    stopping: false,
    logFault: (error) => void faults.push(String((error as Error).stack ?? error)),
  };
  const handlers = modules.routes.map((route) => ({ route, handle: lazy(() => modules.handlerOf(gateway, route)) }));

  return {
    faults,
    boot(broker) {
      gateway.broker = broker as never;
      gateway.running = modules.createRunning();
    },
    answer(request) {
      const path = request.path.split('?')[0] as string;
      for (const { route, handle } of handlers) {
        const params = route.method === request.method ? paramsOf(route, path) : undefined;
        if (params !== undefined) return exchange(handle(), request, params);
      }
      throw new Error(`there is no route ${request.method} ${path}`);
    },
  };
}

function lazy<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}

/** The parameters of the path, if it is one of this route. */
function paramsOf({ path }: Route, given: string): Record<string, string> | undefined {
  const [names, parts] = [path.split('/'), given.split('/')];
  if (names.length !== parts.length) return undefined;
  const params: Record<string, string> = {};
  for (const [i, name] of names.entries()) {
    const part = parts[i] as string;
    if (name.startsWith('{')) params[name.slice(1, -1)] = decodeURIComponent(part);
    else if (name !== part) return undefined;
  }
  return params;
}

function exchange(handle: Handler, { method, path, headers = {}, body }: Request, params: object): Promise<Response> {
  const text = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body);
  const bytes = Buffer.from(text);
  const request = Object.assign(Readable.from(bytes.length === 0 ? [] : [bytes]), {
    method,
    url: path,
    originalUrl: path,
    complete: true,
    headers: { 'content-type': 'application/json', 'content-length': String(bytes.length), ...headers },
    $ctx: { requestID: globalThis.simulatedId() },
    $params: { params },
  });
  return new Promise((resolve) => {
    let head: Pick<Response, 'status' | 'headers'> = { status: 0, headers: {} };
    const response = {
      headersSent: false,
      destroyed: false,
      writableEnded: false,
      writeHead: (status: number, all: Response['headers']) => void (head = { status, headers: all }),
      end: (answer?: string) =>
        resolve({ ...head, body: answer === undefined || answer === '' ? undefined : JSON.parse(answer) }),
    };
    handle(request as unknown as GatewayRequest, response as never);
  });
}

declare global {
  /** Names that are random in production, drawn from the seed. */
  var simulatedId: () => string;
}
