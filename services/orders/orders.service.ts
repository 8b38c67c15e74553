// Orders over the wire: takes wishes, gives them to the order actor, shows what came of them. No rules live here.
//
//   POST /orders ─► place ─► Place ─► (stock answers) ─► 201 | 409 | 202
//   payment.succeeded, payment.failed (log) ─► RecordPayment
//   order.updated (log) ─► history/, where the platform wants one ─► GET /orders of customers

import type { Context } from 'moleculer';
import { type Order, orderActor, type OrderCommand, type PlaceData } from '../../actors/order.ts';
import { orderCommands } from '../../brokers/commands/order.ts';
import type { LogRecord, Subscription } from '../../brokers/event-log.ts';
import { orThrow, Problem, type ProblemDetail, statusOfSlug } from '../../brokers/problem.ts';
import { CHANGING, READING, WAITING } from '../../mixins/bulkheads.ts';
import type { Caller } from '../../mixins/caller.ts';
import { consume } from '../../mixins/consume.ts';
import { createCursors, type Cursors } from '../../mixins/cursor.ts';
import { exportFile, type ExportFormat } from '../../mixins/export-file.ts';
import { type Hosting, hosts } from '../../mixins/hosts.mixin.ts';
import { idFromCommand } from '../../mixins/ids.ts';
import type { Platform } from '../../mixins/platform.ts';
import type { SchemaOf } from '../../mixins/service-schema.ts';
import { type Streaming, streams } from '../../mixins/streams/streams.mixin.ts';
import type { Database } from '../../mixins/postgres/database.ts';
import { createTokens, type Tokens } from '../../mixins/tokens.ts';
import { mayRead, unknownOrder } from './access.ts';
import { exportOrders } from './export.ts';
import { type History, historyActions, openHistory } from './history/history.ts';
import { checkOrders } from './invariants.ts';
import { listOrders, type ListParams } from './list.ts';
import { asAnswered, viewOrder, viewTimeline } from './order.view.ts';
import { insufficientStock, type PlaceParams, preparePlace } from './placing.ts';
import { openOrderStore } from './orders.store.ts';
import { ANSWER_MS, answerQuestion, FOLLOWING, type Question } from './stream.ts';
import { createReader, createWaiting, type ReadOrder, type Versioned, type Waiting } from './waiting.ts';

/** How long `POST /orders` waits for stock before it answers 202, in milliseconds. */
const ANSWER_WITHIN_MS = 2_000;
/** How long cancel and refund wait for the provider's confirmation before they answer what is so far, in milliseconds. */
const CONFIRM_WITHIN_MS = 2_000;
interface Orders extends Hosting<Order, OrderCommand>, Streaming {
  database: Database;
  readOrder: ReadOrder;
  waiting: Waiting;
  tokens: Tokens;
  cursors: Cursors;
  subscription: Subscription;
  history: History | undefined;
}

type Answer = { readonly fingerprint?: string | undefined; readonly status: number; readonly body: object };

/** The orders service; opens its store when it starts. */
export const ordersService = (platform: Platform): SchemaOf<Orders> => ({
  name: 'orders',
  mixins: [
    hosts({
      actor: orderActor,
      commands: orderCommands,
      store: (service) => openOrderStore(service as unknown as Orders, platform),
      close: (service) => (service as unknown as Partial<Orders>).database?.close(),
      log: () => platform.log(),
      alert: platform.alert,
      timers: true,
    }),
    streams(),
  ],

  async started(this: Orders) {
    this.tokens = createTokens(platform);
    this.cursors = createCursors(platform.secret('cursors'));
    this.readOrder = createReader(this.database);
    this.waiting = createWaiting(this.host, this.readOrder);
    this.history = openHistory(platform, this.database);
    this.subscription = await consume(await platform.log(), this.placed, {
      group: 'orders',
      topics: ['payment.succeeded', 'payment.failed'],
      command: paymentReport,
    });
  },
  async stopped(this: Orders) {
    await this.openStreams.closeAll();
    await this.subscription?.stop();
    await this.history?.stop();
  },

  actions: {
    place: {
      bulkhead: WAITING,
      async handler(this: Orders, ctx: Context<PlaceParams, Caller>) {
        const { commandId, fingerprint } = ctx.meta;
        const id = idFromCommand(commandId);
        const { paymentDeadlineMs } = platform.settings;
        let data: PlaceData;
        try {
          data = await preparePlace(ctx, id, platform.secret('payment-tokens'), paymentDeadlineMs);
        } catch (error) {
          // The order itself may be the reason: a paid one empties its cart. What was placed before still holds.
          const kept = isRefusal(error) ? await keptAnswer(this, id, commandId) : null;
          if (kept === null) throw error;
          if (kept.fingerprint !== undefined && kept.fingerprint !== fingerprint) throw reused();
          return show(ctx.meta, kept);
        }
        const told = orThrow(
          await this.host.tell(id, { type: 'Place', data }, { commandId, fingerprint, isNew: !ctx.meta.keyed }),
        );
        if (told.repeated?.fingerprint !== undefined && told.repeated.fingerprint !== fingerprint) throw reused();
        const answer = await answerOf(this, id, { order: told.state, version: told.version });
        return show(ctx.meta, answer);
      },
    },

    /** The kept answer of an earlier request with this command id; null: there was none. */
    answered: {
      handler(this: Orders, ctx: Context<{ commandId: string; id?: string }, Caller>): Promise<Answer | null> {
        const { commandId, id = idFromCommand(commandId) } = ctx.params;
        return keptAnswer(this, id, commandId);
      },
    },

    get: {
      bulkhead: READING,
      async handler(this: Orders, ctx: Context<{ id: string }, Caller>) {
        const { order, version } = await own(this, ctx);
        ctx.meta.etag = String(version);
        return viewOrder(ctx.params.id, order);
      },
    },
    list: {
      bulkhead: READING,
      handler(this: Orders, ctx: Context<ListParams, Caller>) {
        return listOrders(this.database, this.cursors, ctx.params, ctx.meta, this.history?.list);
      },
    },
    timeline: {
      bulkhead: READING,
      async handler(this: Orders, ctx: Context<{ id: string }, Caller>) {
        await own(this, ctx);
        return { items: viewTimeline((await this.store.journal(ctx.params.id)) ?? []) };
      },
    },
    /** What is newer of an order than `seen`, as an event; null: nothing yet, ask again. */
    stream: {
      timeout: ANSWER_MS,
      // A question that waits is not a node that is silent.
      attemptMs: ANSWER_MS,
      bulkhead: FOLLOWING,
      handler(this: Orders, ctx: Context<Question, Caller>) {
        const { waiting, readOrder } = this;
        const isStopping = () => (this.broker as unknown as { stopping: boolean }).stopping;
        return answerQuestion({ waiting, readOrder, own: () => own(this, ctx), isStopping }, ctx.params);
      },
    },
    export: {
      handler(this: Orders, ctx: Context<{ format?: ExportFormat }, Caller>) {
        const { format = 'csv' } = ctx.params;
        const file = exportFile(ctx.meta, 'orders', format, exportOrders(this.database, format));
        return this.openStreams.send(ctx, file);
      },
    },

    cancel: {
      bulkhead: WAITING,
      async handler(this: Orders, ctx: Context<{ id: string }, Caller>) {
        await own(this, ctx);
        return await change(this, ctx, { type: 'Cancel', data: {} });
      },
    },
    ship: {
      bulkhead: CHANGING,
      handler(this: Orders, ctx: Context<{ id: string }, Caller>) {
        return change(this, ctx, { type: 'Ship', data: {} });
      },
    },
    deliver: {
      bulkhead: CHANGING,
      handler(this: Orders, ctx: Context<{ id: string }, Caller>) {
        return change(this, ctx, { type: 'Deliver', data: {} });
      },
    },
    refund: {
      bulkhead: WAITING,
      handler(
        this: Orders,
        ctx: Context<{ id: string; lines?: { productId: string; quantity: number }[]; restock?: boolean }, Caller>,
      ) {
        const { lines, restock } = ctx.params;
        const refundId = idFromCommand(ctx.meta.commandId);
        return change(this, ctx, {
          type: 'Refund',
          data: { refundId, restock: restock ?? true, ...(lines === undefined ? {} : { lines }) },
        });
      },
    },

    /** Which invariants hold, by the orders' own store. Not published at the gateway. */
    invariants: {
      visibility: 'public',
      handler(this: Orders) {
        return checkOrders(this.database, platform.settings.paymentDeadlineMs);
      },
    },
    ...historyActions,

    /** An order would be taken: the store answers. */
    ready: {
      async handler(this: Orders) {
        await this.store.load({ ids: ['ready'], rows: [], commands: [] });
        return { ready: true };
      },
    },
  },
});

/** The order, if the caller may see it. */
async function own(orders: Orders, ctx: Context<{ readonly id: string }, Caller>): Promise<Versioned> {
  const found = await orders.readOrder(ctx.params.id);
  if (found === undefined) throw unknownOrder(ctx.meta, ctx.params.id);
  mayRead(ctx.meta, ctx.params.id, found.order);
  return found;
}

async function isHandled({ store }: Orders, id: string, commandId: string): Promise<boolean> {
  return (await store.load({ ids: [id], rows: [], commands: [{ id, commandId }] })).handled.size > 0;
}

/** What a command to this order has led to; null: it has not been handled. */
async function keptAnswer(orders: Orders, id: string, commandId: string): Promise<Answer | null> {
  const loaded = await orders.store.load({ ids: [id], rows: [], commands: [{ id, commandId }] });
  const [handled] = loaded.handled.values();
  const found = loaded.actors.get(id);
  if (handled === undefined || found === undefined) return null;
  const { fingerprint, answer } = handled;
  if (answer !== undefined) return { fingerprint, status: 200, body: JSON.parse(answer) as object };
  return { fingerprint, ...(await answerOf(orders, id, { order: found.state as Order, version: found.version })) };
}

/** Whether an error says no, here or on another node: not that something is away, or has too much to do. */
function isRefusal(error: unknown): boolean {
  const { type = '' } = error as { readonly type?: string };
  return (statusOfSlug[type] ?? 500) < 500;
}

/** Gives a command to an existing order and answers with the order, refunds confirmed if they are quick. */
async function change(orders: Orders, ctx: Context<{ id: string }, Caller>, command: OrderCommand): Promise<object> {
  const {
    params: { id },
    meta: { commandId, fingerprint, keyed, ifMatch },
  } = ctx;
  const found = await orders.readOrder(id);
  if (found === undefined) throw unknownOrder(ctx.meta, id);
  // A repeat, perhaps by the gateway on another node, is of what the first attempt has made of the order.
  if (ifMatch !== undefined && ifMatch !== String(found.version) && !(await isHandled(orders, id, commandId)))
    throw new Problem('precondition-failed', `the order is at version ${found.version}, not ${ifMatch}`);
  const told = orThrow(
    await orders.host.tell(id, command, {
      commandId,
      ...(keyed ? { fingerprint, answer: (state) => viewOrder(id, state) } : {}),
    }),
  );
  if (told.repeated !== undefined && keyed) {
    if (told.repeated.fingerprint !== fingerprint) throw reused();
    if (told.repeated.answer !== undefined) return JSON.parse(told.repeated.answer) as object;
  }
  if (keyed) return viewOrder(id, told.state);
  const settled = (order: Order) => Object.values(order.refunds).every(({ confirmed }) => confirmed);
  const confirmed = await orders.waiting.until(
    id,
    { order: told.state, version: told.version },
    settled,
    CONFIRM_WITHIN_MS,
  );
  return viewOrder(id, (confirmed ?? { order: told.state }).order);
}

/** What `POST /orders` answers: a function of the journal up to the answer of stock, whatever happened later. */
async function answerOf(orders: Orders, id: string, known: Versioned): Promise<Answer> {
  const waiting = await orders.waiting.until(id, known, ({ status }) => status !== 'AWAITING_STOCK', ANSWER_WITHIN_MS);
  const token = (order: Order) =>
    order.customerId === undefined ? { accessToken: orders.tokens.orderToken(id, order.createdAt) } : {};
  if (waiting === undefined) return { status: 202, body: { id, status: known.order.status, ...token(known.order) } };
  // The common case needs no journal: the state that stock's answer led to is the one at hand.
  const order =
    waiting.order.status === 'AWAITING_PAYMENT' ? waiting.order : asAnswered((await orders.store.journal(id)) ?? []);
  if (order === undefined || order.status === 'CANCELLED') {
    const problem =
      order !== undefined && order.shortages.length > 0
        ? insufficientStock(id, order)
        : new Problem('wrong-state', 'the order was cancelled before stock had answered', undefined, { orderId: id });
    return { status: 409, body: plainOf(problem) };
  }
  return { status: 201, body: { ...viewOrder(id, order), ...token(order) } };
}

/** A kept refusal may be read on another node: it travels as what it was made of. */
function plainOf({ type, message, data }: Problem): object {
  return { code: type, detail: message, ...(data as object) };
}

function show(meta: Caller, { status, body }: Answer): object {
  if (status >= 400) {
    const { code, detail, errors, ...more } = body as {
      code: string;
      detail: string;
      errors?: readonly ProblemDetail[];
    };
    throw new Problem(code, detail, errors, more);
  }
  meta.$statusCode = status;
  if ('id' in body) meta.$location = `/api/v1/orders/${String(body.id)}`;
  return body;
}

function reused(): Problem {
  return new Problem(
    'idempotency-key-reused',
    'this Idempotency-Key was used for another request: send the same body, or another key',
  );
}

/** What an order is told by `payment.succeeded` and `payment.failed`. */
export function paymentReport({ topic, data }: LogRecord): { id: string; command: OrderCommand } {
  const { orderId, reason } = data as { orderId: string; reason?: string };
  const outcome = topic === 'payment.succeeded' ? 'succeeded' : 'failed';
  return {
    id: orderId,
    command: { type: 'RecordPayment', data: { outcome, ...(reason === undefined ? {} : { reason }) } },
  };
}
