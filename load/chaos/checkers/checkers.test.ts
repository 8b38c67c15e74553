// Every invariant has a checker, nothing is wrong with a shop that does nothing wrong, and large runs are checked in seconds.

import { expect, it } from '@jest/globals';
import { checkAll, checkers, invariants, type NamedChecker } from './checkers.ts';
import { type Story, storyOf, wrongs } from './evidence.testing.ts';

/** Five orders of each customer, with what comes before and after. */
function live(story: Story, customers: number): void {
  const products = [0, 1, 2].map((i) => story.product(`sku-${i}`, { stock: 20 * customers }));
  for (let i = 0; i < 5 * customers; i++) {
    const name = `customer-${i % customers}`;
    const [one, other] = [products[i % 3], products[(i + 1) % 3]] as [(typeof products)[0], (typeof products)[0]];
    const order = story.place(
      name,
      [
        [one, 1],
        [other, 2],
      ],
      { key: `order-${i}`, declined: i % 11 === 0 },
    );
    if (i % 3 === 0) story.again(story.last());
    story.settle();
    story.read(order, name);
    if (i % 4 === 0) story.ship(order);
    if (i % 6 === 0) story.cancel(order, name);
    story.settle();
    story.put(story.cartOf(name), one, 1 + (i % 4));
    story.readCart(story.cartOf(name));
    story.readStock(one.sku);
    if (i % 10 === 0) story.list(name);
  }
}

it('claims every invariant', () => {
  const claimed = new Set(checkAll(storyOf().evidence()).map(({ invariant }) => invariant));
  expect([...claimed].toSorted()).toEqual(invariants.toSorted());
});

it('claims of each checker just what it has findings of', () => {
  const evidence = storyOf().evidence();
  for (const [name, { claims, check }] of Object.entries(checkers)) {
    const found = new Set(check(evidence).map(({ invariant }) => invariant));
    expect([name, [...found].toSorted()]).toEqual([name, claims.toSorted()]);
  }
});

it('tells of a checker that throws, for all that it claims, and keeps what the others found', () => {
  const evidence = storyOf().evidence();
  const broken: NamedChecker = {
    claims: ['I3', 'I7'],
    check() {
      throw new TypeError('orders is not iterable');
    },
  };
  const findings = checkAll(evidence, { ...checkers, money: broken });
  expect(wrongs(findings)).toEqual([
    'I3: the checker of money threw: orders is not iterable',
    'I7: the checker of money threw: orders is not iterable',
  ]);
  expect(findings.filter(({ wrongCount }) => wrongCount > 0)).toMatchObject([{ looked: 0 }, { looked: 0 }]);
  const others = checkAll(evidence).filter(({ invariant }) => !['I3', 'I4', 'I7'].includes(invariant));
  expect(findings).toEqual(expect.arrayContaining([...others]));
});

it('says of nothing that it was looked at when there was nothing', () => {
  const looked = checkAll({ ...storyOf().evidence(), faults: [] }).filter((finding) => finding.looked > 0);
  expect(looked).toEqual([]);
});

it('finds nothing wrong with a shop that does nothing wrong, in time that grows with the run and no faster', () => {
  const [took, sizes]: [number[], number[]] = [[], []];
  for (const customers of [20, 80]) {
    const story = storyOf();
    live(story, customers);
    const evidence = story.evidence();
    const began = performance.now();
    const findings = checkAll(evidence);
    took.push(performance.now() - began);
    sizes.push(evidence.history.length);
    expect(wrongs(findings)).toEqual([]);
  }
  const [small, large] = took as [number, number];
  const times = (sizes[1] as number) / (sizes[0] as number);
  // A checker that compares everything with everything would take the square of it.
  expect(large / small).toBeLessThan(times ** 2);
});
