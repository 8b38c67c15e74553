import { describe, expect, it } from '@jest/globals';
import type { NotificationCommand, NotificationEvent } from './notification.ts';
import { mailOf, notificationActor } from './notification.ts';

const order = {
  email: 'ada@customers.example',
  total: { amount: '5.10', currency: 'GBP' },
  lines: [{ name: 'LANTERN', quantity: 2, unitPrice: { amount: '2.55', currency: 'GBP' } }],
};
const created = { ...order, eventId: 'order/o-1/2/0/0' };
const paid = { outcome: 'paid', eventId: 'payment/pay_1/3/0/0' } as const;

function given(...events: readonly NotificationEvent[]) {
  const state = events.reduce((before, event) => {
    const after = notificationActor.evolve(before, event);
    notificationActor.check(after);
    return after;
  }, notificationActor.initial);
  return { state, when: (command: NotificationCommand) => notificationActor.decide(state, { ...command, at: 0 }) };
}

const orderNoted: NotificationEvent = { type: 'OrderNoted', data: order };
const outcomeNoted: NotificationEvent = { type: 'OutcomeNoted', data: paid };
describe('notification', () => {
  it('notes the order and its outcome, whichever comes first', () => {
    expect(given().when({ type: 'NoteOrder', data: created })).toEqual([orderNoted]);
    expect(given(outcomeNoted).when({ type: 'NoteOrder', data: created })).toEqual([orderNoted]);
    expect(given(orderNoted).when({ type: 'NoteOutcome', data: paid })).toEqual([outcomeNoted]);
  });
  it('notes neither of them twice', () => {
    const known = given(orderNoted, outcomeNoted);
    expect(known.when({ type: 'NoteOrder', data: created })).toEqual([]);
    expect(known.when({ type: 'NoteOutcome', data: { ...paid, outcome: 'failed' } })).toEqual([]);
  });
  it.each([
    ['the outcome follows the order', [orderNoted, outcomeNoted]],
    ['the order follows its outcome', [outcomeNoted, orderNoted]],
  ] as const)('hands out one mail, with the id of the event that caused it, when %s', (_when, [first, second]) => {
    expect(notificationActor.react(given(first).state, first, 'o-1')).toEqual([]);
    expect(notificationActor.react(given(first, second).state, second, 'o-1')).toMatchObject([
      { kind: 'perform', task: 'mail', data: { messageId: 'payment.pay_1.3.0.0@souk', to: order.email } },
    ]);
  });
  it('confirms an order that costs nothing at once: no payment will be heard of', () => {
    const free = { ...order, total: { amount: '0.00', currency: 'GBP' } };
    const outcome = { outcome: 'paid', eventId: 'order/o-1/2/0/0' } as const;
    const events = given().when({ type: 'NoteOrder', data: { ...free, eventId: outcome.eventId } });
    expect(events).toEqual([
      { type: 'OrderNoted', data: free },
      { type: 'OutcomeNoted', data: outcome },
    ]);
    expect(mailOf('o-1', free, outcome)).toMatchObject({
      messageId: 'order.o-1.2.0.0@souk',
      subject: 'Your order o-1 is confirmed',
      text: expect.stringContaining('nothing to pay'),
    });
  });
  it('says in the mail what failed, and sums up what would be too long', () => {
    const lines = Array.from({ length: 51 }, () => order.lines[0] as (typeof order.lines)[0]);
    const failed = { outcome: 'failed', reason: 'declined', eventId: 'e' } as const;
    expect(mailOf('o-1', { ...order, lines }, failed)).toMatchObject({
      subject: 'Your order o-1 could not be paid',
      text: expect.stringMatching(/declined[^]*… and 1 more lines/),
    });
    expect(mailOf('o-1', order, { outcome: 'failed', eventId: 'e' }).text).toContain('no reason given');
  });
  it('throws on what cannot be', () => {
    expect(() =>
      notificationActor.decide(notificationActor.initial, { type: 'Nonsense', data: {}, at: 0 } as never),
    ).toThrow('impossible');
    expect(() => notificationActor.evolve(notificationActor.initial, { type: 'Nonsense', data: {} } as never)).toThrow(
      'impossible',
    );
    expect(() => notificationActor.check({ order: { ...order, email: '' } })).toThrow('somebody to go to');
  });
});
