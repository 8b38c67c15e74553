// One order's story, with processes that die on its way: told by a careful client, waited for, and compared with how it ends.

import type { Message } from '../../../actors/actor.ts';
import { type Cart, cartIdOfUser } from '../../../actors/cart.ts';
import { minorOf } from '../../../actors/money.ts';
import { type Order, type OrderCommand, type OrderStatus, statusAfter } from '../../../actors/order.ts';
import {
  type Payment,
  paymentIdOf,
  paymentTransitions,
  type PaymentEvent,
  type PaymentStatus,
} from '../../../actors/payment.ts';
import { skuKey, type SkuRow } from '../../../actors/stock.ts';
import { Problem } from '../../../brokers/problem.ts';
import { partitionsOf } from '../../../brokers/topics.ts';
import { pause } from '../../../mixins/virtual-time.testing.ts';
import { openShop, type ShopOptions, type SmallShop } from './shop.ts';
import { type SagaActor, sagaActors } from './steps.ts';
import { KEY, ORDER, type Outcome, type Story, USER } from './story.ts';

/** How long everything may take to come to rest, in milliseconds. */
const REST_MS = 60_000;
/** And how long it is watched then: what happens twice may happen late. Longer than any lease. */
const WATCHED_MS = 6_000;
const POLL_MS = 50;
const AGAIN_MS = 200;

/** How a story went. */
export interface Told {
  /** What was not as it must be, as sentences. */
  readonly wrong: readonly string[];
  /** How often each boundary was passed. */
  readonly passed: ReadonlyMap<string, number>;
  readonly crashes: number;
  /** Which of its ends the story had, by its place; -1: none of them. */
  readonly end: number;
}

/** Repeats every wish under its id until somebody answers, as clients of the shop do. */
export type Client = ReturnType<typeof clientOf>;

class InVain extends Error {
  override name = 'InVain';
}

/** Tells one story, in virtual time, and says what was not as it must be. */
export async function tellStory(story: Story, options: Omit<ShopOptions, 'key'>): Promise<Told> {
  const shop = await openShop({ ...options, key: KEY });
  const wrong: string[] = [];
  try {
    const client = clientOf(shop);
    await story.run(client);
    await client.until('all comes to rest', async () => isSent(shop) && (await endOf(shop, story)) >= 0);
    await pause(WATCHED_MS);
  } catch (error) {
    if (!(error instanceof InVain)) throw error;
    wrong.push(error.message);
  }
  try {
    // If it ended like none of them, what is wrong is told by the first.
    const end = await endOf(shop, story);
    if (end < 0) wrong.push(...differences(await outcomeOf(shop), story.ends[0]));
    wrong.push(...(await checkBooks(shop)));
    return { wrong, passed: shop.passed, crashes: shop.crashes(), end };
  } finally {
    await shop.close();
  }
}

function clientOf(shop: SmallShop) {
  let wishes = 0;

  async function untilAnswered<T>(what: string, ask: () => Promise<T>): Promise<T> {
    for (const deadline = Date.now() + REST_MS; ; ) {
      try {
        // Asked anew each time: another process may have its hosts now.
        return await shop.patiently((async () => await ask())());
      } catch (error) {
        if (!(error instanceof Problem && error.retryable)) throw error;
        if (Date.now() > deadline) throw new InVain(`nobody answered ${what} within ${REST_MS} ms`);
        await pause(AGAIN_MS);
      }
    }
  }

  async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
    for (const deadline = Date.now() + REST_MS; !(await holds()); await pause(POLL_MS))
      if (Date.now() > deadline) throw new InVain(`waited ${REST_MS} ms in vain until ${what}`);
  }

  async function tell(actor: SagaActor, id: string, command: Message): Promise<void> {
    const commandId = `wish-${(wishes += 1)}`;
    const what = `${command.type} of ${actor} ${id}`;
    const { refused } = await untilAnswered(what, () => shop.hostOf(actor).tell(id, command, { commandId }));
    if (refused !== undefined) throw new InVain(`${what} was refused: ${refused.detail}`);
  }

  return {
    tell,
    until,
    untilAnswered,
    hostOf: shop.hostOf,
    order: (command: OrderCommand) => tell('order', ORDER, command),
    untilStatus: (status: OrderStatus) =>
      until(`the order is ${status}`, async () => (await stateOf<Order>(shop, 'order', ORDER))?.status === status),
    async all(works: readonly (() => Promise<void>)[]): Promise<void> {
      await Promise.all(works.map((work) => work()));
    },
    async append(topic: string, key: string, data: object): Promise<void> {
      await shop.append([{ topic, key, id: `${topic}/${key}`, source: 'souk/outside', time: Date.now(), data }]);
    },
    cart: async () => (await stateOf<Cart>(shop, 'cart', cartIdOfUser(USER)))?.lines ?? [],
  };
}

async function stateOf<S>(shop: SmallShop, actor: SagaActor, id: string): Promise<S | undefined> {
  const { actors } = await shop.storeOf(actor).load({ ids: [id], rows: [], commands: [] });
  return actors.get(id)?.state as S | undefined;
}

const isSent = (shop: SmallShop) =>
  sagaActors.every((actor) =>
    shop
      .storeOf(actor)
      .outbox()
      .every(({ sent }) => sent),
  );

async function endOf(shop: SmallShop, { ends }: Story): Promise<number> {
  const outcome = await outcomeOf(shop);
  return ends.findIndex((must) => differences(outcome, must).length === 0);
}

/** What has become of the order, from the stores, the ledger and the mails. */
async function outcomeOf(shop: SmallShop): Promise<Outcome> {
  const order = await stateOf<Order>(shop, 'order', ORDER);
  const payment = await stateOf<Payment>(shop, 'payment', paymentIdOf(ORDER));
  const cart = await stateOf<Cart>(shop, 'cart', cartIdOfUser(USER));
  const { charges, refunds } = shop.ledger();
  const succeeded = charges.filter(({ status }) => status === 'succeeded');
  const sum = (things: readonly { readonly amount: { readonly amount: string; readonly currency: string } }[]) =>
    things.reduce((total, { amount }) => total + (minorOf(amount) ?? Number.NaN), 0);
  return {
    status: order?.status ?? 'NEW',
    path: ((await shop.storeOf('order').journal(ORDER)) ?? []).map(({ type }) => type),
    payment: payment?.status ?? 'none',
    captured: sum(succeeded),
    givenBack: sum(refunds),
    pieces: Object.fromEntries([await piecesOf(shop, 'main', 'a'), await piecesOf(shop, 'north', 'b')]),
    mails: [...new Map(shop.mails.map(({ messageId, subject }) => [messageId, subject])).values()].toSorted(),
    cart: cart?.lines.map(({ productId, quantity }) => ({ productId, quantity })) ?? [],
  };
}

async function piecesOf(shop: SmallShop, partition: string, sku: string) {
  const key = skuKey(sku);
  const { rows } = await shop.storeOf('stock').load({ ids: [], rows: [{ id: partition, key }], commands: [] });
  const { onHand, reserved, sold, returned } = (rows.get(partition)?.get(key) ?? {}) as SkuRow;
  return [sku, { onHand, reserved, sold, returned }] as const;
}

function differences(is: Outcome, must: Outcome): string[] {
  return (
    (Object.keys(must) as (keyof Outcome)[])
      // Where two things race, the path is checked by its table alone.
      .filter((what) => what !== 'path' || must.path.length > 0)
      .filter((what) => JSON.stringify(is[what]) !== JSON.stringify(must[what]))
      .map((what) => `${what} is ${JSON.stringify(is[what])}, not ${JSON.stringify(must[what])}`)
  );
}

/** What must be so of every story. */
async function checkBooks(shop: SmallShop): Promise<string[]> {
  const wrong = shop.alerts.map((alert) => `a person was called: ${alert}`);
  const { charges, refunds } = shop.ledger();
  if (charges.length > 1) wrong.push(`${charges.length} charges of one order`);
  if (new Set(refunds.map(({ refundId }) => refundId)).size < refunds.length) wrong.push('a refund was made twice');

  let status: OrderStatus = 'NEW';
  for (const { type, data } of (await shop.storeOf('order').journal(ORDER)) ?? []) {
    const next = statusAfter(status, { type, data } as never);
    if (next === undefined) wrong.push(`the order was ${status}, and had the event ${type}`);
    status = next ?? status;
  }
  let paid: PaymentStatus = 'NEW';
  for (const { type } of (await shop.storeOf('payment').journal(paymentIdOf(ORDER))) ?? []) {
    const next: PaymentStatus | undefined = paymentTransitions[paid][type as PaymentEvent['type']];
    if (next === undefined) wrong.push(`the payment was ${paid}, and had the event ${type}`);
    paid = next ?? paid;
  }

  const records = await shop.storage.read(
    partitionsOf().map((place) => ({ ...place, offset: 0 })),
    1_000,
  );
  const published = new Set(records.map(({ id }) => id));
  for (const actor of sagaActors) {
    const store = shop.storeOf(actor);
    wrong.push(...store.parked().map(({ reason }) => `parked by ${actor}: ${reason}`));
    for (const { messageId, kind, target, sent } of store.outbox()) {
      if (!sent) wrong.push(`${messageId} (${kind} ${target}) has not left`);
      if (kind === 'publish' && !published.delete(messageId)) wrong.push(`${messageId} never reached ${target}`);
    }
  }
  for (const id of published)
    if (!id.startsWith('product.deleted/')) wrong.push(`${id} was published and never committed`);
  return wrong;
}
