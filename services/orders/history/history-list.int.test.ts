// Goal: a customer's list is the same whether PostgreSQL makes it or the history, at every stage of the history.
// Method: random orders of a few customers, placed in few milliseconds so that many share one, take random commands; then
// every page of random lists is asked of both. A seed decides everything: `SEED=<n>` replays it.

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { isRefusal } from '../../../actors/actor.ts';
import type { OrderCommand } from '../../../actors/order.ts';
import { chanceOf } from '../../../actors/scheduler.simulation.ts';
import { until } from '../../../infra/local/shop.fixture.ts';
import type { ListParams } from '../list.ts';
import { type HistoryFixture, line, openHistoryFixture } from './history.fixture.ts';
import { UNPROJECTED_MAX } from './history-list.ts';

const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
const START = Date.parse('2026-03-01T12:00:00.000Z');
/** Orders are placed within so many milliseconds. */
const SPAN_MS = 40;
const STATUSES = ['AWAITING_STOCK', 'AWAITING_PAYMENT', 'PAID', 'SHIPPED', 'CANCELLED', 'PAYMENT_FAILED', 'REFUNDED'];
const REFERENCES = ['r-1', 'r-2', '', 'Größe'];

/** What the log cannot bring, versions without events of their own, is looked for often. */
const SWEEPING = { sweepMs: 200, leftOverAfterMs: 500 };

const chance = chanceOf(SEED);
let clock = START;
let shop: HistoryFixture;
const orders: string[] = [];

beforeAll(async () => {
  shop = await openHistoryFixture(() => clock);
});
afterAll(() => shop?.close());

const commands: readonly (() => OrderCommand)[] = [
  () => ({ type: 'RecordReserved', data: { partition: 'main' } }),
  () => ({ type: 'RecordReserved', data: { partition: 'main' } }),
  () => ({ type: 'RecordShortage', data: { partition: 'main', shortages: [] } }),
  () => ({ type: 'RecordPayment', data: { outcome: 'succeeded' } }),
  () => ({ type: 'RecordPayment', data: { outcome: 'succeeded' } }),
  () => ({ type: 'RecordPayment', data: { outcome: 'failed' } }),
  () => ({ type: 'Cancel', data: {} }),
  () => ({ type: 'Ship', data: {} }),
  () => ({ type: 'Refund', data: { refundId: 'r', restock: true } }),
  () => ({ type: 'RecordRefund', data: { refundId: 'r' } }),
];

/** Some orders of the customers, each with a life of its own; several at a time, so that commands share batches. */
async function live(customers: readonly string[], count: number): Promise<void> {
  for (let n = 0; n < count; n++) {
    clock = START + chance.below(SPAN_MS);
    const lines = Array.from({ length: 1 + chance.below(4) }, (_, i) =>
      line(`s${i}`, 1 + chance.below(5), chance.below(4) * 3_333),
    );
    const reference = chance.percent(60) ? { reference: chance.pick(REFERENCES) } : {};
    orders.push(await shop.place({ customerId: chance.pick(customers), lines, ...reference }));
    await Promise.all(
      Array.from({ length: chance.below(6) }, () => change(chance.pick(orders), chance.pick(commands)())),
    );
  }
}

/** A random command may be refused, or make no sense at all: money before stock has answered. */
async function change(id: string, command: OrderCommand): Promise<void> {
  const keepsAnswer = chance.percent(30);
  const isKnownNonsense = (error: Error) => {
    if (error.name !== 'InvariantViolated') throw error;
  };
  await shop
    .tell(id, command, keepsAnswer ? () => ({ kept: true }) : undefined)
    .then(({ refused }) => expect(refused === undefined || isRefusal(refused)).toBe(true), isKnownNonsense);
}

function randomList(): ListParams {
  const time = () => new Date(START - 5 + chance.below(SPAN_MS + 10)).toISOString();
  return {
    limit: chance.percent(50) ? 3 + chance.below(5) : 100,
    ...(chance.percent(40) ? { status: chance.pick(STATUSES) } : {}),
    ...(chance.percent(40) ? { reference: chance.pick(REFERENCES) } : {}),
    ...(chance.percent(40) ? { from: time() } : {}),
    ...(chance.percent(40) ? { to: time() } : {}),
  };
}

/** Asks both for every page; the one's cursors are good for the other. */
async function compare(customers: readonly string[], lists: number): Promise<number> {
  let pages = 0;
  for (let n = 0; n < lists; n++) {
    const params = randomList();
    const customer = chance.pick(customers);
    for (let cursor: string | null | undefined; cursor !== null; pages++) {
      const page = { ...params, ...(cursor === undefined ? {} : { cursor }) };
      const primary = await shop.primaryList(customer, page);
      const found = await shop.list(customer, page);
      if (JSON.stringify(found) !== JSON.stringify(primary)) {
        expect({ seed: SEED, customer, page, found }).toEqual({ seed: SEED, customer, page, found: primary });
      }
      cursor = primary.next;
    }
  }
  return pages;
}

/** After a failure DynamoDB is left alone for a while. */
async function isAsked(): Promise<void> {
  const { answered } = shop.counts;
  await until('DynamoDB is asked again', async () => {
    await shop.list('ada');
    return shop.counts.answered > answered;
  });
}

describe(`lists from seed ${SEED}`, () => {
  const customers = ['ada', 'bob', 'eve'];

  it('are those of PostgreSQL before anything is projected, while DynamoDB has no table', async () => {
    await live(customers, 30);
    expect(await compare(customers, 10)).toBeGreaterThanOrEqual(10);
    // Where no time is both after `from` and before `to`, nobody needs to be asked.
    expect(shop.counts.passed).toBeGreaterThan(shop.counts.answered);
  });

  it('are the same while the projection is catching up, when it has, and when nothing but the table is asked', async () => {
    const projection = shop.project(SWEEPING);
    await projection.ready;
    await compare(customers, 20);
    await until('all are projected', async () => (await shop.unprojected.behind()).orders === 0);
    await isAsked();
    const { answered, passed } = shop.counts;
    await compare(customers, 40);
    expect(shop.counts.answered - answered).toBeGreaterThan(40);
    expect(shop.counts.passed).toBe(passed);
    await projection.stop();
  });

  it('are the same when the projection has stopped and orders went on', async () => {
    const { passed } = shop.counts;
    await live(customers, 50);
    const { orders: behind } = await shop.unprojected.behind();
    expect(behind).toBeGreaterThan(30);
    await compare(customers, 40);
    expect(shop.counts.passed).toBe(passed);
  });

  it('are the same while DynamoDB is away, by PostgreSQL alone', async () => {
    shop.door.shut();
    const { answered, passed } = shop.counts;
    await compare(customers, 20);
    expect(shop.counts.passed - passed).toBeGreaterThan(shop.counts.answered - answered);
    shop.door.open();
    await isAsked();
  });

  it('are the same for a customer of whom the history misses too much', async () => {
    await live(['carl'], UNPROJECTED_MAX + 5);
    const { passed } = shop.counts;
    await compare(['carl'], 10);
    expect(shop.counts.passed).toBeGreaterThan(passed);
  });

  it('are the same while two nodes project, one of which ends half way', async () => {
    const [one, two] = [shop.project(SWEEPING), shop.project(SWEEPING)];
    await Promise.all([one.ready, two.ready]);
    await live([...customers, 'carl'], 20);
    await one.stop();
    await compare([...customers, 'carl'], 10);
    await two.sweep();
    await until('all are projected', async () => (await shop.unprojected.behind()).orders === 0);
    await compare([...customers, 'carl'], 20);
    await two.stop();
  });
});
