// The OpenAPI 3.1 document, made from the route table: what is documented is what is routed and checked.

import { answerSchemas } from './answers.schemas.ts';
import type { Route, Schema } from './route.ts';

type Document = Record<string, unknown>;

const problemContent = { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } };

/** What each refusal means; the words of RFC 9110 and of the contract. */
const refusals: Readonly<Record<number, string>> = {
  400: 'Malformed: not UTF-8, not JSON, or cut off',
  401: 'No credentials, or bad or expired ones',
  403: 'The role may not',
  404: 'Unknown, or somebody else’s',
  406: 'Not acceptable',
  408: 'The body did not arrive in time',
  409: 'The state forbids it, stock does not suffice, or it exists already',
  412: 'Changed since the version named in If-Match',
  413: 'The body is too large',
  415: 'The body is of another media type',
  422: 'Well-formed but wrong; `errors` names the places',
  429: 'Too many requests; see Retry-After',
  503: 'Not available at the moment; see Retry-After',
};

/** The whole document. */
export function openApiDocument(routes: readonly Route[]): Document {
  const paths: Record<string, Document> = {};
  for (const route of routes) (paths[route.path] ??= {})[route.method.toLowerCase()] = operation(route);
  return {
    openapi: '3.1.0',
    info: {
      title: 'Souk',
      version: '1',
      description:
        'A shop: an acknowledged order is never lost, never charged twice and never oversold. Errors are RFC 9457 problems.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    paths,
    components: {
      schemas: answerSchemas,
      securitySchemes: {
        accessToken: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description: 'From register, login or refresh',
        },
        orderToken: { type: 'http', scheme: 'bearer', description: 'The accessToken of a guest’s order' },
        cartToken: { type: 'apiKey', in: 'header', name: 'X-Cart-Token', description: 'The token of a guest’s cart' },
      },
    },
  };
}

function operation(route: Route): Document {
  const { action, summary, who, path } = route;
  const body = requestBody(route);
  return {
    operationId: action,
    summary,
    tags: [path.split('/')[3] ?? 'operation'],
    security: security[who],
    parameters: parameters(route),
    ...(body === undefined ? {} : { requestBody: body }),
    responses: responses(route),
  };
}

const login = { accessToken: [] };
const security: Readonly<Record<Route['who'], readonly object[]>> = {
  public: [],
  anyone: [{}, login, { cartToken: [] }],
  cart: [login, { cartToken: [] }],
  order: [login, { orderToken: [] }],
  customer: [login],
  staff: [login],
  admin: [login],
};

function parameters({ params, query, idempotent, tagged, refusals: refused, kind }: Route): object[] {
  const header = (name: string, schema: Schema, description: string) => ({
    name,
    in: 'header',
    required: false,
    schema,
    description,
  });
  return [
    ...Object.entries(params).map(([name, schema]) => ({ name, in: 'path', required: true, schema })),
    ...Object.entries(query).map(([name, schema]) => ({ name, in: 'query', required: false, schema })),
    ...(idempotent
      ? [
          header(
            'Idempotency-Key',
            { type: 'string', pattern: '^[\\x21-\\x7e]{1,128}$' },
            'The same key and body give the same answer, once',
          ),
        ]
      : []),
    ...(refused.includes(412)
      ? [header('If-Match', { type: 'string' }, 'The ETag that was seen; another one is 412')]
      : []),
    ...(tagged ? [header('If-None-Match', { type: 'string' }, 'The ETag that is at hand; the same one is 304')] : []),
    ...(kind === 'sse' ? [header('Last-Event-ID', { type: 'string' }, 'The version that was seen last')] : []),
  ];
}

function requestBody({ kind, body, documentedBody, bodyOptional, method }: Route): Document | undefined {
  if (kind === 'csv') return { required: true, content: { 'text/csv': { schema: { type: 'string' } } } };
  if (kind === 'raw') return { required: true, content: { 'application/json': { schema: {} } } };
  if (body === undefined || method === 'GET' || method === 'DELETE') return undefined;
  return { required: !bodyOptional, content: { 'application/json': { schema: documentedBody ?? body } } };
}

function responses(route: Route): Record<string, object> {
  const { statuses, answer } = route;
  const successes = statuses.map((status) => [String(status), { description: 'Success', ...content(route, status) }]);
  const refused = refusedStatuses(route).map((status) => [
    String(status),
    { description: refusals[status], content: problemContent },
  ]);
  const known = route.tagged ? [['304', { description: 'The version named in If-None-Match is the present one' }]] : [];
  const notReady = answer === 'Ready' ? [['503', { description: 'Not ready', ...content(route, 503) }]] : [];
  return Object.fromEntries([...successes, ...known, ...refused, ...notReady]) as Record<string, object>;
}

function content({ kind, answer, path, query }: Route, status: number): object {
  if (status === 204) return {};
  const text = { schema: { type: 'string' } };
  if (kind === 'sse') return { content: { 'text/event-stream': text } };
  if (kind === 'export')
    return {
      content:
        path === '/metrics' || query['format'] === undefined
          ? { 'text/plain': text }
          : { 'text/csv': text, 'application/jsonl': text },
    };
  return { content: { 'application/json': { schema: { $ref: `#/components/schemas/${answer ?? 'Document'}` } } } };
}

/** Every refusal that the line of the table leads to. */
export function refusedStatuses({
  method,
  who,
  kind,
  params,
  query,
  body,
  idempotent,
  allowance,
  refusals: own,
}: Route): number[] {
  const takesBody = method !== 'GET' && method !== 'DELETE';
  const statuses = new Set<number>(own);
  if (takesBody) for (const status of [400, 408, 413, 415]) statuses.add(status);
  if (Object.keys(query).length > 0 || Object.keys(params).length > 0) statuses.add(400).add(422);
  if (body !== undefined || idempotent || kind === 'csv' || takesBody) statuses.add(422);
  if (who !== 'public') statuses.add(401).add(403);
  if (Object.keys(params).length > 0) statuses.add(404);
  if (idempotent) statuses.add(409);
  if (allowance !== 'none') statuses.add(429).add(503);
  return [...statuses].sort((a, b) => a - b);
}
