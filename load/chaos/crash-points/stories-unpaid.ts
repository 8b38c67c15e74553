// Orders that end before they are paid: of too little stock, without money, too late, or by the customer's wish.

import type { OrderStatus } from '../../../actors/order-messages.ts';
import {
  apples,
  books,
  carts,
  MINE,
  NOT_PAID,
  nothingMoved,
  type Outcome,
  PAID,
  paidByOne,
  paidByTwo,
  place,
  shelves,
  stocked,
  type Story,
} from './story.ts';

/** Before anybody is sure of anything, in milliseconds. */
const SHORT_DEADLINE_MS = 4_000;

/** Captured for an order that had ended: all of it goes back. The order may have been told of it before, or not. */
const chargedInVain = (status: OrderStatus, total: number): readonly [Outcome, Outcome] => {
  const end: Outcome = {
    ...nothingMoved,
    status,
    path: [],
    payment: 'SUCCEEDED',
    captured: total,
    givenBack: total,
    mails: [],
  };
  return [end, { ...end, mails: [PAID] }];
};

/** Ended before anything was charged. */
const voided = (status: OrderStatus, path: readonly string[] = []): Outcome => ({
  ...nothingMoved,
  status,
  path,
  payment: 'VOIDED',
  mails: [],
});
const declined = (path: readonly string[]): Outcome => ({
  ...nothingMoved,
  status: 'PAYMENT_FAILED',
  path,
  payment: 'FAILED',
  mails: [NOT_PAID],
});

/** Never charged, and the time is over: the order notices it first, or the payment, or both at once. */
const orderLate = voided('EXPIRED');
const paymentLate = declined([]);
const bothLate: Outcome = { ...paymentLate, status: 'EXPIRED' };

export const unpaidStories: readonly Story[] = [
  {
    name: 'an order of which one of two partitions has too little',
    async run(client) {
      await stocked(client);
      await client.order(place('tok_ok', [apples(2), books(6)]));
    },
    ends: [voided('CANCELLED')],
  },
  {
    name: 'an order of which both partitions have too little',
    async run(client) {
      await stocked(client);
      await client.order(place('tok_ok', [books(1), apples(11), books(5)]));
    },
    ends: [voided('CANCELLED', ['Placed', 'StockRejected'])],
  },
  {
    name: "a guest's order of which each line is there, but not both",
    async run(client) {
      await stocked(client);
      await client.order(place('tok_ok', [books(3), books(3, 45_000)], { of: {} }));
    },
    ends: [voided('CANCELLED', ['Placed', 'StockRejected'])],
  },
  {
    name: 'an order whose card is declined',
    async run(client) {
      await stocked(client);
      await client.order(place('tok_declined', [apples(2), books(1)]));
    },
    ends: [declined(['Placed', 'PartitionReserved', 'StockReserved', 'PaymentFailed'])],
  },
  {
    name: "a guest's order whose card is declined, which is heard only when it is asked for again",
    async run(client) {
      await stocked(client);
      await client.order(place('tok_declined_at_last', [apples(10, 99_999)], { of: {} }));
    },
    ends: [declined(['Placed', 'StockReserved', 'PaymentFailed'])],
  },
  {
    name: 'an order of what is in the cart, which stays there as the card is declined',
    async run(client) {
      const { fill } = carts(client);
      await stocked(client);
      await fill(MINE, { book: 4, apple: 7 });
      await client.order(place('tok_declined', [books(1), apples(7), books(3, 45_000)]));
    },
    ends: [
      {
        ...declined(['Placed', 'PartitionReserved', 'StockReserved', 'PaymentFailed']),
        cart: [
          { productId: 'book', quantity: 4 },
          { productId: 'apple', quantity: 7 },
        ],
      },
    ],
  },
  {
    name: 'an order that expires while the provider is silent',
    async run(client) {
      await stocked(client);
      await client.order(place('tok_silent', [apples(2), books(1)], { deadlineMs: SHORT_DEADLINE_MS }));
    },
    ends: [orderLate, paymentLate, bothLate],
  },
  {
    name: 'an order that is declined, which nobody hears of before it expires',
    async run(client) {
      await stocked(client);
      const lines = [apples(1), apples(3, 80_000), books(2)];
      await client.order(place('tok_declined_silently', lines, { deadlineMs: SHORT_DEADLINE_MS }));
    },
    ends: [orderLate, paymentLate, bothLate],
  },
  {
    name: 'an order that is charged, which nobody hears of before it expires',
    async run(client) {
      await stocked(client);
      await client.order(place('tok_charged_silently', [books(4, 33_333)], { deadlineMs: SHORT_DEADLINE_MS }));
    },
    ends: [
      // The payment asks what became of the charge, and tells of it, just before or just after the order expires.
      ...chargedInVain('EXPIRED', 1_333),
      {
        status: 'PAID',
        path: paidByOne,
        payment: 'SUCCEEDED',
        captured: 1_333,
        givenBack: 0,
        pieces: shelves({}, { onHand: 1, sold: 4 }),
        mails: [PAID],
        cart: [],
      },
      // Whoever dies again and again may not even come to charge in time.
      orderLate,
      paymentLate,
      bothLate,
    ],
  },
  {
    name: 'an order that is cancelled while the provider is silent',
    async run(client) {
      await stocked(client);
      await client.order(place('tok_silent', [apples(5), books(5)]));
      await client.untilStatus('AWAITING_PAYMENT');
      await client.order({ type: 'Cancel', data: {} });
    },
    ends: [voided('CANCELLED', ['Placed', 'PartitionReserved', 'StockReserved', 'Cancelled'])],
  },
  {
    name: 'an order that is cancelled as soon as it is placed',
    async run(client) {
      await stocked(client);
      await client.order(place('tok_ok', [books(1), apples(10)]));
      await client.order({ type: 'Cancel', data: {} });
    },
    ends: [
      voided('CANCELLED'),
      ...chargedInVain('CANCELLED', 10_500),
      // While the customer waits for an answer that somebody died over, the order may be paid.
      {
        status: 'REFUNDED',
        path: [...paidByTwo, 'RefundRequested', 'Refunded'],
        payment: 'SUCCEEDED',
        captured: 10_500,
        givenBack: 10_500,
        pieces: shelves({ sold: 10, returned: 10 }, { sold: 1, returned: 1 }),
        mails: [PAID],
        cart: [],
      },
    ],
  },
];
