// kill -9, pauses and the end of the shop: what the provider answered once stays true, and nothing is charged twice.
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';

import { ProviderUnknown, type ChargeOutcome } from '../../../mixins/provider.ts';
import { startScene, until, type Scene } from './provider.fixture.ts';

jest.setTimeout(60_000);

let scene: Scene;
beforeEach(async () => {
  scene = await startScene();
});
afterEach(() => scene.stop());

const wishWith = (token: string) => {
  const orderId = `ord_${randomUUID()}`;
  return { paymentId: `pay_${orderId}`, orderId, amount: { amount: '12.30', currency: 'GBP' }, token };
};

/** As the shop does: repeats under the same id until the answer is definite. */
async function settle(
  wish: ReturnType<typeof wishWith>,
  onAnswer: () => void,
): Promise<ChargeOutcome & { attempts: number }> {
  for (let attempts = 1; ; attempts++) {
    try {
      const outcome = await scene.provider.charge(wish);
      onAnswer();
      return { ...outcome, attempts };
    } catch (error) {
      // The one failure that this test brings about; anything else is a bug.
      if (!(error instanceof ProviderUnknown)) throw error;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

it('loses no charge and doubles none when it is killed three times under load', async () => {
  const wishes = Array.from({ length: 6_000 }, () => wishWith('tok_ok'));
  const outcomes = new Map<string, ChargeOutcome & { attempts: number }>();
  let answered = 0;
  const todo = wishes.values();
  const clients = Array.from({ length: 64 }, async () => {
    for (const wish of todo) outcomes.set(wish.paymentId, await settle(wish, () => answered++));
  });

  for (const mark of [1_000, 2_500, 4_000]) {
    await until(`${mark} answers`, () => answered >= mark);
    const acknowledged = [...outcomes.keys()];
    const restarted = scene.killAndRestart();
    const afterTheKill = new Set(scene.ledger().charges.map((charge) => charge.paymentId));
    expect(acknowledged.filter((paymentId) => !afterTheKill.has(paymentId))).toEqual([]);
    await restarted;
  }
  await Promise.all(clients);

  const { charges } = scene.ledger();
  expect(charges).toHaveLength(wishes.length);
  expect(new Set(charges.map((charge) => charge.paymentId)).size).toBe(wishes.length);
  for (const { paymentId, id, status, amount } of charges) {
    expect([status, amount.amount, outcomes.get(paymentId)]).toMatchObject(['succeeded', '12.30', { reference: id }]);
  }
  const repeated = [...outcomes.values()].filter(({ attempts }) => attempts > 1);
  expect(repeated.length).toBeGreaterThan(0);
});

it('still knows, after kill -9, that a first call was the first', async () => {
  const [failed, silent, slow] = ['tok_error_then_ok', 'tok_timeout_then_ok', 'tok_slow'].map(wishWith) as [
    never,
    never,
    never,
  ];
  const hasty = scene.patient(250);
  await Promise.allSettled([failed, silent, slow].map((wish) => hasty.charge(wish)));
  await scene.killAndRestart();
  for (const wish of [failed, silent]) expect(await scene.provider.charge(wish)).toMatchObject({ status: 'succeeded' });
  expect(await scene.patient(10_000).charge(slow)).toMatchObject({ status: 'succeeded' });
  expect(scene.ledger().charges).toHaveLength(3);
});

it('remembers a void after kill -9', async () => {
  const wish = wishWith('tok_ok');
  await scene.provider.void(wish.paymentId);
  await scene.killAndRestart();
  expect(await scene.provider.charge(wish)).toEqual({ status: 'voided' });
});

it('is unknown, not failed, to those who ask while it is paused, and answers the repeat', async () => {
  const [before, during] = [wishWith('tok_ok'), wishWith('tok_ok')];
  const first = await scene.provider.charge(before);
  scene.signal('SIGSTOP');
  await expect(scene.patient(250).charge(during)).rejects.toMatchObject({ name: 'ProviderUnknown', why: 'timeout' });
  expect(scene.ledger().charges).toHaveLength(1);
  scene.signal('SIGCONT');
  expect(await scene.provider.charge(before)).toEqual(first);
  expect(await scene.provider.charge(during)).toMatchObject({ status: 'succeeded' });
  expect(scene.ledger().charges).toHaveLength(2);
});

it('drains at SIGTERM at once: who is held back is let go, and is told by its successor', async () => {
  const held = scene
    .patient(10_000)
    .charge(wishWith('tok_slow'))
    .catch((error: unknown) => (error instanceof ProviderUnknown ? error.why : error));
  await until('the slow charge', () => scene.ledger().charges.length === 1);
  const start = performance.now();
  await scene.stopProvider();
  expect(performance.now() - start).toBeLessThan(1_500);
  expect(await held).toBe('connection-lost');
  expect(scene.ledger().webhooks).toMatchObject([{ deliveredAt: null }]);
});
