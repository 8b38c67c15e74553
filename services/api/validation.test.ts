import { describe, expect, it } from '@jest/globals';
import { parseQuery } from './query.ts';
import { routes } from './routes.ts';
import { compileValidation } from './validation.ts';

interface Place {
  readonly pointer: string;
  readonly code: string;
}

const validation = (action: string) => {
  const route = routes.find((candidate) => candidate.action === action);
  if (route === undefined) throw new Error(`no route ${action}`);
  return compileValidation(route);
};
const complaints = (run: () => void): string[] => {
  try {
    run();
  } catch (error) {
    const { type, data } = error as { readonly type: string; readonly data: { readonly errors: readonly Place[] } };
    expect(type).toBe('invalid-request');
    return data.errors.map(({ pointer, code }) => `${pointer} ${code}`);
  }
  return [];
};

const line = { productId: 'p-1', quantity: 6 };
const payment = { method: 'simulated', token: 'tok_ok' };
const order = { lines: [line], email: 'ada@example.com', payment };

describe('an order', () => {
  const place = validation('orders.place');
  const wrong = (body: unknown) => complaints(() => place.body(body));

  it.each([
    [order],
    [{ cartId: 'c-1', payment }],
    [{ ...order, reference: '☕'.repeat(64) }],
    [{ ...order, lines: Array.from({ length: 2_000 }, () => line) }],
    [{ ...order, lines: [{ ...line, quantity: 1_000_000 }] }],
    [{ ...order, shippingAddress: { name: 'A', line1: 'B', city: 'C', postcode: 'D', country: 'GB' } }],
  ])('is right: %#', (body) => expect(wrong(body)).toEqual([]));

  it.each<[unknown, string[]]>([
    [{ ...order, lines: [{ ...line, quantity: 0 }] }, ['/lines/0/quantity out-of-range']],
    [{ ...order, lines: [{ ...line, quantity: -1 }] }, ['/lines/0/quantity out-of-range']],
    [{ ...order, lines: [{ ...line, quantity: 1.5 }] }, ['/lines/0/quantity wrong-type']],
    [{ ...order, lines: [{ ...line, quantity: 1e9 }] }, ['/lines/0/quantity out-of-range']],
    [{ ...order, lines: [{ ...line, quantity: '6' }] }, ['/lines/0/quantity wrong-type']],
    [{ ...order, lines: [{ ...line, quantity: Infinity }] }, ['/lines/0/quantity wrong-type']],
    [{ ...order, lines: [line, { quantity: 1 }] }, ['/lines/1/productId required']],
    [{ ...order, lines: [] }, ['/lines wrong-length']],
    [{ ...order, lines: Array.from({ length: 2_001 }, () => line) }, ['/lines wrong-length']],
    [{ ...order, lines: [{ ...line, unitPrice: '0.01' }] }, ['/lines/0/unitPrice unknown-field']],
    [{ ...order, status: 'PAID', 'a/b': 1 }, ['/status unknown-field', '/a~1b unknown-field']],
    [{ ...order, cartId: 'c-1' }, [' wrong-combination']],
    [{ payment }, [' wrong-combination']],
    [{ ...order, email: 'ada@localhost' }, ['/email wrong-format']],
    [{ ...order, email: 'a@b.cc\r\nBcc: x@y.zz' }, ['/email wrong-format']],
    [{ ...order, reference: 'x'.repeat(65) }, ['/reference wrong-length']],
    [{ ...order, payment: { ...payment, method: 'cash' } }, ['/payment/method not-one-of']],
    [[], [' wrong-type']],
    [null, [' wrong-type']],
    [7, [' wrong-type']],
  ])('%j is wrong, and the answer names each place', (body, places) => {
    expect(wrong(body).sort()).toEqual(places.sort());
  });

  it('names at most a hundred places', () => {
    expect(wrong({ ...order, lines: Array.from({ length: 2_000 }, () => ({})) })).toHaveLength(100);
  });

  it('is judged in no time, however it is made', () => {
    const begin = performance.now();
    for (const email of ['a'.repeat(1e6), `a@${'a'.repeat(1e6)}`, `a@${'a.'.repeat(5e5)}`, `${'.'.repeat(1e6)}@`])
      wrong({ ...order, email });
    expect(performance.now() - begin).toBeLessThan(1_000);
  });
});

describe('a price', () => {
  const create = validation('products.create');
  const wrong = (amount: unknown) =>
    complaints(() => create.body({ sku: 'A', name: 'A', price: { amount, currency: 'GBP' }, stock: 0 }));
  it.each(['2.55', '0', '0.0001', '999999999999.9999'])('is %s', (amount) => expect(wrong(amount)).toEqual([]));
  it.each(['-1', '1.00001', '1,5', '1e3', '.5', '5.', ' 1', '', '0x1', '1'.repeat(13)])('is not %j', (amount) => {
    expect(wrong(amount)).toEqual(['/price/amount wrong-format']);
  });
  it('is no number', () => expect(wrong(2.55)).toEqual(['/price/amount wrong-type']));
});

describe('the query of a list', () => {
  const list = validation('orders.list');
  const read = (query: string) => {
    const parsed = parseQuery(`/api/v1/orders?${query}`);
    list.query(parsed);
    return { ...parsed };
  };
  it('has numbers and defaults', () => {
    expect(read('')).toEqual({ limit: 20 });
    expect(read('limit=100&reference=a%20b+c')).toEqual({ limit: 100, reference: 'a b c' });
    expect(read('from=2010-12-01T08%3A00%3A00%2B01%3A00')).toEqual({ limit: 20, from: '2010-12-01T08:00:00+01:00' });
  });
  it.each([
    ['limit=0', '?limit out-of-range'],
    ['limit=101', '?limit out-of-range'],
    ['limit=-1', '?limit out-of-range'],
    ['limit=1e1', '?limit wrong-type'],
    ['limit=0x10', '?limit wrong-type'],
    ['limit=', '?limit wrong-type'],
    ['limit=1&limit=2', '?limit repeated'],
    ['status=paid', '?status not-one-of'],
    ['from=yesterday', '?from wrong-format'],
    ['from=2010-12-01T25:00:00Z', '?from wrong-format'],
    ['reference=%00', '?reference null-character'],
    ['page=2', '?page unknown-field'],
    ['__proto__=2', '?__proto__ unknown-field'],
    [`cursor=${'a'.repeat(1_025)}`, '?cursor wrong-length'],
  ])('%s is wrong', (query, place) => expect(complaints(() => read(query))).toEqual([place]));
  it('is percent-encoded UTF-8', () => {
    for (const query of ['reference=%ff', 'reference=%', '%c3%28=1']) {
      expect(() => read(query)).toThrow(expect.objectContaining({ type: 'malformed-utf8' }));
    }
  });
});

describe('the parameters of a path', () => {
  it('are named as in the path', () => {
    expect(complaints(() => validation('inventory.get').path({ sku: 'x'.repeat(65) }))).toEqual(['{sku} wrong-length']);
    expect(complaints(() => validation('inventory.get').path({ sku: 'a\u0000' }))).toEqual(['{sku} null-character']);
    expect(complaints(() => validation('inventory.get').path({ sku: '85123A@2.55 x/y' }))).toEqual([]);
  });
});

describe('a call without a body of its own', () => {
  it('takes no field', () => {
    expect(complaints(() => validation('orders.cancel').body({}))).toEqual([]);
    expect(complaints(() => validation('orders.cancel').body({ refund: true }))).toEqual(['/refund unknown-field']);
  });
});

describe('a text of the wrong form', () => {
  it('is answered with an example of the right one', () => {
    const check = () => validation('products.list').query({ priceFrom: 'cheap' });
    expect(check).toThrow('?priceFrom: must look like "2.55"');
  });
});
