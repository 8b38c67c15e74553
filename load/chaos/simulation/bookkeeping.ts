// The books of the simulated shop: read from its stores, its log and the provider's ledger beside the code under test, in
// the form in which the campaign reads those of a cluster; and samples of stock and money while it runs.

import type { Order } from '../../../actors/order.ts';
import { type Payment, paymentIdOf } from '../../../actors/payment.ts';
import type { StockRow } from '../../../actors/stock.ts';
import type { LogStorage, StoredRecord } from '../../../brokers/log-storage.ts';
import type { CapturedMail } from '../../../mixins/mailer-capture.ts';
import type { Books, Sample, StoredActor, TopicRecord } from '../books/books.ts';
import { accountOf, createHeld, sumUp } from '../books/money.ts';
import type { Outside } from './platform.ts';
import type { SimulatedProvider } from './provider.ts';

/** Consumers of the shop, and what they take. */
const groups: Readonly<Record<string, readonly string[]>> = {
  orders: ['payment.succeeded', 'payment.failed'],
  payments: ['payment.requested'],
  notifications: ['order.created', 'payment.succeeded', 'payment.failed'],
  analytics: ['ecom-raw-events'],
};

const ordersOf = async ({ stores }: Outside) => (await stores.order.actors()) as readonly StoredActor<Order>[];
const paymentsOf = async ({ stores }: Outside) => (await stores.payment.actors()) as readonly StoredActor<Payment>[];
const stockRowsOf = async ({ stores }: Outside) =>
  (await stores.stock.rows()).map(({ id, key, row }) => ({ partition: id, key, row: row as StockRow }));

/** Everything, as it is now. */
export async function booksOf(
  outside: Outside,
  provider: SimulatedProvider,
  samples: readonly Sample[],
): Promise<Books> {
  const { stores, log, windows } = outside;
  const topics = await recordsOf(log.storage);
  const deadLetters = (await log.storage.deadLetters()).map(({ record, reason }) => ({ ...recordOf(record), reason }));
  const stock = await stockRowsOf(outside);
  return {
    at: Date.now(),
    ledger: { charges: provider.charges, refunds: provider.refunds, voids: provider.voids },
    orders: await ordersOf(outside),
    payments: await paymentsOf(outside),
    stock,
    contexts: {
      orders: await stores.order.books(),
      inventory: await stores.stock.books(),
      payments: await stores.payment.books(),
      notifications: await stores.notification.books(),
    },
    topics,
    deadLetters,
    positions: await positionsOf(outside),
    mails: firstOfEach(outside.mails),
    windows: windows.windows(),
    uncounted: { late: windows.totals.late, malformed: windows.totals.malformed },
    samples,
  };
}

/** Everything in the log, in order per partition. */
async function recordsOf(storage: LogStorage): Promise<readonly TopicRecord[]> {
  const from = (await storage.ends()).map((place) => ({ ...place, offset: 0 }));
  return (await storage.read(from, Number.MAX_SAFE_INTEGER)).map(recordOf);
}

const recordOf = ({ topic, partition, offset, key, id, time, appendedAt, value }: StoredRecord): TopicRecord => {
  return { topic, partition, offset, key, id, time, appendedAt, data: JSON.parse(value) };
};

async function positionsOf({ log }: Outside): Promise<Books['positions']> {
  const ends = await log.storage.ends();
  const moved = log.positions();
  return Object.entries(groups).flatMap(([group, topics]) =>
    ends
      .filter(({ topic }) => topics.includes(topic))
      .map(({ topic, partition, offset: end }) => {
        const found = moved.find(
          ({ group: name, place }) => name === group && place.topic === topic && place.partition === partition,
        );
        return { group, topic, partition, next: found?.place.offset ?? 0, end };
      }),
  );
}

/** A repeat of a mail (same Message-ID) is the same mail, as its reader sees it. */
function firstOfEach(mails: readonly CapturedMail[]): readonly CapturedMail[] {
  const seen = new Set<string>();
  return mails.filter(({ messageId }) => !seen.has(messageId) && seen.add(messageId));
}

/** Samples of the run, and whether nothing waits any more. */
export function sampleOf(outside: Outside, provider: SimulatedProvider) {
  const all: Sample[] = [];
  const { stores } = outside;
  const held = createHeld();
  const taken = { charges: 0, refunds: 0 };
  return {
    all: all as readonly Sample[],
    async take(): Promise<void> {
      const rows = await stockRowsOf(outside);
      const balances = rows.flatMap(({ partition, key, row }) =>
        row.kind === 'sku' ? [{ ...row, partition, sku: key.slice('sku:'.length) }] : [],
      );
      held.take({ charges: provider.charges.slice(taken.charges), refunds: provider.refunds.slice(taken.refunds) });
      Object.assign(taken, { charges: provider.charges.length, refunds: provider.refunds.length });
      const payments = new Map((await paymentsOf(outside)).map(({ id, state }) => [id, state]));
      const orders = await ordersOf(outside);
      const accounts = orders.map(({ id, state }) => [id, accountOf(state, payments.get(paymentIdOf(id)))] as const);
      all.push({
        at: Date.now(),
        balances,
        // Nothing happens while this is read: one instant for all of it.
        money: sumUp(new Map(accounts), held.of, new Set()),
        outboxLag: {
          orders: stores.order.lag(),
          inventory: stores.stock.lag(),
          payments: stores.payment.lag(),
          notifications: stores.notification.lag(),
        },
      });
    },
    async isQuiet(): Promise<boolean> {
      const kept = Object.values(stores);
      if (kept.some((store) => store.store.outbox().some(({ sent }) => !sent)) || provider.owed() > 0) return false;
      const orders = await ordersOf(outside);
      const isUnsettled = ({ status, refunds }: Order): boolean =>
        status === 'AWAITING_STOCK' ||
        status === 'AWAITING_PAYMENT' ||
        Object.values(refunds).some(({ confirmed }) => !confirmed);
      if (orders.some(({ state }) => isUnsettled(state))) return false;
      return (await positionsOf(outside)).every(({ next, end }) => next >= end);
    },
  };
}
