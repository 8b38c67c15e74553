import type { IncomingMessage } from 'node:http';
import { PassThrough } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { BODY_BYTES_MAX, DEPTH_MAX, demandShallow, demandType, hasBody, parseJson, readBytes } from './body.ts';
import { faultOf } from './json-fault.ts';

const request = (headers: Record<string, string>, ...chunks: readonly (string | Buffer)[]) => {
  const stream = new PassThrough();
  for (const chunk of chunks) stream.write(chunk);
  return Object.assign(stream, { headers }) as unknown as IncomingMessage & PassThrough;
};
const problem = (type: string, more: object = {}) => expect.objectContaining({ type, ...more });
const parse = (text: string | Buffer) => parseJson(Buffer.from(text));
const errorsOf = (run: () => unknown): { pointer: string; code: string }[] => {
  try {
    run();
  } catch (error) {
    return (error as { data: { errors: { pointer: string; code: string }[] } }).data.errors;
  }
  return [];
};

describe('reading a body', () => {
  it('joins its pieces', async () => {
    const body = request({ 'transfer-encoding': 'chunked' }, 'one ', 'two');
    body.end();
    expect((await readBytes(body)).toString()).toBe('one two');
  });

  it('gives nothing where none is announced', async () => {
    expect(hasBody(request({}))).toBe(false);
    expect(hasBody(request({ 'content-length': '0' }))).toBe(false);
    expect(await readBytes(request({}))).toHaveLength(0);
  });

  it('refuses one that is announced too large before a byte of it is read', async () => {
    const body = request({ 'content-length': String(BODY_BYTES_MAX + 1) });
    await expect(readBytes(body)).rejects.toEqual(problem('body-too-large'));
    expect(body.listenerCount('data')).toBe(0);
  });

  it('refuses one that turns out too large', async () => {
    await expect(
      readBytes(request({ 'transfer-encoding': 'chunked' }, Buffer.alloc(60), Buffer.alloc(41)), 100),
    ).rejects.toEqual(problem('body-too-large'));
  });

  it('takes one of just the limit', async () => {
    const body = request({ 'content-length': '100' }, Buffer.alloc(100));
    body.end();
    expect(await readBytes(body, 100)).toHaveLength(100);
  });

  it('notices a caller who goes away in the middle', async () => {
    const body = request({ 'content-length': '10' }, 'half');
    const reading = readBytes(body);
    body.destroy();
    await expect(reading).rejects.toEqual(problem('malformed-request'));
  });
});

describe('the media type', () => {
  it.each(['application/json', 'application/json; charset=utf-8', 'Application/JSON;charset="UTF-8"'])(
    '%s is taken',
    (type) => {
      expect(() => demandType(request({ 'content-type': type }), 'application/json')).not.toThrow();
    },
  );
  it.each([
    '',
    'text/plain',
    'application/json; charset=latin1',
    'application/jsonx',
    'application/x-www-form-urlencoded',
  ])('%s is refused', (type) => {
    expect(() => demandType(request({ 'content-type': type }), 'application/json')).toThrow(
      problem('unsupported-media-type'),
    );
  });
  it('must not be compressed', () => {
    const zipped = request({ 'content-type': 'application/json', 'content-encoding': 'gzip' });
    expect(() => demandType(zipped, 'application/json')).toThrow(problem('unsupported-media-type'));
  });
});

describe('the JSON of a body', () => {
  it('is a value', () => {
    expect(parse('{"name":"Käse ☕"}')).toEqual({ name: 'Käse ☕' });
    expect(parse('\ufeff[1]')).toEqual([1]);
  });

  it.each([
    ['{"a":1,}', 'character 8 (line 1, column 8)'],
    ['{\n  "a": 1,\n  b: 2\n}', 'character 15 (line 3, column 3)'],
    ['{"a":"x\ny"}', 'character 8 (line 1, column 8)'],
    ['{"a":1', 'it ends too early'],
    ['', 'it is empty'],
    ['[1 2]', 'character 4 (line 1, column 4)'],
    ['NaN', 'character 1 (line 1, column 1)'],
    ['{"a":"\\x"}', 'character 8 (line 1, column 8)'],
    ['{"a":1}}', 'character 8 (line 1, column 8)'],
  ])('%j is malformed, and the answer says where', (text, where) => {
    expect(() => parse(text)).toThrow(
      problem('malformed-json', { message: expect.stringContaining(where) as unknown }),
    );
  });

  it.each([[[0xff]], [[0x22, 0xc3, 0x28, 0x22]], [[0x22, 0xed, 0xa0, 0x80, 0x22]], [[0x22, 0xc0, 0xaf, 0x22]]])(
    '%j is not UTF-8',
    (bytes) => {
      expect(() => parse(Buffer.from(bytes))).toThrow(problem('malformed-utf8'));
    },
  );

  it('is not nested too deep', () => {
    const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
    expect(() => parse(nested(DEPTH_MAX))).not.toThrow();
    expect(errorsOf(() => parse(nested(DEPTH_MAX + 1)))).toMatchObject([
      { pointer: '/0'.repeat(DEPTH_MAX), code: 'too-deep' },
    ]);
    expect(() => parse(nested(400_000))).toThrow(problem('invalid-request'));
    expect(() => demandShallow(JSON.parse(nested(DEPTH_MAX + 1)))).toThrow(problem('invalid-request'));
  });

  it.each([
    ['{"name":"a\\u0000b"}', '/name', 'null-character'],
    ['{"lines":[{"productId":"\\u0000"}]}', '/lines/0/productId', 'null-character'],
    ['{"a\\u0000":1}', '/a\ufffd', 'null-character'],
    ['{"a/b~c":"\\u0000"}', '/a~1b~0c', 'null-character'],
    ['{"name":"\\ud800"}', '/name', 'lone-surrogate'],
    ['{"__proto__":{"role":"admin"}}', '/__proto__', 'unknown-field'],
    ['{"\\u005f_proto__":1}', '/__proto__', 'unknown-field'],
  ])('%s holds what no store can hold', (text, pointer, code) => {
    expect(errorsOf(() => parse(text))).toMatchObject([{ pointer, code }]);
  });

  it('may hold every other character', () => {
    expect(parse('"\\ud83d\\ude00 \\u0001 \\"\\\\u0000\\""')).toBe('😀 \u0001 "\\u0000"');
  });
});

describe('the place of a fault', () => {
  it('is the end for what is JSON', () => {
    for (const text of ['{}', ' [1, -2.5e3, "\\u00e9", null] ', '{"a":{"b":[true,false]}}', '0'])
      expect(faultOf(text)).toBe(text.length);
  });
  it('is found in no time, however the body is made', () => {
    for (const text of [`{"a":"${'x'.repeat(1e6)}`, '['.repeat(1e6), `${' '.repeat(1e6)}x`, `"${'\\"'.repeat(5e5)}`])
      faultOf(text);
  });
});
