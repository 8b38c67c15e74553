import { describe, expect, it } from '@jest/globals';
import { type EventLog, type LogRecord, PermanentFailure, type SubscribeOptions } from '../brokers/event-log.ts';
import type { Delivery, DeliveryAnswer } from '../brokers/hosting.ts';
import { consume } from './consume.ts';

/** A subscription to a log that hands over what it is told, and to a host that answers as it is told. */
async function listening(answer: (delivery: Delivery) => DeliveryAnswer) {
  const received: Delivery[] = [];
  let subscribed: SubscribeOptions | undefined;
  const log = { subscribe: async (options: SubscribeOptions) => ((subscribed = options), { stop: async () => {} }) };
  const host = {
    receive: async (deliveries: readonly Delivery[]) => (received.push(...deliveries), deliveries.map(answer)),
  };
  await consume(log as unknown as EventLog, host, {
    group: 'orders',
    topics: ['payment.succeeded'],
    command({ data }) {
      const { id, word } = data as { id?: string; word: string };
      if (word === 'unreadable') throw new TypeError('no such word');
      return id === undefined ? undefined : { id, command: { type: 'Note', data: { word } } };
    },
  });
  return { received, subscribed: subscribed as unknown as SubscribeOptions };
}

function record(offset: number, data: object): LogRecord {
  return {
    topic: 'payment.succeeded',
    partition: 0,
    offset,
    key: 'k',
    id: `e-${offset}`,
    source: 's',
    time: 1,
    appendedAt: 2,
    data,
  };
}

describe('a consumer', () => {
  it('turns events into commands under the ids of the events', async () => {
    const { received, subscribed } = await listening(() => ({ done: true }));
    await subscribed.handle([record(7, { id: 'o-1', word: 'paid' }), record(8, { word: 'nobody is concerned' })]);
    expect(subscribed).toMatchObject({ group: 'orders', topics: ['payment.succeeded'] });
    expect(received).toEqual([
      { id: 'o-1', command: { type: 'Note', data: { word: 'paid' } }, commandId: 'e-7', sentAt: 2 },
    ]);
  });

  it.each<DeliveryAnswer>([{ done: true }, { refused: 'not-found' }, { parked: 'a bug in a rule' }])(
    'moves on after %j: that is an answer',
    async (answer) => {
      const { subscribed } = await listening(() => answer);
      await expect(subscribed.handle([record(1, { id: 'o-1', word: 'paid' })])).resolves.toBeUndefined();
    },
  );

  it('does not move on while one of the commands has no answer', async () => {
    const { subscribed } = await listening(({ id }) =>
      id === 'o-2' ? { retry: 'the database is away' } : { done: true },
    );
    const records = [record(1, { id: 'o-1', word: 'paid' }), record(2, { id: 'o-2', word: 'paid' })];
    await expect(subscribed.handle(records)).rejects.toThrow('the database is away');
  });

  it('names the record that nobody can ever read, and hands over nothing of its batch', async () => {
    const { received, subscribed } = await listening(() => ({ done: true }));
    const handled = subscribed.handle([record(1, { id: 'o-1', word: 'paid' }), record(2, { word: 'unreadable' })]);
    await expect(handled).rejects.toThrow(PermanentFailure);
    await expect(handled).rejects.toMatchObject({ offset: 2, message: 'payment.succeeded e-2: no such word' });
    expect(received).toEqual([]);
  });
});
