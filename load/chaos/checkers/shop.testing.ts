// A shop in memory that does nothing wrong, for tests of checkers: the real actors, told one command after another, and
// the books that they leave behind. Sends arrive at once; what goes over the log or to the provider waits for `settle`.
//
//   tell ─► decide, evolve, react ─► journal, inbox, outbox ─┬─ send ─► tell
//                                                            └─ publish, perform ─► settle ─► consumers, provider

import { type Actor, type At, isRefusal, type Message, type Refusal, slice } from '../../../actors/actor.ts';
import { cartActor } from '../../../actors/cart.ts';
import { formatMinor, minorOf, type Money } from '../../../actors/money.ts';
import { type Order, orderActor } from '../../../actors/order.ts';
import { type Payment, paymentActor } from '../../../actors/payment.ts';
import { availableOf, type SkuRow, stockActor, type StockRow } from '../../../actors/stock.ts';
import type { Charge, Refund } from '../../../infra/local/provider/rows.ts';
import { withoutSealed } from '../../../mixins/batch.ts';
import type { ActorContext, Books, ContextBooks, Sample, StoredActor, TopicRecord } from '../books/books.ts';
import type { Json } from '../history/operation.ts';
import { mailsOf } from './mails.testing.ts';

/** Without its `readonly`: for planting what is wrong. */
export type Mutable<T> = T extends object ? { -readonly [K in keyof T]: Mutable<T[K]> } : T;

const PARTITION = 'main';
const actors = { order: orderActor, stock: stockActor, payment: paymentActor, cart: cartActor } as unknown as Readonly<
  Record<string, Actor<Json, Message, Message>>
>;
/** Carts keep neither journal nor inbox that anybody could read. */
const contextOf: Readonly<Record<string, ActorContext>> = {
  order: 'orders',
  stock: 'inventory',
  payment: 'payments',
};
const consumers: Readonly<Record<string, string>> = {
  'payment.requested': 'payments',
  'payment.succeeded': 'orders',
  'payment.failed': 'orders',
};

interface Told {
  readonly state: Json;
  readonly version: number;
  readonly refused?: Refusal;
}

/** What the shop keeps, and how it is moved. */
export interface ShopInMemory {
  /** Gives a command to an actor, and what it sends to whom it sends it. A command id counts once. */
  tell(actor: string, id: string, command: Message, commandId: string, keepsAnswer?: boolean): Told;
  /** Brings everything that waits to its consumers and to the provider, until nothing waits. */
  settle(): void;
  /** Orders whose charges the provider declines. */
  readonly declined: Set<string>;
  state(actor: string, id: string): Json;
  versionOf(actor: string, id: string): number;
  balance(sku: string): SkuRow;
  orders(): readonly StoredActor<Order>[];
  /** Balances and money as they are now. */
  sample(): void;
  books(): Books;
}

/** An empty shop; `now` is its clock, in milliseconds since 1970. */
export function shopInMemory(now: () => number): ShopInMemory {
  const states = new Map<string, { state: Json; version: number }>();
  const rows = new Map<string, StockRow>();
  const handled = new Map<string, number>();
  const contexts = new Map<ActorContext, Mutable<ContextBooks>>();
  const topics: Mutable<TopicRecord>[] = [];
  const ends = new Map<string, number>();
  const charges = new Map<string, Charge>();
  const refunds: Refund[] = [];
  const samples: Sample[] = [];
  const declined = new Set<string>();
  const waiting: (() => void)[] = [];
  const sends: (() => void)[] = [];
  let seq = 0;

  const context = (actor: string): Mutable<ContextBooks> => {
    const name = contextOf[actor] ?? 'products';
    const known = contexts.get(name) ?? { journal: [], outbox: [], inbox: [], parked: [], timers: [] };
    contexts.set(name, known);
    return known;
  };
  const stateOf = (actor: string, id: string) => {
    const key = `${actor}/${id}`;
    const known = states.get(key) ?? { state: actors[actor]?.initial, version: 0 };
    states.set(key, known);
    return known;
  };

  function decideOne(name: string, id: string, command: At<Message>, commandId: string, keepsAnswer: boolean): Told {
    const actor = actors[name] as Actor<Json, Message, Message>;
    const own = stateOf(name, id);
    const keys = actor.needs?.(command) ?? [];
    let state: Json = actor.needs === undefined ? own.state : slice();
    for (const key of keys) state[key] = rows.get(key);
    const decided = actor.decide(state, command);
    if (isRefusal(decided)) return { state, version: own.version, refused: decided };
    if (decided.length === 0 && !keepsAnswer) return { state, version: own.version };
    own.version += 1;
    const [version, books] = [own.version, context(name)];
    handled.set(`${name}/${id}/${commandId}`, version);
    if (contextOf[name] !== undefined) books.inbox.push({ commandId, actorId: id, version });
    decided.forEach((event, index) => {
      state = actor.evolve(state, event);
      actor.check(state);
      const data = withoutSealed(event.data) as Json;
      if (contextOf[name] !== undefined)
        books.journal.push({ id, version, index, type: event.type, data, commandId, at: command.at });
      for (const reaction of actor.react(state, event, id)) leave(name, id, version, index, reaction as Json);
    });
    if (actor.needs === undefined) own.state = state;
    else for (const key of Object.keys(state as object)) if (state[key] !== undefined) rows.set(key, state[key]);
    return { state, version };
  }

  function leave(name: string, sender: string, version: number, index: number, reaction: Json): void {
    const books = context(name);
    if (reaction.kind === 'timer')
      books.timers.push({ actorId: sender, name: reaction.name, dueAt: now() + reaction.afterMs });
    if (reaction.kind === 'timer' || reaction.kind === 'cancel-timer') {
      if (reaction.kind === 'cancel-timer') books.timers = books.timers.filter(({ actorId }) => actorId !== sender);
      return;
    }
    const n = books.outbox.length;
    const messageId = `${name}/${sender}/${version}/${index}/${n}`;
    const target = String(reaction.to ?? reaction.topic ?? reaction.task);
    const key = String(reaction.id ?? reaction.key ?? sender);
    const row: Mutable<ContextBooks['outbox'][number]> = {
      seq: (seq += 1),
      messageId,
      kind: reaction.kind,
      target,
      sender,
      key,
      storedAt: now(),
    };
    books.outbox.push(row);
    const sent = (deliver: () => void) => () => {
      row.sentAt = now();
      deliver();
    };
    if (reaction.kind === 'send') sends.push(sent(() => give(target, key, reaction.command, messageId)));
    else if (contextOf[name] === undefined) return;
    else if (reaction.kind === 'publish') {
      waiting.push(sent(() => publish(target, key, messageId, { ...reaction.data, version })));
    } else waiting.push(sent(() => perform(target, reaction.data, messageId)));
  }

  function publish(topic: string, key: string, id: string, data: Json): void {
    const offset = ends.get(topic) ?? 0;
    ends.set(topic, offset + 1);
    topics.push({ topic, partition: 0, offset, key, id, time: now(), appendedAt: now(), data });
    if (topic === 'payment.requested') {
      const { orderId, paymentId, amount, deadline } = data;
      const charge = { orderId, amount: minorOf(amount as Money), currency: amount.currency, deadline };
      give('payment', paymentId, { type: 'Charge', data: charge }, id);
    }
    if (topic === 'payment.succeeded' || topic === 'payment.failed') {
      const outcome = topic === 'payment.succeeded' ? 'succeeded' : 'failed';
      give('order', data.orderId, { type: 'RecordPayment', data: { outcome } }, id);
    }
  }

  /** The provider: charges and gives back once, and says so. */
  function perform(task: string, data: Json, messageId: string): void {
    const { paymentId, orderId, currency } = data;
    const amount = { amount: formatMinor(data.amount ?? 0, currency ?? 'GBP'), currency };
    const record = (command: Message) => void give('payment', paymentId, command, `${messageId}/outcome`);
    if (task === 'refund') {
      refunds.push({ id: `re_${refunds.length + 1}`, refundId: data.refundId, paymentId, amount, at: now() });
      return record({ type: 'RecordRefund', data: { refundId: data.refundId } });
    }
    const known = charges.get(paymentId);
    if (task === 'void' && known === undefined) return record({ type: 'RecordOutcome', data: { outcome: 'voided' } });
    const status = known?.status ?? (declined.has(orderId) ? 'declined' : 'succeeded');
    const id = `ch_${charges.size + 1}`;
    if (known === undefined)
      charges.set(paymentId, { id, paymentId, orderId, amount, status, reason: null, at: now(), readyAt: now() });
    record({ type: 'RecordOutcome', data: { outcome: status } });
  }

  function give(actor: string, id: string, command: Message, commandId: string, keepsAnswer = false): Told {
    if (handled.has(`${actor}/${id}/${commandId}`)) return stateOf(actor, id);
    return decideOne(actor, id, { ...command, at: now() }, commandId, keepsAnswer);
  }
  function pump(): void {
    for (let send = sends.shift(); send !== undefined; send = sends.shift()) send();
  }
  const stored = <S>(actor: string): StoredActor<S>[] =>
    [...states]
      .filter(([key, { version }]) => key.startsWith(`${actor}/`) && version > 0)
      .map(([key, { state, version }]) => ({ id: key.slice(actor.length + 1), version, state: state as S }));
  const skus = () => [...rows].filter((entry): entry is [string, SkuRow] => entry[1].kind === 'sku');

  return {
    declined,
    tell(actor, id, command, commandId, keepsAnswer) {
      const told = give(actor, id, command, commandId, keepsAnswer);
      pump();
      return told;
    },
    settle() {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        next();
        pump();
      }
    },
    state: (actor, id) => stateOf(actor, id).state,
    versionOf: (actor, id) => stateOf(actor, id).version,
    balance: (sku) => rows.get(`sku:${sku}`) as SkuRow,
    orders: () => stored<Order>('order'),
    sample() {
      const balances = skus().map(([key, row]) => ({ ...row, partition: PARTITION, sku: key.slice('sku:'.length) }));
      samples.push({ at: now(), balances, money: [], outboxLag: {} });
    },
    books: () => ({
      at: now(),
      ledger: { charges: [...charges.values()], refunds, voids: [] },
      orders: stored<Order>('order'),
      payments: stored<Payment>('payment'),
      stock: [...rows].map(([key, row]) => ({ partition: PARTITION, key, row })),
      contexts: Object.fromEntries([...contexts].filter(([name]) => name !== 'products')),
      topics,
      deadLetters: [],
      // Before anything was told, the log has no topics.
      positions: (ends.size === 0 ? [] : Object.entries(consumers)).map(([topic, group]) => {
        const end = ends.get(topic) ?? 0;
        return { group, topic, partition: 0, next: end, end };
      }),
      mails: mailsOf(topics),
      windows: [],
      uncounted: { late: 0, malformed: 0 },
      samples,
    }),
  };
}

/** A stock row as `GET /api/v1/stock/{sku}` shows it. */
export function stockView(sku: string, row: SkuRow): object {
  const { received, onHand, reserved, sold, returned, writtenOff } = row;
  return { sku, received, onHand, reserved, available: availableOf(row), sold, returned, writtenOff };
}
