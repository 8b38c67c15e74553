// Orders that are paid, and what becomes of them.

import {
  apples,
  books,
  breaks,
  carts,
  CONFIRMED,
  GUESTS,
  MINE,
  PAID,
  paidByOne,
  paidByTwo,
  place,
  shelves,
  stocked,
  type Story,
} from './story.ts';

export const paidStories: readonly Story[] = [
  {
    name: 'an order that is paid, delivered, and of which a piece comes back',
    async run(client) {
      const { fill, takeOut, merge, withdraw } = carts(client);
      await stocked(client);
      await breaks(client, apples(1), 1);
      await fill(GUESTS, { apple: 2, book: 1, chair: 1 });
      await takeOut(GUESTS, 'chair');
      await fill(MINE, { desk: 3, egg: 1 });
      await merge();
      await withdraw('egg');
      await client.order(place('tok_ok', [apples(2), books(1)]));
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
        path: [...paidByTwo, 'Shipped', 'Delivered', 'RefundRequested', 'Refunded'],
        payment: 'SUCCEEDED',
        captured: 2_500,
        givenBack: 1_000,
        pieces: shelves({ onHand: 8, sold: 2, returned: 1 }, { onHand: 4, sold: 1 }),
        mails: [PAID],
        cart: [{ productId: 'desk', quantity: 3 }],
      },
    ],
  },
  {
    name: 'an order that is cancelled after it was paid',
    async run(client) {
      await stocked(client);
      await client.order(place('tok_ok', [apples(2), books(1)]));
      await client.untilStatus('PAID');
      await client.order({ type: 'Cancel', data: {} });
    },
    ends: [
      {
        status: 'REFUNDED',
        path: [...paidByTwo, 'RefundRequested', 'Refunded'],
        payment: 'SUCCEEDED',
        captured: 2_500,
        givenBack: 2_500,
        pieces: shelves({ sold: 2, returned: 2 }, { sold: 1, returned: 1 }),
        mails: [PAID],
        cart: [],
      },
    ],
  },
  {
    name: 'an order that costs nothing, placed while the customer signs in; some of it comes back before the rest arrives',
    async run(client) {
      const { fill, takeOut, merge, withdraw } = carts(client);
      await stocked(client);
      await fill(MINE, { apple: 4, fig: 2, hat: 1 });
      await takeOut(MINE, 'hat');
      await fill(GUESTS, { apple: 2, egg: 1 });
      await client.all([merge, () => client.order(place('tok_ok', [apples(3, 0)]))]);
      await client.untilStatus('PAID');
      await breaks(client, apples(1), 6);
      await client.order({ type: 'Ship', data: {} });
      await client.order({
        type: 'Refund',
        data: { refundId: 'wrong-size', restock: true, lines: [{ productId: 'apple', quantity: 2 }] },
      });
      await client.order({ type: 'Deliver', data: {} });
      await withdraw('fig');
    },
    ends: [
      {
        status: 'DELIVERED',
        path: [...paidByOne, 'Shipped', 'RefundRequested', 'Refunded', 'Delivered'],
        payment: 'none',
        captured: 0,
        givenBack: 0,
        pieces: shelves({ onHand: 3, sold: 3, returned: 2 }),
        mails: [CONFIRMED],
        cart: [
          { productId: 'apple', quantity: 3 },
          { productId: 'egg', quantity: 1 },
        ],
      },
    ],
  },
  {
    name: "a guest's order, paid in the middle of the cart's merge, that comes back in two parts",
    async run(client) {
      const { fill, takeOut, freeze, merge, withdraw } = carts(client);
      await stocked(client);
      await fill(GUESTS, { apple: 4, book: 3 });
      await fill(MINE, { desk: 1, egg: 1, hat: 1 });
      await takeOut(MINE, 'hat');
      await freeze();
      const lines = [apples(2), apples(1, 33_333), books(2, 3_333)];
      await client.order(place('tok_ok', lines, { of: { cartId: GUESTS } }));
      await client.untilStatus('PAID');
      await breaks(client, books(1), 2);
      await withdraw('egg');
      await merge();
      await client.order({ type: 'Ship', data: {} });
      await client.order({
        type: 'Refund',
        data: { refundId: 'torn', restock: false, lines: [{ productId: 'book', quantity: 1 }] },
      });
      await client.order({ type: 'Deliver', data: {} });
      await client.order({ type: 'Refund', data: { refundId: 'rest', restock: true } });
    },
    ends: [
      {
        status: 'REFUNDED',
        path: [],
        payment: 'SUCCEEDED',
        captured: 2_400,
        givenBack: 2_400,
        pieces: shelves({ sold: 3, returned: 3 }, { onHand: 2, sold: 2, returned: 1 }),
        mails: [PAID],
        cart: [
          { productId: 'desk', quantity: 1 },
          { productId: 'apple', quantity: 1 },
          { productId: 'book', quantity: 1 },
        ],
      },
    ],
  },
];
