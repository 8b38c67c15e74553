// The gateway: the only public entry. moleculer-web finds the route; everything else about a request (who may, what is
// valid, what is answered) comes from the route table. Internal actions cannot be reached: only what the table lists can.

import { createSecretKey } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { Context, Service } from 'moleculer';
import ApiGateway from 'moleculer-web';
import { Problem } from '../../brokers/problem.ts';
import { httpUrl } from '../../mixins/http-url.ts';
import type { Platform } from '../../mixins/platform.ts';
import type { SchemaOf } from '../../mixins/service-schema.ts';
import { createTokens } from '../../mixins/tokens.ts';
import { createAllowances } from './allowances.ts';
import { handlerOf, refuse } from './exchange.ts';
import type { Gateway, GatewayRequest } from './gateway.ts';
import { createMetrics, type RouteMetrics } from './metrics.ts';
import { openApiDocument } from './openapi.ts';
import { createReadiness, type Readiness } from './readiness.ts';
import { methods, type Route } from './route.ts';
import { routes } from './routes.ts';
import { createRunning } from './running.ts';
import { drain, LAST_REQUESTS_MS, type OpenServer, openServer } from './server.ts';
import { createStreams } from './sse.ts';

/** The gateway service, besides Moleculer's own. */
export interface Api extends Service {
  server: OpenServer;
  gateway: Gateway;
  unmatched: RouteMetrics;
  readiness: () => Promise<Readiness>;
  httpHandler(request: object, response: object): Promise<void>;
  addRoute(route: object): void;
  resolveAlias(url: string, method: string): unknown;
}

interface Meta {
  $statusCode?: number;
  $responseType?: string;
}

const visibleId = /^[\x21-\x7e]{1,128}$/;
const traceparent = /^[\da-f]{2}-[\da-f]{32}-[\da-f]{16}-[\da-f]{2}$/;

/** The gateway; it listens on `settings.host` and `settings.port` once it is started. */
export const apiService = (platform: Platform): SchemaOf<Api> => ({
  name: 'api',
  mixins: [ApiGateway],
  settings: {
    // Middleware mode: the server is ours (`server.ts`). Without routes here, none is made that maps all actions.
    server: false,
    routes: null,
    logRequest: null,
    logRequestParams: null,
    logResponse: null,
    logRouteRegistration: null,
    rootCallOptions: identifyRequest,
    $secureSettings: ['rootCallOptions'],
  } as object,

  created(this: Api) {
    const { broker, logger } = this;
    const metrics = createMetrics();
    this.gateway = {
      broker,
      metrics,
      tokens: createTokens(platform),
      fingerprintKey: createSecretKey(platform.secret('fingerprints')),
      allowances: createAllowances(platform.settings.rateLimits),
      running: createRunning(),
      streams: createStreams(),
      stopping: false,
      logFault: (error, particulars) =>
        logger.error({ ...particulars, error: error instanceof Error ? error.stack : error }, 'request failed'),
    };
    this.unmatched = metrics.of({ method: 'GET', path: 'unmatched' });
    this.readiness = createReadiness(broker);
    this.addRoute({
      path: '/',
      aliases: Object.fromEntries(routes.map((route) => [aliasOf(route), handlerOf(this.gateway, route)])),
      mappingPolicy: 'restrict',
      mergeParams: false,
      bodyParsers: false,
      logging: false,
      pathToRegexpOptions: { sensitive: true },
    });
  },
  async started(this: Api) {
    const { host, port } = platform.settings;
    const handler = (request: object, response: object) => void this.httpHandler(request, response);
    this.server = await openServer(handler, host, port, platform.doors);
    this.logger.info(`the gateway listens on http://${host}:${this.server.listeners.port}`);
  },
  async stopped(this: Api) {
    this.gateway.stopping = true;
    // Whoever has to open a new connection finds another gateway, in a cluster.
    const lastRequestsMs = platform.settings.natsUrl === undefined ? 0 : LAST_REQUESTS_MS;
    if (this.server !== undefined) await drain(this.server, () => this.gateway.streams.endAll(), { lastRequestsMs });
  },

  actions: {
    // What moleculer-web publishes for changing routes at run time is nobody's to call.
    listAliases: false,
    addRoute: false,
    removeRoute: false,

    live: { visibility: 'protected', handler: () => ({ status: 'live' }) },
    ready: {
      visibility: 'protected',
      async handler(this: Api, ctx: Context<object, Meta>) {
        const readiness = await this.readiness();
        if (!readiness.ready || this.gateway.stopping) ctx.meta.$statusCode = 503;
        return readiness;
      },
    },
    openapi: { visibility: 'protected', handler: () => (document ??= openApiDocument(routes)) },
    metrics: {
      visibility: 'protected',
      handler(this: Api, ctx: Context<object, Meta>) {
        ctx.meta.$responseType = 'text/plain; version=0.0.4; charset=utf-8';
        return this.gateway.metrics.text();
      },
    },
    /** Where the gateway listens. */
    address: {
      visibility: 'protected',
      handler(this: Api) {
        const { host } = platform.settings;
        const { port } = this.server.listeners;
        return { host, port, url: httpUrl(host, port) };
      },
    },
  },

  methods: {
    /** Query strings are parsed where they are needed, and strictly (`query.ts`). */
    parseQueryString({ url }: { readonly url: string }) {
      const end = url.indexOf('?');
      return { query: noQuery, url: end === -1 ? url : url.slice(0, end) };
    },
    /** HEAD is GET without the body. */
    resolveAlias(this: Api, url: string, method?: string) {
      return method === undefined ? false : original.resolveAlias.call(this, url, method === 'HEAD' ? 'GET' : method);
    },
    /** No route: another method's path, or nobody's. */
    send404(this: Api, request: GatewayRequest & { readonly parsedUrl: string }, response: ServerResponse) {
      const allowed = methods.filter((method) => Boolean(this.resolveAlias(request.parsedUrl, method)));
      const problem =
        allowed.length > 0
          ? new Problem('method-not-allowed', `only ${allowed.join(', ')} is possible here`, undefined, {
              headers: { Allow: allowed.join(', ') },
            })
          : new Problem('not-found', 'there is nothing at this address');
      this.unmatched.observe(refuse(this.gateway, request, response, problem, request.$ctx.requestID ?? ''), 0);
    },
    /** Whatever moleculer-web itself stumbles over. */
    errorHandler(this: Api, request: GatewayRequest, response: ServerResponse, error: unknown) {
      this.unmatched.observe(refuse(this.gateway, request, response, error, request.$ctx?.requestID ?? ''), 0);
    },
  },
});

const noQuery = Object.freeze({});
let document: object | undefined;
const original = ApiGateway.methods as unknown as { resolveAlias(this: Api, url: string, method: string): unknown };

/** `/orders/{id}` as path-to-regexp spells it. */
function aliasOf({ method, path }: Route): string {
  return `${method} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`;
}

/** Gives a request its id (the caller's, if it is sane) and carries the caller's trace on. */
function identifyRequest(
  options: { requestID?: string; meta?: object; tracking?: boolean },
  { headers }: GatewayRequest,
): void {
  // The server drains by itself. Moleculer, before it stops the service, would wait for a moment without any request: a busy
  // gateway has none.
  options.tracking = false;
  // moleculer-web takes a request that asks by OPTIONS about a method for one of that method, and would run it.
  delete headers['access-control-request-method'];
  const id = headers['x-request-id'];
  options.requestID = typeof id === 'string' && visibleId.test(id) ? id : crypto.randomUUID();
  const trace = headers['traceparent'];
  if (typeof trace === 'string' && traceparent.test(trace)) options.meta = { traceparent: trace };
}
