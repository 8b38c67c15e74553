// Bugs of rules and services: orders, stock, payments, carts, events, and who may see what.

import { bugs, put } from '../../../mixins/planted-bugs.testing.ts';
import type { SeededBug } from './planting.ts';

const order = 'actors/order.ts';
const saga = 'actors/order-saga.ts';
const stock = 'actors/stock.ts';
const payment = 'actors/payment.ts';
const cart = 'actors/cart.ts';
const ordersService = 'services/orders/orders.service.ts';
const paymentsService = 'services/payments/payments.service.ts';
const list = 'services/orders/list.ts';

/** Commands of one pair overtake each other; events keep their order. */
export const overtaking = put(
  'mixins/takeover.ts',
  `export function pairOf({ sender, target, key }: Outgoing): string {`,
  `export function pairOf({ sender, target, key, kind, messageId }: Outgoing): string {
  if (kind === 'send') return messageId;`,
);

export const shopBugs: readonly SeededBug[] = [
  {
    number: 1,
    bug: 'an undo that overtakes its action leaves no tombstone',
    seed: 5,
    changes: [
      // By itself it breaks nothing that clients or stores could show: an undo is right when it comes first.
      overtaking,
      put(
        stock,
        `if (held === undefined) return [{ type: 'Released', data: { orderId, lines: [] } }];`,
        `if (held === undefined) return [];`,
      ),
    ],
  },
  {
    number: 2,
    bug: 'money captured during the void is kept',
    changes: [
      put(payment, `      return late(payment, named);`, `      return [{ type: 'CapturedLate', data: named }];`),
    ],
  },
  {
    number: 2,
    bug: 'money that comes for an order that has ended is kept',
    changes: [
      put(order, `return outcome === 'succeeded' ? [{ type: 'PaidTooLate', data: { at } }] : [];`, `return [];`),
      put(payment, `return rest === 0 ? [] : [giveBack(orderId, rest)];`, `return [];`),
    ],
  },
  {
    ...bugs.lineSetsPrice,
    seed: 2,
    changes: [
      // Without it no line that says a price comes so far.
      put(
        'services/api/requests.schemas.ts',
        `const orderLine = object({ productId, quantity: integer(1, QUANTITY_MAX) });`,
        `const orderLine = object({ productId, quantity: integer(1, QUANTITY_MAX), unitPrice: { type: 'integer' } }, ['unitPrice']);`,
      ),
      ...bugs.lineSetsPrice.changes,
    ],
  },
  bugs.commandIdPerAttempt,
  bugs.orderIdBySeed,
  bugs.keyWithoutOwner,
  {
    number: 16,
    bug: 'no answer of the provider is taken for failure',
    changes: [
      put(
        paymentsService,
        `const outcome = await orPark({ paymentId, task: 'charge', messageId }, call);`,
        `const outcome = await orPark({ paymentId, task: 'charge', messageId }, call.catch(() => ({ status: 'declined', reason: 'no-answer' })));`,
      ),
    ],
  },
  {
    bug: 'a key is accepted for another request',
    changes: [
      put(
        ordersService,
        `if (told.repeated?.fingerprint !== undefined && told.repeated.fingerprint !== fingerprint) throw reused();`,
        ``,
      ),
    ],
  },
  {
    bug: 'each attempt is charged as a payment of its own',
    changes: [
      put(
        paymentsService,
        `provider.charge({ paymentId, orderId, token, amount`,
        `provider.charge({ paymentId: paymentId + '-' + globalThis.simulatedId(), orderId, token, amount`,
      ),
    ],
  },
  {
    bug: 'a penny more is charged than the order costs',
    changes: [
      put(
        paymentsService,
        `amount: moneyOfMinor(task.amount, currency) });`,
        `amount: moneyOfMinor(task.amount + 1, currency) });`,
      ),
    ],
  },
  {
    bug: 'a declined charge is taken for a payment',
    seed: 2,
    changes: [
      put(
        paymentsService,
        `return { type: 'RecordOutcome', data: { outcome: 'declined', reason: outcome.reason } };`,
        `return { type: 'RecordOutcome', data: { outcome: 'succeeded' } };`,
      ),
    ],
  },
  {
    bug: 'double refund: each attempt gives back under an id of its own',
    changes: [
      put(
        paymentsService,
        `provider.refund({ refundId, paymentId,`,
        `provider.refund({ refundId: refundId + '-' + globalThis.simulatedId(), paymentId,`,
      ),
    ],
  },
  {
    bug: 'lost compensation: a cancelled order keeps its stock',
    changes: [
      put(
        saga,
        `return [...toStock('Release', order, id), ...voided(order, id), noDeadline];`,
        `return [...voided(order, id), noDeadline];`,
      ),
    ],
  },
  {
    bug: 'lost compensation: an order that was not paid keeps its stock',
    seed: 2,
    changes: [put(saga, `return [...toStock('Release', order, id), noDeadline];`, `return [noDeadline];`)],
  },
  {
    bug: 'a refund that was confirmed does not bring the pieces back',
    changes: [put(saga, `if (!restock) return [];`, `if (restock) return [];`)],
  },
  {
    bug: 'what is available is not looked at, and nobody checks the balance',
    seed: 2,
    changes: [
      put(stock, `return quantity > available ?`, `return quantity < 0 ?`),
      put(stock, 'invariant(reserved <= onHand, `${key}: no more is reserved than is on hand`);', ``),
    ],
  },
  {
    bug: 'pieces that are written off stay on hand, and nobody checks the balance',
    changes: [
      put(stock, `{ writtenOff: 1, onHand: -1 }`, `{ writtenOff: 1 }`),
      put(stock, `received + returned === onHand + sold + writtenOff,`, `true,`),
    ],
  },
  {
    bug: 'an order goes to any status that an event names',
    seed: 3,
    changes: [
      put(
        order,
        `if (order.status === 'PAID' && !isGivenBack(order)) return [{ type: 'Shipped', data: { at } }];`,
        `if (order.status !== 'DELIVERED') return [{ type: 'Shipped', data: { at } }];`,
      ),
      put(
        order,
        'invariant(status !== undefined, `an order that is ${order.status} cannot have the event ${event.type}`);',
        ``,
      ),
      put(
        order,
        `const next = { ...order, status, updatedAt: event.data.at };`,
        `const next = { ...order, status: status ?? 'SHIPPED', updatedAt: event.data.at };`,
      ),
    ],
  },
  {
    bug: 'orders are read from what was read before',
    changes: [
      put(
        'services/orders/waiting.ts',
        `const ask = actorReader<Order>(database);`,
        `const ask0 = actorReader<Order>(database);
  const seen = new Map();
  const ask = async (ids: readonly string[]) => {
    for (const [id, found] of await ask0(ids.filter((id) => !seen.has(id)))) seen.set(id, found);
    return seen;
  };`,
      ),
    ],
  },
  {
    bug: 'the newest order is not in the list',
    changes: [
      put(
        list,
        `const page = found.slice(0, limit);`,
        `const page = found.slice(cursor === undefined ? 1 : 0, limit);`,
      ),
    ],
  },
  {
    bug: 'a list shows the orders of all',
    changes: [put(list, `...(customerId === undefined ? {} : { customerId }),`, ``)],
  },
  {
    bug: 'whoever knows the id of an order may read it',
    seed: 2,
    changes: [
      put(
        'services/orders/access.ts',
        `if (principal.kind === 'order' && principal.orderId === id) return;`,
        `return;`,
      ),
    ],
  },
  {
    bug: 'a cart that is merged loses a line',
    changes: [
      put(
        'services/carts/merging.ts',
        `lines: lines.map(({ productId, quantity }) => ({ productId, quantity })),`,
        `lines: lines.slice(1).map(({ productId, quantity }) => ({ productId, quantity })),`,
      ),
    ],
  },
  {
    bug: 'a merge that is repeated adds the lines again',
    seed: 15,
    changes: [
      put(cart, `if (cart.absorbed.includes(data.merge)) return [];`, ``),
      put(
        'services/carts/merging.ts',
        `if (frozen.state.status === 'frozen') {`,
        `if (frozen.state.status !== 'open') {`,
      ),
    ],
  },
  {
    bug: 'an event is counted in the wrong window',
    changes: [
      put(
        'services/analytics/event-time.ts',
        `const windowStart = Math.floor(time / WINDOW_MS) * WINDOW_MS;`,
        `const windowStart = Math.round(time / WINDOW_MS) * WINDOW_MS;`,
      ),
    ],
  },
  {
    bug: 'events that come a little later count for nothing',
    changes: [
      put(
        'services/analytics/event-time.ts',
        `else if (watermark !== undefined && event.windowStart + WINDOW_MS <= watermark) late += 1;`,
        `else if (time !== undefined && event.time < time + DISORDER_MS) late += 1;`,
      ),
    ],
  },
  {
    bug: 'events are acknowledged though the log did not take them',
    changes: [put('services/activity/activity.service.ts', `    })),\n  );`, `    })),\n  ).catch(() => {});`)],
  },
  {
    bug: 'each attempt at a mail is another mail',
    changes: [
      put(
        'services/notifications/notifications.service.ts',
        `await platform.mailer().send(mail);`,
        `await platform.mailer().send({ ...mail, messageId: globalThis.simulatedId() });`,
      ),
    ],
  },
];
