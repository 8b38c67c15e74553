// Webhooks carry `t=<unix seconds>,v1=<hex>[,v1=<hex>]`: HMAC-SHA256 over `<t>.<raw body>`, a mark per active secret.
// Whoever does not know a secret cannot make one, and one that was overheard is no use five minutes later.

import { createHmac, timingSafeEqual } from 'node:crypto';

import { WebhookRejected } from './provider.ts';

const TOLERANCE_S = 300;
const SECRETS_MAX = 2;
const HEADER_LENGTH_MAX = 512;

const timestampPattern = /^\d{1,12}$/;
const markPattern = /^[0-9a-f]{64}$/;

/** Throws `WebhookRejected` unless the header was made over this body, with one of our secrets, within five minutes of `nowMs`. */
export function verifySignature(header: unknown, rawBody: Buffer, secrets: readonly string[], nowMs: number): void {
  const { seconds, marks } = parse(header);
  // Every pair is compared, each in the same time: nothing is learned from how long a refusal takes.
  let genuine = false;
  for (const secret of secrets.slice(0, SECRETS_MAX)) {
    const expected = createHmac('sha256', secret).update(`${seconds}.`).update(rawBody).digest();
    for (const mark of marks) genuine = timingSafeEqual(expected, mark) || genuine;
  }
  if (!genuine) throw new WebhookRejected('bad-signature', 'The signature was not made with a secret of ours.');
  if (Math.abs(nowMs / 1000 - Number(seconds)) > TOLERANCE_S) {
    throw new WebhookRejected('stale', `The signature is more than ${TOLERANCE_S} seconds away from our time.`);
  }
}

function parse(header: unknown): { seconds: string; marks: readonly Buffer[] } {
  const parts = typeof header === 'string' && header.length <= HEADER_LENGTH_MAX ? header.split(',') : [];
  const valuesOf = (name: string) =>
    parts.filter((part) => part.startsWith(name)).map((part) => part.slice(name.length));
  const [seconds = '', ...others] = valuesOf('t=');
  const marks = valuesOf('v1=').filter((mark) => markPattern.test(mark));
  if (!timestampPattern.test(seconds) || others.length > 0 || marks.length === 0 || marks.length > SECRETS_MAX) {
    throw new WebhookRejected('bad-signature', 'There is no signature of the form "t=<seconds>,v1=<hex>".');
  }
  return { seconds, marks: marks.map((mark) => Buffer.from(mark, 'hex')) };
}
