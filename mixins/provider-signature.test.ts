import { createHmac } from 'node:crypto';
import { expect, it } from '@jest/globals';

import { WebhookRejected } from './provider.ts';
import { verifySignature } from './provider-signature.ts';

const now = 1_700_000_000_000;
const body = Buffer.from('{"id":"evt_1"}');
const markOf = (secret: string, seconds: number, raw = body) =>
  createHmac('sha256', secret).update(`${seconds}.`).update(raw).digest('hex');
const headerOf = (secret: string, ageSeconds = 0) => {
  const seconds = now / 1000 - ageSeconds;
  return `t=${seconds},v1=${markOf(secret, seconds)}`;
};
const slugOf = (header: unknown, raw = body, secrets: readonly string[] = ['new', 'old']) => {
  try {
    verifySignature(header, raw, secrets, now);
    return 'genuine';
  } catch (error) {
    if (!(error instanceof WebhookRejected)) throw error;
    return error.slug;
  }
};

it('takes a signature made with either of two active secrets', () => {
  expect(slugOf(headerOf('new'))).toBe('genuine');
  expect(slugOf(headerOf('old'))).toBe('genuine');
  expect(slugOf(`${headerOf('gone')},v1=${markOf('old', now / 1000)}`)).toBe('genuine');
});

it('refuses another secret, another body, and another time than was signed', () => {
  expect(slugOf(headerOf('gone'))).toBe('bad-signature');
  expect(slugOf(headerOf('new'), Buffer.from('{"id":"evt_2"}'))).toBe('bad-signature');
  expect(slugOf(headerOf('new').replace(/t=\d+/, `t=${now / 1000 - 1}`))).toBe('bad-signature');
});

it('refuses what is more than five minutes away, in both directions', () => {
  expect(slugOf(headerOf('new', 300))).toBe('genuine');
  expect(slugOf(headerOf('new', -300))).toBe('genuine');
  expect(slugOf(headerOf('new', 301))).toBe('stale');
  expect(slugOf(headerOf('new', -301))).toBe('stale');
});

it('knows no third secret, and nothing is genuine without any', () => {
  expect(slugOf(headerOf('third'), body, ['new', 'old', 'third'])).toBe('bad-signature');
  expect(slugOf(headerOf(''), body, [])).toBe('bad-signature');
});

it.each([
  undefined,
  '',
  ['t=1,v1=00'],
  'v1=00',
  `t=1`,
  `t=-1,v1=${'0'.repeat(64)}`,
  `t=1,t=2,v1=${'0'.repeat(64)}`,
  `t=1,v1=${'0'.repeat(63)}`,
  `t=1,v1=${'G'.repeat(64)}`,
  `t=1${`,v1=${'0'.repeat(64)}`.repeat(3)}`,
  `t=1,v1=${'0'.repeat(64)},${' '.repeat(1_000)}`,
])('refuses the malformed header %j', (header) => {
  expect(slugOf(header)).toBe('bad-signature');
});
