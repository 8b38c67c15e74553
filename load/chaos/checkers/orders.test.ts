// Orders that were acknowledged and orders that are stored are the same ones, and each was wished for once.

import { expect, it } from '@jest/globals';
import { answerOf, type Mutable, ofKind, type Plant, planted, storyOf, wrongs } from './evidence.testing.ts';
import type { Evidence } from './checker.ts';
import { checkOrders } from './orders.ts';

function aStory() {
  const story = storyOf();
  const [pot, can] = [story.product('pot', { price: '2.505' }), story.product('can', { stock: 3 })];
  const first = story.place(
    'ada',
    [
      [pot, 2],
      [can, 1],
    ],
    { key: 'k-1' },
  );
  const second = story.place('guest', [[pot, 1]], { key: 'k-2' });
  story.place('bob', [[can, 9]], { key: 'k-3' });
  story.settle();
  story.list('ada');
  const { to } = story.evidence();
  story.read(first, 'ada');
  story.read(second, 'guest');
  return story.evidence({ to });
}

it('finds nothing wrong with what is right', () => {
  const findings = checkOrders(aStory());
  expect(wrongs(findings)).toEqual([]);
  expect(findings.map(({ invariant, looked }) => [invariant, looked])).toEqual([
    ['I1', 6],
    ['I1', 2],
    ['I1', 3],
    ['I2', 3],
  ]);
});

it('takes an answer that was lost for what it is, whether the order came to be or not', () => {
  const story = storyOf();
  const pot = story.product();
  story.place('ada', [[pot, 1]], { lost: true });
  const cart = story.cart();
  story.place('bob', [[pot, 1]], { lost: true, cartId: cart });
  // Under the principal of a cart, whose token no checker knows.
  const evidence = planted(story.evidence(), ({ history }) => {
    const last = history.at(-1) as Mutable<Evidence>['history'][number];
    history.push({ ...structuredClone(last), id: 99, intent: 'never', key: 'never' });
  });
  expect(wrongs(checkOrders(evidence))).toEqual([]);
});

it('finds the order of a cart, whose id it cannot know, by what it holds, once', () => {
  const story = storyOf();
  const pot = story.product();
  story.place('guest', [[pot, 1]], { lost: true, key: 'k' });
  const evidence = planted(story.evidence(), (copy) => {
    Object.assign(ofKind(copy, 'place-order')[0] as object, { principal: 'cart:c-1' });
  });
  expect(wrongs(checkOrders(evidence))).toEqual([]);
  const twice = planted(evidence, ({ books }) => {
    books.orders.push({ ...structuredClone(books.orders[0] as (typeof books.orders)[number]), id: 'another' });
  });
  expect(wrongs(checkOrders(twice))).toEqual([
    'I2: order another (of a guest, 1 lines, 2.50 GBP) belongs to no intent of a client',
  ]);
});

it('passes over orders of an earlier run in a list of the staff, and not over one of this run', () => {
  const staffSees = (reference: string) =>
    planted(aStory(), ({ history }) => {
      const list = ofKind({ history } as Mutable<Evidence>, 'list-orders')[0] as Mutable<Evidence>['history'][number];
      const seen = structuredClone(list);
      const item = seen.ending?.answer.items[0];
      const answer = { items: [{ ...item, id: 'not-stored', reference }] };
      history.push({ ...seen, id: 98, principal: 'staff', ending: { ...(seen.ending as object), answer } as never });
    });
  expect(wrongs(checkOrders(staffSees('of-an-earlier-run')))).toEqual([]);
  const [intent = ''] = aStory().history.map((operation) => operation.intent);
  expect(wrongs(checkOrders(staffSees(intent)))).toEqual([
    'I1: order not-stored was shown to staff (list-orders, operation 98), and is not stored',
  ]);
});

it('says so if nothing was read back, and if nothing is stored', () => {
  const findings = checkOrders(
    planted(aStory(), ({ books, history }) => {
      history.length = 0;
      books.orders = [];
    }),
  );
  expect(wrongs(findings)).toEqual([]);
  expect(findings.filter(({ invariant }) => invariant === 'I2')).toMatchObject([{ looked: 0 }]);
  expect(findings).toContainEqual(expect.objectContaining({ looked: 0, partly: 'nothing was read after the run' }));
});

it('takes an order that is in the own list at the end for found', () => {
  const evidence = planted(aStory(), (copy) => {
    const [read] = ofKind(copy, 'read-order');
    const [list] = ofKind(copy, 'list-orders');
    if (read === undefined || list === undefined) throw new Error('the story has changed');
    copy.history = copy.history.filter((operation) => operation !== read);
    list.at = copy.to;
  });
  expect(wrongs(checkOrders(evidence))).toEqual([]);
});

/** The order of ada, the guest or bob, in this order. */
const stored = ({ books }: Mutable<Evidence>, n = 0) => books.orders[n] as (typeof books.orders)[number];

it.each<readonly [string, Plant, RegExp]>([
  [
    'an order is lost',
    ({ books }) => void books.orders.shift(),
    /I1: order \S+ was shown to \S+ \(place-order, operation 4\), and is not stored/,
  ],
  [
    'an order that was refused is not listed',
    ({ books }) => void books.orders.pop(),
    /I1: order \S+ was named in a 409, and is not stored/,
  ],
  [
    'a total changes',
    (copy) => void (stored(copy).state.total = 700),
    /I1: order \S+ was acknowledged with total 7.51 GBP and is stored with 7.00 GBP/,
  ],
  [
    'an exact total changes',
    (copy) => void (stored(copy).state.exactTotal = 70_000),
    /with exact total 7.51 and is stored with 7.00/,
  ],
  [
    'pieces change',
    (copy) => void Object.assign(stored(copy).state.lines[0] as object, { quantity: 1 }),
    /with line 1 2 × pot at 2.505 and is stored with 1 × pot at 2.505/,
  ],
  ['a line is gone', (copy) => void stored(copy).state.lines.pop(), /with lines 2 and is stored with 1/],
  [
    'an e-mail address changes',
    (copy) => void (stored(copy).state.email = 'x@y.example'),
    /with email "ada@people.example" and is stored with "x@y.example"/,
  ],
  [
    'a list shows another price',
    (copy) => void (answerOf(copy, 'list-orders').items[0].lines[0].unitPrice.amount = '9.00'),
    /was shown with line 1 2 × pot at 9.00 and is stored with 2 × pot at 2.505/,
  ],
  [
    'an order is not found any more',
    (copy) => void Object.assign(ofKind(copy, 'read-order')[0]?.ending as object, { outcome: 'fail', status: 404 }),
    /I1: order \S+ was acknowledged, and reading it back ends with 404/,
  ],
  [
    'an order is not read back',
    ({ history }) => void history.pop(),
    /I1: order \S+ was acknowledged to guest, and never read back/,
  ],
  [
    'somebody else’s price is taken',
    (copy) => void (answerOf(copy, 'create-product').price.amount = '5.00'),
    /I1: order \S+ takes 2.505 GBP for pot, which costs 5.00 GBP/,
  ],
  [
    'a total is no sum',
    (copy) => void (stored(copy, 1).state.total = 250),
    /I1: order \S+ has the total 2.50, its lines come to 2.51/,
  ],
  [
    'an order comes from nowhere',
    ({ books }) => void books.orders.push({ ...stored({ books } as Mutable<Evidence>), id: 'o-9' }),
    /I2: order o-9 \(of \S+, 2 lines, 7.51 GBP\) belongs to no intent of a client/,
  ],
  [
    'an order comes from nowhere, by a node whose clock is behind the beginning of the run',
    (copy) => {
      const { state } = stored(copy);
      copy.books.orders.push({ ...stored(copy), id: 'o-9', state: { ...state, createdAt: copy.from - 60_000 } });
    },
    /I2: order o-9 \(of \S+, 2 lines, 7.51 GBP\) belongs to no intent of a client/,
  ],
  [
    'one intent has two orders',
    (copy) => ofKind(copy, 'place-order').forEach((operation) => (operation.intent = 'same')),
    /I2: orders \S+ and \S+ were both made of the intent same/,
  ],
  [
    'an order was refused',
    (copy) =>
      void Object.assign(ofKind(copy, 'place-order')[0]?.ending as object, {
        outcome: 'fail',
        status: 422,
        answer: {},
      }),
    /I2: order \S+ is stored, but its client was told 422/,
  ],
  [
    'another thing was asked for',
    (copy) => void ofKind(copy, 'place-order')[0]?.body.lines.pop(),
    /I2: order \S+ \(of \S+, 2 lines, 7.51 GBP\) is not what \S+ under k-1 asked for/,
  ],
  [
    'it is another customer’s',
    (copy) => void (stored(copy).state.customerId = 'eve'),
    /I2: order \S+ \(of eve, 2 lines, 7.51 GBP\) is not what \S+ under k-1 asked for/,
  ],
  [
    'two wishes got one order',
    (copy) => void (answerOf(copy, 'place-order', 1).id = answerOf(copy, 'place-order').id),
    /I2: order \S+ was answered to two wishes: of \S+ under k-1 and of guest under k-2/,
  ],
])('sees that %s', (_, plant, sentence) => {
  expect(wrongs(checkOrders(planted(aStory(), plant))).join('\n')).toMatch(sentence);
});
