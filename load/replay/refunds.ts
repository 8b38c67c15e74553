// Replays credit notes as what they are to the shop: cancels and partial refunds, pieces back on the shelf.
//
//   notes of a customer, in time order ─► histories of the earlier orders that hold a code of them
//     ─► match (credit-notes.ts) ─► takes all of an untouched order ─► cancel
//                                └─ else ────────────────────────────► refund of lines, restocked
//
// What a note has taken already is known by the request that asked for it: the id of a keyed request follows from account,
// route and key for ever, and timelines show it. So a note is matched as if its own takes had not happened yet, which gives
// the same match again, and only what is missing is asked for.

import { setTimeout as pause } from 'node:timers/promises';
import { orderRoutes } from '../../services/api/orders.routes.ts';
import { commandIdOf } from '../../services/api/command-id.ts';
import { UnexpectedAnswer } from '../client.ts';
import type { Book, BookOrder } from './book.ts';
import { type Held, leftOf, match, perSku, type Take } from './credit-notes.ts';
import { codeOf, emailOf, type Invoice, numberOf, partsOf, type Unreplayed } from './invoices.ts';
import { each } from './parallel.ts';
import { type History, historyOf, type Refund, type Shop } from './shop.ts';

const CUSTOMERS_AT_ONCE = 8;
/** How long an order may take to be paid, and how often it is asked for, in milliseconds. */
const PAID_WITHIN_MS = 60_000;
const POLL_MS = 100;

/** What became of a credit note. */
export interface NoteReplayed {
  readonly invoice: Invoice;
  readonly takes: readonly Take[];
  readonly unreplayed: readonly Unreplayed[];
}

export interface Notes {
  readonly notes: readonly NoteReplayed[];
  readonly cancelled: number;
  readonly refunded: number;
  readonly known: number;
}

/** An order that may be taken from, with what was. */
interface Open extends BookOrder {
  readonly refunds: Refund[];
  readonly mayCancel: boolean;
}

/** Replays the credit notes of a file; the orders of the file are placed. Repeating it changes nothing. */
export async function replayNotes(
  shop: Shop,
  book: Book,
  invoices: readonly Invoice[],
  ids: ReadonlyMap<string, string>,
  progress: (done: number, all: number) => void,
): Promise<Notes> {
  const notes = invoices.filter((invoice) => partsOf(invoice).takenBack.length > 0);
  const replayed: NoteReplayed[] = [];
  const counts = { cancelled: 0, refunded: 0, known: 0 };
  await each(Map.groupBy(notes, emailOf), CUSTOMERS_AT_ONCE, async ([email, unsorted]) => {
    const own = unsorted.toSorted((a, b) => numberOf(a.invoiceNo) - numberOf(b.invoiceNo));
    const open = await openOrders(shop, book.ordersOf(email), own);
    for (const invoice of own) {
      const earlier = open.filter(({ number }) => number < numberOf(invoice.invoiceNo));
      const matched = match(
        partsOf(invoice).takenBack,
        earlier.map((order) => heldFor(shop, order, invoice)),
      );
      for (const [orderId, takes] of Map.groupBy(matched.takes, (take) => take.orderId)) {
        const order = earlier.find(({ id }) => id === orderId) as Open;
        if (order.refunds.some((refund) => isOf(shop, refund, invoice, order))) counts.known += 1;
        else counts[await takeBack(shop, order, invoice, takes, ids)] += 1;
      }
      replayed.push({ invoice, takes: matched.takes, unreplayed: unreplayedOf(invoice, matched.unmatched, earlier) });
      progress(replayed.length, notes.length);
    }
  });
  return { notes: replayed, ...counts };
}

/** The paid orders, newest first, that hold a code of the notes, with what was taken back of them. */
async function openOrders(shop: Shop, orders: readonly BookOrder[], notes: readonly Invoice[]): Promise<Open[]> {
  const codes = new Set(notes.flatMap((note) => partsOf(note).takenBack.map(({ stockCode }) => stockCode)));
  const last = Math.max(...notes.map(({ invoiceNo }) => numberOf(invoiceNo)));
  const open: Open[] = [];
  for (const order of orders) {
    if (order.number >= last || !order.lines.some(({ sku }) => codes.has(codeOf(sku)))) continue;
    const { isOver, refunds, isShipped } = await settledHistory(shop, order);
    if (!isOver) open.push({ ...order, refunds: [...refunds], mayCancel: !isShipped });
  }
  return open;
}

/** The history of an order once it is paid or over. */
async function settledHistory(shop: Shop, { id, reference }: BookOrder): Promise<History> {
  const deadline = Date.now() + PAID_WITHIN_MS;
  for (;;) {
    const history = await historyOf(shop, id);
    if (history.isPaid || history.isOver) return history;
    if (Date.now() > deadline)
      throw new Error(
        `the order of invoice ${reference} is not paid after ${PAID_WITHIN_MS / 1_000} s: run the replay again`,
      );
    await pause(POLL_MS);
  }
}

/** The order as it was before this note took anything from it. */
function heldFor(shop: Shop, order: Open, note: Invoice): Held {
  const others = order.refunds.filter((refund) => !isOf(shop, refund, note, order));
  return {
    id: order.id,
    lines: order.lines,
    left: leftOf(
      order.lines,
      others.flatMap(({ lines }) => lines),
    ),
  };
}

async function takeBack(
  shop: Shop,
  order: Open,
  note: Invoice,
  takes: readonly Take[],
  ids: ReadonlyMap<string, string>,
): Promise<'cancelled' | 'refunded'> {
  const pieces = [...perSku(takes)].map(([sku, quantity]) => ({ sku, productId: ids.get(sku) ?? '', quantity }));
  const left = leftOf(order.lines, pieces);
  const isWhole = order.refunds.length === 0 && order.mayCancel && [...left.values()].every((some) => some === 0);
  const { client, staff } = shop;
  const wanted = isWhole ? 'cancel' : 'refund';
  const { status, body } = await client.call(`/api/v1/orders/${order.id}/${wanted}`, {
    method: 'POST',
    key: keyOf(note, order),
    token: await staff.token(),
    ...(isWhole ? {} : { body: { lines: pieces.map(({ sku: _, ...line }) => line), restock: true } }),
  });
  if (status !== 200)
    throw new UnexpectedAnswer(
      `the ${wanted} of order ${order.id} (invoice ${order.reference}) by ${note.invoiceNo} answered ${status}: ${JSON.stringify(body).slice(0, 500)}`,
    );
  const requestId = requestIds(shop, note, order)[wanted];
  order.refunds.push({ refundId: requestId, requestId, restock: true, lines: pieces });
  return isWhole ? 'cancelled' : 'refunded';
}

const keyOf = (note: Invoice, order: { readonly reference: string }): string =>
  `replay-${note.invoiceNo}-${order.reference}`;

const [cancelRoute, refundRoute] = ['/cancel', '/refund'].map((end) => {
  const route = orderRoutes.find(({ path }) => path.endsWith(end));
  if (route === undefined) throw new Error(`there is no route ${end} of orders`);
  return route;
}) as [(typeof orderRoutes)[number], (typeof orderRoutes)[number]];

/** The ids of the two requests by which a note may take from an order. */
function requestIds(
  { staff }: Pick<Shop, 'staff'>,
  note: Invoice,
  order: { readonly id: string; readonly reference: string },
): { readonly cancel: string; readonly refund: string } {
  const principal = { kind: 'user', id: staff.accountId, role: 'staff' } as const;
  const idOf = (route: typeof cancelRoute) => commandIdOf(principal, route, { id: order.id }, keyOf(note, order));
  return { cancel: idOf(cancelRoute), refund: idOf(refundRoute) };
}

/** Whether a refund of the order is this note's. */
export function isOf(
  shop: Pick<Shop, 'staff'>,
  { requestId }: Pick<Refund, 'requestId'>,
  note: Invoice,
  order: { readonly id: string; readonly reference: string },
): boolean {
  const { cancel, refund } = requestIds(shop, note, order);
  return requestId === cancel || requestId === refund;
}

function unreplayedOf(
  { invoiceNo, customerId }: Invoice,
  unmatched: readonly { readonly line: Unreplayed['line']; readonly quantity: number }[],
  earlier: readonly BookOrder[],
): readonly Unreplayed[] {
  return unmatched.map(({ line, quantity }) => {
    const wasBought = earlier.some(({ lines }) => lines.some(({ sku }) => codeOf(sku) === line.stockCode));
    const reason =
      customerId === ''
        ? 'credit notes without a customer'
        : wasBought
          ? 'credit notes of more than is left of what was bought'
          : 'credit notes of what the customer had not bought before';
    return { invoiceNo, line: { ...line, quantity: -quantity }, reason };
  });
}
