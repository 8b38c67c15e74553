// The mails about one order (actor id = order id). The log keeps no order across topics, so the payment's outcome may be
// known before the order is; the mail goes out with whichever comes second.
//
//   order.created ──OrderNoted──┐
//                               ├──both known──► perform mail
//   payment.* ────OutcomeNoted──┘
//
// At least once: the mail server may see a mail twice, always with the same Message-ID. That it left is known to the outbox.

import { type Actor, type At, invariant, unreachable } from './actor.ts';
import type { Money } from './money.ts';

export interface NotedOrder {
  readonly email: string;
  readonly total: Money;
  readonly lines: readonly { readonly name: string; readonly quantity: number; readonly unitPrice: Money }[];
}

export interface Outcome {
  readonly outcome: 'paid' | 'failed';
  readonly reason?: string;
  /** Id of the public event that told it; the Message-ID of the mail derives from it. */
  readonly eventId: string;
}

export interface Mail {
  readonly messageId: string;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
}

export interface Notification {
  readonly order?: NotedOrder;
  readonly outcome?: Outcome;
}

export type NotificationCommand =
  | { readonly type: 'NoteOrder'; readonly data: NotedOrder }
  | { readonly type: 'NoteOutcome'; readonly data: Outcome };

export type NotificationEvent =
  | { readonly type: 'OrderNoted'; readonly data: NotedOrder }
  | { readonly type: 'OutcomeNoted'; readonly data: Outcome };

/** Lines of an order that a mail lists; longer orders are summed up. */
const LINES_SHOWN = 50;

function decide(notification: Notification, command: At<NotificationCommand>): readonly NotificationEvent[] {
  switch (command.type) {
    case 'NoteOrder':
      return notification.order === undefined ? [{ type: 'OrderNoted', data: command.data }] : [];
    case 'NoteOutcome':
      // The first outcome is final: a payment succeeds or fails once.
      return notification.outcome === undefined ? [{ type: 'OutcomeNoted', data: command.data }] : [];
    default:
      return unreachable(command);
  }
}

function evolve(notification: Notification, event: NotificationEvent): Notification {
  switch (event.type) {
    case 'OrderNoted':
      return { ...notification, order: event.data };
    case 'OutcomeNoted':
      return { ...notification, outcome: event.data };
    default:
      return unreachable(event);
  }
}

/** The mail about an order whose outcome is known. */
export function mailOf(orderId: string, order: NotedOrder, outcome: Outcome): Mail {
  const total = `${order.total.amount} ${order.total.currency}`;
  const shown = order.lines
    .slice(0, LINES_SHOWN)
    .map(({ name, quantity, unitPrice }) => `  ${quantity} × ${name} at ${unitPrice.amount}`);
  const more = order.lines.length > LINES_SHOWN ? [`  … and ${order.lines.length - LINES_SHOWN} more lines`] : [];
  const isPaid = outcome.outcome === 'paid';
  return {
    // Slashes are not allowed in the left side of a Message-ID (RFC 5322, dot-atom is).
    messageId: `${outcome.eventId.replaceAll('/', '.')}@souk`,
    to: order.email,
    subject: isPaid ? `Your order ${orderId} is paid` : `Your order ${orderId} could not be paid`,
    text: [
      isPaid
        ? `Thank you. We have received ${total} for your order:`
        : `The payment of ${total} failed (${outcome.reason ?? 'no reason given'}); nothing was charged:`,
      '',
      ...shown,
      ...more,
      '',
      `Total: ${total}`,
      '',
    ].join('\n'),
  };
}

export const notificationActor: Actor<Notification, NotificationCommand, NotificationEvent> = {
  name: 'notification',
  creates: ['NoteOrder', 'NoteOutcome'],
  initial: {},
  decide,
  evolve,
  react({ order, outcome }, _event, id) {
    if (order === undefined || outcome === undefined) return [];
    return [{ kind: 'perform', task: 'mail', data: mailOf(id, order, outcome) }];
  },
  check({ order }) {
    invariant(order === undefined || order.email !== '', 'a mail has somebody to go to');
  },
};
