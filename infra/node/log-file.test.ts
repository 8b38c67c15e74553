import { existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { LOG_BYTES_MAX, turnOver } from './log-file.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'souk-log-file-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

it('sets a long log aside, in place of the one before', () => {
  const file = join(folder, 'orders-1.log');
  writeFileSync(`${file}.1`, 'older');
  writeFileSync(file, 'newer');
  truncateSync(file, LOG_BYTES_MAX + 1);
  turnOver(file);
  expect(existsSync(file)).toBe(false);
  expect(readFileSync(`${file}.1`, 'utf8').startsWith('newer')).toBe(true);
});

it('leaves a short log, and one that is not there', () => {
  const file = join(folder, 'orders-1.log');
  turnOver(file);
  writeFileSync(file, '');
  truncateSync(file, LOG_BYTES_MAX);
  turnOver(file);
  expect([existsSync(file), existsSync(`${file}.1`)]).toEqual([true, false]);
});
