// What the stories of crash points are made of: what clients wish, and how an order ends, to the piece and penny.

import { type CartCommand, cartIdOfUser } from '../../../actors/cart.ts';
import type { OrderCommand, OrderLine, OrderStatus, PlaceData } from '../../../actors/order-messages.ts';
import type { PaymentStatus } from '../../../actors/payment.ts';
import { seal } from '../../../mixins/seal.ts';
import { mergeCart } from '../../../services/carts/merging.ts';
import type { Client } from './run.ts';

/** What of a SKU there is at the end. */
interface Pieces {
  readonly onHand: number;
  readonly reserved: number;
  readonly sold: number;
  readonly returned: number;
}

export interface Outcome {
  readonly status: OrderStatus;
  /** The events of the order. */
  readonly path: readonly string[];
  readonly payment: PaymentStatus | 'none';
  /** Minor units at the provider. */
  readonly captured: number;
  readonly givenBack: number;
  readonly pieces: Readonly<Record<string, Pieces>>;
  /** Subjects of the mails, in any order; a repeat of one has the same Message-ID and counts once. */
  readonly mails: readonly string[];
  /** Lines of the customer's cart. */
  readonly cart: readonly { readonly productId: string; readonly quantity: number }[];
}

export interface Story {
  readonly name: string;
  run(client: Client): Promise<void>;
  /** Undisturbed, the first; where two things race, a crash may let the other one win. */
  readonly ends: readonly [Outcome, ...Outcome[]];
}

export const ORDER = 'order-1';
export const USER = 'ada';
/** What tokens are sealed with. */
export const KEY = Buffer.alloc(32, 7);

/** Carts, by their ids. */
export const GUESTS = 'guest';
export const MINE = cartIdOfUser(USER);

/** Longer than any recovery, in milliseconds; the orders that expire have less. */
const DEADLINE_MS = 120_000;

/** So many apples, which one partition has, at 10.00 or another price in ten-thousandths. */
export function apples(quantity: number, unitPrice = 100_000): OrderLine {
  return { productId: 'apple', sku: 'a', name: 'Apple', quantity, unitPrice, partition: 'main' };
}

/** So many books, which another partition has, at 5.00 or another price. */
export function books(quantity: number, unitPrice = 50_000): OrderLine {
  return { productId: 'book', sku: 'b', name: 'Book', quantity, unitPrice, partition: 'north' };
}

/** Ten apples and five books come in. */
export async function stocked(client: Client): Promise<void> {
  await client.all([
    () => client.tell('stock', 'main', { type: 'Receive', data: { sku: 'a', quantity: 10, movementId: 'in-a' } }),
    () => client.tell('stock', 'north', { type: 'Receive', data: { sku: 'b', quantity: 5, movementId: 'in-b' } }),
  ]);
}

/** Pieces break. */
export async function breaks(client: Client, { sku, partition }: OrderLine, quantity: number): Promise<void> {
  await client.tell('stock', partition, { type: 'WriteOff', data: { sku, quantity, reason: 'broken' } });
}

/** Whose order it is: the user's, out of the user's cart. */
const users = { customerId: USER, cartId: MINE };

/** An order of these lines, paid with this token; of the user, unless another is named. */
export function place(
  token: string,
  lines: readonly OrderLine[],
  { deadlineMs = DEADLINE_MS, of = users }: Partial<{ deadlineMs: number; of: Partial<PlaceData> }> = {},
): OrderCommand {
  const payment = { method: 'simulated', sealed: seal(KEY, ORDER, token) };
  return { type: 'Place', data: { email: 'ada@example.com', currency: 'GBP', lines, payment, deadlineMs, ...of } };
}

/** What customers do with carts. */
export const carts = (client: Client) => {
  const tell = (id: string, command: CartCommand) => client.tell('cart', id, command);
  return {
    async fill(id: string, lines: Readonly<Record<string, number>>): Promise<void> {
      for (const [productId, quantity] of Object.entries(lines))
        await tell(id, { type: 'SetLine', data: { productId, quantity } });
    },
    takeOut: (id: string, productId: string) => tell(id, { type: 'RemoveLine', data: { productId } }),
    freeze: () => tell(GUESTS, { type: 'Freeze', data: { userId: USER } }),
    /** The guest signs in. */
    merge: () =>
      client.untilAnswered('the merge', async () => {
        await mergeCart({ host: client.hostOf('cart') as never, note: async () => {} }, GUESTS, USER);
      }),
    /** The product is gone from the catalogue. */
    async withdraw(product: string): Promise<void> {
      await client.append('product.deleted', product, { productId: product, sku: product, version: 2 });
      await client.until(`the ${product} is out of the cart`, async () =>
        (await client.cart()).every(({ productId }) => productId !== product),
      );
    },
  };
};

/** What the shelves hold: all that came in, but for this. */
export function shelves(a: Partial<Pieces> = {}, b: Partial<Pieces> = {}): Outcome['pieces'] {
  const none = { reserved: 0, sold: 0, returned: 0 };
  return { a: { onHand: 10, ...none, ...a }, b: { onHand: 5, ...none, ...b } };
}

/** Nothing was captured, nothing was sold. */
export const nothingMoved = { captured: 0, givenBack: 0, pieces: shelves(), cart: [] };

export const PAID = `Your order ${ORDER} is paid`;
export const NOT_PAID = `Your order ${ORDER} could not be paid`;
export const CONFIRMED = `Your order ${ORDER} is confirmed`;

/** How an order becomes paid that one partition has, and one that two have. */
export const paidByOne = ['Placed', 'StockReserved', 'Paid'];
export const paidByTwo = ['Placed', 'PartitionReserved', 'StockReserved', 'Paid'];
