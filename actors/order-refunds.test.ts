// The arithmetic of refunds against an arithmetic of its own: whatever is given back in whatever parts, the sum is the total
// less the rounded exact total of what remains. What an order makes of it is in `order.test.ts`.
import { describe, expect, it } from '@jest/globals';
import { isRefusal } from './actor.ts';
import { minorDecimals } from './money.ts';
import { type Order, orderActor, type OrderLine, type RefundWish } from './order.ts';
import {
  allocate,
  amountOf,
  everythingLeft,
  isGivenBack,
  piecesLeft,
  refundIdOf,
  refundNameOf,
} from './order-refunds.ts';

const line = (sku: string, quantity: number, unitPrice: number): OrderLine => ({
  productId: `p-${sku}`,
  sku,
  name: sku,
  quantity,
  unitPrice,
  partition: 'main',
});

/** An order of these lines; the arithmetic asks for nothing else. */
const orderOf = (currency: string, ...lines: OrderLine[]): Order => ({ ...orderActor.initial, currency, lines });

/** The order after a refund was asked for. */
function refunded(order: Order, ...wishes: RefundWish[]): Order {
  const lines = allocate(order, wishes);
  if (isRefusal(lines)) throw new Error(lines.detail);
  const refund = { lines, amount: amountOf(order, lines), restock: true, confirmed: false };
  return { ...order, refunds: { ...order.refunds, [`r${Object.keys(order.refunds).length}`]: refund } };
}

const amounts = (order: Order): number[] => Object.values(order.refunds).map(({ amount }) => amount);
const piece = (sku: string, quantity = 1): RefundWish => ({ productId: `p-${sku}`, quantity });

describe('what a refund is worth', () => {
  it.each<[string, Order, RefundWish[], number[]]>([
    ['thirds of a penny', orderOf('GBP', line('a', 3, 3_330)), [piece('a'), piece('a'), piece('a')], [33, 34, 33]],
    ['halves, rounded up', orderOf('GBP', line('a', 2, 50)), [piece('a'), piece('a')], [0, 1]],
    ['less than half a penny', orderOf('GBP', line('a', 1, 49), line('b', 1, 100)), [piece('a'), piece('b')], [0, 1]],
    ['yen have no decimals', orderOf('JPY', line('a', 2, 1_005_000)), [piece('a'), piece('a')], [100, 101]],
    ['dinars have three', orderOf('KWD', line('a', 2, 12_345)), [piece('a'), piece('a')], [1_234, 1_235]],
    ['nothing at all', orderOf('GBP', line('a', 2, 0)), [piece('a'), piece('a')], [0, 0]],
  ])('piece by piece: %s', (_, order, wishes, worth) => {
    expect(amounts(wishes.reduce((before, wish) => refunded(before, wish), order))).toEqual(worth);
  });

  it('is exact for the largest order there can be', () => {
    // 1,000,000 × 900,719.9254 is the last penny that a safe integer of ten-thousandths can hold.
    const order = refunded(orderOf('GBP', line('a', 1_000_000, 9_007_199_254)), piece('a', 999_999));
    expect(amounts(refunded(order, piece('a')))).toEqual([90_071_902_468_007, 90_071_993]);
  });
});

/** Numbers that look like chance and are the same every time: 0 to `below` − 1. */
function chance(seed: number): (below: number) => number {
  const state = { at: seed };
  return (below) => {
    state.at = (state.at * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((state.at / 2_147_483_648) * below);
  };
}

/** Minor units of ten-thousandths, rounded half up: on decimal digits, not as the shop does it. */
function rounded(exact: number, currency: string): number {
  const kept = minorDecimals(currency) - 4;
  const digits = String(exact).padStart(6, '0');
  if (kept === 0) return exact;
  const up = Number(digits.at(kept)) >= 5 ? 1 : 0;
  return Number(digits.slice(0, kept)) + up;
}

describe('the sum of refunds', () => {
  it.each(Array.from({ length: 200 }, (_, i) => i + 1))(
    'is the total less what remains, however divided (%i)',
    (seed) => {
      const below = chance(seed);
      const currency = ['GBP', 'GBP', 'JPY', 'KWD', 'CLF'][below(5)] as string;
      const prices = Array.from({ length: 1 + below(4) }, () => below(2) * below(30_000) + below(99));
      // A product may stand on several lines.
      const lines = Array.from({ length: 1 + below(6) }, () => {
        const product = below(prices.length);
        return line(String(product), 1 + below(9), prices[product] as number);
      });
      const left = prices.map((_, product) =>
        lines.reduce((sum, { sku, quantity }) => sum + (sku === String(product) ? quantity : 0), 0),
      );
      const remains = () => left.reduce((sum, pieces, product) => sum + pieces * (prices[product] as number), 0);
      const total = rounded(remains(), currency);
      let order = orderOf(currency, ...lines);
      while (left.some((pieces) => pieces > 0)) {
        const product = below(prices.length);
        const there = left[product] as number;
        const tooMany = allocate(order, [piece(String(product), there + 1)]);
        expect(isRefusal(tooMany)).toBe(true);
        if (there === 0) continue;
        const quantity = 1 + below(there);
        order = refunded(order, piece(String(product), quantity));
        left[product] = there - quantity;
        expect(amounts(order).reduce((sum, amount) => sum + amount, 0)).toBe(total - rounded(remains(), currency));
        expect(amounts(order).every((amount) => amount >= 0)).toBe(true);
        expect(piecesLeft(order).reduce((sum, pieces) => sum + pieces, 0)).toBe(left.reduce((sum, n) => sum + n, 0));
      }
      expect([isGivenBack(order), everythingLeft(order)]).toEqual([true, []]);
    },
  );
});

describe('pieces that are wanted back', () => {
  const order = refunded(orderOf('GBP', line('a', 2, 100), line('b', 1, 100), line('a', 3, 100)), piece('a', 1));

  it('come from the first line of the product that has some left', () => {
    expect(piecesLeft(order)).toEqual([1, 1, 3]);
    expect(allocate(order, [piece('a', 3)])).toEqual([
      { line: 0, quantity: 1 },
      { line: 2, quantity: 2 },
    ]);
    expect(everythingLeft(order)).toEqual([
      { line: 0, quantity: 1 },
      { line: 1, quantity: 1 },
      { line: 2, quantity: 3 },
    ]);
  });

  it('of which there are too few are all named, each with what is left for it', () => {
    expect(allocate(order, [piece('b', 2), piece('a', 3), piece('a', 2)])).toMatchObject({
      refused: 'too-many-pieces',
      errors: [
        { pointer: '/lines/0/quantity', productId: 'p-b', requested: 2, available: 1 },
        { pointer: '/lines/2/quantity', productId: 'p-a', requested: 2, available: 1 },
      ],
    });
  });
});

it('a refund has one name outside its order, and its own within', () => {
  expect(refundNameOf('order-1', 'r')).toBe('order-1/r');
  expect(refundIdOf(refundNameOf('order-1', 'r'))).toBe('r');
});
