// What the provider tells the shop unasked, and when.
import { randomUUID } from 'node:crypto';
import { afterEach, expect, it, jest } from '@jest/globals';

import { WebhookRejected } from '../../../mixins/provider.ts';
import { startScene, until, type Scene } from './provider.fixture.ts';

jest.setTimeout(60_000);

let scene: Scene;
afterEach(() => scene.stop());

const wishWith = (token: string) => {
  const orderId = `ord_${randomUUID()}`;
  return { paymentId: `pay_${orderId}`, orderId, amount: { amount: '12.30', currency: 'GBP' }, token };
};

it('tells only of charges whose answer nobody heard', async () => {
  scene = await startScene('unanswered');
  const hasty = scene.patient(250);
  const [ok, declined, silent, slow] = ['tok_ok', 'tok_declined', 'tok_timeout_then_ok', 'tok_slow'].map(wishWith);
  await scene.provider.charge(ok!);
  await scene.provider.charge(declined!);
  const heard = wishWith('tok_slow');
  const answer = scene.patient(10_000).charge(heard);
  await expect(hasty.charge(silent!)).rejects.toMatchObject({ why: 'timeout' });
  await expect(hasty.charge(slow!)).rejects.toMatchObject({ why: 'timeout' });
  await until('two webhooks', () => scene.shop.received.length === 2);
  expect(scene.shop.received.map(({ event }) => event.paymentId).sort()).toEqual(
    [silent!.paymentId, slow!.paymentId].sort(),
  );

  await answer;
  await scene.stopProvider();
  // The promise that was made for the answer that was held back is forgotten once it was heard.
  expect(scene.ledger().webhooks.map(({ deliveredAt }) => deliveredAt !== null)).toEqual([true, true]);
  expect(scene.shop.about(heard.paymentId)).toEqual([]);
});

it('signs what it tells, so that the adapter believes it and nothing else', async () => {
  scene = await startScene('all');
  const [paid, declined] = [wishWith('tok_ok'), wishWith('tok_declined')];
  const outcome = await scene.provider.charge(paid);
  await scene.provider.charge(declined);
  await scene.provider.refund({
    refundId: 're_1',
    paymentId: paid.paymentId,
    amount: { amount: '2.30', currency: 'GBP' },
  });
  await until('three webhooks', () => scene.shop.received.length === 3);

  const events = scene.shop.received.map(({ rawBody, headers }) =>
    scene.provider.verifyWebhook(rawBody, headers, Date.now()),
  );
  expect(events.find(({ type }) => type === 'charge.succeeded')).toMatchObject({
    paymentId: paid.paymentId,
    ...outcomeReference(outcome),
    amount: paid.amount,
  });
  expect(events.find(({ type }) => type === 'charge.declined')).toMatchObject({
    paymentId: declined.paymentId,
    reason: 'card-declined',
  });
  expect(events.find(({ type }) => type === 'refund.succeeded')).toMatchObject({
    refundId: 're_1',
    amount: { amount: '2.30' },
  });

  const { rawBody, headers } = scene.shop.received[0]!;
  const forged = Buffer.from(rawBody.toString().replace('12.30', '12.31'));
  expect(() => scene.provider.verifyWebhook(forged, headers, Date.now())).toThrow(WebhookRejected);
  expect(() => scene.provider.verifyWebhook(rawBody, headers, Date.now() + 301_000)).toThrow(/seconds away/);
});

it('repeats, later and later, until the shop has taken it', async () => {
  scene = await startScene('all');
  let refusals = 0;
  scene.shop.answer(() => (refusals++ < 3 ? 503 : 204));
  const wish = wishWith('tok_ok');
  await scene.provider.charge(wish);
  await until('the fourth attempt', () => scene.shop.about(wish.paymentId).length === 4);
  expect(new Set(scene.shop.received.map(({ event }) => event.id)).size).toBe(1);
  await until('its end', () =>
    scene.ledger().webhooks.every(({ deliveredAt, attempts }) => deliveredAt !== null && attempts === 4),
  );
});

it('still tells, after kill -9, what it promised, and what may have been lost on its way', async () => {
  scene = await startScene('unanswered');
  scene.shop.answer(() => 503);
  const [answered, silent] = [wishWith('tok_ok'), wishWith('tok_timeout_then_ok')];
  await expect(scene.patient(250).charge(silent)).rejects.toMatchObject({ why: 'timeout' });
  await until('a refused webhook', () => scene.shop.received.length > 0);
  await scene.provider.charge(answered);
  scene.shop.answer(() => 204);
  await scene.killAndRestart();
  await until('both', () => scene.ledger().webhooks.filter(({ deliveredAt }) => deliveredAt !== null).length === 2);
  expect(scene.shop.about(answered.paymentId)).toHaveLength(1);

  // What was taken once is not promised again at the next start.
  await scene.killAndRestart();
  expect(scene.ledger().webhooks.every(({ deliveredAt }) => deliveredAt !== null)).toBe(true);
});

it('has at most four under way at a time, and delivers a flood', async () => {
  scene = await startScene('all');
  const slowShopMs = 5;
  scene.shop.answer(() => new Promise((resolve) => setTimeout(resolve, slowShopMs, 204)));
  const wishes = Array.from({ length: 400 }, () => wishWith('tok_ok'));
  await Promise.all(wishes.map((wish) => scene.provider.charge(wish)));
  await until('all of them', () => scene.ledger().webhooks.every(({ deliveredAt }) => deliveredAt !== null));
  expect(new Set(scene.shop.received.map(({ event }) => event.paymentId)).size).toBe(400);
  expect(scene.shop.underWayMax()).toBe(4);
});

function outcomeReference(outcome: object): object {
  return 'reference' in outcome ? { reference: outcome.reference } : {};
}
