// The simulated provider as the shop meets it: the real program, through the adapter of the payments service.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';

import { ProviderRefused, ProviderUnknown } from '../../../mixins/provider.ts';
import { startScene, type Scene } from './provider.fixture.ts';

jest.setTimeout(60_000);

let scene: Scene;
beforeAll(async () => {
  scene = await startScene();
});
afterAll(() => scene.stop());

const gbp = (amount: string) => ({ amount, currency: 'GBP' });
const wishWith = (token: string, amount = '12.30') => {
  const orderId = `ord_${randomUUID()}`;
  return { paymentId: `pay_${orderId}`, orderId, amount: gbp(amount), token };
};
const chargesOf = (paymentId: string) => scene.ledger().charges.filter((charge) => charge.paymentId === paymentId);
const whyUnknown = (call: Promise<unknown>) =>
  call.then(
    () => 'answered',
    (error: unknown) => (error instanceof ProviderUnknown ? error.why : error),
  );
const refusal = (call: Promise<unknown>) =>
  call.then(
    () => 'answered',
    (error: unknown) => (error instanceof ProviderRefused ? [error.status, error.code] : error),
  );

it('charges tok_ok once, and answers every repeat alike', async () => {
  const wish = wishWith('tok_ok');
  const first = await scene.provider.charge(wish);
  expect(first).toEqual({ status: 'succeeded', reference: expect.stringMatching(/^ch_\d+$/) });
  expect(await Promise.all([1, 2, 3].map(() => scene.provider.charge(wish)))).toEqual([first, first, first]);
  expect(chargesOf(wish.paymentId)).toMatchObject([
    { status: 'succeeded', amount: gbp('12.30'), orderId: wish.orderId },
  ]);
});

it('charges once when the same call comes many times at once', async () => {
  const wish = wishWith('tok_ok');
  const answers = await Promise.all(Array.from({ length: 32 }, () => scene.provider.charge(wish)));
  expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
  expect(chargesOf(wish.paymentId)).toHaveLength(1);
});

it('declines tok_declined and tokens it does not know, for good', async () => {
  const wish = wishWith('tok_declined');
  expect(await scene.provider.charge(wish)).toEqual({ status: 'declined', reason: 'card-declined' });
  expect(await scene.provider.charge({ ...wish, token: 'tok_ok' })).toEqual({
    status: 'declined',
    reason: 'card-declined',
  });
  for (const token of ['tok_other', 'constructor', '__proto__']) {
    expect(await scene.provider.charge(wishWith(token))).toEqual({ status: 'declined', reason: 'unknown-token' });
  }
});

it('charges tok_timeout_then_ok and never answers the first call', async () => {
  const wish = wishWith('tok_timeout_then_ok');
  expect(await whyUnknown(scene.patient(250).charge(wish))).toBe('timeout');
  expect(chargesOf(wish.paymentId)).toHaveLength(1);
  expect(await scene.provider.charge(wish)).toMatchObject({ status: 'succeeded' });
  expect(chargesOf(wish.paymentId)).toHaveLength(1);
});

it('fails the first call of tok_error_then_ok before anything is charged', async () => {
  const wish = wishWith('tok_error_then_ok');
  expect(await whyUnknown(scene.provider.charge(wish))).toBe('provider-error');
  expect(chargesOf(wish.paymentId)).toHaveLength(0);
  expect(await scene.provider.charge(wish)).toMatchObject({ status: 'succeeded' });
});

it('answers tok_slow three seconds after the first call, repeats included', async () => {
  const wish = wishWith('tok_slow');
  const start = performance.now();
  expect(await whyUnknown(scene.provider.charge(wish))).toBe('timeout');
  expect(await scene.patient(10_000).charge(wish)).toMatchObject({ status: 'succeeded' });
  expect(performance.now() - start).toBeGreaterThan(2_950);
  expect(await scene.provider.charge(wish)).toMatchObject({ status: 'succeeded' });
  expect(chargesOf(wish.paymentId)).toHaveLength(1);
});

it('stops waiting when its caller does', async () => {
  const leave = new AbortController();
  const call = whyUnknown(scene.provider.charge({ ...wishWith('tok_slow'), signal: leave.signal }));
  leave.abort();
  expect(await call).toBe('aborted');
  expect(await whyUnknown(scene.provider.charge({ ...wishWith('tok_ok'), signal: AbortSignal.abort() }))).toBe(
    'aborted',
  );
});

it('refuses a repeat that asks for another amount or another order', async () => {
  const wish = wishWith('tok_ok');
  await scene.provider.charge(wish);
  expect(await refusal(scene.provider.charge({ ...wish, amount: gbp('12.31') }))).toEqual([422, 'payment-differs']);
  expect(await refusal(scene.provider.charge({ ...wish, orderId: 'ord_other' }))).toEqual([422, 'payment-differs']);
});

it('never charges a payment that was voided first', async () => {
  const wish = wishWith('tok_ok');
  expect(await scene.provider.void(wish.paymentId)).toEqual({ status: 'voided' });
  expect(await scene.provider.void(wish.paymentId)).toEqual({ status: 'voided' });
  expect(await scene.provider.charge(wish)).toEqual({ status: 'voided' });
  expect(await scene.provider.charge({ ...wish, token: 'tok_error_then_ok' })).toEqual({ status: 'voided' });
  expect(chargesOf(wish.paymentId)).toHaveLength(0);
  expect(scene.ledger().voids.filter((one) => one.paymentId === wish.paymentId)).toHaveLength(1);
});

it('tells who voids too late what had happened', async () => {
  const [paid, declined] = [wishWith('tok_ok'), wishWith('tok_declined')];
  const answer = await scene.provider.charge(paid);
  await scene.provider.charge(declined);
  expect(await scene.provider.void(paid.paymentId)).toEqual(answer);
  expect(await scene.provider.void(declined.paymentId)).toEqual({ status: 'declined', reason: 'card-declined' });
});

it('lets either the charge or the void win, never both', async () => {
  for (let round = 0; round < 20; round++) {
    const wish = wishWith('tok_ok');
    const [charge, voided] = await Promise.all([scene.provider.charge(wish), scene.provider.void(wish.paymentId)]);
    expect(charge).toEqual(voided);
    expect(chargesOf(wish.paymentId)).toHaveLength(charge.status === 'succeeded' ? 1 : 0);
  }
});

it('refunds once per refund id, and never more than was captured', async () => {
  const { paymentId, ...wish } = wishWith('tok_ok', '10.00');
  await scene.provider.charge({ paymentId, ...wish });
  const refund = (refundId: string, amount: string) =>
    scene.provider.refund({ refundId: `${refundId}${paymentId}`, paymentId, amount: gbp(amount) });
  const first = await refund('re_a', '4.00');
  expect(first).toEqual({ status: 'refunded', reference: expect.stringMatching(/^re_\d+$/) });
  expect(await refund('re_a', '4.00')).toEqual(first);
  expect(await refusal(refund('re_a', '4.01'))).toEqual([422, 'refund-differs']);
  expect(await refusal(refund('re_b', '6.01'))).toEqual([422, 'refund-exceeds-capture']);
  await refund('re_b', '6.00');
  expect(await refusal(refund('re_c', '0.01'))).toEqual([422, 'refund-exceeds-capture']);
  const { body } = await scene.ask('GET', `/v1/payments/${paymentId}`);
  expect(body).toMatchObject({ paymentId, status: 'succeeded', amount: gbp('10.00'), refunded: '10.00' });
});

it('refunds together no more than was captured, however many ask at once', async () => {
  const wish = wishWith('tok_ok', '10.00');
  await scene.provider.charge(wish);
  const asked = Array.from({ length: 8 }, (_, i) =>
    scene.provider.refund({ refundId: `${i}-${wish.paymentId}`, paymentId: wish.paymentId, amount: gbp('3.00') }),
  );
  const done = (await Promise.allSettled(asked)).filter(({ status }) => status === 'fulfilled');
  expect(done).toHaveLength(3);
});

it('shows what it knows of a payment, and 404 for what it does not', async () => {
  const [declined, voided] = [wishWith('tok_declined'), wishWith('tok_ok')];
  await scene.provider.charge(declined);
  await scene.provider.void(voided.paymentId);
  const statusOf = async (paymentId: string) => (await scene.ask('GET', `/v1/payments/${paymentId}`)).body['status'];
  expect(await statusOf(declined.paymentId)).toBe('declined');
  expect(await statusOf(voided.paymentId)).toBe('voided');
  expect(await statusOf('pay_nobody')).toBe(404);
  expect((await scene.ask('GET', '/health', { headers: { authorization: '' } })).body).toEqual({ status: 'ok' });
});

const good = { paymentId: 'pay_bad', orderId: 'ord_bad', amount: gbp('1.00'), token: 'tok_ok' };
const charge = (over: object, headers = {}) =>
  [
    'POST',
    '/v1/charges',
    { body: JSON.stringify({ ...good, ...over }), headers: { 'idempotency-key': 'pay_bad', ...headers } },
  ] as const;
const raw = (body: string | Buffer) =>
  ['POST', '/v1/charges', { body, headers: { 'idempotency-key': 'pay_bad' } }] as const;

it.each([
  [400, 'not-json', ...raw('{')],
  [400, 'not-utf8', ...raw(Buffer.from([0x22, 0xff, 0x22]))],
  [422, 'not-an-object', ...raw('[1]')],
  [422, 'not-an-object', ...raw('null')],
  [413, 'body-too-large', ...raw(' '.repeat(20_000))],
  [422, 'bad-id', ...raw('')],
  [422, 'bad-id', ...charge({ paymentId: 7 })],
  [422, 'bad-id', ...charge({ orderId: 'a b' })],
  [422, 'bad-id', ...charge({ orderId: 'o\u0000' })],
  [422, 'bad-id', ...charge({ token: 'x'.repeat(129) })],
  [422, 'bad-amount', ...charge({ amount: gbp('0.00') })],
  [422, 'bad-amount', ...charge({ amount: gbp('-1.00') })],
  [422, 'bad-amount', ...charge({ amount: gbp('1e3') })],
  [422, 'bad-amount', ...charge({ amount: { amount: 1, currency: 'GBP' } })],
  [422, 'bad-amount', ...charge({ amount: null })],
  [422, 'bad-currency', ...charge({ amount: { amount: '1.00', currency: 'pounds' } })],
  [422, 'unknown-field', ...charge({ amout: '1.00' })],
  [400, 'idempotency-key', ...charge({}, { 'idempotency-key': 'pay_other' })],
  [401, 'unauthorized', ...charge({}, { authorization: 'Bearer wrong' })],
  [401, 'unauthorized', ...charge({}, { authorization: '' })],
  [405, 'method-not-allowed', 'PUT', '/v1/charges', {}],
  [401, 'unauthorized', 'GET', '/v1/charges', {}],
  [404, 'unknown-path', 'GET', '/v1/nothing', {}],
  [400, 'bad-path', 'GET', '/v1/payments/%E0%A4%A', {}],
  [422, 'bad-id', 'GET', '/v1/payments/%00', {}],
  [422, 'unknown-field', 'POST', '/v1/payments/pay_bad/void', { body: '{"force":true}' }],
  [
    422,
    'nothing-captured',
    'POST',
    '/v1/refunds',
    {
      body: JSON.stringify({ refundId: 're_1', paymentId: 'pay_none', amount: gbp('1.00') }),
      headers: { 'idempotency-key': 're_1' },
    },
  ],
] as const)('answers %i %s with a sentence, and nothing is charged', async (status, code, method, path, options) => {
  const answer = await scene.ask(method, path, options);
  expect(answer).toMatchObject({ status, type: 'application/problem+json', body: { status, code } });
  expect(answer.body['detail']).toMatch(/^[A-Z].*\.$/);
  expect(chargesOf('pay_bad')).toHaveLength(0);
});

it('tells those whose set-up is wrong nothing definite about their payment', async () => {
  const { simulatedProvider } = await import('../../../mixins/provider-simulated.ts');
  const stranger = simulatedProvider({ url: scene.url, apiKey: 'wrong', webhookSecrets: [] });
  expect(await whyUnknown(stranger.charge(wishWith('tok_ok')))).toBe('provider-error');
  stranger.close();
});
