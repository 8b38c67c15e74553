// The mails about one order (actor id = order id). The log keeps no order across topics, so the payment's outcome may be
// known before the order is; the mail goes out once both are.
//
//   order.created ──OrderNoted──┐
//                               ├──both known──MailQueued──► perform mail ──► MailSent
//   payment.* ────OutcomeNoted──┘
//
// At least once: the mail server may see a mail twice, always with the same Message-ID.

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
  readonly mail: 'none' | 'queued' | 'sent';
}

export type NotificationCommand =
  | { readonly type: 'NoteOrder'; readonly data: NotedOrder }
  | { readonly type: 'NoteOutcome'; readonly data: Outcome }
  | { readonly type: 'RecordSent'; readonly data: { readonly messageId: string } };

export type NotificationEvent =
  | { readonly type: 'OrderNoted'; readonly data: NotedOrder }
  | { readonly type: 'OutcomeNoted'; readonly data: Outcome }
  | { readonly type: 'MailQueued'; readonly data: object }
  | { readonly type: 'MailSent'; readonly data: { readonly messageId: string } };

/** Lines of an order that a mail lists; longer orders are summed up. */
const LINES_SHOWN = 50;

function decide(notification: Notification, command: At<NotificationCommand>): readonly NotificationEvent[] {
  const queued: NotificationEvent = { type: 'MailQueued', data: {} };
  switch (command.type) {
    case 'NoteOrder':
      if (notification.order !== undefined) return [];
      return [{ type: 'OrderNoted', data: command.data }, ...(notification.outcome === undefined ? [] : [queued])];
    case 'NoteOutcome':
      // The first outcome is final: a payment succeeds or fails once.
      if (notification.outcome !== undefined) return [];
      return [{ type: 'OutcomeNoted', data: command.data }, ...(notification.order === undefined ? [] : [queued])];
    case 'RecordSent':
      return notification.mail === 'queued' ? [{ type: 'MailSent', data: command.data }] : [];
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
    case 'MailQueued':
      return { ...notification, mail: 'queued' };
    case 'MailSent':
      return { ...notification, mail: 'sent' };
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
  initial: { mail: 'none' },
  decide,
  evolve,
  react({ order, outcome }, event, id) {
    if (event.type !== 'MailQueued') return [];
    invariant(order !== undefined && outcome !== undefined, 'a mail is queued when order and outcome are known');
    return [{ kind: 'perform', task: 'mail', data: mailOf(id, order, outcome) }];
  },
  check({ order, outcome, mail }) {
    const isComplete = order !== undefined && outcome !== undefined;
    invariant(mail === 'none' || isComplete, 'no mail before order and outcome are known');
  },
};
