// Which of the shops that a data folder may tell of is meant.
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { findShop } from './join.ts';

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'souk-join-'));
});
afterEach(() => rmSync(dataDir, { recursive: true }));

const leave = (name: string, text: string, second: number) => {
  const file = join(dataDir, name);
  writeFileSync(file, text);
  utimesSync(file, second, second);
};
const cluster = JSON.stringify({ natsUrl: 'nats://127.0.0.1:4222', url: 'http://127.0.0.1:3000', kafkaBrokers: [] });
const find = (natsUrl?: string) => findShop({ natsUrl, dataDir });

it('is the one that NATS_URL names', () => {
  leave('cluster.json', cluster, 1);
  expect(find('nats://elsewhere:1')).toEqual({ kind: 'cluster', natsUrl: 'nats://elsewhere:1', by: 'NATS_URL' });
});

it('is else the one that started last: the other one was killed and could not tidy up', () => {
  leave('repl.sock', '', 1);
  expect(find()).toEqual({ kind: 'embedded', path: join(dataDir, 'repl.sock') });
  leave('cluster.json', cluster, 2);
  expect(find()).toMatchObject({ kind: 'cluster', natsUrl: 'nats://127.0.0.1:4222' });
  leave('repl.sock', '', 3);
  expect(find()).toMatchObject({ kind: 'embedded' });
});

it.each([
  ['{', 'is no JSON'],
  ['{}', 'names no NATS, as in "natsUrl": "nats://127.0.0.1:4222"'],
  ['{"natsUrl": "http://127.0.0.1"}', 'names no NATS'],
  ['null', 'names no NATS'],
])('is not guessed from %s', (text, sentence) => {
  leave('cluster.json', text, 1);
  expect(() => find()).toThrow(sentence);
});

it('is nowhere without a sentence', () => {
  expect(() => find()).toThrow(`No shop is running on the data in ${dataDir}`);
});
