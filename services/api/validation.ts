// Validation of path, query and body, compiled once per route when the gateway is made. What fails is answered 422 with
// every place that is wrong: `/lines/0/quantity` in the body, `?limit` in the query, `{sku}` in the path.

import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { Problem, type ProblemDetail } from '../../brokers/problem.ts';
import { escapePointer } from './body.ts';
import { object } from './requests.schemas.ts';
import type { Route, Schema } from './route.ts';

/** Complaints of one answer; more help nobody. */
const ERRORS_MAX = 100;

type Values = Record<string, unknown>;

/** Checks one part of a request; adds defaults. @throws Problem `invalid-request` */
export interface Validation {
  path(params: Values): void;
  query(query: Values): void;
  body(body: unknown): void;
}

/** As browsers take it (WHATWG HTML), with at least one dot in the domain. */
const emailPattern =
  /^[\w.!#$%&'*+/=?^`{|}~-]+@[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)+$/i;
const timePattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/;

const ajv = new Ajv({
  allErrors: true,
  strict: true,
  strictRequired: false,
  allowUnionTypes: true,
  useDefaults: true,
  verbose: true,
});
// Formats look at the length first: all errors are collected, so a text that is far too long gets here as well.
ajv.addFormat('email', (text) => text.length <= 254 && emailPattern.test(text));
ajv.addFormat('date-time', (text) => text.length <= 40 && timePattern.test(text) && Number.isFinite(Date.parse(text)));

/** The body of a call that needs none. */
const emptyBody: Schema = { type: 'object', additionalProperties: false };

/** Compiles the validators of a route. */
export function compileValidation({ params, query, body }: Route): Validation {
  const path = ajv.compile(object(params));
  const search = ajv.compile(object(query, Object.keys(query)));
  const content = ajv.compile(body ?? emptyBody);
  const integers = Object.keys(query).filter((name) => query[name]?.['type'] === 'integer');
  return {
    path(values) {
      demandText(values, (name) => `{${name}}`);
      demand(path, values, (pointer) => `{${pointer.slice(1)}}`);
    },
    query(values) {
      for (const name of integers) values[name] = asInteger(values[name]);
      demandText(values, (name) => `?${name}`);
      demand(search, values, (pointer) => `?${pointer.slice(1)}`);
    },
    body: (value) => demand(content, value, (pointer) => pointer),
  };
}

/** A query parameter is text; only plain decimal digits are a number, not `0x10`, `1e3` or blanks. */
function asInteger(value: unknown): unknown {
  return typeof value === 'string' && /^-?\d{1,15}$/.test(value) ? Number(value) : value;
}

function demandText(values: Values, pointerOf: (name: string) => string): void {
  for (const name in values) {
    const value = values[name];
    if (typeof value !== 'string' || !value.includes('\u0000')) continue;
    const detail = 'a text must not hold the character U+0000';
    throw new Problem('invalid-request', detail, [
      { pointer: pointerOf(escapePointer(name)), code: 'null-character', detail },
    ]);
  }
}

function demand(validate: ValidateFunction, value: unknown, pointerOf: (pointer: string) => string): void {
  if (validate(value)) return;
  const errors = (validate.errors ?? []).filter(isTelling).slice(0, ERRORS_MAX);
  const particulars = errors.map((error) => particularOf(error, pointerOf));
  const [first] = particulars;
  const detail = `${first?.pointer === undefined || first.pointer === '' ? 'the body' : first.pointer}: ${first?.detail ?? 'is not as expected'}`;
  throw new Problem('invalid-request', detail, particulars);
}

/**
 * An alternative that does not fit complains in each of its branches, and again as a whole: the whole says enough, and
 * where the value is not even an object, that does.
 */
function isTelling(
  { keyword, schemaPath, instancePath }: ErrorObject,
  _: number,
  all: readonly ErrorObject[],
): boolean {
  if (/\/oneOf\/\d/.test(schemaPath)) return false;
  return keyword !== 'oneOf' || !all.some((other) => other.keyword === 'type' && other.instancePath === instancePath);
}

const codes: Readonly<Record<string, string>> = {
  required: 'required',
  additionalProperties: 'unknown-field',
  type: 'wrong-type',
  enum: 'not-one-of',
  oneOf: 'wrong-combination',
  minimum: 'out-of-range',
  maximum: 'out-of-range',
  minLength: 'wrong-length',
  maxLength: 'wrong-length',
  minItems: 'wrong-length',
  maxItems: 'wrong-length',
  pattern: 'wrong-format',
  format: 'wrong-format',
};

function particularOf(error: ErrorObject, pointerOf: (pointer: string) => string): ProblemDetail {
  const { keyword, instancePath, params } = error;
  const named = (params['missingProperty'] ?? params['additionalProperty']) as string | undefined;
  const pointer = pointerOf(named === undefined ? instancePath : `${instancePath}/${escapePointer(named)}`);
  return { pointer, code: codes[keyword] ?? 'wrong-value', detail: detailOf(error) };
}

function detailOf({ keyword, params, message, schema, parentSchema }: ErrorObject): string {
  switch (keyword) {
    case 'required':
      return 'is needed';
    case 'additionalProperties':
      return 'is not a field that is known here';
    case 'enum':
      return `must be one of ${(params['allowedValues'] as readonly unknown[]).map(String).join(', ')}`;
    case 'oneOf':
      return `needs exactly one of ${(schema as readonly { required?: readonly string[] }[]).flatMap(({ required }) => required ?? []).join(', ')}`;
    case 'pattern': {
      // People are told by an example what an expression means.
      const [example] = (parentSchema?.['examples'] ?? []) as readonly string[];
      return example === undefined ? (message ?? 'is not as expected') : `must look like "${example}"`;
    }
    default:
      return message ?? 'is not as expected';
  }
}
