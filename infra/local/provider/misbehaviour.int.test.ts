// What the provider does wrong when it is told to, what it counts of it, and that its ledger stays exact.
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';

import { ProviderUnknown, WebhookRejected } from '../../../mixins/provider.ts';
import { type Misbehaved, misbehaved, type Misbehaviour, tellProvider } from './misbehaviour.ts';
import { type Scene, startScene, until } from './provider.fixture.ts';
import { opposite } from './wrong-webhooks.ts';

jest.setTimeout(60_000);

let scene: Scene;
beforeEach(async () => {
  scene = await startScene('unanswered');
});
afterEach(() => scene.stop());

const wishNow = () => {
  const orderId = `ord_${randomUUID()}`;
  return { paymentId: `pay_${orderId}`, orderId, amount: { amount: '12.30', currency: 'GBP' }, token: 'tok_ok' };
};

/** Tells the provider, and waits until it has heard. */
async function tell(kind: Misbehaviour['kind'], more: Partial<Misbehaviour> = {}): Promise<void> {
  const id = randomUUID();
  tellProvider(scene.dataDir, { id, kind, share: 1, seed: 1, slowMs: 400, until: Date.now() + 30_000, ...more });
  await until('it is taken up', () => misbehaved(scene.dataDir)?.id === id);
}
async function behave(): Promise<Misbehaved> {
  tellProvider(scene.dataDir, undefined);
  await until('it behaves', () => misbehaved(scene.dataDir)?.isOver === true);
  return misbehaved(scene.dataDir) as Misbehaved;
}
const unknown = (call: Promise<unknown>) =>
  call.then(
    () => 'answered',
    (error: unknown) => (error instanceof ProviderUnknown ? error.message : error),
  );

it.each([
  ['error-before', 'The provider answered 500.', 0],
  ['too-many', 'The provider answered 429.', 0],
  ['error-after', 'The provider answered 500.', 1],
  ['silent', 'The provider did not answer within 250 ms.', 1],
  ['slow', 'The provider did not answer within 250 ms.', 1],
] as const)(
  '%s: the shop hears "%s", and %i charges are made; the repeat is answered',
  async (kind, heard, charges) => {
    await tell(kind);
    // Who is answered has patience, however busy the machine is.
    const [wish, asker] = [wishNow(), scene.patient(heard.includes('250 ms') ? 250 : 60_000)];
    expect(await unknown(asker.charge(wish))).toBe(heard);
    expect(await unknown(asker.void(wishNow().paymentId))).toBe(heard);
    expect(scene.ledger().charges).toHaveLength(charges);
    expect(await behave()).toMatchObject({ kind, seen: 2, done: 2 });
    expect(await scene.provider.charge(wish)).toMatchObject({ status: 'succeeded' });
    expect(scene.ledger().charges).toHaveLength(1);
    asker.close();
  },
);

it('treats refunds alike, which move money once', async () => {
  const wish = wishNow();
  await scene.provider.charge(wish);
  await tell('error-after');
  const refund = { refundId: 're_1', paymentId: wish.paymentId, amount: wish.amount };
  expect(await unknown(scene.provider.refund(refund))).toBe('The provider answered 500.');
  await behave();
  expect(await scene.provider.refund(refund)).toMatchObject({ status: 'refunded' });
  expect(scene.ledger().refunds).toHaveLength(1);
});

it('does so to a share of the calls, and ends by itself', async () => {
  await tell('error-before', { share: 0.5, until: Date.now() + 700 });
  let [failed, asked] = [0, 0];
  await until('it is over', () => misbehaved(scene.dataDir)?.isOver === true || (void ask(), false));
  async function ask() {
    asked += 1;
    if ((await unknown(scene.provider.charge(wishNow()))) !== 'answered') failed += 1;
  }
  const { seen, done } = misbehaved(scene.dataDir) as Misbehaved;
  expect(done).toBeGreaterThan(0);
  expect(done).toBeLessThan(seen);
  await until('all are answered', () => failed === done && asked >= seen);
  expect(await unknown(scene.provider.charge(wishNow()))).toBe('answered');
});

it('reports before it answers', async () => {
  await tell('webhook-first');
  const wish = wishNow();
  let answered = false;
  let before: boolean | undefined;
  scene.shop.answer(() => {
    before ??= !answered;
    return 204;
  });
  await scene.provider.charge(wish).then(() => (answered = true));
  expect(before).toBe(true);
});

it('reports ten times the same', async () => {
  await tell('webhook-repeated');
  const wish = wishNow();
  await scene.provider.charge(wish);
  await until('ten', () => scene.shop.about(wish.paymentId).length === 10);
  expect(new Set(scene.shop.received.map(({ event }) => event.id)).size).toBe(1);
  await until('they are counted', () => misbehaved(scene.dataDir)?.answers['204'] === 10);
  await behave();
});

it('lets later reports overtake earlier ones, and loses none', async () => {
  await tell('webhook-reordered');
  const wishes = Array.from({ length: 8 }, wishNow);
  for (const wish of wishes) await scene.provider.charge(wish);
  await until('all are there', () => scene.shop.received.length === wishes.length);
  const order = scene.shop.received.map(({ event }) => event.paymentId);
  expect(order).not.toEqual(wishes.map(({ paymentId }) => paymentId));
  expect(order.toSorted()).toEqual(wishes.map(({ paymentId }) => paymentId).toSorted());
});

it.each([
  ['webhook-forged', /secret of ours/],
  ['webhook-stale', /seconds away/],
] as const)('%s: what the adapter refuses comes beside what it takes', async (kind, why) => {
  scene.shop.answer(({ rawBody, headers }) => {
    try {
      scene.provider.verifyWebhook(rawBody, headers, Date.now());
      return 204;
    } catch (error) {
      expect(error).toBeInstanceOf(WebhookRejected);
      expect((error as Error).message).toMatch(why);
      return 400;
    }
  });
  await tell(kind);
  await scene.provider.charge(wishNow());
  await until('two webhooks', () => scene.shop.received.length === 2);
  await until('the true one is taken', () => scene.ledger().webhooks.every(({ deliveredAt }) => deliveredAt !== null));
  await until('it is counted', () => misbehaved(scene.dataDir)?.answers['400'] === 1);
  if (kind === 'webhook-forged')
    expect(scene.shop.received.map(({ event }) => event.type)).toEqual(['charge.declined', 'charge.succeeded']);
});

it('goes on with what it was told after kill -9, and does not begin to count anew', async () => {
  await tell('error-before');
  expect(await unknown(scene.provider.charge(wishNow()))).toBe('The provider answered 500.');
  await until('it is counted', () => misbehaved(scene.dataDir)?.done === 1);
  await scene.killAndRestart();
  expect(await unknown(scene.provider.charge(wishNow()))).toBe('The provider answered 500.');
  expect(await behave()).toMatchObject({ done: 2 });
});

it('does nothing wrong by a file that it does not understand', async () => {
  tellProvider(scene.dataDir, { id: 'x', kind: 'rude' } as never);
  await until('it says so', () => scene.output.some((line) => line.includes('not understood')));
  expect(await unknown(scene.provider.charge(wishNow()))).toBe('answered');
  expect(existsSync(join(scene.dataDir, 'misbehaved.json'))).toBe(false);
});

it('forges the opposite of what happened', () => {
  const event = {
    id: 'evt_ch_1',
    type: 'charge.declined',
    paymentId: 'p',
    amount: { amount: '1.00', currency: 'GBP' },
  };
  expect(JSON.parse(opposite(JSON.stringify(event)))).toMatchObject({ type: 'charge.succeeded', paymentId: 'p' });
});
