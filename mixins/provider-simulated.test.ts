// Webhooks of the simulated provider: what is signed and understood becomes an event, everything else is rejected.
import { createHmac } from 'node:crypto';
import { expect, it } from '@jest/globals';

import { WebhookRejected } from './provider.ts';
import { simulatedProvider } from './provider-simulated.ts';

const now = 1_700_000_000_000;
const provider = simulatedProvider({ url: 'http://127.0.0.1:1', apiKey: 'key', webhookSecrets: ['secret'] });
const event = {
  id: 'evt_ch_1',
  type: 'charge.succeeded',
  paymentId: 'pay_1',
  reference: 'ch_1',
  amount: { amount: '1.00', currency: 'GBP' },
  at: '2023-11-14T22:13:20.000Z',
};

function receive(text: string) {
  const rawBody = Buffer.from(text);
  const mark = createHmac('sha256', 'secret')
    .update(`${now / 1000}.`)
    .update(rawBody)
    .digest('hex');
  return provider.verifyWebhook(rawBody, { 'souk-signature': `t=${now / 1000},v1=${mark}` }, now);
}

it.each([
  event,
  { ...event, type: 'charge.declined', reason: 'card-declined' },
  { ...event, type: 'refund.succeeded', refundId: 're_1' },
])('understands $type', (sent) => {
  expect(receive(JSON.stringify(sent))).toEqual(sent);
});

it.each([
  '',
  '{',
  'null',
  '[]',
  '"charge.succeeded"',
  JSON.stringify({ ...event, type: 'constructor' }),
  JSON.stringify({ ...event, type: 'charge.lost' }),
  JSON.stringify({ ...event, paymentId: 7 }),
  JSON.stringify({ ...event, amount: '1.00' }),
  JSON.stringify({ ...event, amount: { amount: 1, currency: 'GBP' } }),
  JSON.stringify({ ...event, type: 'charge.declined' }),
  JSON.stringify({ ...event, type: 'refund.succeeded' }),
])('rejects %s, however well it is signed', (text) => {
  expect(() => receive(text)).toThrow(expect.objectContaining({ name: 'WebhookRejected', slug: 'malformed' }));
});

it('rejects what is not signed', () => {
  expect(() => provider.verifyWebhook(Buffer.from(JSON.stringify(event)), {}, now)).toThrow(WebhookRejected);
});
