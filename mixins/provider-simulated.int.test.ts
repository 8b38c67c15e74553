// The adapter against a server that answers whatever the test says: only a definite answer is an outcome.
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from '@jest/globals';

import { ProviderRefused, ProviderUnknown, type PaymentProvider } from './provider.ts';
import { simulatedProvider } from './provider-simulated.ts';

let server: Server;
let provider: PaymentProvider;
let answer: (response: ServerResponse) => void;
const seen: { method: string | undefined; url: string | undefined; headers: Record<string, unknown>; body: unknown }[] =
  [];

beforeAll(async () => {
  server = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8').on('data', (part: string) => (text += part));
    request.on('end', () => {
      seen.push({ method: request.method, url: request.url, headers: request.headers, body: JSON.parse(text) });
      answer(response);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  provider = simulatedProvider({ url, apiKey: 'key', webhookSecrets: ['secret'], timeoutMs: 200 });
});
afterAll(() => {
  provider.close();
  server.closeAllConnections();
  server.close();
});

const wish = { paymentId: 'pay_1', orderId: 'ord_1', amount: { amount: '1.00', currency: 'GBP' }, token: 'tok_ok' };
const json = (status: number, body: unknown) => (response: ServerResponse) =>
  void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
const whatBecomesOf = (call: Promise<unknown>) =>
  call.catch((error: unknown) => {
    if (error instanceof ProviderUnknown) return error.why;
    if (error instanceof ProviderRefused) return `${error.status} ${error.code}`;
    throw error;
  });

it('sends the id as the idempotency key, and the key of the shop', async () => {
  answer = json(200, { status: 'succeeded', id: 'ch_1' });
  expect(await provider.charge(wish)).toEqual({ status: 'succeeded', reference: 'ch_1' });
  expect(seen.at(-1)).toMatchObject({
    method: 'POST',
    url: '/v1/charges',
    headers: { authorization: 'Bearer key', 'idempotency-key': 'pay_1' },
    body: wish,
  });
  answer = json(200, { status: 'voided' });
  expect(await provider.void('a/b')).toEqual({ status: 'voided' });
  expect(seen.at(-1)).toMatchObject({ url: '/v1/payments/a%2Fb/void' });
});

it.each([
  ['a 500', 'provider-error', json(500, {})],
  ['a 503 in HTML', 'provider-error', (response: ServerResponse) => void response.writeHead(503).end('<html>')],
  ['a redirect', 'provider-error', (response: ServerResponse) => void response.writeHead(302, { location: '/' }).end()],
  ['a wrong key', 'provider-error', json(401, {})],
  ['a wrong path', 'provider-error', json(404, {})],
  ['too fast', 'provider-error', json(429, {})],
  ['no JSON', 'provider-error', (response: ServerResponse) => void response.end('ok')],
  ['null', 'provider-error', json(200, null)],
  ['a status we do not know', 'provider-error', json(200, { status: 'pending', id: 'ch_1' })],
  ['a success without reference', 'provider-error', json(200, { status: 'succeeded' })],
  ['a success of another kind', 'provider-error', json(200, { status: 'refunded', id: 're_1' })],
  ['silence', 'timeout', () => undefined],
  [
    'half an answer, then silence',
    'timeout',
    (response: ServerResponse) => void response.writeHead(200).write('{"sta'),
  ],
  [
    'half an answer, then the end',
    'connection-lost',
    (response: ServerResponse) => response.writeHead(200).write('{"sta', () => response.destroy()),
  ],
  ['a lost connection', 'connection-lost', (response: ServerResponse) => void response.destroy()],
  [
    'an endless answer',
    'connection-lost',
    (response: ServerResponse) => void response.writeHead(200).end('x'.repeat(100_000)),
  ],
])('takes %s for unknown', async (_what, why, answering) => {
  answer = answering;
  expect(await whatBecomesOf(provider.charge(wish))).toBe(why);
});

it('takes a refused connection for unknown', async () => {
  const nobody = simulatedProvider({ url: 'http://127.0.0.1:9', apiKey: 'key', webhookSecrets: [] });
  expect(await whatBecomesOf(nobody.charge(wish))).toBe('connection-lost');
  nobody.close();
});

it.each([400, 413, 415, 422])('takes a %i for a refusal', async (status) => {
  answer = json(status, { code: 'never-so', detail: 'Never like this.' });
  expect(await whatBecomesOf(provider.charge(wish))).toBe(`${status} never-so`);
  answer = json(status, 'nonsense');
  expect(await whatBecomesOf(provider.refund({ refundId: 're_1', paymentId: 'pay_1', amount: wish.amount }))).toBe(
    `${status} refused`,
  );
});
