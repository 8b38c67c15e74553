// Which services there are, and which of them hosts which actor: the address book of the outbox relay.

import type { ActorName } from '../actors/actor.ts';

/** All services, in the order in which a lone process starts them: what others call comes first. */
export const serviceNames = [
  'inventory',
  'products',
  'users',
  'carts',
  'payments',
  'notifications',
  'activity',
  'analytics',
  'orders',
  'probe',
  'api',
] as const;

/** The Moleculer service that hosts each kind of actor; its `receive` action takes their commands. */
export const serviceOf: Readonly<Record<ActorName, string>> = {
  order: 'orders',
  stock: 'inventory',
  payment: 'payments',
  cart: 'carts',
  product: 'products',
  user: 'users',
  notification: 'notifications',
};

/** One command on its way from an outbox to `<service>.receive`. */
export interface Delivery {
  readonly id: string;
  /** Minted by the sender from its journal position, so that every repeat is recognised. */
  readonly commandId: string;
  readonly command: { readonly type: string; readonly data: object };
  /** When the sender committed it, ms since 1970; commands older than the inbox's memory are refused as `too-old`. */
  readonly sentAt: number;
}

/** What became of one delivery. All but `retry` end it. */
export type DeliveryAnswer =
  | { readonly done: true }
  | { readonly refused: string }
  | { readonly parked: string }
  | { readonly retry: string };
