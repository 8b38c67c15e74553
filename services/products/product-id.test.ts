import { expect, it } from '@jest/globals';
import { productIdOf } from './product-id.ts';

it('is one for each SKU, whose case and blanks count', () => {
  const skus = ['85123A', '85123a', '85123A ', '85123A@2.55'];
  expect(new Set(skus.map(productIdOf)).size).toBe(skus.length);
  expect(productIdOf('85123A')).toBe(productIdOf('85123A'));
  expect(productIdOf('85123A')).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/);
});
