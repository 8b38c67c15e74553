// Goal: whatever the payment provider does wrong, every order is charged once and ends, and nobody's word but the provider's
// is believed.
// Method: a shop with the real payments service and the real provider, which is told to misbehave in each of its ways while
// orders are paid, declined and cancelled. Held against the provider's own book.

import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { chanceOf } from '../../../actors/scheduler.simulation.ts';
import { startTestShop, type TestShop, until } from '../../../infra/local/shop.fixture.ts';
import { misbehaved, wrongAnswers, wrongWebhooks } from '../../../infra/local/provider/misbehaviour.ts';
import type { World } from '../world.ts';
import { type ProviderFault, providerFault } from './provider.ts';

const SEED = Number(process.env['SEED'] ?? 1);
/** Orders of one fault: paid ones, a declined one, and one that is cancelled. */
const PAID = 6;

let shop: TestShop;
const chance = chanceOf(SEED);
const said: string[] = [];
const world = { say: () => {} } as unknown as World;
const reported = new Set<ProviderFault>(['webhook-forged', 'webhook-stale']);

beforeAll(async () => {
  shop = await startTestShop({ webhooks: 'unanswered' });
});
afterAll(async () => {
  console.log(said.join('\n'));
  await shop?.stop();
});

describe('orders end as they should', () => {
  it.each([...wrongAnswers, ...wrongWebhooks])('while the provider misbehaves: %s', async (kind) => {
    const product = await shop.product('2.00', 100);
    const injecting = providerFault(shop.dataDir, kind, chance, 1).inject(world);
    const doing = () => misbehaved(join(shop.dataDir, 'provider'));
    await until('the provider has been told', () => doing()?.kind === kind);
    const paid = await Promise.all(Array.from({ length: PAID }, () => shop.place([[product, 1]])));
    const declined = await shop.place([[product, 1]], { pay: 'tok_declined' });
    const cancelled = await shop.place([[product, 1]]);
    await shop.expect(200, `POST /api/v1/orders/${cancelled.id}/cancel`, { token: cancelled.accessToken });
    const injected = await injecting;
    await until('it has happened to them', () => (doing()?.done ?? 0) >= PAID);
    await injected.heal();

    for (const { id } of paid) await shop.reaches(id, 'PAID', 20_000);
    await shop.reaches(declined.id, 'PAYMENT_FAILED', 20_000);
    await shop.stockReaches(product.sku, { reserved: 0, onHand: 100 - PAID });
    await until('no money is kept for the cancelled order', () => keptFor(cancelled.id) === 0);
    const { charges } = shop.ledger();
    for (const { id, total } of paid)
      expect(charges.filter(({ orderId }) => orderId === id)).toMatchObject([{ status: 'succeeded', amount: total }]);

    const evidence = await injected.evidence([]);
    said.push(`${kind}: ${evidence.join('; ')}`);
    expect(evidence).not.toEqual([]);
    expect(await injected.violations?.([])).toEqual([]);
    if (reported.has(kind)) expect(evidence.join()).toMatch(/the shop answered \d+ times 400$/);
  });
});

function keptFor(orderId: string): number {
  const { charges, refunds } = shop.ledger();
  const captured = charges.filter((charge) => charge.orderId === orderId && charge.status === 'succeeded');
  const back = refunds.filter(({ paymentId }) => captured.some((charge) => charge.paymentId === paymentId));
  return captured.length - back.length;
}
