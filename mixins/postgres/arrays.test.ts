// The format itself is proved by the store contract on a real server; here is what only we decide.

import { describe, expect, it } from '@jest/globals';
import { UnstorableText } from '../storable.ts';
import { float8Array, int4Array, int8Array, textArray } from './arrays.ts';

/** The elements of a binary array, as bytes. */
function elements(array: Buffer): (Buffer | null)[] {
  const found: (Buffer | null)[] = [];
  for (let at = 20; at < array.length; ) {
    const length = array.readInt32BE(at);
    found.push(length < 0 ? null : array.subarray(at + 4, at + 4 + length));
    at += 4 + Math.max(length, 0);
  }
  return found;
}

describe('arrays', () => {
  it('hold texts of any length, and null', () => {
    const texts = ['', 'it\'s {"a": 1}', null, '☕🦄', 'é'.repeat(200_000)];
    expect(elements(textArray(texts)).map((bytes) => bytes?.toString('utf8') ?? null)).toEqual(texts);
  });

  it('do not share memory', () => {
    const first = textArray(['first']);
    textArray(['other']);
    expect(elements(first)[0]?.toString()).toBe('first');
  });

  it('hold every safe integer', () => {
    const numbers = [0, 1, -1, 2 ** 31, -(2 ** 31) - 1, 2 ** 32, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER];
    expect(elements(int8Array(numbers)).map((bytes) => Number(bytes?.readBigInt64BE()))).toEqual(numbers);
    expect(elements(int8Array([null]))).toEqual([null]);
    expect(elements(int4Array([0, -1, 2 ** 31 - 1])).map((bytes) => bytes?.readInt32BE())).toEqual([
      0,
      -1,
      2 ** 31 - 1,
    ]);
    expect(elements(float8Array([1.5, -0.001, null])).map((bytes) => bytes?.readDoubleBE() ?? null)).toEqual([
      1.5,
      -0.001,
      null,
    ]);
  });

  it('may be empty', () => {
    expect([textArray([]), int4Array([]), int8Array([]), float8Array([])].map((array) => array.readInt32BE(0))).toEqual(
      [0, 0, 0, 0],
    );
  });

  it.each(['a\0b', '\ud83d', 'x\udc00y'])('refuse what cannot be stored: %j', (text) => {
    expect(() => textArray(['good', text])).toThrow(UnstorableText);
  });
});
