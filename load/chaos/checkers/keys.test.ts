// One key, one effect, one answer.

import { expect, it } from '@jest/globals';
import type { Evidence } from './checker.ts';
import { answerOf, type Mutable, ofKind, type Plant, planted, storyOf, wrongs } from './evidence.testing.ts';
import { checkKeys } from './keys.ts';

/** Two customers use the same key; what was answered is asked for again, and once with another body. */
function aStory() {
  const story = storyOf();
  const pot = story.product('pot', { stock: 20 });
  const order = story.place('ada', [[pot, 2]], { key: 'order-1' });
  const placed = story.last();
  story.again(placed);
  story.settle();
  story.again(placed);
  const another = { ...placed, body: { ...placed.body, reference: 'other' } };
  story.again(another, { status: 422, outcome: 'fail', answer: { code: 'idempotency-key-reused' } });
  story.place('bob', [[pot, 1]], { key: 'order-1' });
  story.settle();
  story.receive('pot', 5, { key: 'r-1' });
  story.again(story.last());
  story.place('eve', [[pot, 99]], { key: 'order-1' });
  story.again(story.last());
  story.refund(order, [{ productId: pot.id, quantity: 1 }], { key: 'f-1' });
  story.settle();
  story.again(story.last());
  return story.evidence();
}

it('finds nothing wrong with what is right', () => {
  const findings = checkKeys(aStory());
  expect(wrongs(findings)).toEqual([]);
  expect(findings.map(({ of, looked }) => `${looked} ${of}`)).toEqual([
    '6 repeats',
    '6 keys',
    '1 keys that two callers used',
  ]);
});

it('knows answers that say nothing of the command', () => {
  const story = storyOf();
  const pot = story.product('pot');
  story.place('ada', [[pot, 2]], { key: 'k', lost: true });
  const placed = story.last();
  const other = { ...placed, body: { ...placed.body, reference: 'other' } };
  const refused = (status: number, code: string) => ({ status, outcome: 'fail', answer: { code } }) as const;
  story.again(placed, { status: 202, outcome: 'ok', answer: { id: 'o-1', status: 'AWAITING_STOCK' } });
  story.again(placed, { status: 409, outcome: 'fail', answer: { code: 'insufficient-stock', orderId: 'o-1' } });
  for (const [status, code] of [
    [503, 'unavailable'],
    [429, 'too-many-requests'],
    [401, 'token-expired'],
    [409, 'request-in-progress'],
  ] as const) {
    story.again(placed, refused(status, code));
    story.again(other, refused(status, code));
  }
  // A write-off that was refused may be granted when there is more.
  story.writeOff('pot', 1, { key: 'w' });
  const granted = story.last();
  const evidence = planted(story.evidence(), ({ history }) => {
    const first = { ...structuredClone(granted), id: 90, at: 1 } as Mutable<Evidence>['history'][number];
    first.ending = { endedAt: 2, outcome: 'fail', status: 409, answer: { code: 'insufficient-stock' } };
    history.unshift(first);
  });
  expect(wrongs(checkKeys(evidence))).toEqual([]);
});

it('lets a refund without an answer be made or not', () => {
  const story = storyOf();
  const pot = story.product('pot');
  const order = story.place('ada', [[pot, 2]]);
  story.settle();
  story.refund(order, [{ productId: pot.id, quantity: 1 }], { lost: true });
  const made = story.evidence();
  expect(wrongs(checkKeys(made))).toEqual([]);
  const notMade = planted(made, ({ books }) => void Object.assign(books.orders[0]?.state as object, { refunds: {} }));
  expect(wrongs(checkKeys(notMade))).toEqual([]);
});

const places = (copy: Mutable<Evidence>, n: number) => ofKind(copy, 'place-order')[n]?.ending as object;
const journal = ({ books }: Mutable<Evidence>, context: 'orders' | 'inventory') =>
  books.contexts[context]?.journal ?? [];

it.each<readonly [string, Plant, RegExp]>([
  [
    'a repeat gets another status',
    (copy) => void Object.assign(places(copy, 1), { status: 200 }),
    /I10: key order-1 of \S+ \(POST \/api\/v1\/orders\) was answered 201 \(operation 3\) and 200 \(operation 4\): another status/,
  ],
  [
    'a repeat gets another body',
    (copy) => void (answerOf(copy, 'place-order', 2).status = 'PAID'),
    /was answered 201 \(operation 3\) and 201 \(operation 5\): status "AWAITING_PAYMENT", "PAID"/,
  ],
  [
    'a repeat is not found',
    (copy) => void Object.assign(places(copy, 2), { status: 404, answer: { code: 'not-found' } }),
    /was answered 201 \(operation 3\), and then 404 not-found \(operation 5\)/,
  ],
  [
    'a repeat of the same body is refused as another',
    (copy) => void Object.assign(places(copy, 2), { status: 422, answer: { code: 'idempotency-key-reused' } }),
    /and then 422 idempotency-key-reused/,
  ],
  [
    'a repeated refusal becomes an order',
    (copy) => void Object.assign(places(copy, 6), { status: 201, answer: {} }),
    /was answered 409 \(operation \d+\) and 201 \(operation \d+\): another status/,
  ],
  [
    'another body is accepted',
    (copy) => void Object.assign(places(copy, 3), { status: 201 }),
    /was answered 201 \(operation 3\), and with another body 201 \(operation 6\)/,
  ],
  [
    'a receipt is answered differently',
    (copy) => void (answerOf(copy, 'receive-stock', 1).received = 30),
    /I10: key r-1 of staff \(POST \S+\) .*: received 25, 30/,
  ],
  [
    'a command takes effect twice',
    (copy) =>
      void journal(copy, 'orders').push({ ...structuredClone(journal(copy, 'orders')[0]), version: 9 } as never),
    /I10: command \S+ took effect on \S+ of orders twice, at 1 and 9 \(Placed\)/,
  ],
  [
    'a movement is counted twice',
    (copy) =>
      void journal(copy, 'inventory').push({
        ...structuredClone(journal(copy, 'inventory').find(({ data }) => data.movementId !== undefined)),
        commandId: 'x',
        version: 99,
      } as never),
    /I10: movement \S+ was counted twice: Received 5 × pot \(version \d+\), Received 5 × pot \(version 99\)/,
  ],
  [
    'a key has two orders',
    ({ books, history }) => {
      for (const { body, kind } of history) if (kind === 'place-order') body.reference ??= 'r';
      for (const { state } of books.orders) Object.assign(state, { reference: 'r' });
      books.orders.push({ ...structuredClone(books.orders[0] as (typeof books.orders)[number]), id: 'o-9' });
    },
    /I10: key order-1 of \S+ led to the orders \S+, o-9/,
  ],
  [
    'a refund is made twice',
    ({ books }) => void Object.assign(books.orders[0]?.state.refunds as object, { twice: {} }),
    /I10: order \S+ has 2 refunds, 1 were granted and 0 not answered/,
  ],
  [
    'a refund is lost',
    ({ books }) => void Object.assign(books.orders[0]?.state as object, { refunds: {} }),
    /I10: order \S+ has 0 refunds, 1 were granted and 0 not answered/,
  ],
  [
    'two callers share a key',
    (copy) => void (answerOf(copy, 'place-order', 4).id = answerOf(copy, 'place-order').id),
    /I10: POST \/api\/v1\/orders order-1 led to \S+ for both \S+ and \S+/,
  ],
])('sees that %s', (_, plant, sentence) => {
  expect(wrongs(checkKeys(planted(aStory(), plant))).join('\n')).toMatch(sentence);
});
