// An order as an item of the history: found by its customer, sorted by its place in the list, shown as outside views show it.
//
//   order.updated (log) ──itemOfEvent──► HistoryItem ──toItem──► DynamoDB ──fromItem──► what a list shows
//   an order in PostgreSQL ──itemOfOrder──►─┘

import type { Order } from '../../../actors/order.ts';
import type { OrderUpdated } from '../../../actors/public-events.ts';
import { type Item, ITEM_BYTES_MAX, pack, sizeOf, textOf } from '../../../mixins/dynamodb/document.ts';
import { type OrderView, viewOrder } from '../order.view.ts';

/** Keys of the table: DynamoDB sorts a customer's orders by the second one. */
export const KEYS = ['customerId', 'position'] as const;

/** Digits of a time in a position: enough for every time there is. */
const TIME_DIGITS = 16;

/** Where an order stands in a list: when it was placed, and its id where that is the same. Neither ever changes. */
export type Position = readonly [createdAt: number, id: string];

/** What the history holds of an order. */
export interface HistoryItem {
  readonly customerId: string;
  readonly position: Position;
  /** Of the order: the newer one stands. */
  readonly version: number;
  readonly order: OrderView;
}

/** The item that an event leads to; `version` is that of the order, which every public event has. */
export function itemOfEvent(event: OrderUpdated & { readonly version: number }): HistoryItem {
  const { orderId, status, customerId, email, reference, createdAt, updatedAt, version, ...rest } = event;
  const { lines, total, exactTotal, refunded, shippingAddress } = rest;
  const order: OrderView = {
    id: orderId,
    status,
    customerId,
    email,
    ...(reference === undefined ? {} : { reference }),
    lines,
    total,
    exactTotal,
    refunded,
    ...(shippingAddress === undefined ? {} : { shippingAddress }),
    createdAt: new Date(createdAt).toISOString(),
    updatedAt: new Date(updatedAt).toISOString(),
  };
  return { customerId, position: [createdAt, orderId], version, order };
}

/** The item of an order as PostgreSQL holds it. */
export function itemOfOrder(id: string, customerId: string, version: number, order: Order): HistoryItem {
  return { customerId, position: [order.createdAt, id], version, order: viewOrder(id, order) };
}

/** A position as text that sorts as lists do. Without an id it stands before all orders of its millisecond. */
export function sortKey(createdAt: number, id?: string): string {
  const time = String(Math.max(0, createdAt)).padStart(TIME_DIGITS, '0');
  return id === undefined ? time : `${time}#${id}`;
}

/** The item as DynamoDB stores it; undefined: the order is too large for one, and stays with PostgreSQL. */
export function toItem({ customerId, position, version, order }: HistoryItem): Item | undefined {
  const item: Item = {
    customerId: { S: customerId },
    position: { S: sortKey(...position) },
    version: { N: String(version) },
    status: { S: order.status },
    ...(order.reference === undefined ? {} : { reference: { S: order.reference } }),
    shown: pack(JSON.stringify(order)),
  };
  return sizeOf(item) > ITEM_BYTES_MAX ? undefined : item;
}

/** What a list shows of a stored item. */
export function fromItem(item: Item): Pick<HistoryItem, 'position' | 'order'> {
  const key = textOf(item, 'position');
  const position = [Number(key.slice(0, TIME_DIGITS)), key.slice(TIME_DIGITS + 1)] as const;
  return { position, order: JSON.parse(textOf(item, 'shown')) as OrderView };
}
