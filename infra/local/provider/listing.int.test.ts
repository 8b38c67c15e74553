// What the provider shows of its books over HTTP, page by page, and to whom.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';

import { startScene, type Scene } from './provider.fixture.ts';

jest.setTimeout(60_000);

let scene: Scene;
beforeAll(async () => {
  scene = await startScene();
});
afterAll(() => scene.stop());

const gbp = (amount: string) => ({ amount, currency: 'GBP' });
const listed = (path: string, key = scene.listingKey) =>
  scene.ask('GET', path, { headers: { authorization: `Bearer ${key}` } });

/** All pages of a listing, one after another. */
async function all(what: 'charges' | 'refunds', limit: number) {
  const found: { seq: number; id: string; paymentId: string }[] = [];
  const sizes: number[] = [];
  for (let after: number | null = 0; after !== null; ) {
    const { status, body } = await listed(`/v1/${what}?after=${after}&limit=${limit}`);
    expect(status).toBe(200);
    const page = body[what] as typeof found;
    found.push(...page);
    sizes.push(page.length);
    after = body['next'] as number | null;
  }
  return { found, sizes };
}

it('lists every charge and refund once, in the order in which they were made, as the ledger has them', async () => {
  const wishes = Array.from({ length: 5 }, (_, i) => {
    const orderId = `ord_${randomUUID()}`;
    return { paymentId: `pay_${orderId}`, orderId, amount: gbp('12.30'), token: i === 2 ? 'tok_declined' : 'tok_ok' };
  });
  for (const wish of wishes) await scene.provider.charge(wish);
  for (const { paymentId } of [wishes[0]!, wishes[4]!])
    await scene.provider.refund({ refundId: `re_${paymentId}`, paymentId, amount: gbp('2.30') });

  const charges = await all('charges', 2);
  expect(charges.sizes).toEqual([2, 2, 1]);
  const inLedger = scene.ledger().charges.map(({ readyAt: _, at, ...charge }) => ({
    seq: Number(charge.id.slice(3)),
    ...charge,
    at: new Date(at).toISOString(),
  }));
  expect(charges.found).toEqual(inLedger);
  expect(charges.found.map(({ paymentId }) => paymentId)).toEqual(wishes.map(({ paymentId }) => paymentId));

  const refunds = await all('refunds', 500);
  expect(refunds.found).toMatchObject([
    {
      seq: 1,
      id: 're_1',
      paymentId: wishes[0]!.paymentId,
      refundId: `re_${wishes[0]!.paymentId}`,
      amount: gbp('2.30'),
    },
    { seq: 2, id: 're_2', paymentId: wishes[4]!.paymentId },
  ]);
  expect(await listed('/v1/charges?after=5')).toMatchObject({ status: 200, body: { charges: [], next: null } });

  const [first, , declined, , last] = wishes.map(({ paymentId }) => paymentId) as [
    string,
    string,
    string,
    string,
    string,
  ];
  const of = (...payments: string[]) => `payments=${payments.map(encodeURIComponent).join(',')}`;
  const some = await listed(`/v1/charges?${of(last, 'pay_nobody', declined)}`);
  expect(some.body).toMatchObject({ charges: [{ paymentId: declined }, { paymentId: last }], next: null });
  expect((await listed(`/v1/charges?${of(first, last)}&limit=1&after=1`)).body).toMatchObject({
    charges: [{ paymentId: last }],
  });
  expect((await listed(`/v1/refunds?${of(last)}`)).body).toMatchObject({ refunds: [{ seq: 2, paymentId: last }] });
  expect((await listed(`/v1/refunds?${of(declined)}`)).body).toMatchObject({ refunds: [], next: null });
});

it('opens to its own key alone, which opens nothing else', async () => {
  for (const key of [scene.key, 'wrong', ''])
    expect(await listed('/v1/charges', key)).toMatchObject({ status: 401, body: { code: 'unauthorized' } });
  const withListingKey = { headers: { authorization: `Bearer ${scene.listingKey}` } };
  for (const [method, path] of [
    ['POST', '/v1/charges'],
    ['POST', '/v1/refunds'],
    ['GET', '/v1/payments/pay_x'],
    ['POST', '/v1/payments/pay_x/void'],
  ] as const)
    expect(await scene.ask(method, path, withListingKey)).toMatchObject({ status: 401 });
});

it.each([
  'after=-1',
  'after=x',
  'after=1&after=2',
  'limit=0',
  'limit=501',
  'limit=1.5',
  'page=2',
  'payments=',
  `payments=${'p,'.repeat(100)}p`,
])('refuses ?%s with a sentence', async (query) => {
  const answer = await listed(`/v1/refunds?${query}`);
  expect(answer).toMatchObject({ status: 422, type: 'application/problem+json' });
  expect(answer.body['detail']).toMatch(/^(The|There) .*\.$/);
});
