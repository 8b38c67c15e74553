// The probe of a real shop in which nothing happens any more: it looks on, so that whoever asks it knows soon, and an
// inspector that sees nothing is known too.

import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { startTestShop, type TestShop } from '../../../infra/local/shop.fixture.ts';
import type { PatrolReport } from '../../../services/probe/patrol.ts';
import { invariants } from '../../../services/probe/suspicion.ts';
import { decided } from './probe.ts';

/** As the short campaign has it. */
const WITHIN_MS = 20_000;
const POLL_MS = 200;

let shop: TestShop;
const ask = () => shop.broker.call<PatrolReport, object>('probe.report', {});

beforeAll(async () => {
  shop = await startTestShop();
  const product = await shop.product('2.50', 10);
  const { id } = await shop.place([[product, 2]]);
  await shop.reaches(id, 'PAID');
});
afterAll(async () => {
  await shop?.stop();
});

it('has looked at everything once more before the time is over, though nothing is new', async () => {
  for (const limits of [
    { withinMs: 60_000, decideMs: 60_000, pollMs: POLL_MS }, // it has just been started
    { withinMs: WITHIN_MS, decideMs: 60_000, pollMs: POLL_MS },
  ]) {
    const findings = await decided(ask, limits);
    expect(findings.map(({ invariant }) => invariant)).toEqual(invariants);
    expect(findings.flatMap(({ wrong }) => wrong)).toEqual([]);
    expect(findings.filter(({ looked }) => looked === 0)).toEqual([]);
  }
});

it('sees nothing while PostgreSQL stands still, which is no "nothing is wrong"', async () => {
  const resume = shop.pauseDatabase();
  try {
    const findings = await decided(ask, { withinMs: 8_000, decideMs: 8_000, pollMs: POLL_MS });
    expect(findings.filter(({ wrongCount }) => wrongCount === 0)).toEqual([]);
    expect(findings[0]?.wrong[0]).toMatch(/^the online probe could not see it: /);
  } finally {
    resume();
  }
});
