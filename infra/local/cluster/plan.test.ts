import { expect, it } from '@jest/globals';
import { serviceNames } from '../../../brokers/hosting.ts';
import { StartRefused } from '../data-dir.ts';
import { planNodes } from './plan.ts';

it('plans one node of each service', () => {
  expect(planNodes('').map(({ id }) => id)).toEqual(serviceNames.map((name) => `${name}-1`));
});

it('plans as many nodes as are wished for', () => {
  const ids = planNodes('orders=3, api=2').map(({ id }) => id);
  expect(ids.filter((id) => id.startsWith('orders-'))).toEqual(['orders-1', 'orders-2', 'orders-3']);
  expect(ids.filter((id) => id.startsWith('api-'))).toEqual(['api-1', 'api-2']);
  expect(ids).toHaveLength(serviceNames.length + 3);
});

it.each(['orders', 'order=2', 'orders=two', 'orders=0', 'orders=17', 'orders=-1', 'orders=2;api=2'])(
  'refuses "%s" with a sentence that quotes it',
  (wish) => {
    expect(() => planNodes(wish)).toThrow(StartRefused);
    expect(() => planNodes(wish)).toThrow(wish);
  },
);

it('refuses a service that is named twice, rather than guess which number is meant', () => {
  const twice = () => planNodes('orders=2, api=2, orders=3');
  expect(twice).toThrow(StartRefused);
  expect(twice).toThrow('--nodes orders=2, api=2, orders=3: orders is there twice. Name each service once.');
});

it.each([' ', ',', ' , '])('refuses "%s", which names nothing', (wish) => {
  expect(() => planNodes(wish)).toThrow(
    `--nodes "${wish}" names no service. Write service=number, as in orders=3,api=2.`,
  );
});
