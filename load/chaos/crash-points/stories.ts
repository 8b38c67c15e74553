// The orders whose processes end at every boundary: what their clients do, and how each must end, to the piece and penny,
// whether a process died on the way or not. Together they pass every step of the saga.

import { type CartCommand, cartIdOfUser } from '../../../actors/cart.ts';
import type { OrderCommand, OrderLine, OrderStatus } from '../../../actors/order-messages.ts';
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

/** Longer than any recovery, in milliseconds; the orders that expire have less. */
const DEADLINE_MS = 120_000;
const SHORT_DEADLINE_MS = 4_000;

/** 2 apples at 10.00 in one partition, a book at 5.00 in another: 25.00. */
const apples: OrderLine = {
  productId: 'apple',
  sku: 'a',
  name: 'Apple',
  quantity: 2,
  unitPrice: 100_000,
  partition: 'main',
};
const book: OrderLine = {
  productId: 'book',
  sku: 'b',
  name: 'Book',
  quantity: 1,
  unitPrice: 50_000,
  partition: 'north',
};

const stocked = (client: Client) =>
  client.all([
    () => client.tell('stock', 'main', { type: 'Receive', data: { sku: 'a', quantity: 10, movementId: 'in-a' } }),
    () => client.tell('stock', 'north', { type: 'Receive', data: { sku: 'b', quantity: 5, movementId: 'in-b' } }),
  ]);

function place(
  token: string,
  more: { readonly deadlineMs?: number; readonly lines?: readonly OrderLine[] } = {},
): OrderCommand {
  return {
    type: 'Place',
    data: {
      customerId: USER,
      email: 'ada@example.com',
      cartId: cartIdOfUser(USER),
      currency: 'GBP',
      lines: more.lines ?? [apples, book],
      payment: { method: 'simulated', sealed: seal(KEY, ORDER, token) },
      deadlineMs: more.deadlineMs ?? DEADLINE_MS,
    },
  };
}

/** What the customer does before the order: a guest's cart, merged at the login; of what was wished one product is gone. */
async function shops(client: Client): Promise<void> {
  const cart = (id: string, command: CartCommand) => client.tell('cart', id, command);
  const set = (id: string, productId: string, quantity: number) =>
    cart(id, { type: 'SetLine', data: { productId, quantity } });
  await set('guest', 'apple', 2);
  await set('guest', 'book', 1);
  await set('guest', 'chair', 1);
  await cart('guest', { type: 'RemoveLine', data: { productId: 'chair' } });
  await set(cartIdOfUser(USER), 'desk', 3);
  await set(cartIdOfUser(USER), 'egg', 1);
  await client.untilAnswered('the merge', () => {
    const [store, host] = [client.storeOf('cart'), client.hostOf('cart') as never];
    return mergeCart({ store, host, note: async () => {} }, 'guest', USER);
  });
  await client.append('product.deleted', 'egg', { productId: 'egg', sku: 'e', version: 2 });
  await client.until('the product is out of the cart', async () => {
    return (await client.cart()).every(({ productId }) => productId !== 'egg');
  });
}

const untouched = {
  a: { onHand: 10, reserved: 0, sold: 0, returned: 0 },
  b: { onHand: 5, reserved: 0, sold: 0, returned: 0 },
};
const sold = {
  a: { onHand: 8, reserved: 0, sold: 2, returned: 0 },
  b: { onHand: 4, reserved: 0, sold: 1, returned: 0 },
};
const nothingMoved = { captured: 0, givenBack: 0, pieces: untouched, cart: [] };
const PAID = `Your order ${ORDER} is paid`;
const NOT_PAID = `Your order ${ORDER} could not be paid`;
/** Captured for an order that had ended: all of it goes back. */
const chargedInVain: Omit<Outcome, 'mails'> = {
  ...nothingMoved,
  status: 'EXPIRED',
  path: [],
  payment: 'SUCCEEDED',
  captured: 2_500,
  givenBack: 2_500,
};
/** Never charged, and the time is over: the order notices it first, or the payment. */
const neverCharged: Story['ends'] = [
  { status: 'EXPIRED', path: [], payment: 'VOIDED', mails: [], ...nothingMoved },
  { status: 'PAYMENT_FAILED', path: [], payment: 'FAILED', mails: [NOT_PAID], ...nothingMoved },
  { status: 'EXPIRED', path: [], payment: 'FAILED', mails: [NOT_PAID], ...nothingMoved },
];
const paidPath = ['Placed', 'PartitionReserved', 'StockReserved', 'Paid'];

export const stories: readonly Story[] = [
  {
    name: 'an order that is paid, delivered, and of which a piece comes back',
    async run(client) {
      await stocked(client);
      await client.tell('stock', 'main', { type: 'WriteOff', data: { sku: 'a', quantity: 1, reason: 'broken' } });
      await shops(client);
      await client.order(place('tok_ok'));
      await client.untilStatus('PAID');
      await client.order({ type: 'Ship', data: {} });
      await client.order({ type: 'Deliver', data: {} });
      await client.order({
        type: 'Refund',
        data: { refundId: 'back', restock: true, lines: [{ productId: 'apple', quantity: 1 }] },
      });
    },
    ends: [
      {
        status: 'DELIVERED',
        path: [...paidPath, 'Shipped', 'Delivered', 'RefundRequested', 'Refunded'],
        payment: 'SUCCEEDED',
        captured: 2_500,
        givenBack: 1_000,
        pieces: { a: { onHand: 8, reserved: 0, sold: 2, returned: 1 }, b: sold.b },
        mails: [PAID],
        cart: [{ productId: 'desk', quantity: 3 }],
      },
    ],
  },
  {
    name: 'an order that is cancelled after it was paid',
    async run(client) {
      await stocked(client);
      await client.order(place('tok_ok'));
      await client.untilStatus('PAID');
      await client.order({ type: 'Cancel', data: {} });
    },
    ends: [
      {
        status: 'REFUNDED',
        path: [...paidPath, 'RefundRequested', 'Refunded'],
        payment: 'SUCCEEDED',
        captured: 2_500,
        givenBack: 2_500,
        pieces: {
          a: { onHand: 10, reserved: 0, sold: 2, returned: 2 },
          b: { onHand: 5, reserved: 0, sold: 1, returned: 1 },
        },
        mails: [PAID],
        cart: [],
      },
    ],
  },
  {
    name: 'an order of which one of two partitions has too little',
    async run(client) {
      await stocked(client);
      await client.order(place('tok_ok', { lines: [apples, { ...book, quantity: 6 }] }));
      await client.untilStatus('CANCELLED');
    },
    ends: [{ status: 'CANCELLED', path: [], payment: 'VOIDED', mails: [], ...nothingMoved }],
  },
  {
    name: 'an order whose card is declined',
    async run(client) {
      await stocked(client);
      await client.order(place('tok_declined'));
    },
    ends: [
      {
        status: 'PAYMENT_FAILED',
        path: ['Placed', 'PartitionReserved', 'StockReserved', 'PaymentFailed'],
        payment: 'FAILED',
        mails: [NOT_PAID],
        ...nothingMoved,
      },
    ],
  },
  {
    name: 'an order that expires while the provider is silent',
    async run(client) {
      await stocked(client);
      await client.order(place('tok_silent', { deadlineMs: SHORT_DEADLINE_MS }));
    },
    ends: neverCharged,
  },
  {
    name: 'an order that is charged, which nobody hears of before it expires',
    async run(client) {
      await stocked(client);
      await client.order(place('tok_charged_silently', { deadlineMs: SHORT_DEADLINE_MS }));
    },
    ends: [
      { ...chargedInVain, mails: [] },
      // The payment asks what became of the charge, and tells of it, just before or just after the order expires.
      { ...chargedInVain, mails: [PAID] },
      {
        status: 'PAID',
        path: paidPath,
        payment: 'SUCCEEDED',
        captured: 2_500,
        givenBack: 0,
        pieces: sold,
        mails: [PAID],
        cart: [],
      },
      // Whoever dies again and again may not even come to charge in time.
      ...neverCharged,
    ],
  },
];
