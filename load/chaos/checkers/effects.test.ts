import { describe, expect, it } from '@jest/globals';
import type { Json } from '../history/operation.ts';
import { checkEffects } from './effects.ts';
import { type Plant, planted, storyOf, wrongs } from './evidence.testing.ts';

/** A paid order, a declined one, a free one, and one that is cancelled. */
function sound() {
  const story = storyOf();
  const cup = story.product();
  story.receive(cup.sku, 5);
  const paid = story.place('ada', [[cup, 2]]);
  story.place('bob', [[cup, 1]], { declined: true });
  const cancelled = story.place('bob', [[cup, 3]]);
  story.settle();
  story.cancel(cancelled, 'bob');
  story.settle();
  return { paid, evidence: story.evidence() };
}

const journalOf = (books: Json, context: string): Json[] => books.contexts[context].journal;
/** An entry once more, by another command. */
function again(books: Json, context: string, type: string): void {
  const journal = journalOf(books, context);
  const entry = journal.findLast((each) => each.type === type);
  journal.push({ ...structuredClone(entry), version: entry.version + 50, commandId: 'another' });
}

describe('I9', () => {
  it('holds for a shop that does everything once', () => {
    const findings = checkEffects(sound().evidence);
    expect(wrongs(findings)).toEqual([]);
    expect(findings.map(({ looked }) => looked > 0)).toEqual([true, true, true, true, true, true]);
  });

  it.each<[string, Plant, string]>([
    [
      'a command in the inbox twice',
      ({ books }) => {
        const inbox = books.contexts.orders?.inbox as Json;
        inbox.push({ ...inbox[0], version: 9 });
      },
      'took the command',
    ],
    [
      'a command whose events lie at two versions',
      ({ books }) => {
        const journal = journalOf(books, 'orders');
        journal.push({ ...journal[0], version: 9, type: 'Nothing' });
      },
      'at its versions 1 and 9',
    ],
    [
      'a payment that started twice',
      ({ books }) => again(books, 'payments', 'ChargeStarted'),
      'has ChargeStarted 2 times',
    ],
    ['an order that was paid twice', ({ books }) => again(books, 'orders', 'Paid'), 'has Paid 2 times'],
    ['pieces reserved twice', ({ books }) => again(books, 'inventory', 'Reserved'), 'Reserved of '],
    ['pieces returned twice', ({ books }) => again(books, 'inventory', 'Returned'), 'Returned of '],
    ['a delivery counted twice', ({ books }) => again(books, 'inventory', 'Received'), 'Received of '],
    ['a mail that was never sent', ({ books }) => void books.mails.splice(0, 1), 'no mail was sent about order'],
    [
      'a mail about nothing',
      ({ books }) => void books.mails.push({ ...(books.mails[0] as Json), messageId: 'ghost@souk' }),
      'the mail ghost@souk is about nothing that was told',
    ],
    [
      'two mails about one order',
      ({ books }) => {
        const outcome = books.topics.find(({ topic }) => topic === 'payment.succeeded') as Json;
        books.topics.push({ ...structuredClone(outcome), id: `${outcome.id}9`, offset: 99 });
        books.mails.push({ ...(books.mails[0] as Json), messageId: `${outcome.id}9@souk`.replaceAll('/', '.') });
      },
      'had two mails',
    ],
    [
      'an event of ours among the dead letters',
      ({ books }) => void books.deadLetters.push({ ...(books.topics[0] as Json), reason: 'nobody knows this version' }),
      'lies among the dead letters: nobody knows this version',
    ],
  ])('sees %s', (_, plant, sentence) => {
    expect(wrongs(checkEffects(planted(sound().evidence, plant))).join('\n')).toContain(sentence);
  });

  it('bears a mail that was refused, repeats of a mail, and poison among the dead letters', () => {
    const more = planted(sound().evidence, ({ books }) => {
      const [refused] = books.mails.splice(0, 1);
      const parked = [{ actorId: 'a', commandId: refused?.messageId ?? '', reason: 'no such address' }];
      books.contexts.notifications = { journal: [], outbox: [], inbox: [], parked, timers: [] };
      books.mails.push(structuredClone(books.mails[0] as Json));
      books.deadLetters.push({ ...(books.topics[0] as Json), id: 'poison-7', reason: 'no JSON' });
    });
    expect(wrongs(checkEffects(more))).toEqual([]);
  });

  it('does not miss mails that may be gone with an older file, and says so', () => {
    const older = planted(sound().evidence, ({ books, from }) => {
      books.mails = [];
      books.mailsFrom = from + 1;
    });
    const [, , , sent] = checkEffects(older);
    expect(sent).toMatchObject({ looked: 0, wrongCount: 0, partly: expect.stringContaining('turned over') });
  });
});
