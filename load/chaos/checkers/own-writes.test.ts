// Whoever was told that something is done sees it afterwards.

import { expect, it } from '@jest/globals';
import { answerOf, ofKind, type Plant, planted, storyOf, wrongs } from './evidence.testing.ts';
import { checkOwnWrites } from './own-writes.ts';

function aStory() {
  const story = storyOf();
  const pot = story.product('pot', { stock: 50 });
  story.operation(
    { kind: 'read-product', principal: 'guest', method: 'GET', path: `/api/v1/products/${pot.id}` },
    { answer: { id: pot.id } },
  );
  const first = story.place('ada', [[pot, 1]]);
  story.place('ada', [[pot, 1]]);
  story.place('bob', [[pot, 2]]);
  story.list('ada');
  story.read(first, 'ada');
  story.settle();
  story.read(first, 'ada');
  story.ship(first);
  story.refund(first, [{ productId: pot.id, quantity: 1 }]);
  story.settle();
  story.read(first, 'ada');
  story.receive('pot', 7, { key: 'r-1' });
  story.again(story.last());
  story.readStock('pot');
  story.writeOff('pot', 3);
  story.readStock('pot');
  story.readAccount('ada');
  story.changeAccount('ada', { name: 'Ada L.', phone: '+44 1' });
  story.readAccount('ada');
  return story.evidence();
}

it('finds nothing wrong with what is right', () => {
  const findings = checkOwnWrites(aStory());
  expect(wrongs(findings)).toEqual([]);
  expect(findings.map(({ looked, of }) => `${looked} ${of}`)).toEqual([
    '4 questions for an id',
    '2 orders within a page',
    '10 sights of orders',
    '5 sights of accounts',
    '2 reads of stock',
    '2 reads of stock',
  ]);
});

it('does not ask for what was not acknowledged, or came while it was asked', () => {
  const evidence = planted(aStory(), (copy) => {
    const [list, read] = [ofKind(copy, 'list-orders')[0], ofKind(copy, 'read-stock')[0]];
    const [, order] = ofKind(copy, 'place-order');
    const [received] = ofKind(copy, 'receive-stock');
    if (!list || !order?.ending || !read || !received?.ending) throw new Error('the story has changed');
    Object.assign(order.ending, { endedAt: list.at });
    list.ending?.answer.items.shift();
    for (const attempt of ofKind(copy, 'receive-stock')) attempt.ending = { endedAt: 1, outcome: 'unknown' };
    const [account] = ofKind(copy, 'change-account');
    if (account !== undefined) account.ending = { endedAt: 1, outcome: 'unknown' };
    answerOf(copy, 'read-account', 1).name = 'ada Person';
  });
  expect(wrongs(checkOwnWrites(evidence))).toEqual([]);
});

it('knows that a page shows the newest only', () => {
  const evidence = planted(aStory(), (copy) => {
    const answer = answerOf(copy, 'list-orders');
    answer.items.pop();
    answer.next = 'a cursor';
  });
  expect(wrongs(checkOwnWrites(evidence))).toEqual([]);
});

it('shows a repeated answer as it was when it was first tried', () => {
  const story = storyOf();
  const pot = story.product();
  const order = story.place('ada', [[pot, 1]], { key: 'k' });
  const placed = story.last();
  story.settle();
  story.read(order, 'ada');
  story.again(placed);
  story.read(order, 'ada');
  expect(wrongs(checkOwnWrites(story.evidence()))).toEqual([]);
});

const notFound = { outcome: 'fail', status: 404, answer: { code: 'not-found' } } as const;

it.each<readonly [string, Plant, RegExp]>([
  [
    'an own order is not found',
    (copy) => void Object.assign(ofKind(copy, 'read-order')[1]?.ending as object, notFound),
    /I12: \S+ was acknowledged to \S+ \(operation \d+\), and not found \(operation \d+\)/,
  ],
  [
    'a product is not found',
    (copy) => void Object.assign(ofKind(copy, 'read-product')[0]?.ending as object, notFound),
    /I12: \S+ was acknowledged to staff \(operation 1\), and not found \(operation 2\)/,
  ],
  [
    'an own order is not in the list',
    (copy) => void answerOf(copy, 'list-orders').items.shift(),
    /I12: order \S+ was acknowledged to \S+ \(operation \d+\), and is not in the list of operation \d+/,
  ],
  [
    'a page leaves out an order between',
    (copy) =>
      void Object.assign(answerOf(copy, 'list-orders'), {
        next: 'a cursor',
        items: [answerOf(copy, 'list-orders').items[1]],
      }),
    /I12: order \S+ .* is not in the list/,
  ],
  [
    'a status goes back',
    (copy) => void (answerOf(copy, 'read-order', 2).status = 'PAID'),
    /I12: order \S+ had the status SHIPPED \(operation \d+\), and then PAID \(operation \d+\)/,
  ],
  [
    'a refund is undone',
    (copy) => void (answerOf(copy, 'read-order', 1).refunded.amount = '9.00'),
    /I12: order \S+ had the refunded 9.00 \(operation \d+\), and then 0.00/,
  ],
  [
    'an own name is not seen',
    (copy) => void (answerOf(copy, 'read-account', 1).name = 'ada Person'),
    /I12: account \S+ shows the name "ada Person" \(operation \d+\), it should be "Ada L."/,
  ],
  [
    'an e-mail address changes',
    (copy) => void (answerOf(copy, 'read-account').email = 'eve@people.example'),
    /I12: account \S+ shows the email "eve@people.example" \(operation \d+\), it should be "ada@people.example"/,
  ],
  [
    'an address is lost',
    (copy) => void delete answerOf(copy, 'read-account', 1).address,
    /I12: account \S+ shows the address null \(operation \d+\), it should be \{"city"/,
  ],
  [
    'a delivery is not seen',
    (copy) => void (answerOf(copy, 'read-stock').received = 50),
    /I12: pot: received is 50 \(operation \d+\), by what clients were told it is 57/,
  ],
  [
    'a write-off is counted twice',
    (copy) => void (answerOf(copy, 'read-stock', 1).writtenOff = 6),
    /I12: pot: writtenOff is 6 \(operation \d+\), by what clients were told it is 3/,
  ],
  [
    'a counter falls',
    (copy) => void (answerOf(copy, 'read-stock', 1).sold = 1),
    /I12: pot: sold was 4 \(operation \d+\), and then 1 \(operation \d+\)/,
  ],
])('sees that %s', (_, plant, sentence) => {
  expect(wrongs(checkOwnWrites(planted(aStory(), plant))).join('\n')).toMatch(sentence);
});
