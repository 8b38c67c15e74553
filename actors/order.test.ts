// An order, in the domain's words: what it decides, whom it tells, what it refuses. The other way round (many orders, stock
// and payments under a hostile scheduler) is `checkout.sim.test.ts`.
import { describe, expect, it } from '@jest/globals';
import { InvariantViolated, isRefusal, type Reaction, type Refusal } from './actor.ts';
import {
  CANCEL_REFUND_ID,
  LINES_MAX,
  type Order,
  orderActor,
  type OrderCommand,
  type OrderEvent,
  type OrderLine,
  type OrderStatus,
  type PlaceData,
  QUANTITY_MAX,
  statusAfter,
  transitions,
} from './order.ts';
import { orderUpdated } from './public-events.ts';

const AT = 1_700_000_000_000;
const ID = 'order-1';

const line = (sku: string, quantity: number, unitPrice: number, partition = 'main'): OrderLine => ({
  productId: `p-${sku}`,
  sku,
  name: `The ${sku}`,
  quantity,
  unitPrice,
  partition,
});
const mug = line('mug', 2, 25_500);
const cup = line('cup', 1, 10_000);
const far = line('far', 3, 10_000, 'north');
const gift = line('gift', 1, 0);

const wish = (...lines: OrderLine[]): PlaceData => ({
  email: 'ada@example.org',
  currency: 'GBP',
  lines,
  payment: { method: 'simulated', sealed: 'sealed-token' },
  deadlineMs: 900_000,
});

const place = (...lines: OrderLine[]): OrderCommand => ({ type: 'Place', data: wish(...lines) });
const reserved = (partition = 'main'): OrderCommand => ({ type: 'RecordReserved', data: { partition } });
const shortage: OrderCommand = {
  type: 'RecordShortage',
  data: { partition: 'main', shortages: [{ sku: 'mug', productId: 'p-mug', requested: 2, available: 1 }] },
};
const succeeded: OrderCommand = { type: 'RecordPayment', data: { outcome: 'succeeded' } };
const failed: OrderCommand = { type: 'RecordPayment', data: { outcome: 'failed', reason: 'card-stolen' } };
const expire: OrderCommand = { type: 'Expire', data: {} };
const cancel: OrderCommand = { type: 'Cancel', data: {} };
const ship: OrderCommand = { type: 'Ship', data: {} };
const deliver: OrderCommand = { type: 'Deliver', data: {} };
const refund = (refundId: string, ...lines: { productId: string; quantity: number }[]): OrderCommand => ({
  type: 'Refund',
  data: { refundId, restock: true, ...(lines.length === 0 ? {} : { lines }) },
});
const confirmed = (refundId: string): OrderCommand => ({
  type: 'RecordRefund',
  data: { refundId: `${ID}/${refundId}` },
});

const paidMugs = [place(mug), reserved(), succeeded];

/** The order after the commands, each of which must be taken; checked after every event. */
function given(...commands: OrderCommand[]): Order {
  return commands.reduce((order, command) => {
    const events = when(order, command);
    if (isRefusal(events)) throw new Error(`${command.type} was refused: ${events.detail}`);
    return then(order, events);
  }, orderActor.initial);
}

const when = (order: Order, command: OrderCommand) => orderActor.decide(order, { ...command, at: AT });

function then(order: Order, events: readonly OrderEvent[]): Order {
  return events.reduce((state, event) => {
    const next = orderActor.evolve(state, event);
    orderActor.check(next);
    return next;
  }, order);
}

/** Whom the command makes the order tell what. */
function told(order: Order, command: OrderCommand): readonly Reaction[] {
  const events = when(order, command) as readonly OrderEvent[];
  let state = order;
  return events.flatMap((event) => {
    state = orderActor.evolve(state, event);
    return orderActor.react(state, event, ID);
  });
}

const words = (reactions: readonly Reaction[]) =>
  reactions.map((reaction) => {
    if (reaction.kind === 'send') return `${reaction.command.type} → ${reaction.to} ${reaction.id}`;
    if (reaction.kind === 'publish') return reaction.topic;
    if (reaction.kind === 'perform') return reaction.task;
    return `${reaction.kind} ${reaction.name}`;
  });
const commandsTo = (to: string, reactions: readonly Reaction[]) =>
  reactions.flatMap((reaction) => (reaction.kind === 'send' && reaction.to === to ? [reaction.command] : []));
const types = (decision: readonly OrderEvent[] | Refusal) =>
  isRefusal(decision) ? decision.refused : decision.map(({ type }) => type);

describe('placing', () => {
  it('sums exactly and rounds once, half up', () => {
    const order = given(place(line('a', 3, 10_015), line('b', 1, 5)));
    expect(order).toMatchObject({ status: 'AWAITING_STOCK', exactTotal: 30_050, total: 301, refunded: 0 });
  });

  it('asks every partition once for its lines, summed per SKU, prepares the payment, and sets the deadline', () => {
    const reactions = told(orderActor.initial, place(mug, far, cup, mug));
    expect(words(reactions)).toEqual([
      'Reserve → stock main',
      'Reserve → stock north',
      'Prepare → payment pay_order-1',
      'timer payment-deadline',
    ]);
    expect(commandsTo('stock', reactions)).toEqual([
      {
        type: 'Reserve',
        data: {
          orderId: ID,
          lines: [
            { sku: 'mug', productId: 'p-mug', quantity: 4 },
            { sku: 'cup', productId: 'p-cup', quantity: 1 },
          ],
        },
      },
      { type: 'Reserve', data: { orderId: ID, lines: [{ sku: 'far', productId: 'p-far', quantity: 3 }] } },
    ]);
    expect(commandsTo('payment', reactions)).toEqual([
      { type: 'Prepare', data: { orderId: ID, method: 'simulated', sealed: 'sealed-token' } },
    ]);
    expect(reactions.at(-1)).toMatchObject({ afterMs: 900_000, command: { type: 'Expire', data: {} } });
  });

  it('keeps repeated products as lines of their own', () => {
    expect(given(place(mug, mug)).lines).toEqual([mug, mug]);
  });

  it('keeps what was wished, and no payment token', () => {
    const shippingAddress = { name: 'Ada', line1: 'Street 1', city: 'London', postcode: 'N1', country: 'GB' };
    const all = { ...wish(mug), customerId: 'ada', reference: 'r-1', cartId: 'cart-1', shippingAddress };
    const order = given({ type: 'Place', data: all });
    const { payment: _, deadlineMs, ...kept } = all;
    expect(order).toMatchObject({ ...kept, createdAt: AT, updatedAt: AT, deadline: AT + deadlineMs });
    expect(JSON.stringify(order)).not.toContain('sealed');
  });

  it('happens once', () => {
    expect(when(given(place(mug)), place(cup))).toEqual([]);
    expect(when(given(...paidMugs), place(mug))).toEqual([]);
  });

  it('takes 1 to 2,000 lines', () => {
    expect(when(orderActor.initial, place())).toMatchObject({ refused: 'invalid-request' });
    const full = Array.from({ length: LINES_MAX }, (_, i) => line(`s${i}`, 1, 1));
    expect(given(place(...full)).lines).toHaveLength(LINES_MAX);
    expect(when(orderActor.initial, place(...full, mug))).toMatchObject({ refused: 'invalid-request' });
  });

  it.each([0, -1, 1.5, QUANTITY_MAX + 1, Number.NaN])('refuses a quantity of %s, and names the line', (quantity) => {
    expect(when(orderActor.initial, place(cup, { ...mug, quantity }))).toMatchObject({
      refused: 'invalid-request',
      errors: [{ pointer: '/lines/1/quantity', code: 'out-of-range' }],
    });
  });

  it('refuses a total that cannot be counted exactly', () => {
    const dear = line('yacht', QUANTITY_MAX, Number.MAX_SAFE_INTEGER);
    expect(when(orderActor.initial, place(dear))).toMatchObject({ refused: 'total-too-large' });
  });
});

describe('stock', () => {
  it('is reserved when every partition has said so', () => {
    const asked = given(place(mug, far));
    expect(types(when(asked, reserved()))).toEqual(['PartitionReserved']);
    expect(told(asked, reserved())).toEqual([]);
    const half = given(place(mug, far), reserved());
    expect(half).toMatchObject({ status: 'AWAITING_STOCK', reserved: ['main'] });
    expect(when(half, reserved())).toEqual([]);
    expect(types(when(half, reserved('north')))).toEqual(['StockReserved']);
    expect(given(place(mug, far), reserved('north'), reserved())).toMatchObject({
      status: 'AWAITING_PAYMENT',
      reserved: ['main', 'north'],
    });
  });

  it('that nobody asked cannot reserve', () => {
    expect(() => when(given(place(mug)), reserved('north'))).toThrow(InvariantViolated);
  });

  it('makes the order known and asks for its money, with no token in either', () => {
    const data = { ...wish(mug), customerId: 'ada', reference: 'r-1' };
    const reactions = told(given({ type: 'Place', data }), reserved());
    expect(reactions.slice(0, 2)).toEqual([
      {
        kind: 'publish',
        topic: 'order.created',
        key: ID,
        data: {
          orderId: ID,
          customerId: 'ada',
          email: 'ada@example.org',
          reference: 'r-1',
          lines: [
            {
              productId: 'p-mug',
              sku: 'mug',
              name: 'The mug',
              quantity: 2,
              unitPrice: { amount: '2.55', currency: 'GBP' },
            },
          ],
          total: { amount: '5.10', currency: 'GBP' },
          exactTotal: { amount: '5.10', currency: 'GBP' },
          createdAt: AT,
        },
      },
      {
        kind: 'publish',
        topic: 'payment.requested',
        key: ID,
        data: {
          orderId: ID,
          paymentId: 'pay_order-1',
          amount: { amount: '5.10', currency: 'GBP' },
          deadline: AT + 900_000,
        },
      },
    ]);
  });

  it('that is short cancels the order, and lets go of the other partitions and of the payment', () => {
    const order = given(place(mug, far), reserved('north'));
    expect(words(told(order, shortage))).toEqual([
      'Release → stock north',
      'Void → payment pay_order-1',
      'cancel-timer payment-deadline',
    ]);
    expect(given(place(mug), shortage)).toMatchObject({
      status: 'CANCELLED',
      shortages: [{ sku: 'mug', requested: 2, available: 1 }],
    });
  });

  it('that answers after the end changes nothing', () => {
    for (const end of [cancel, expire, shortage]) {
      const ended = given(place(mug, far), end);
      expect(when(ended, reserved('north'))).toEqual([]);
      expect(when(ended, shortage)).toEqual([]);
    }
  });
});

describe('payment', () => {
  it('sells the reserved pieces and takes them out of the cart they came from', () => {
    const placed: OrderCommand = { type: 'Place', data: { ...wish(mug, far), cartId: 'cart-1' } };
    const order = given(placed, reserved(), reserved('north'));
    const reactions = told(order, succeeded);
    expect(words(reactions)).toEqual([
      'Commit → stock main',
      'Commit → stock north',
      'RemoveOrdered → cart cart-1',
      'cancel-timer payment-deadline',
    ]);
    expect(commandsTo('cart', reactions)).toEqual([
      {
        type: 'RemoveOrdered',
        data: {
          orderId: ID,
          lines: [
            { productId: 'p-mug', quantity: 2 },
            { productId: 'p-far', quantity: 3 },
          ],
        },
      },
    ]);
    expect(then(order, when(order, succeeded) as OrderEvent[]).status).toBe('PAID');
  });

  it('is repeated without effect', () => {
    for (const more of [[], [ship], [ship, deliver], [refund('r'), confirmed('r')]]) {
      expect(when(given(...paidMugs, ...more), succeeded)).toEqual([]);
      expect(when(given(...paidMugs, ...more), failed)).toEqual([]);
    }
  });

  it('that fails gives the stock back', () => {
    const order = given(place(mug), reserved());
    expect(words(told(order, failed))).toEqual(['Release → stock main', 'cancel-timer payment-deadline']);
    expect(when(order, failed)).toEqual([{ type: 'PaymentFailed', data: { reason: 'card-stolen', at: AT } }]);
    const silent: OrderCommand = { type: 'RecordPayment', data: { outcome: 'failed' } };
    expect(when(order, silent)).toMatchObject([{ data: { reason: 'declined' } }]);
    expect(given(place(mug), reserved(), failed).status).toBe('PAYMENT_FAILED');
  });

  it.each([
    ['the cancellation', cancel, 'CANCELLED'],
    ['the deadline', expire, 'EXPIRED'],
    ['a failure', failed, 'PAYMENT_FAILED'],
  ])('that arrives after %s goes back, and the order keeps its status', (_, end, status) => {
    const ended = given(place(mug), reserved(), end);
    expect(types(when(ended, succeeded))).toEqual(['PaidTooLate']);
    expect(words(told(ended, succeeded))).toEqual(['Void → payment pay_order-1']);
    expect(given(place(mug), reserved(), end, succeeded).status).toBe(status);
    expect(when(ended, failed)).toEqual([]);
  });

  it('cannot come before stock is reserved', () => {
    expect(() => when(given(place(mug)), succeeded)).toThrow(InvariantViolated);
  });

  it('is not asked for what costs nothing', () => {
    expect(words(told(orderActor.initial, place(gift)))).toEqual(['Reserve → stock main', 'timer payment-deadline']);
    const order = given(place(gift));
    expect(types(when(order, reserved()))).toEqual(['StockReserved', 'Paid']);
    expect(words(told(order, reserved()))).toEqual([
      'order.created',
      'Commit → stock main',
      'cancel-timer payment-deadline',
    ]);
    expect(words(told(order, cancel))).toEqual(['Release → stock main', 'cancel-timer payment-deadline']);
  });

  it('is not asked for a total that rounds to nothing', () => {
    expect(given(place(line('crumb', 1, 49)), reserved())).toMatchObject({ status: 'PAID', total: 0, exactTotal: 49 });
  });
});

describe('an order of a customer', () => {
  const ofAda = (...lines: OrderLine[]): OrderCommand => ({
    type: 'Place',
    data: { ...wish(...lines), customerId: 'ada' },
  });
  const pieces = { productId: 'p-mug', quantity: 1 };
  const gifts = { productId: 'p-gift', quantity: 1 };
  const paid = [reserved(), succeeded];
  const lives: readonly (readonly [string, ...OrderCommand[]])[] = [
    ['that is paid, shipped and given back', ofAda(mug), ...paid, ship, deliver, refund('r'), confirmed('r')],
    ['with two partitions', ofAda(mug, far), reserved(), reserved('north'), succeeded],
    ['that stock cannot serve', ofAda(mug, far), reserved('north'), shortage],
    ['that is cancelled', ofAda(mug), cancel],
    ['that is paid too late', ofAda(mug), reserved(), expire, succeeded],
    ['that nobody pays', ofAda(mug), reserved(), failed],
    ['that is given back in parts', ofAda(mug), ...paid, refund('a', pieces), refund('b', pieces), confirmed('b')],
    ['that costs nothing', ofAda(gift), reserved(), cancel],
    ['of which what costs nothing is given back', ofAda(mug, gift), ...paid, refund('g', gifts), cancel],
  ];
  const news = (reactions: readonly Reaction[]) =>
    reactions.flatMap((reaction) =>
      reaction.kind === 'publish' && reaction.topic === 'order.updated' ? [reaction] : [],
    );

  it.each(lives)('%s tells whole what it is, once with every command that changes it', (_, ...commands) => {
    let order = orderActor.initial;
    for (const command of commands) {
      const published = news(told(order, command));
      order = then(order, when(order, command) as readonly OrderEvent[]);
      expect(published).toEqual([orderUpdated(ID, order, 'ada')]);
    }
  });

  it('says nothing when nothing happens', () => {
    expect(news(told(given(ofAda(mug), cancel), cancel))).toEqual([]);
    expect(news(told(given(ofAda(mug), cancel), reserved()))).toEqual([]);
  });

  it('is told with all that its owner sees, and nothing of how it is kept', () => {
    const shippingAddress = { name: 'Ada', line1: 'Street 1', city: 'London', postcode: 'N1', country: 'GB' };
    const data = { ...wish(mug), customerId: 'ada', reference: 'r-1', cartId: 'cart-1', shippingAddress };
    const [updated] = news(told(orderActor.initial, { type: 'Place', data }));
    const gbp = (amount: string) => ({ amount, currency: 'GBP' });
    expect(updated).toEqual({
      kind: 'publish',
      topic: 'order.updated',
      key: ID,
      data: {
        orderId: ID,
        status: 'AWAITING_STOCK',
        customerId: 'ada',
        email: 'ada@example.org',
        reference: 'r-1',
        lines: [
          {
            productId: 'p-mug',
            sku: 'mug',
            name: 'The mug',
            quantity: 2,
            unitPrice: gbp('2.55'),
            total: gbp('5.10'),
          },
        ],
        total: gbp('5.10'),
        exactTotal: gbp('5.10'),
        refunded: gbp('0.00'),
        shippingAddress,
        createdAt: AT,
        updatedAt: AT,
      },
    });
  });

  it('is told, and none of a guest', () => {
    for (const [, first, ...rest] of lives) {
      const { data } = first as Extract<OrderCommand, { type: 'Place' }>;
      const { customerId: _, ...guest } = data;
      let order = orderActor.initial;
      for (const command of [{ type: 'Place', data: guest } as const, ...rest]) {
        expect(news(told(order, command))).toEqual([]);
        order = then(order, when(order, command) as readonly OrderEvent[]);
      }
    }
  });
});

describe('the deadline', () => {
  it.each([
    ['before stock answered', [place(mug, far)]],
    ['before the payment', [place(mug, far), reserved(), reserved('north')]],
  ])('that passes %s undoes everything', (_, before) => {
    const order = given(...before);
    expect(types(when(order, expire))).toEqual(['Expired']);
    expect(words(told(order, expire))).toEqual([
      'Release → stock main',
      'Release → stock north',
      'Void → payment pay_order-1',
    ]);
  });

  it('means nothing to an order that is paid or has ended', () => {
    for (const end of [[reserved(), succeeded], [cancel], [reserved(), failed], [expire]]) {
      expect(when(given(place(mug), ...end), expire)).toEqual([]);
    }
  });
});

describe('a cancellation', () => {
  it.each([
    ['while stock is asked', [place(mug, far), reserved()]],
    ['while payment is awaited', [place(mug, far), reserved(), reserved('north')]],
  ])('%s undoes what was asked for, whoever has answered so far', (_, before) => {
    expect(words(told(given(...before), cancel))).toEqual([
      'Release → stock main',
      'Release → stock north',
      'Void → payment pay_order-1',
      'cancel-timer payment-deadline',
    ]);
    expect(given(...before, cancel).status).toBe('CANCELLED');
  });

  it('of a paid order gives all its money back and ends it as refunded', () => {
    const order = given(...paidMugs);
    expect(commandsTo('payment', told(order, cancel))).toEqual([
      { type: 'Refund', data: { orderId: ID, refundId: `${ID}/cancel`, amount: 510 } },
    ]);
    expect(given(...paidMugs, cancel)).toMatchObject({ status: 'PAID', refunded: 0 });
    expect(given(...paidMugs, cancel, confirmed(CANCEL_REFUND_ID))).toMatchObject({
      status: 'REFUNDED',
      refunded: 510,
    });
  });

  it('refunds only what is left', () => {
    const order = given(...paidMugs, refund('r', { productId: 'p-mug', quantity: 1 }));
    expect(commandsTo('payment', told(order, cancel))).toMatchObject([{ data: { amount: 255 } }]);
  });

  it('is repeated without effect', () => {
    expect(when(given(place(mug), cancel), cancel)).toEqual([]);
    expect(when(given(...paidMugs, cancel), cancel)).toEqual([]);
    expect(when(given(...paidMugs, cancel, confirmed('cancel')), cancel)).toEqual([]);
  });

  it.each([
    ['shipped', [...paidMugs, ship]],
    ['delivered', [...paidMugs, ship, deliver]],
    ['unpayable', [place(mug), reserved(), failed]],
    ['expired', [place(mug), expire]],
  ])('of an order that is %s is refused', (_, before) => {
    expect(when(given(...before), cancel)).toMatchObject({ refused: 'wrong-state' });
  });

  it('of a paid order that cost nothing needs no provider', () => {
    const free = given(place(gift), reserved());
    expect(types(when(free, cancel))).toEqual(['RefundRequested', 'Refunded']);
    expect(words(told(free, cancel))).toEqual(['Return → stock main']);
    expect(given(place(gift), reserved(), cancel).status).toBe('REFUNDED');
  });
});

describe('shipping and delivery', () => {
  it('follow the payment, each once', () => {
    expect(given(...paidMugs, ship).status).toBe('SHIPPED');
    expect(when(given(...paidMugs, ship), ship)).toEqual([]);
    expect(given(...paidMugs, ship, deliver).status).toBe('DELIVERED');
    expect(when(given(...paidMugs, ship, deliver), deliver)).toEqual([]);
    expect(told(given(...paidMugs), ship)).toEqual([]);
    expect(told(given(...paidMugs, ship), deliver)).toEqual([]);
  });

  it('are refused out of turn', () => {
    expect(when(given(place(mug)), ship)).toMatchObject({ refused: 'wrong-state' });
    expect(when(given(...paidMugs), deliver)).toMatchObject({ refused: 'wrong-state' });
    expect(when(given(...paidMugs, ship, deliver), ship)).toMatchObject({ refused: 'wrong-state' });
    expect(when(given(place(mug), cancel), deliver)).toMatchObject({ refused: 'wrong-state' });
  });

  it('are not for an order whose money is on its way back', () => {
    expect(when(given(...paidMugs, cancel), ship)).toMatchObject({ refused: 'wrong-state' });
    expect(types(when(given(...paidMugs, refund('r', { productId: 'p-mug', quantity: 1 })), ship))).toEqual([
      'Shipped',
    ]);
  });
});

describe('a refund', () => {
  const cent = (sku: string, quantity: number) => line(sku, quantity, 33);

  it('without lines takes everything that is left', () => {
    const order = given(...paidMugs, refund('a', { productId: 'p-mug', quantity: 1 }), confirmed('a'));
    expect(order).toMatchObject({ status: 'PAID', refunded: 255 });
    expect(when(order, refund('b'))).toMatchObject([{ data: { amount: 255, lines: [{ line: 0, quantity: 1 }] } }]);
  });

  it('counts only once the provider has confirmed it, and ends the order when nothing remains', () => {
    for (const before of [paidMugs, [...paidMugs, ship], [...paidMugs, ship, deliver]]) {
      const asked = given(...before, refund('r'));
      expect(asked).toMatchObject({ status: given(...before).status, refunded: 0 });
      expect(given(...before, refund('r'), confirmed('r'))).toMatchObject({ status: 'REFUNDED', refunded: 510 });
    }
  });

  it('of the last piece ends the order only when the earlier ones are confirmed too', () => {
    const one = { productId: 'p-mug', quantity: 1 };
    const both = [...paidMugs, refund('a', one), refund('b', one)];
    expect(given(...both, confirmed('b'))).toMatchObject({ status: 'PAID', refunded: 255 });
    expect(given(...both, confirmed('b'), confirmed('a'))).toMatchObject({ status: 'REFUNDED', refunded: 510 });
  });

  it('takes the pieces from the lines of the product in their order', () => {
    const order = given(place(mug, cup, mug), reserved(), succeeded);
    const wanted = refund('r', { productId: 'p-mug', quantity: 3 });
    expect(when(order, wanted)).toMatchObject([
      {
        data: {
          lines: [
            { line: 0, quantity: 2 },
            { line: 2, quantity: 1 },
          ],
        },
      },
    ]);
  });

  it('adds up to the total, however the pieces are divided', () => {
    // 7 × 0.0033 = 0.0231, rounded 0.02: single pieces are worth nothing or a penny each.
    let order = given(place(cent('a', 4), cent('b', 3), line('c', 1, 10_000)), reserved(), succeeded);
    expect(order.total).toBe(102);
    const wishes = ['p-a', 'p-b', 'p-a', 'p-c', 'p-b', 'p-a', 'p-b', 'p-a'];
    wishes.forEach((productId, i) => {
      order = then(order, when(order, refund(`r${i}`, { productId, quantity: 1 })) as OrderEvent[]);
    });
    for (const i of wishes.keys()) {
      const events = when(order, confirmed(`r${i}`)) as OrderEvent[];
      order = then(order, events);
    }
    expect(order).toMatchObject({ status: 'REFUNDED', refunded: 102 });
  });

  it('that is worth nothing is confirmed at once', () => {
    const order = given(place(cent('a', 4), cup), reserved(), succeeded);
    const wanted = refund('r', { productId: 'p-a', quantity: 1 });
    expect(types(when(order, wanted))).toEqual(['RefundRequested', 'Refunded']);
    expect(words(told(order, wanted))).toEqual(['Return → stock main']);
  });

  it('brings the pieces back to the shelves of their partitions once it is confirmed', () => {
    const order = given(place(mug, far, mug), reserved(), reserved('north'), succeeded, refund('r'));
    expect(commandsTo('stock', told(order, confirmed('r')))).toEqual([
      {
        type: 'Return',
        data: { orderId: ID, refundId: `${ID}/r`, lines: [{ sku: 'mug', productId: 'p-mug', quantity: 4 }] },
      },
      {
        type: 'Return',
        data: { orderId: ID, refundId: `${ID}/r`, lines: [{ sku: 'far', productId: 'p-far', quantity: 3 }] },
      },
    ]);
  });

  it('without restocking brings none', () => {
    const broken: OrderCommand = { type: 'Refund', data: { refundId: 'r', restock: false } };
    expect(told(given(...paidMugs, broken), confirmed('r'))).toEqual([]);
  });

  it('is asked for once', () => {
    expect(when(given(...paidMugs, refund('r')), refund('r'))).toEqual([]);
    expect(when(given(...paidMugs, refund('r'), confirmed('r')), refund('r'))).toEqual([]);
    expect(when(given(...paidMugs, refund('r'), confirmed('r')), confirmed('r'))).toEqual([]);
  });

  it('of more pieces than are left is refused, and says how many are', () => {
    const order = given(...paidMugs, refund('a', { productId: 'p-mug', quantity: 1 }));
    expect(when(order, refund('b', { productId: 'p-mug', quantity: 2 }))).toMatchObject({
      refused: 'too-many-pieces',
      errors: [{ pointer: '/lines/0/quantity', productId: 'p-mug', requested: 2, available: 1 }],
    });
    expect(when(given(...paidMugs, refund('a')), refund('b'))).toMatchObject({ refused: 'too-many-pieces' });
  });

  it('sums what it names twice', () => {
    const one = { productId: 'p-mug', quantity: 1 };
    expect(when(given(...paidMugs), refund('r', one, one))).toMatchObject([{ data: { amount: 510 } }]);
    expect(when(given(...paidMugs), refund('r', one, one, one))).toMatchObject({
      refused: 'too-many-pieces',
      errors: [{ pointer: '/lines/2/quantity', requested: 1, available: 0 }],
    });
  });

  it('of something else, or of half a piece, is refused', () => {
    const wrong = refund('r', { productId: 'p-cup', quantity: 1 }, { productId: 'p-mug', quantity: 0.5 });
    expect(when(given(...paidMugs), wrong)).toMatchObject({
      refused: 'invalid-request',
      errors: [{ pointer: '/lines/0/productId' }, { pointer: '/lines/1/quantity' }],
    });
    const none: OrderCommand = { type: 'Refund', data: { refundId: 'r', restock: true, lines: [] } };
    expect(when(given(...paidMugs), none)).toMatchObject({ refused: 'too-many-pieces' });
    expect(when(given(...paidMugs), refund('r', { productId: 'p-mug', quantity: -1 }))).toMatchObject({
      refused: 'invalid-request',
    });
  });

  it('is for paid orders only', () => {
    for (const before of [[], [reserved()], [cancel], [expire], [reserved(), succeeded, refund('x'), confirmed('x')]]) {
      expect(when(given(place(mug), ...before), refund('r'))).toMatchObject({ refused: 'wrong-state' });
    }
  });

  it('that nobody asked for cannot be confirmed', () => {
    for (const name of ['r', 'constructor', '__proto__']) {
      expect(when(given(...paidMugs), confirmed(name))).toMatchObject({ refused: 'not-found' });
    }
  });
});

describe('an order that was never placed', () => {
  it.each([reserved(), shortage, succeeded, expire, cancel, ship, deliver, refund('r'), confirmed('r')])(
    'is not found by $type',
    (command) => {
      expect(when(orderActor.initial, command)).toMatchObject({ refused: 'not-found' });
    },
  );
});

describe('the transitions', () => {
  const statuses = Object.keys(transitions) as OrderStatus[];

  it('reach every status from NEW', () => {
    const reached = new Set<OrderStatus>(['NEW']);
    for (const status of reached) {
      for (const next of Object.values(transitions[status])) reached.add(next);
      if (transitions[status].Refunded !== undefined) reached.add('REFUNDED');
    }
    expect([...reached].sort()).toEqual([...statuses].sort());
  });

  it('never lead back to a wish for money', () => {
    const ended: OrderStatus[] = ['PAID', 'SHIPPED', 'DELIVERED', 'PAYMENT_FAILED', 'CANCELLED', 'EXPIRED', 'REFUNDED'];
    for (const status of ended) {
      for (const next of Object.values(transitions[status])) expect(ended).toContain(next);
    }
  });

  it('are the only way: an impossible event throws', () => {
    const paid: OrderEvent = { type: 'Paid', data: { at: AT } };
    expect(() => orderActor.evolve(given(place(mug)), paid)).toThrow(InvariantViolated);
    expect(statusAfter('NEW', paid)).toBeUndefined();
    const unknown = { type: 'Vanish', data: {} } as unknown as OrderCommand;
    expect(() => when(given(place(mug)), unknown)).toThrow(InvariantViolated);
    // The second is a name that every table has by birth.
    for (const type of ['Vanished', 'constructor']) {
      const odd = { type, data: {} } as unknown as OrderEvent;
      expect(() => orderActor.evolve(given(place(mug)), odd)).toThrow(InvariantViolated);
      expect(() => orderActor.react(given(place(mug)), odd, ID)).toThrow(InvariantViolated);
    }
  });
});

describe('the check', () => {
  it.each<[string, Partial<Order>]>([
    ['a total that is not the sum', { total: 511 }],
    ['an exact total that is not the sum', { exactTotal: 1 }],
    ['money refunded without a refund', { refunded: 1 }],
    [
      'a refund of too many pieces',
      { refunds: { r: { lines: [{ line: 0, quantity: 3 }], amount: 765, restock: true, confirmed: false } } },
    ],
    [
      'a refund of too much money',
      { refunds: { r: { lines: [{ line: 0, quantity: 1 }], amount: 256, restock: true, confirmed: false } } },
    ],
    ['a refunded order that keeps something', { status: 'REFUNDED' }],
    [
      'a refund of an order that was never paid',
      { status: 'CANCELLED', refunds: { r: { lines: [], amount: 0, restock: true, confirmed: false } } },
    ],
  ])('finds %s', (_, wrong) => {
    expect(() => orderActor.check({ ...given(...paidMugs), ...wrong })).toThrow(InvariantViolated);
  });

  it('has nothing to say of an order that is not there', () => {
    expect(() => orderActor.check(orderActor.initial)).not.toThrow();
  });
});
