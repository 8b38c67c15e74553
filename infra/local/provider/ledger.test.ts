// The ledger and its shared commits, in memory: no port, no process.
import { afterEach, beforeEach, expect, it } from '@jest/globals';

import { groupCommit, type GroupCommit } from './group-commit.ts';
import { Contradiction, openLedger, type Ledger, type Verdict } from './ledger.ts';
import { NEVER } from './rows.ts';

const gbp = (amount: string) => ({ amount, currency: 'GBP' });
const paid: Verdict = { status: 'succeeded', reason: null, at: 1_000, readyAt: 1_000 };
const declined: Verdict = { ...paid, status: 'declined', reason: 'card-declined' };
const wish = { paymentId: 'pay_1', orderId: 'ord_1', amount: gbp('10.00') };
const refund = (refundId: string, amount: string) => ({ refundId, paymentId: 'pay_1', amount: gbp(amount) });

let ledger: Ledger;
let lane: GroupCommit;
beforeEach(() => {
  ledger = openLedger(':memory:');
  lane = groupCommit(ledger.db);
});
afterEach(() => ledger.close());

it('charges once per payment id, and answers a repeat with what the first call led to', () => {
  const first = ledger.charge(wish, paid);
  const repeat = ledger.charge({ ...wish, amount: gbp('10.0') }, { ...declined, at: 9_000 });
  expect(first.known).toBe(false);
  expect(repeat).toEqual({ known: true, outcome: first.outcome });
});

it('refuses a repeat with another amount, currency or order', () => {
  ledger.charge(wish, paid);
  for (const other of [
    { amount: gbp('10.01') },
    { amount: { amount: '10.00', currency: 'EUR' } },
    { orderId: 'ord_2' },
  ]) {
    expect(() => ledger.charge({ ...wish, ...other }, paid)).toThrow(Contradiction);
  }
});

it('never charges a payment that was voided before its charge arrived', () => {
  ledger.void('pay_1', 1);
  expect(ledger.charge(wish, paid).outcome.status).toBe('voided');
  expect(ledger.stumbles('pay_1', 2)).toBe(false);
});

it('keeps an outcome that came before the void', () => {
  ledger.charge(wish, paid);
  ledger.charge({ ...wish, paymentId: 'pay_2' }, declined);
  expect(ledger.void('pay_1', 2).status).toBe('succeeded');
  expect(ledger.void('pay_2', 2).status).toBe('declined');
  expect(ledger.find('pay_1')?.status).toBe('succeeded');
});

it('gives back once per refund id, and never more than was captured', () => {
  ledger.charge(wish, paid);
  const first = ledger.refund(refund('re_a', '9.99'), 2);
  expect(ledger.refund(refund('re_a', '9.99'), 3)).toEqual(first);
  expect(() => ledger.refund(refund('re_a', '9.98'), 3)).toThrow(/another amount/);
  expect(() => ledger.refund(refund('re_b', '0.02'), 3)).toThrow(/0\.01 GBP are left/);
  ledger.refund(refund('re_b', '0.01'), 3);
  expect(ledger.refunded('pay_1')).toBe('10.00');
});

it('refunds nothing that was not captured, and in no other currency', () => {
  expect(() => ledger.refund(refund('re_a', '1.00'), 2)).toThrow(/Nothing was captured/);
  ledger.charge(wish, declined);
  expect(() => ledger.refund(refund('re_a', '1.00'), 2)).toThrow(/Nothing was captured/);
  ledger.charge({ ...wish, paymentId: 'pay_2' }, paid);
  const inEuro = { refundId: 're_a', paymentId: 'pay_2', amount: { amount: '1.00', currency: 'EUR' } };
  expect(() => ledger.refund(inEuro, 2)).toThrow(/made in GBP/);
});

it('owes an event at the earliest time it was promised for, and not again once it was taken', () => {
  ledger.owe('evt_1', '{}', 5_000);
  ledger.owe('evt_1', '{}', 2_000);
  ledger.owe('evt_1', '{}', 9_000);
  expect(ledger.nextDueAfter(0)).toBe(2_000);
  ledger.delivered('evt_1', 2_001);
  ledger.owe('evt_1', '{}', 0);
  expect(ledger.due(10_000, 10)).toEqual([]);
});

it('hastens what is owed, apart from what was given up', () => {
  ledger.owe('evt_1', '{}', 5_000);
  ledger.owe('evt_2', '{}', NEVER);
  ledger.hastenAll(100);
  expect(ledger.due(100, 10).map((webhook) => webhook.id)).toEqual(['evt_1']);
});

it('finds the charges of the last moments', () => {
  for (const at of [1_000, 5_000, 5_900]) ledger.charge({ ...wish, paymentId: `pay_${at}` }, { ...paid, at });
  expect(ledger.lastCharges(1_000).map((charge) => charge.at)).toEqual([5_900, 5_000]);
});

it('commits what waits together, and a contradiction fails alone', async () => {
  const waiting = [
    lane.write(() => ledger.charge(wish, paid).known),
    lane.write(() => ledger.charge({ ...wish, orderId: 'ord_2' }, paid).known),
    lane.write(() => ledger.charge(wish, paid).known),
  ];
  const results = await Promise.allSettled(waiting);
  expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(await Promise.all([waiting[0], waiting[2]])).toEqual([false, true]);
});

it('lets an effect that breaks the transaction fail alone, and undoes what it wrote', async () => {
  const good = lane.write(() => ledger.charge(wish, paid).known);
  const bad = lane.write(() => {
    ledger.void('pay_bad', 1);
    throw new Error('broken');
  });
  await expect(bad).rejects.toThrow('broken');
  await expect(good).resolves.toBe(false);
  expect(ledger.find('pay_bad')).toBeUndefined();
  expect(ledger.find('pay_1')?.status).toBe('succeeded');
});

it('answers nobody before the commit, which may fail', async () => {
  const good = lane.write(() => ledger.charge(wish, paid).known);
  const bad = lane.write(() => {
    // A reference that leads nowhere, noticed only at the commit.
    ledger.db.exec('PRAGMA defer_foreign_keys = ON');
    ledger.db.exec(
      "INSERT INTO refunds (refund_id, payment_id, amount, currency, at) VALUES ('re', 'pay_none', '1', 'GBP', 1)",
    );
  });
  await expect(bad).rejects.toThrow(/FOREIGN KEY/);
  await expect(good).resolves.toBe(false);
});
