// The data folder within one process: its lock, its secrets, its sentences.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DataDir, openDataDir, StartRefused, writeDurably } from './data-dir.ts';

let parent: string;
let opened: DataDir[];

const open = (name = 'data') => {
  const dataDir = openDataDir(join(parent, name));
  opened.push(dataDir);
  return dataDir;
};

beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'souk-data-'));
  opened = [];
});

afterEach(() => {
  for (const dataDir of opened) dataDir.close();
  rmSync(parent, { recursive: true });
});

describe('a data folder', () => {
  it('is created for its owner alone, also below folders that are missing', () => {
    const { path } = open('a/b/data');
    expect(statSync(path).mode & 0o777).toBe(0o700);
    expect(statSync(join(path, 'keys')).mode & 0o777).toBe(0o700);
  });

  it('is refused to a second opener, in a sentence that names the first', () => {
    const { path } = open();
    expect(() => open()).toThrow(StartRefused);
    expect(() => open()).toThrow(`${path} is in use by another running shop (process ${process.pid}).`);
  });

  it('can be opened again once it was closed', () => {
    const first = open();
    first.close();
    first.close();
    open();
    expect(() => open()).toThrow('in use');
  });

  it('is refused in a sentence when a file is in its place', () => {
    writeFileSync(join(parent, 'data'), '');
    expect(() => open()).toThrow(/data folder .*\/data cannot be used: a file is in its place/);
    expect(() => open('data/below')).toThrow(/cannot be used: a file is in its place/);
  });
});

describe('a secret', () => {
  it('stays the same over restarts and is readable for the owner alone', () => {
    const before = open();
    const secret = before.secret('signing', 32);
    before.close();
    expect(open().secret('signing', 32)).toEqual(secret);
    expect(secret).toHaveLength(32);
    expect(statSync(join(before.path, 'keys', 'signing')).mode & 0o777).toBe(0o600);
  });

  it('differs by name', () => {
    const dataDir = open();
    expect(dataDir.secret('one', 32)).not.toEqual(dataDir.secret('two', 32));
  });

  it('is never replaced when its file is damaged', () => {
    const dataDir = open();
    const file = join(dataDir.path, 'keys', 'signing');
    for (const damaged of ['', 'abcd\n', `${'zz'.repeat(32)}\n`]) {
      writeFileSync(file, damaged);
      expect(() => dataDir.secret('signing', 32)).toThrow(/key file .*keys\/signing is damaged/);
      expect(readFileSync(file, 'utf8')).toBe(damaged);
    }
  });
});

it('writes a small file as a whole, with its mode, and leaves no draft', () => {
  const file = join(parent, 'staff.json');
  writeDurably(file, 'old', 0o600);
  writeDurably(file, 'new', 0o600);
  expect(readFileSync(file, 'utf8')).toBe('new');
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readdirSync(parent)).toEqual(['staff.json']);
});
