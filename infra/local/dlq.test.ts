import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { topics } from '../../brokers/topics.ts';
import type { DeadLetter, DeadLetters } from '../../mixins/kafka-log/dead-letters.ts';
import { writeAddresses } from './cluster/addresses.ts';
import { type DlqRequest, parseDlq, runDlq } from './dlq.ts';
import { DlqRefused, dlqSource } from './dlq-source.ts';

const letter = (n: number, more: Partial<DeadLetter> = {}): DeadLetter => ({
  id: `order.created:${n}`,
  group: 'notifications',
  topic: 'order.created',
  partition: 3,
  offset: 40 + n,
  reason: 'the value is no JSON: Unexpected end',
  at: `2026-01-31T12:00:0${n}.000Z`,
  key: 'o-1',
  value: '{"bro',
  headers: { ce_id: 'e-1' },
  isRedriven: false,
  ...more,
});

/** Dead letters of which those that are given back are noted. */
function lettersOf(all: readonly DeadLetter[]) {
  const given: string[] = [];
  const give = (one: DeadLetter) => {
    given.push(one.id);
    return one;
  };
  const letters: DeadLetters = {
    list: async (names) => all.filter(({ topic }) => names?.includes(topic) ?? true),
    show: async (id) => all.find((one) => one.id === id)!,
    redrive: async (id) => give(all.find((one) => one.id === id)!),
    redriveAll: async (_topic, isWanted = () => true) => all.filter(isWanted).map(give),
  };
  return { letters, given };
}

async function said(all: readonly DeadLetter[], request: DlqRequest) {
  const lines: string[] = [];
  const { letters, given } = lettersOf(all);
  const last = await runDlq(letters, request, (line) => lines.push(line));
  return { text: lines.join('\n'), last, given };
}

describe('npm run dlq', () => {
  it.each<[string, DlqRequest]>([
    ['list', { what: 'list' }],
    ['show order.created', { what: 'show', topic: 'order.created' }],
    ['show order.created --id 17', { what: 'show', topic: 'order.created', id: 'order.created:17' }],
    [
      'show order.created --partition 3 --offset 0',
      { what: 'show', topic: 'order.created', place: { partition: 3, offset: 0 } },
    ],
    [
      'redrive order.created --id order.created:17',
      { what: 'redrive', topic: 'order.created', id: 'order.created:17' },
    ],
    ['redrive order.created --all', { what: 'redrive', topic: 'order.created', reason: '' }],
    ['redrive order.created --all --reason version', { what: 'redrive', topic: 'order.created', reason: 'version' }],
  ])('understands %s', (words, request) => {
    expect(parseDlq(words.split(' '))).toEqual(request);
  });

  it.each([
    ['', 'Say what is wanted'],
    ['eat', 'There is no "eat"'],
    ['list order.created', 'list takes no topic'],
    ['list --all', '--all does not go with that'],
    ['show', 'A topic is missing: the catalogue has order.created'],
    ['show order.eaten', 'There is no topic "order.eaten"'],
    ['show order.created more', '"more" is too much'],
    ['show order.created --id x', '--id is "x"'],
    ['show order.created --id cart.updated:1', '--id is "cart.updated:1"'],
    ['show order.created --partition 1', '--offset is missing'],
    ['show order.created --partition -1 --offset 1', "'--partition'"],
    ['show order.created --partition 1.5 --offset 1', '--partition is "1.5"'],
    ['show order.created --id 1 --offset 1', 'Either --id'],
    ['redrive order.created', 'Say which'],
    ['redrive order.created --id 1 --all', 'Say which'],
    ['redrive order.created --id 1 --reason x', '--reason goes with --all'],
    ['redrive order.created --everything', "Unknown option '--everything'"],
  ])('refuses "%s" with what was expected', (words, sentence) => {
    const parse = () => parseDlq(words.split(' ').filter((word) => word !== ''));
    expect(parse).toThrow(DlqRefused);
    expect(parse).toThrow(sentence);
  });

  it('lists how many wait in each topic, the newest, and the reasons', async () => {
    const other = letter(3, { reason: 'the version is unknown', group: 'orders' });
    const { text, last } = await said([letter(1), letter(2), other], { what: 'list' });
    expect(text.split('\n')).toEqual([
      'order.created  3 waiting, the newest of 2026-01-31T12:00:03.000Z',
      '  2 × notifications: the value is no JSON: Unexpected end  (order.created:2)',
      '  1 × orders: the version is unknown  (order.created:3)',
    ]);
    expect(last).toBe(`3 dead letters in 1 of ${Object.keys(topics).length} topics.`);
    expect(await said([], { what: 'list' })).toMatchObject({ text: '', last: 'no dead letters wait.' });
  });

  it('shows a letter with a warning where it holds personal data', async () => {
    const show = { what: 'show', topic: 'order.created' } as const;
    const { text } = await said([letter(1)], { ...show, place: { partition: 3, offset: 41 } });
    expect(text).toMatch(/^! order\.created holds personal data/);
    for (const part of ['order.created:1', 'ce_id: e-1', 'value: {"bro', 'key: o-1']) expect(text).toContain(part);
    await expect(said([letter(1)], { ...show, place: { partition: 3, offset: 1 } })).rejects.toThrow('No dead letter');
    const deleted = letter(1, { topic: 'product.deleted' });
    expect((await said([deleted], { what: 'show', topic: 'product.deleted' })).text).not.toContain('personal');
  });

  it('shows no more than a person can read, and nothing that steers the terminal', async () => {
    const long = letter(1, { value: `\u001b[2J${'x'.repeat(5_000)}`, key: '' });
    const { text } = await said([long], { what: 'show', topic: 'order.created' });
    expect(text).toContain('value: \\u001b[2Jxxx');
    expect(text).toContain('… 1004 more characters');
    expect(text).toContain('key: (none)');
    const many = Array.from({ length: 25 }, (_, n) => letter(n));
    expect((await said(many, { what: 'show', topic: 'order.created' })).last).toBe(
      'the newest 20 of 25 dead letters of order.created shown.',
    );
  });

  it('gives back one, or those with a reason', async () => {
    const all = [letter(1), letter(2, { reason: 'the version is unknown' })];
    const one = await said(all, { what: 'redrive', topic: 'order.created', id: 'order.created:1' });
    expect(one).toMatchObject({ given: ['order.created:1'], last: '1 dead letter given back to order.created.' });
    const some = await said(all, { what: 'redrive', topic: 'order.created', reason: 'version' });
    expect(some.given).toEqual(['order.created:2']);
  });

  it('finds where letters are: the environment, the cluster on the data, the shop on the data', () => {
    const folder = mkdtempSync(join(tmpdir(), 'souk-dlq-'));
    const here = { kafkaBrokers: [], dataDir: folder };
    expect(() => dlqSource(here)).toThrow(`runs on the data in ${folder}`);
    for (const name of ['postgres', 'keys']) mkdirSync(join(folder, name));
    writeFileSync(join(folder, 'postgres', 'postmaster.pid'), '17\n/data\n1700000000\n20001\n');
    writeFileSync(join(folder, 'keys', 'postgres'), 'abc\n');
    expect(dlqSource(here)).toMatchObject({ kind: 'PostgreSQL', url: 'postgres://souk:abc@127.0.0.1:20001/souk' });
    writeAddresses(folder, { url: 'http://127.0.0.1:1', natsUrl: 'nats://127.0.0.1:2', kafkaBrokers: ['127.0.0.1:3'] });
    expect(dlqSource(here)).toEqual({ kind: 'Kafka', brokers: ['127.0.0.1:3'] });
    // A shop that was started since: the cluster was killed, and left its file.
    writeFileSync(join(folder, 'repl.sock'), '');
    const later = Date.now() / 1_000 + 60;
    utimesSync(join(folder, 'repl.sock'), later, later);
    expect(dlqSource(here)).toMatchObject({ kind: 'PostgreSQL' });
    expect(dlqSource({ ...here, kafkaBrokers: ['kafka:9092'] })).toEqual({ kind: 'Kafka', brokers: ['kafka:9092'] });
    rmSync(folder, { recursive: true });
  });

  it.each([
    ['{', 'cannot be read'],
    ['null', 'names no Kafka'],
    ['{"kafkaBrokers": []}', 'names no Kafka, as in "kafkaBrokers": ["127.0.0.1:9092"]'],
    ['{"kafkaBrokers": "127.0.0.1:9092"}', 'names no Kafka'],
  ])('does not guess from %s', (text, sentence) => {
    const folder = mkdtempSync(join(tmpdir(), 'souk-dlq-'));
    writeFileSync(join(folder, 'cluster.json'), text);
    const ask = () => dlqSource({ kafkaBrokers: [], dataDir: folder });
    expect(ask).toThrow(DlqRefused);
    expect(ask).toThrow(sentence);
    rmSync(folder, { recursive: true });
  });
});
