// What is true of every answer of the shop, whoever asks for what: it has a request id, it tells nothing of the inside, an
// error is a problem (RFC 9457), and the OpenAPI document says that this call may answer like that.

import { deepEqual, equal } from 'node:assert/strict';
import { Ajv, type ValidateFunction } from 'ajv';
import type { Answer, Json } from './shop.fixture.ts';

/** Words that only the inside knows: frames of a stack trace, paths of the program, statements, names of libraries. */
const inside = /\n\s+at |\.ts:\d+|node_modules|\bselect .* from\b|MoleculerError|kysely|mikro-?orm|node:internal/i;

const members = ['type', 'title', 'status', 'code', 'detail', 'requestId', 'errors'];

interface Operation {
  readonly method: string;
  readonly path: RegExp;
  readonly answers: Readonly<Record<string, ValidateFunction | undefined>>;
}

/** Reads the shop's own description, and returns the check of an answer against it. */
export async function soundAnswers(url: string): Promise<(method: string, target: string, answer: Answer) => void> {
  const document = await (await fetch(`${url}/openapi.json`)).json();
  const operations = operationsOf(document);
  return (method, target, answer) => {
    const { status, headers, body, text } = answer;
    const requestId = headers.get('x-request-id');
    if (requestId === null || requestId === '') throw new Error(`${method} ${target}: no X-Request-Id`);
    // Not being ready is no error of the caller's: it is told like being ready.
    if (status >= 400 && target !== '/health/ready') {
      equal(headers.get('content-type'), 'application/problem+json');
      const given = Object.keys(body).filter((name) => name !== 'orderId');
      deepEqual(given, members);
      deepEqual([body.status, body.requestId], [status, requestId]);
      deepEqual([typeof body.title, typeof body.detail], ['string', 'string']);
      equal(body.type, `urn:souk:problem:${body.code}`);
    }
    const leak = inside.exec(text);
    if (leak !== null && !target.startsWith('/openapi.json')) {
      throw new Error(
        `${method} ${target} tells of the inside: ${text.slice(Math.max(0, leak.index - 100), leak.index + 200)}`,
      );
    }
    const operation = operations.find((it) => it.method === method && it.path.test(target.split('?')[0] ?? ''));
    if (operation === undefined) return;
    if (!(status in operation.answers)) {
      throw new Error(`${method} ${target} answered ${status}, which is not documented: ${text.slice(0, 500)}`);
    }
    const validate = operation.answers[status];
    if (validate !== undefined && !validate(body)) {
      throw new Error(`${method} ${target} ${status} breaks its schema: ${JSON.stringify(validate.errors)}`);
    }
  };
}

function operationsOf({ paths, components }: Json): readonly Operation[] {
  const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
  const found: Operation[] = [];
  for (const [path, item] of Object.entries(paths as Record<string, Record<string, Json>>)) {
    for (const [method, operation] of Object.entries(item)) {
      if (operation?.responses === undefined) continue;
      const answers = Object.entries(operation.responses as Record<string, Json>).map(([status, response]) => {
        const schema = response.content?.['application/json']?.schema;
        return [status, schema === undefined ? undefined : ajv.compile({ ...schema, components })] as const;
      });
      const pattern = path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+');
      found.push({
        method: method.toUpperCase(),
        path: new RegExp(`^${pattern}$`),
        answers: Object.fromEntries(answers),
      });
    }
  }
  // `/orders/export` before `/orders/{id}`: what is spelled out wins.
  return found.sort((a, b) => a.path.source.split('[^/]+').length - b.path.source.split('[^/]+').length);
}
