// Which orders give pieces back when a credit note names none.
import { describe, expect, it } from '@jest/globals';
import { type Held, leftOf, match } from './credit-notes.ts';
import { lineOf } from './made-up.fixture.ts';

/** An order: `held('o1', ['A@2.55 6', …], ['A@2.55 2'])` has given two pieces back. */
function held(id: string, lines: readonly string[], back: readonly string[] = []): Held {
  const pieces = (texts: readonly string[]) =>
    texts.map((text) => {
      const [sku = '', quantity] = text.split(' ');
      return { sku, quantity: Number(quantity) };
    });
  return { id, lines: pieces(lines), left: leftOf(pieces(lines), pieces(back)) };
}

/** What a note of these lines takes, orders newest first: `o1 A@2.55 6`, and what fits none: `A 2`. */
function taken(orders: readonly Held[], ...lines: readonly string[]) {
  const { takes, unmatched } = match(lines.map(lineOf), orders);
  return {
    takes: takes.map(({ orderId, sku, quantity }) => `${orderId} ${sku} ${quantity}`),
    unmatched: unmatched.map(({ line, quantity }) => `${line.stockCode} ${quantity}`),
  };
}

describe('a line of a credit note', () => {
  it('goes to the newest order with exactly so many pieces at this price, before any newer one', () => {
    const orders = [held('new', ['A@2.55 12']), held('exact', ['A@2.55 6']), held('older', ['A@2.55 6'])];
    expect(taken(orders, 'A -6 2.55')).toEqual({ takes: ['exact A@2.55 6'], unmatched: [] });
  });

  it('counts a line of an order as exact even where the order has more of the same', () => {
    const orders = [held('new', ['A@2.55 9']), held('two-lines', ['A@2.55 4', 'B@1.0 1', 'A@2.55 6'])];
    expect(taken(orders, 'A -6 2.55').takes).toEqual(['two-lines A@2.55 6']);
  });

  it('passes over an exact order that has not enough left', () => {
    const orders = [held('new', ['A@2.55 6'], ['A@2.55 1']), held('old', ['A@2.55 6'])];
    expect(taken(orders, 'A -6 2.55').takes).toEqual(['old A@2.55 6']);
  });

  it('else takes what is left at this price, newest order first, then at any price', () => {
    const orders = [held('new', ['A@2.10 9']), held('mid', ['A@2.55 3'], ['A@2.55 1']), held('old', ['A@2.55 1'])];
    expect(taken(orders, 'A -5 2.55').takes).toEqual(['mid A@2.55 2', 'old A@2.55 1', 'new A@2.10 2']);
  });

  it('never takes more than is left, and says what fits no order', () => {
    const orders = [held('only', ['A@2.55 3'])];
    expect(taken(orders, 'A -5 2.55', 'B -1 1.0')).toEqual({ takes: ['only A@2.55 3'], unmatched: ['A 2', 'B 1'] });
    expect(taken([], 'A -5 2.55')).toEqual({ takes: [], unmatched: ['A 5'] });
  });

  it('takes no other code, not even one that differs in case', () => {
    expect(taken([held('o', ['a@2.55 5', 'AA@2.55 5'])], 'A -5 2.55').unmatched).toEqual(['A 5']);
  });

  it('sees what the lines before it have taken', () => {
    const orders = [held('new', ['A@2.55 6']), held('old', ['A@2.55 4'])];
    expect(taken(orders, 'A -6 2.55', 'A -6 2.55')).toEqual({
      takes: ['new A@2.55 6', 'old A@2.55 4'],
      unmatched: ['A 2'],
    });
  });

  it('matches the same again while later notes have taken of the rest', () => {
    const lines = ['A -5 2.55'];
    const before = [held('new', ['A@2.55 3']), held('old', ['A@2.55 9'])];
    const later = [held('new', ['A@2.55 3']), held('old', ['A@2.55 9'], ['A@2.55 7'])];
    expect(taken(later, ...lines)).toEqual(taken(before, ...lines));
  });
});
