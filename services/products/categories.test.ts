import { expect, it } from '@jest/globals';
import { categoryTree } from './categories.ts';

it('grows a tree from paths and counts what is below as well', () => {
  const tree = categoryTree([
    { path: 'Garden/Pots', count: 2 },
    { path: 'Garden', count: 1 },
    { path: 'Attic/Trunks/Large', count: 3 },
  ]);
  expect(tree).toEqual([
    {
      name: 'Attic',
      path: 'Attic',
      count: 3,
      children: [
        {
          name: 'Trunks',
          path: 'Attic/Trunks',
          count: 3,
          children: [{ name: 'Large', path: 'Attic/Trunks/Large', count: 3, children: [] }],
        },
      ],
    },
    {
      name: 'Garden',
      path: 'Garden',
      count: 3,
      children: [{ name: 'Pots', path: 'Garden/Pots', count: 2, children: [] }],
    },
  ]);
  expect(categoryTree([])).toEqual([]);
});
