import { describe, expect, it } from '@jest/globals';
import { partitionOf } from '../../../brokers/log-appender.ts';
import type { Json } from '../history/operation.ts';
import { type Plant, planted, storyOf, wrongs } from './evidence.testing.ts';
import { checkOutbox } from './outbox.ts';

/** Two orders of a customer, one of which is cancelled once it is paid. */
function sound() {
  const story = storyOf();
  const cup = story.product();
  const order = story.place('ada', [[cup, 2]]);
  story.place('ada', [[cup, 1]]);
  story.settle();
  story.cancel(order, 'ada');
  story.settle();
  return { order, evidence: story.evidence() };
}

const updates = ({ books }: { readonly books: Json }): Json[] =>
  books.topics.filter(({ topic }: Json) => topic === 'order.updated');

/** A key in the first partition of eight. */
const ofFirst = Array.from({ length: 100 }, (_, n) => `key-${n}`).find((key) => partitionOf(key, 8) === 0) ?? '';

describe('I8', () => {
  it('holds for a shop that tells what it commits', () => {
    const findings = checkOutbox(sound().evidence);
    expect(wrongs(findings)).toEqual([]);
    expect(findings.map(({ looked }) => looked)).toEqual([14, 14, 14]);
  });

  it('bears repeats, also those that come after newer events', () => {
    const twice = planted(sound().evidence, (copy) => {
      const again = structuredClone(copy.books.topics);
      again.forEach((record) => (record.offset += 1_000));
      copy.books.topics.push(...again);
    });
    expect(wrongs(checkOutbox(twice))).toEqual([]);
  });

  it('bears what poison, activity and carts wrote', () => {
    const record = { partition: 0, offset: 999, key: 'k', time: 0, appendedAt: 0, data: {} };
    const more = planted(sound().evidence, ({ books }) => {
      books.topics.push({ ...record, topic: 'order.created', id: 'poison-1' });
      books.topics.push({ ...record, topic: 'ecom-raw-events', id: 'e-1' });
      books.topics.push({ ...record, topic: 'cart.updated', id: 'cart/1' });
    });
    expect(wrongs(checkOutbox(more))).toEqual([]);
  });

  it('bears that a compacted topic has lost older events, which its gaps tell', () => {
    const compacted = planted(sound().evidence, (copy) => {
      const [gone] = updates(copy).slice(1);
      copy.books.topics = copy.books.topics.filter(({ id }) => id !== gone.id);
      // The shop of the story has one partition; here the key is one that belongs there.
      for (const row of copy.books.contexts.orders?.outbox ?? []) if (row.messageId === gone.id) row.key = ofFirst;
    });
    expect(wrongs(checkOutbox(compacted))).toEqual([]);
  });

  it.each<[string, Plant, string]>([
    [
      'an event that never got into its topic',
      ({ books }) => void (books.topics = books.topics.filter(({ topic }) => topic !== 'payment.succeeded')),
      'was committed, but is not in its topic, though it is marked as sent',
    ],
    [
      'an event that has not left',
      ({ books }) => {
        books.topics = books.topics.filter(({ topic }) => topic !== 'payment.requested');
        for (const row of books.contexts.orders?.outbox ?? [])
          if (row.target === 'payment.requested') delete row.sentAt;
      },
      'was committed, but is not in its topic: it has not left',
    ],
    [
      'an event that was put aside',
      ({ books }) => {
        const [lost] = books.topics.splice(0, 1);
        const parked = { actorId: 'a', commandId: lost?.id ?? '', reason: 'the schema says no' };
        books.contexts.orders?.parked.push(parked);
      },
      'it was put aside (the schema says no)',
    ],
    [
      'two events of an order the wrong way round',
      ({ books }) => {
        const [first, second] = updates({ books });
        [first.offset, second.offset] = [second.offset, first.offset];
      },
      'which was committed first',
    ],
    [
      'events of an order in two partitions',
      ({ books }) => void (updates({ books })[1].partition = 3),
      'lies in partition 3',
    ],
    [
      'an event that nobody committed',
      ({ books }) => void ((books.topics[0] as Json).id = 'ghost'),
      'nobody committed the event ghost',
    ],
    [
      'an event under the key of another',
      ({ books }) => void ((books.topics[0] as Json).key = 'another'),
      'has the key another',
    ],
  ])('sees %s', (_, plant, sentence) => {
    expect(wrongs(checkOutbox(planted(sound().evidence, plant))).join('\n')).toContain(sentence);
  });

  it('says when there was nothing to look at', () => {
    expect(checkOutbox(storyOf().evidence()).map(({ looked }) => looked)).toEqual([0, 0, 0]);
  });
});
