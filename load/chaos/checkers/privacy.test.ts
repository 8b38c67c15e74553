// Nobody but staff is shown what is somebody else's.

import { expect, it } from '@jest/globals';
import { answerOf, ofKind, type Plant, planted, storyOf, wrongs } from './evidence.testing.ts';
import { checkPrivacy } from './privacy.ts';

function aStory() {
  const story = storyOf();
  const pot = story.product('pot', { stock: 50 });
  const [adas, bobs] = [story.place('ada', [[pot, 1]]), story.place('bob', [[pot, 2]])];
  const guests = story.place('guest', [[pot, 1]]);
  story.settle();
  story.read(adas, 'ada');
  story.read(bobs, 'bob');
  story.read(guests, 'guest');
  story.read(adas, 'staff');
  story.list('ada');
  story.list('bob');
  story.list('staff');
  story.readAccount('ada');
  story.changeAccount('bob', { name: 'Robert the Bob' });
  const foreign = { kind: 'read-order', principal: story.principalOf('ada'), method: 'GET' } as const;
  // What was asked for is repeated in the answer.
  const answer = { status: 404, detail: `there is no order ${bobs}` };
  story.operation({ ...foreign, path: `/api/v1/orders/${bobs}` }, { status: 404, answer });
  story.merge(story.cart(), 'ada');
  story.readCart(story.cartOf('ada'));
  return story.evidence();
}

it('finds nothing wrong with what is right', () => {
  const findings = checkPrivacy(aStory());
  expect(wrongs(findings)).toEqual([]);
  expect(findings.map(({ looked, of }) => `${looked} ${of}`)).toEqual(['16 answers', '8 sights of orders']);
});

it('lets people live in the same town, and have the same name', () => {
  const evidence = planted(aStory(), (copy) => {
    for (const { body } of ofKind(copy, 'register'))
      Object.assign(body, { name: 'Alex Smith', address: { city: 'Plymouth' } });
    for (const kind of ['read-account', 'change-account'] as const) answerOf(copy, kind).name = 'Alex Smith';
    for (const { body } of ofKind(copy, 'place-order')) Object.assign(body.shippingAddress, { city: 'Plymouth' });
  });
  expect(wrongs(checkPrivacy(evidence))).toEqual([]);
});

it.each<readonly [string, Plant, RegExp]>([
  [
    'an account is another’s',
    (copy) => void (answerOf(copy, 'read-account').email = 'bob@people.example'),
    /I15: \S+ was shown "bob@people.example" of \S+ \(read-account, operation \d+\)/,
  ],
  [
    'an answer tells of another account',
    (copy) => void (answerOf(copy, 'change-account').detail = 'not as ada@people.example has it'),
    /I15: \S+ was shown "ada@people.example" of \S+ \(change-account/,
  ],
  [
    'a name leaks',
    (copy) => void (answerOf(copy, 'read-order', 1).note = 'ada Person'),
    /I15: \S+ was shown "ada Person" of \S+ \(read-order/,
  ],
  [
    'an address leaks to a guest',
    (copy) => void (answerOf(copy, 'read-order', 2).shippingAddress.line1 = 'bob Road 1'),
    /I15: guest was shown "bob Road 1" of \S+ \(read-order/,
  ],
  [
    'an id leaks in a sentence',
    (copy) => void (answerOf(copy, 'read-order', 4).detail = `see ${answerOf(copy, 'place-order', 2).id}`),
    /I15: \S+ was shown "\S+" of guests \(read-order/,
  ],
  [
    'an order of a guest leaks',
    (copy) => void (answerOf(copy, 'read-account').seen = [answerOf(copy, 'place-order', 2).id]),
    /I15: \S+ was shown "\S+" of guests \(read-account/,
  ],
  [
    'a cart is another customer’s',
    (copy) => void (answerOf(copy, 'read-cart').id = `user-${answerOf(copy, 'place-order', 1).customerId}`),
    /I15: \S+ was shown "\S+" of \S+ \(read-cart/,
  ],
  [
    'a list has an order of somebody else',
    (copy) => void answerOf(copy, 'list-orders', 1).items.push(answerOf(copy, 'place-order')),
    /I15: \S+ was shown order \S+ of \S+ \(operation \d+\)/,
  ],
  [
    'a guest is shown an order of a customer',
    (copy) => void Object.assign(answerOf(copy, 'read-order', 2), { customerId: 'c-9' }),
    /I15: guest was shown order \S+ of c-9/,
  ],
  [
    'another order is shown than was asked for',
    (copy) => void (answerOf(copy, 'read-order').id = 'o-9'),
    /I15: \S+ asked for order \S+, and was shown o-9/,
  ],
])('sees that %s', (_, plant, sentence) => {
  expect(wrongs(checkPrivacy(planted(aStory(), plant))).join('\n')).toMatch(sentence);
});
