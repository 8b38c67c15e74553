// Reads request bodies and makes sure of what they are: not too large, in time, valid UTF-8, JSON, not too deep, without
// strings that no database can hold.
//
//   bytes ──limit──► UTF-8 ──► JSON ──► depth, \u0000, lone surrogates, __proto__ ──► a value to validate

import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { Problem, type ProblemDetail } from '../../brokers/problem.ts';
import { faultOf } from './json-fault.ts';

/** Largest body that is read into memory, in bytes. */
export const BODY_BYTES_MAX = 1_048_576;
/** Deepest nesting of objects and arrays. */
export const DEPTH_MAX = 20;
/** How long a caller may take to send a body, in milliseconds. */
export const BODY_TIMEOUT_MS = 30_000;
/** What is read and thrown away of a body that nobody wants, so that its sender gets to read the answer. */
const DISCARD = { bytes: 8 * BODY_BYTES_MAX, ms: 10_000 };
/** Complaints of one answer; more help nobody. */
const ERRORS_MAX = 100;

const nothing = Buffer.alloc(0);

/** Whether the request announces a body. */
export function hasBody({ headers }: IncomingMessage): boolean {
  const length = headers['content-length'];
  return headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0');
}

/**
 * The whole body.
 * @throws Problem `body-too-large`, `request-timeout`, `malformed-request` (the caller went away in the middle).
 */
export function readBytes(request: IncomingMessage, limit: number = BODY_BYTES_MAX): Promise<Buffer> {
  if (!hasBody(request)) return Promise.resolve(nothing);
  if (Number(request.headers['content-length'] ?? 0) > limit) return Promise.reject(tooLarge(limit));
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const timer = setTimeout(
      () => settle(new Problem('request-timeout', `the body did not arrive within ${BODY_TIMEOUT_MS / 1_000} seconds`)),
      BODY_TIMEOUT_MS,
    );
    const settle = (outcome: Buffer | Problem): void => {
      clearTimeout(timer);
      request.off('data', take).off('end', end).off('close', close).off('error', close);
      if (outcome instanceof Problem) reject(outcome);
      else resolve(outcome);
    };
    const take = (chunk: Buffer): void => {
      size += chunk.length;
      if (size > limit) return settle(tooLarge(limit));
      chunks.push(chunk);
    };
    const end = (): void => {
      const [only] = chunks;
      settle(chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks, size));
    };
    const close = (): void =>
      settle(new Problem('malformed-request', 'the connection was closed in the middle of the body'));
    request.on('data', take).on('end', end).on('close', close).on('error', close);
  });
}

/** Lets go of what is left of a body, a bounded part of it; a sender who goes on is cut off. */
export function discard(request: IncomingMessage): void {
  if (request.complete || request.destroyed) return;
  let size = 0;
  const cutOff = (): void => {
    request.socket.destroy();
  };
  const timer = setTimeout(cutOff, DISCARD.ms);
  request.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > DISCARD.bytes) cutOff();
  });
  request
    .once('close', () => clearTimeout(timer))
    .once('end', () => clearTimeout(timer))
    .once('error', cutOff);
  request.resume();
}

/** @throws Problem `unsupported-media-type` unless the body is (uncompressed, UTF-8) of the media type. */
export function demandType({ headers }: IncomingMessage, wanted: string): void {
  const type = headers['content-type'] ?? '';
  if (type !== wanted && !isType(type, wanted)) {
    throw new Problem(
      'unsupported-media-type',
      `the body must be ${wanted} (in UTF-8), not ${type === '' ? 'of no stated type' : JSON.stringify(type.slice(0, 100))}`,
    );
  }
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity')
    throw new Problem('unsupported-media-type', 'the body must not be compressed');
}

function isType(type: string, wanted: string): boolean {
  const [essence = '', ...parameters] = type.toLowerCase().split(';');
  const charset = parameters.map((parameter) => parameter.trim()).find((parameter) => parameter.startsWith('charset='));
  return essence.trim() === wanted && (charset === undefined || /^charset="?utf-?8"?$/.test(charset));
}

/**
 * The JSON value of a body.
 * @throws Problem `malformed-utf8`, `malformed-json` (with the place), `invalid-request` (too deep, unfit strings).
 */
export function parseJson(bytes: Buffer, guard: (value: unknown, text: string) => void = demandSound): unknown {
  if (!isUtf8(bytes)) throw new Problem('malformed-utf8', 'the body is not valid UTF-8');
  const text = bytes.toString('utf8', startsWithMark(bytes) ? 3 : 0);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw malformed(text);
  }
  guard(value, text);
  return value;
}

/** A byte order mark is not JSON, but harmless. */
function startsWithMark(bytes: Buffer): boolean {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
}

function malformed(text: string): Problem {
  const at = faultOf(text);
  const before = text.slice(0, at);
  const line = before.split('\n').length;
  const column = at - before.lastIndexOf('\n');
  const what =
    at >= text.length ? 'it ends too early' : `character ${at + 1} (line ${line}, column ${column}) cannot be there`;
  return new Problem('malformed-json', `the body is not JSON: ${text.trim() === '' ? 'it is empty' : what}`);
}

/** Only these spellings can make a string unfit, or hide a key: without them the strings need not be looked at. */
const suspicious = /\\u|__proto__/;

/** @throws Problem `invalid-request` that names each place: nested too deep, or a string or field name that is unfit. */
export function demandSound(value: unknown, text: string): void {
  const closely = suspicious.test(text);
  let errors = faults(value, closely);
  // Places are not written down on the way, because nearly always there is none to show.
  if (errors.length > 0 && !closely) errors = faults(value, true);
  const [first] = errors;
  if (first !== undefined) throw new Problem('invalid-request', first.detail, errors);
}

/** @throws Problem `invalid-request` if the value is nested too deep; its strings are judged by somebody else. */
export function demandShallow(value: unknown): void {
  demandSound(value, '');
}

function faults(value: unknown, closely: boolean): readonly ProblemDetail[] {
  const errors: ProblemDetail[] = [];
  inspect(value, '', 0, closely, errors);
  return errors;
}

function inspect(value: unknown, pointer: string, depth: number, closely: boolean, errors: ProblemDetail[]): void {
  if (errors.length >= ERRORS_MAX) return;
  if (typeof value === 'string') {
    if (closely) inspectText(value, pointer, errors);
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  if (depth === DEPTH_MAX) {
    errors.push({ pointer, code: 'too-deep', detail: `objects and arrays may be nested ${DEPTH_MAX} deep` });
    return;
  }
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++)
      inspect(value[i], closely ? `${pointer}/${i}` : pointer, depth + 1, closely, errors);
    return;
  }
  for (const [name, member] of Object.entries(value)) {
    const place = closely ? `${pointer}/${escapePointer(name)}` : pointer;
    if (closely && name === '__proto__')
      errors.push({ pointer: place, code: 'unknown-field', detail: 'no field has this name' });
    else if (closely) inspectText(name, place, errors);
    inspect(member, place, depth + 1, closely, errors);
  }
}

function inspectText(text: string, pointer: string, errors: ProblemDetail[]): void {
  if (text.includes('\u0000'))
    errors.push({ pointer, code: 'null-character', detail: 'a text must not hold the character U+0000' });
  else if (!text.isWellFormed())
    errors.push({ pointer, code: 'lone-surrogate', detail: 'a text must not hold half of a surrogate pair' });
}

const POINTER_NAME_MAX = 128;

/** A field name as a part of a JSON pointer (RFC 6901), cut where it is absurdly long. */
export function escapePointer(name: string): string {
  return name
    .slice(0, POINTER_NAME_MAX)
    .replaceAll('~', '~0')
    .replaceAll('/', '~1')
    .toWellFormed()
    .replaceAll('\u0000', '\ufffd');
}

function tooLarge(limit: number): Problem {
  return new Problem('body-too-large', `the body may be ${limit} bytes long`);
}
