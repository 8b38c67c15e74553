import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { demandKeys, keyIn, keyOf, makeKeys } from './keys.ts';

let folder: string;
let keys: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'souk-keys-'));
  keys = join(folder, 'keys');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('keys', () => {
  it('are made with their folder, for nobody else to read, and stay', () => {
    makeKeys(keys, ['one', 'two']);
    expect(readdirSync(keys).toSorted()).toEqual(['one', 'two']);
    expect(statSync(join(keys, 'one')).mode & 0o777).toBe(0o600);
    const one = keyOf(keys, 'one');
    expect(one).toHaveLength(32);
    expect(keyOf(keys, 'two')).not.toEqual(one);
    makeKeys(keys, ['one', 'three']);
    expect(keyOf(keys, 'one')).toEqual(one);
    expect(keyIn(keys, 'one')).toEqual(one);
  });

  it('are not invented by who only needs them', () => {
    makeKeys(keys, ['one']);
    expect(() => keyOf(keys, 'two')).toThrow(
      `KEYS_DIR is ${keys}, which lacks a key of this node: ${join(keys, 'two')}. All nodes need the same keys: ` +
        'set KEYS_DIR to the folder that has them. They are made by npm run migrate (with roles), and by npm run cluster.',
    );
    expect(readdirSync(keys)).toEqual(['one']);
  });

  it('are all named that are missing', () => {
    makeKeys(keys, ['one']);
    demandKeys(keys, ['one']);
    expect(() => demandKeys(keys, ['one', 'two', 'three'])).toThrow(
      `lacks 2 keys of this node: ${join(keys, 'two')}, ${join(keys, 'three')}. `,
    );
  });

  it('are not looked for in a folder that is not there without saying so', () => {
    expect(() => demandKeys(keys, ['one'])).toThrow(`KEYS_DIR is ${keys}, which is no folder: it lacks a key`);
    expect(existsSync(keys)).toBe(false);
  });

  it('that are damaged are neither used nor replaced', () => {
    mkdirSync(keys);
    writeFileSync(join(keys, 'one'), 'short');
    for (const use of [() => keyOf(keys, 'one'), () => demandKeys(keys, ['one']), () => makeKeys(keys, ['one'])])
      expect(use).toThrow(`The key file ${join(keys, 'one')} is damaged`);
  });

  it('cannot be made where a file stands in the way', () => {
    writeFileSync(keys, '');
    expect(() => makeKeys(keys, ['one'])).toThrow(`The folder for keys ${keys} cannot be made`);
  });
});
