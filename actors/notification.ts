// The mails about one order (actor id = order id). The log keeps no order across topics, so the payment's outcome may be
// known before the order is; the mail goes out with whichever comes second. An order that costs nothing has no payment to
// wait for.
//
//   order.created ──OrderNoted──┐
//                               ├──both known──► perform mail
//   payment.* ────OutcomeNoted──┘
//
// At least once: the mail server may see a mail twice, always with the same Message-ID. That it left is known to the outbox.

import { type Actor, type At, invariant, unreachable } from './actor.ts';
import { type Money, parseAmount } from './money.ts';

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
  /** `eventId` as in an outcome: that of `order.created`. */
  | { readonly type: 'NoteOrder'; readonly data: NotedOrder & { readonly eventId: string } }
  | { readonly type: 'NoteOutcome'; readonly data: Outcome };

export type NotificationEvent =
  | { readonly type: 'OrderNoted'; readonly data: NotedOrder }
  | { readonly type: 'OutcomeNoted'; readonly data: Outcome };

/** Lines of an order that a mail lists; longer orders are summed up. */
const LINES_SHOWN = 50;

function decide(notification: Notification, command: At<NotificationCommand>): readonly NotificationEvent[] {
  switch (command.type) {
    case 'NoteOrder':
      return notification.order === undefined ? noted(command.data) : [];
    case 'NoteOutcome':
      // The first outcome is final: a payment succeeds or fails once.
      return notification.outcome === undefined ? [{ type: 'OutcomeNoted', data: command.data }] : [];
    default:
      return unreachable(command);
  }
}

function noted({ eventId, ...order }: NotedOrder & { readonly eventId: string }): readonly NotificationEvent[] {
  const event: NotificationEvent = { type: 'OrderNoted', data: order };
  return isFree(order) ? [event, { type: 'OutcomeNoted', data: { outcome: 'paid', eventId } }] : [event];
}

const isFree = ({ total }: NotedOrder): boolean => parseAmount(total.amount) === 0;

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
  const told = wordsOf(order, outcome, total);
  return {
    // Slashes are not allowed in the left side of a Message-ID (RFC 5322, dot-atom is).
    messageId: `${outcome.eventId.replaceAll('/', '.')}@souk`,
    to: order.email,
    subject: `Your order ${orderId} ${told.became}`,
    text: [told.sentence, '', ...shown, ...more, '', `Total: ${total}`, ''].join('\n'),
  };
}

function wordsOf(order: NotedOrder, { outcome, reason }: Outcome, total: string): { became: string; sentence: string } {
  if (outcome === 'failed')
    return {
      became: 'could not be paid',
      sentence: `The payment of ${total} failed (${reason ?? 'no reason given'}); nothing was charged:`,
    };
  if (isFree(order)) return { became: 'is confirmed', sentence: 'Thank you. There is nothing to pay for your order:' };
  return { became: 'is paid', sentence: `Thank you. We have received ${total} for your order:` };
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
