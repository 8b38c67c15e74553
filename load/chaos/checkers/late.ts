// I3 and I9, beyond the run: orders of earlier runs on the same cluster were settled before it began, and whatever is
// delivered again, as by a consumer that is set back by a thousand records, does nothing more to them.
//
//   charges, refunds, mails, entries of the run ─► of an order that was there before it? ─► wrong, each of them

import { examine, type Finding } from '../../../mixins/finding.ts';
import type { Evidence } from './checker.ts';

const NONE = { charges: [], refunds: [], mails: [], entries: [] };

/** I3 and I9, of orders that are older than the run. */
export function checkLate({ books }: Evidence): readonly Finding[] {
  const { ledger, contexts, mails, late = NONE } = books;
  const money = examine('I3', 'no order of an earlier run is charged or refunded any more', 'charges and refunds');
  money.look(ledger.charges.length + late.charges.length + ledger.refunds.length);
  for (const { id, orderId, amount, status } of late.charges)
    money.wrong(
      `order ${orderId}, of an earlier run, was charged ${amount.amount} ${amount.currency} (${id}, ${status})`,
    );
  for (const { refundId, paymentId, amount } of late.refunds)
    money.wrong(`payment ${paymentId}, of an earlier run, gave back ${amount.amount} ${amount.currency} (${refundId})`);

  const effects = examine(
    'I9',
    'nothing more happens to orders of earlier runs, which were settled',
    'mails and entries',
  );
  const entries = Object.values(contexts).reduce((sum, { journal }) => sum + journal.length, 0);
  effects.look(mails.length + late.mails.length + entries + late.entries.length);
  for (const { messageId } of late.mails) effects.wrong(`the mail ${messageId} is about an order of an earlier run`);
  for (const { context, id, version, type, data } of late.entries) {
    const whose = context === 'inventory' ? `order ${data.orderId}` : id;
    effects.wrong(`${context}: ${type} happened to ${whose}, of an earlier run, at version ${version}`);
  }
  return [money.finding(), effects.finding()];
}
