// What comes in and what goes out of the provider's API: bodies are read within limits and checked field by field,
// and whatever is wrong with them leaves as problem+json with a sentence.

import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';

import type { Amount } from './rows.ts';

const BODY_BYTES_MAX = 16_384;

const idPattern = /^[\x21-\x7e]{1,128}$/;
const amountPattern = /^\d{1,15}(\.\d{1,4})?$/;
const currencyPattern = /^[A-Z]{3}$/;

/** A request that cannot be served, with the status and the sentence its sender gets. */
export class Problem extends Error {
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string, sentence: string) {
    super(sentence);
    this.status = status;
    this.code = code;
  }
}

/** The JSON object in a request's body; an empty body is an empty object. */
export async function readObject(request: IncomingMessage): Promise<Record<string, unknown>> {
  return parseObject(await readBody(request));
}

function readBody(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= BODY_BYTES_MAX) chunks.push(chunk);
    });
    request.on('error', () => reject(new Problem(400, 'body-incomplete', 'The request ended before its body did.')));
    request.on('end', () => {
      if (bytes <= BODY_BYTES_MAX) resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks));
      else reject(new Problem(413, 'body-too-large', `A body may have at most ${BODY_BYTES_MAX} bytes.`));
    });
  });
}

function parseObject(body: Buffer): Record<string, unknown> {
  if (body.length === 0) return {};
  if (!isUtf8(body)) throw new Problem(400, 'not-utf8', 'The body is not valid UTF-8.');
  let value: unknown;
  try {
    value = JSON.parse(body.toString());
  } catch {
    throw new Problem(400, 'not-json', 'The body is not valid JSON.');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Problem(422, 'not-an-object', 'The body must be a JSON object.');
  }
  return value as Record<string, unknown>;
}

/** Refuses fields that nobody asked for: a misspelt name must not pass for an absent one. */
export function onlyFields(body: Record<string, unknown>, names: readonly string[]): void {
  for (const name in body) {
    if (!names.includes(name))
      throw new Problem(422, 'unknown-field', `There is no field "${name.slice(0, 64)}" here.`);
  }
}

/** An id as this API takes it: 1 to 128 visible ASCII characters. */
export function id(value: unknown, name: string): string {
  if (typeof value === 'string' && idPattern.test(value)) return value;
  throw new Problem(422, 'bad-id', `The field "${name}" must be 1 to 128 visible ASCII characters.`);
}

/** An amount above zero with at most four decimals, and its currency. */
export function amount(value: unknown): Amount {
  const { amount: digits, currency } = (value ?? {}) as Record<string, unknown>;
  if (typeof digits !== 'string' || !amountPattern.test(digits) || !/[1-9]/.test(digits)) {
    throw new Problem(
      422,
      'bad-amount',
      'The field "amount.amount" must be a decimal string above zero, like "12.30".',
    );
  }
  if (typeof currency !== 'string' || !currencyPattern.test(currency)) {
    throw new Problem(422, 'bad-currency', 'The field "amount.currency" must be an ISO 4217 code, like "GBP".');
  }
  return { amount: digits, currency };
}

/** The id a call is repeated under is in its body and in its header, and they agree. */
export function idempotencyKey(request: IncomingMessage, expected: string): void {
  if (request.headers['idempotency-key'] === expected) return;
  throw new Problem(400, 'idempotency-key', `The header "Idempotency-Key" must be "${expected}", as in the body.`);
}

/** Answers with JSON. */
export function send(response: ServerResponse, status: number, body: object, type = 'application/json'): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(text) });
  response.end(text);
}

/** Answers with a problem; whatever is no `Problem` is our own fault, and its text stays here. */
export function sendProblem(response: ServerResponse, error: unknown): void {
  if (response.headersSent || response.destroyed) return;
  const { status, code, message } =
    error instanceof Problem ? error : new Problem(503, 'ledger-unavailable', 'The ledger cannot be written just now.');
  if (status === 429) response.setHeader('retry-after', '1');
  const title = code.replaceAll('-', ' ');
  send(response, status, { type: 'about:blank', title, status, code, detail: message }, 'application/problem+json');
}

/** @throws Problem 405 for another method than the one that is possible */
export async function only(
  method: string | undefined,
  allowed: string,
  run: () => void | Promise<void>,
): Promise<void> {
  if (method === allowed) return run();
  throw new Problem(405, 'method-not-allowed', `Only ${allowed} is possible here.`);
}

/** @throws Problem 400 if it is no percent-encoding */
export function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new Problem(400, 'bad-path', 'The path is not valid percent-encoding.');
  }
}

/** Of equal length whatever was sent, so that comparing takes the same time. */
export function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
