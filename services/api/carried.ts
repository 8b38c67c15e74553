// Calls whose request or answer is a stream. In one process the stream itself is handed over; to another node its bytes
// are carried piece by piece (`mixins/streams/`).

import type { IncomingMessage } from 'node:http';
import { Problem } from '../../brokers/problem.ts';
import { pullStream, pushStream, StreamLost } from '../../mixins/streams/carry.ts';
import { isStreamHandle } from '../../mixins/streams/stream-handle.ts';
import type { AnswerMeta } from './answers.ts';
import { call } from './calling.ts';
import type { Admitted, Line, Params } from './gateway.ts';
import { ACTION_TIMEOUT_MS } from './route.ts';

interface Answered {
  readonly data: unknown;
  readonly meta: AnswerMeta;
}

/** Calls the route's action; as `call`, and with its streams. */
export async function carried(line: Line, admitted: Admitted, params: Params): Promise<Answered> {
  const { kind, action, timeoutMs } = line.route;
  const { broker } = line.gateway;
  if (kind !== 'csv' && kind !== 'export') return await call(line, admitted, action, params, { timeout: timeoutMs });
  const service = action.slice(0, action.indexOf('.'));
  if (kind === 'export') {
    const { data, meta } = await call(line, admitted, action, params, { timeout: ACTION_TIMEOUT_MS });
    return { data: isStreamHandle(data) ? pullStream({ broker, service, handle: data }) : data, meta };
  }
  const { request } = admitted;
  // Without a transporter there is no other node.
  if (!broker.options.transporter)
    return await call(line, admitted, action, params, { timeout: timeoutMs, stream: request });
  const { data, meta } = await call(
    line,
    admitted,
    action,
    { ...params, inPieces: true },
    { timeout: ACTION_TIMEOUT_MS },
  );
  if (!isStreamHandle(data)) throw new Error(`${action} takes no pieces`);
  const result = await pushStream({ broker, service, handle: data }, request).catch((error: unknown) => {
    throw broken(error, request);
  });
  return { data: result, meta };
}

/** What a caller learns of a file that did not get through. */
function broken(error: unknown, request: IncomingMessage): unknown {
  if (error instanceof StreamLost)
    return new Problem(
      'unavailable',
      'the node that took the file went away: what it had taken of it stays taken, and is not taken twice: send the file again',
    );
  if (request.errored === error || (request.destroyed && !request.complete))
    return new Problem('malformed-request', 'the connection was closed in the middle of the file: send it again');
  return error;
}
