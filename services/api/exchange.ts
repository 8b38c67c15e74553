// One request on its way through the gateway.
//
//   room ─► allowance ─► credentials ─► body ─┬─ no key ─────────────────────────► validation ─► action ─► answer
//                                             └─ key ─► is it running? join : was it answered? answer : ┘
//
// What a keyed request has led to once is what it leads to, whatever the rules are now: a request that is refused, even
// by the validation, is looked up before its caller hears of it.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { Problem, type ProblemDetail } from '../../brokers/problem.ts';
import { nameRequest } from './admission.ts';
import { type Outcome, outcomeOf, send } from './answers.ts';
import { call, publicHeaders } from './calling.ts';
import { carried } from './carried.ts';
import { createConcurrencyLimit, unlimited } from './concurrency-limit.ts';
import { admit } from './credentials.ts';
import { problemOf, render } from './failures.ts';
import { follow, QUESTION_TIMEOUT_MS } from './follow.ts';
import type { Admitted, Gateway, GatewayRequest, Line, Params } from './gateway.ts';
import { parseQuery } from './query.ts';
import type { Route } from './route.ts';
import type { SseEvent } from './sse.ts';
import { compileValidation } from './validation.ts';

/** The handler of a route; it never throws. */
export function handlerOf(gateway: Gateway, route: Route): (request: GatewayRequest, response: ServerResponse) => void {
  const line: Line = {
    gateway,
    route,
    validation: compileValidation(route),
    metrics: gateway.metrics.of(route),
    // What may take as long as it likes is bounded where it runs; probes have to be answered by a busy gateway as well.
    concurrency: route.timeoutMs === 0 || route.allowance === 'none' ? unlimited : createConcurrencyLimit(),
  };
  return (request, response) => {
    const startedAt = performance.now();
    void limited(line, request, response).then((status) =>
      line.metrics.observe(status, (performance.now() - startedAt) / 1_000),
    );
  };
}

/** Takes a request to its answer, if there is room for it. @returns the status that was sent */
async function limited(line: Line, request: GatewayRequest, response: ServerResponse): Promise<number> {
  let leave: (status: number) => void;
  try {
    leave = line.concurrency.enter();
  } catch (error) {
    return refuse(line.gateway, request, response, error, request.$ctx.requestID ?? '');
  }
  const status = await exchange(line, request, response);
  leave(status);
  return status;
}

/** Takes a request to its answer. @returns the status that was sent */
async function exchange(line: Line, request: GatewayRequest, response: ServerResponse): Promise<number> {
  const { gateway, route } = line;
  let requestId = request.$ctx.requestID ?? '';
  try {
    let limits = gateway.allowances.ofAddress(route, request);
    const principal = await admit(route, request.headers, gateway.tokens);
    limits = gateway.allowances.ofAccount(route, request, principal) ?? limits;
    const admitted = await nameRequest(line, request, principal);
    requestId = admitted.requestId;
    if (route.kind === 'sse') return await stream(line, admitted, response);
    const outcome = admitted.keyed
      ? await gateway.running.join(admitted.commandId, admitted.fingerprint, () => attempt(line, admitted))
      : await perform(line, admitted);
    watch(gateway, outcome, { requestId, path: route.path });
    const all = limits === undefined ? outcome : { ...outcome, headers: { ...outcome.headers, ...limits } };
    send(request, response, all, requestId, gateway.stopping);
    return outcome.status;
  } catch (error) {
    return refuse(gateway, request, response, error, requestId);
  }
}

/** A stream that breaks after its answer has begun can only be cut off; the log says why, unless its reader left. */
function watch({ logFault }: Gateway, { stream: answer }: Outcome, particulars: object): void {
  answer?.once('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'ERR_STREAM_PREMATURE_CLOSE') logFault(error, particulars);
  });
}

/** Answers an error with its problem. @returns the status that was sent */
export function refuse(
  gateway: Gateway,
  request: IncomingMessage,
  response: ServerResponse,
  error: unknown,
  requestId: string,
): number {
  const { problem, unforeseen } = problemOf(error);
  if (unforeseen) gateway.logFault(error, { requestId, method: request.method, path: request.url?.split('?')[0] });
  const rendered = render(problem, requestId);
  send(request, response, rendered, requestId, gateway.stopping);
  return rendered.status;
}

/** A keyed request: done once, or told again. */
async function attempt(line: Line, admitted: Admitted): Promise<Outcome> {
  if (line.route.lookupFirst) return (await replay(line, admitted)) ?? (await perform(line, admitted));
  try {
    return await perform(line, admitted);
  } catch (error) {
    // Refused by the rules of today; what it led to when it was first sent still holds.
    const { code: status } = problemOf(error).problem;
    const kept = status < 500 ? await replay(line, admitted) : undefined;
    if (kept === undefined) throw error;
    return kept;
  }
}

/** The answer that an earlier request under this key has led to; undefined if there was none. */
async function replay(line: Line, admitted: Admitted): Promise<Outcome | undefined> {
  const { lookup, timeoutMs } = line.route;
  if (lookup === undefined) return undefined;
  const { commandId, fingerprint, path } = admitted;
  const { data } = await call(line, admitted, lookup, { ...path, commandId }, { timeout: timeoutMs });
  const answer = data as KeptAnswer | null | undefined;
  if (answer === null || answer === undefined) return undefined;
  if (answer.fingerprint !== fingerprint) {
    throw new Problem(
      'idempotency-key-reused',
      'this Idempotency-Key was used for another request: send the same body, or another key',
    );
  }
  if (answer.status >= 400) throw keptProblem(answer.body);
  const { headers, status, body } = answer;
  const $location = status === 201 || status === 202 ? locationOf(line.route, body) : undefined;
  const meta = { ...(headers && { $responseHeaders: headers }), ...($location && { $location }) };
  return outcomeOf(body, meta, status);
}

/** What was created under a collection is found under its id. */
function locationOf({ path }: Route, body: unknown): string | undefined {
  const { id } = body as { readonly id?: unknown };
  return typeof id === 'string' && !path.includes('{') ? `${path}/${id}` : undefined;
}

/** What a service keeps of a keyed request. */
export interface KeptAnswer {
  readonly fingerprint?: string;
  readonly status: number;
  /** For a refusal: the problem, or what it was made of. */
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

function keptProblem(body: unknown): unknown {
  const { code, detail, errors, ...more } = body as {
    readonly code: string;
    readonly detail: string;
    readonly errors?: readonly ProblemDetail[];
  };
  return new Problem(code, detail, errors, more);
}

/** Validates, calls the action and shapes its answer. */
async function perform(line: Line, admitted: Admitted): Promise<Outcome> {
  const { route, validation } = line;
  const { request, path } = admitted;
  const query = parseQuery(request.originalUrl);
  validation.path(path);
  validation.query(query);
  const params = { ...path, ...query, ...contentOf(line, admitted) };
  const { data, meta } = await carried(line, admitted, params);
  return outcomeOf(data, meta, route.statuses[0]);
}

/** What the body adds to the parameters of the action. */
function contentOf({ route, validation }: Line, { request, body }: Admitted): Params | undefined {
  if (body === undefined) return undefined;
  // In base64, because what travels between nodes is JSON.
  if (route.kind === 'raw') return { rawBody: (body as Buffer).toString('base64'), headers: publicHeaders(request) };
  validation.body(body);
  return body as Params;
}

/** Server-sent events: what the action answers, asked again and again. @returns the status that was sent */
async function stream(line: Line, admitted: Admitted, response: ServerResponse): Promise<number> {
  const { gateway, route, validation } = line;
  const { request, path, requestId } = admitted;
  validation.path(path);
  validation.query(parseQuery(request.originalUrl));
  const last = request.headers['last-event-id'];
  const seen = typeof last === 'string' && /^\d{1,15}$/.test(last) ? Number(last) : 0;
  const ask = async (known: number, wait: boolean) => {
    const options = { timeout: QUESTION_TIMEOUT_MS, tracking: false };
    return (await call(line, admitted, route.action, { ...path, seen: known, wait }, options)).data as SseEvent | null;
  };
  // Before anything is written: who may not read the stream is answered with a problem.
  const first = await ask(seen, false);
  const isGone = () => response.destroyed || response.writableEnded;
  await gateway.streams.open(request, response, follow(ask, first, seen, isGone), requestId);
  return 200;
}
