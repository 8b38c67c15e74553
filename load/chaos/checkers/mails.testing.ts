// The mails of a shop that does nothing wrong, for evidence made by hand: one about each order whose outcome was told.

import type { CapturedMail } from '../../../mixins/mailer-capture.ts';
import type { TopicRecord } from '../books/books.ts';

/** One mail for each order that was created and whose outcome is known; what is free is paid by itself. */
export function mailsOf(topics: readonly TopicRecord[]): CapturedMail[] {
  const created = topics.filter(({ topic }) => topic === 'order.created');
  return created.flatMap((order) => {
    const { orderId, email, total } = order.data;
    const outcome = topics.find(
      ({ topic, data }) => topic.startsWith('payment.') && topic !== 'payment.requested' && data.orderId === orderId,
    );
    const cause = Number(total.amount) === 0 ? order : outcome;
    if (cause === undefined) return [];
    const messageId = `${cause.id.replaceAll('/', '.')}@souk`;
    return [
      {
        at: new Date(cause.appendedAt).toISOString(),
        messageId,
        to: email,
        subject: `Your order ${orderId}`,
        text: '',
      },
    ];
  });
}
