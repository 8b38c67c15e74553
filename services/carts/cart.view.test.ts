// How a cart looks at today's prices.
import { describe, expect, it } from '@jest/globals';
import { type Quote, tagOf, viewCart } from './cart.view.ts';

const mug: Quote = { productId: 'mug', sku: '85123A', name: 'Mug', unitPrice: 25_500, currency: 'GBP', deleted: false };
const pin: Quote = { ...mug, productId: 'pin', sku: 'PIN@0.001', name: 'Pin', unitPrice: 10 };
const gbp = (amount: string) => ({ amount, currency: 'GBP' });
const view = (...lines: (readonly [number, Quote | null | undefined])[]) =>
  viewCart(
    'c1',
    lines.map(([quantity, quote]) => ({ productId: quote?.productId ?? 'unknown', quantity })),
    lines.map(([, quote]) => quote as Quote | null),
  );

describe('a cart', () => {
  it('shows exact prices by line, and a total as an order would have it', () => {
    expect(view([2, mug], [3, pin])).toEqual({
      id: 'c1',
      lines: [
        { productId: 'mug', sku: '85123A', name: 'Mug', quantity: 2, unitPrice: gbp('2.55'), total: gbp('5.10') },
        { productId: 'pin', sku: 'PIN@0.001', name: 'Pin', quantity: 3, unitPrice: gbp('0.001'), total: gbp('0.003') },
      ],
      total: gbp('5.10'),
    });
    expect(view([5, pin]).total).toEqual(gbp('0.01'));
  });

  it('shows nothing that is not sold, or no longer, and does not count it', () => {
    const gone = { ...mug, deleted: true };
    expect(view([1, gone], [1, null], [1, undefined], [2, mug])).toMatchObject({
      lines: [{ productId: 'mug' }],
      total: gbp('5.10'),
    });
  });

  it('costs nothing when it is empty', () => {
    expect(view()).toEqual({ id: 'c1', lines: [], total: gbp('0.00') });
  });

  it('has no total where there is no single one, or none that money can express', () => {
    expect(view([1, mug], [1, { ...pin, currency: 'EUR' }])).toMatchObject({ lines: [{}, {}], total: null });
    expect(view([2, { ...mug, unitPrice: Number.MAX_SAFE_INTEGER }])).toMatchObject({
      lines: [{ total: null }],
      total: null,
    });
  });

  it('has a tag that begins with its version and changes with its prices', () => {
    const [cheap, dear] = [view([1, pin]), view([1, mug])];
    expect(tagOf(7, cheap)).toMatch(/^7\.[\w-]{16}$/);
    expect(tagOf(7, cheap)).toBe(tagOf(7, view([1, pin])));
    expect(tagOf(7, cheap)).not.toBe(tagOf(7, dear));
  });
});
