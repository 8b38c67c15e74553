// Carts show what was put into them, and what was merged into them, once.

import { expect, it } from '@jest/globals';
import { answerOf, type Plant, planted, storyOf, wrongs } from './evidence.testing.ts';
import { checkCarts } from './carts.ts';

/** Ada has 2 pots; a guest's cart brings 3 pots and a can, and is merged twice. */
function aStory() {
  const story = storyOf();
  const [pot, can] = [story.product('pot'), story.product('can')];
  const own = story.cartOf('ada');
  story.put(own, pot, 5);
  story.put(own, pot, 2);
  story.readCart(own);
  const guest = story.cart();
  story.put(guest, pot, 3);
  story.put(guest, can, 9);
  story.put(guest, can, 1);
  story.readCart(guest);
  story.merge(guest, 'ada');
  story.merge(guest, 'ada');
  story.readCart(own);
  return { story, pot, can, own, guest };
}

it('finds nothing wrong with what is right', () => {
  const findings = checkCarts(aStory().story.evidence());
  expect(wrongs(findings)).toEqual([]);
  expect(findings.map(({ invariant, looked, of }) => `${invariant} ${looked} ${of}`)).toEqual([
    'I12 14 lines of carts',
    'I13 2 lines of carts',
    'I13 1 merged carts',
  ]);
});

it('lets a paid order take its pieces, from a merged cart too, at any time', () => {
  const { story, pot, own, guest } = aStory();
  story.place('ada', [[pot, 5]], { cartId: own });
  story.readCart(own);
  story.settle();
  story.readCart(own);
  story.put(own, pot, 4);
  story.readCart(own);
  const other = story.cart();
  story.put(other, pot, 2);
  story.place('guest', [[pot, 2]], { cartId: other });
  story.merge(other, 'ada');
  story.readCart(own);
  story.settle();
  story.readCart(own);
  expect(guest).not.toBe(other);
  expect(wrongs(checkCarts(story.evidence()))).toEqual([]);
});

it('takes what was lost either way', () => {
  const { story, pot, own } = aStory();
  story.put(own, pot, 9, { lost: true });
  story.readCart(own);
  const other = story.cart();
  story.put(other, pot, 1);
  story.merge(other, 'ada', { lost: true });
  story.readCart(own);
  expect(wrongs(checkCarts(story.evidence()))).toEqual([]);
  const didNot = planted(story.evidence(), (copy) => {
    answerOf(copy, 'read-cart', 3).lines[0].quantity = 5;
    answerOf(copy, 'read-cart', 4).lines[0].quantity = 5;
  });
  expect(wrongs(checkCarts(didNot))).toEqual([]);
});

it('does not take an empty cart, merged and filled later, for a lost one', () => {
  const { story, pot, own } = aStory();
  const late = story.cart();
  const bob = story.cartOf('bob');
  story.operation(
    {
      kind: 'merge-cart',
      principal: story.principalOf('bob'),
      method: 'POST',
      path: '/api/v1/auth/login',
      body: { cartId: late },
    },
    { answer: {} },
  );
  story.put(late, pot, 2);
  story.merge(late, 'bob');
  story.readCart(bob);
  expect(own).not.toBe(bob);
  expect(wrongs(checkCarts(story.evidence()))).toEqual([]);
});

const lines = (copy: Parameters<Plant>[0], after: number) => answerOf(copy, 'read-cart', after).lines;

it.each<readonly [string, Plant, RegExp]>([
  [
    'an old line is shown',
    (copy) => void (lines(copy, 0)[0].quantity = 5),
    /I12: cart user-\S+ shows \S+ 5 of \S+ \(operation \d+\), it should be 2/,
  ],
  [
    'a line is not shown',
    (copy) => void lines(copy, 0).pop(),
    /I12: cart user-\S+ shows \S+ 0 of \S+ \(operation \d+\), it should be 2/,
  ],
  [
    'a line comes from nowhere',
    (copy) => void lines(copy, 1).push({ productId: 'p-9', quantity: 1 }),
    /I12: cart \S+ shows \S+ 1 of p-9 \(operation \d+\), it should be 0/,
  ],
  [
    'a merge loses a line',
    (copy) => void lines(copy, 2).pop(),
    /I13: cart user-\S+ shows \S+ 0 of \S+ \(operation \d+\), it should be 1/,
  ],
  [
    'a merge takes the larger quantity',
    (copy) => void (lines(copy, 2)[0].quantity = 3),
    /I13: .* 3 of \S+ \(operation \d+\), it should be 5/,
  ],
  [
    'a merge counts twice',
    (copy) => void (lines(copy, 2)[0].quantity = 8),
    /I13: .* 8 of \S+ \(operation \d+\), it should be 5/,
  ],
  [
    'a merge overwrites',
    (copy) => void (lines(copy, 2)[0].quantity = 2),
    /I13: .* 2 of \S+ \(operation \d+\), it should be 5/,
  ],
  [
    'a merged cart stays',
    (copy) => {
      const read = copy.history.filter(({ kind }) => kind === 'read-cart')[1];
      copy.history.push({
        ...structuredClone(read),
        id: 99,
        at: 9e12,
        ending: { ...read?.ending, endedAt: 9e12 + 1 },
      } as never);
    },
    /I13: cart \S+ was merged into user-\S+, and still has lines \(operation 99\)/,
  ],
])('sees that %s', (_, plant, sentence) => {
  expect(wrongs(checkCarts(planted(aStory().story.evidence(), plant))).join('\n')).toMatch(sentence);
});
