// Notifications: tells customers by mail what became of their orders. A dead mail server delays, it does not lose.
//
//   order.created, payment.succeeded, payment.failed (log) ─► notification actor ─► perform mail ─► mail server

import {
  type Notification,
  notificationActor,
  type Mail,
  type NotificationCommand,
  type NotedOrder,
} from '../../actors/notification.ts';
import { notificationCommands } from '../../brokers/commands/notification.ts';
import type { LogRecord, Subscription } from '../../brokers/event-log.ts';
import { consume } from '../../mixins/consume.ts';
import { type Hosting, hosts } from '../../mixins/hosts.mixin.ts';
import { MailRefused } from '../../mixins/mailer.ts';
import type { Platform } from '../../mixins/platform.ts';
import type { Database } from '../../mixins/postgres/database.ts';
import type { SchemaOf } from '../../mixins/service-schema.ts';
import { openNotificationStore } from './notifications.store.ts';

/** Nobody waits for a mail in the same second: larger batches leave more of the machine to orders. */
const GATHER_MS = 100;

interface Notifications extends Hosting<Notification, NotificationCommand> {
  database: Database;
  subscription: Subscription;
}

/** The notifications service; opens its store when it starts. */
export const notificationsService = (platform: Platform): SchemaOf<Notifications> => ({
  name: 'notifications',
  mixins: [
    hosts({
      actor: notificationActor,
      commands: notificationCommands,
      store: (service) => openNotificationStore(service as unknown as Notifications, platform),
      close: (service) => (service as unknown as Partial<Notifications>).database?.close(),
      log: () => platform.log(),
      alert: platform.alert,
      gatherMs: GATHER_MS,
      // Delivered is delivered: the outbox marks it, and nobody needs to be told.
      perform: (service) => ({
        mail: (mail: Mail, orderId: string) => send(service as unknown as Notifications, platform, mail, orderId),
      }),
    }),
  ],

  async started(this: Notifications) {
    this.subscription = await consume(await platform.log(), this.placed, {
      group: 'notifications',
      topics: ['order.created', 'payment.succeeded', 'payment.failed'],
      command: toCommand,
    });
  },
  async stopped(this: Notifications) {
    await this.subscription?.stop();
  },

  actions: {
    ready: {
      async handler(this: Notifications) {
        await this.store.load({ ids: ['ready'], rows: [], commands: [] });
        return { ready: true };
      },
    },
  },
});

/** Hands a mail over. One that no server will ever take is kept for a person to look at, and holds up nothing. */
export async function send(
  { store }: Pick<Notifications, 'store'>,
  platform: Pick<Platform, 'mailer' | 'alert'>,
  mail: Mail,
  orderId: string,
): Promise<void> {
  try {
    await platform.mailer().send(mail);
  } catch (error) {
    if (!(error instanceof MailRefused)) throw error;
    const { message: reason } = error;
    platform.alert('mail refused', { orderId, messageId: mail.messageId, reason });
    await store.park({ id: orderId, commandId: mail.messageId, command: { type: 'mail', data: mail }, reason });
  }
}

/** What a notification is told by the events that it is made of. */
export function toCommand({ topic, id: eventId, data }: LogRecord): { id: string; command: NotificationCommand } {
  const { orderId } = data as { orderId: string };
  if (topic === 'order.created') {
    const { email, total, lines } = data as NotedOrder;
    const noted = lines.map(({ name, quantity, unitPrice }) => ({ name, quantity, unitPrice }));
    return { id: orderId, command: { type: 'NoteOrder', data: { email, total, lines: noted, eventId } } };
  }
  const { reason } = data as { reason?: string };
  const outcome = topic === 'payment.succeeded' ? 'paid' : 'failed';
  return {
    id: orderId,
    command: { type: 'NoteOutcome', data: { outcome, eventId, ...(reason === undefined ? {} : { reason }) } },
  };
}
